package e2e

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// followsAGoodValue: a bad value is rotated in, and then a good one, while the pods with the bad one do not become
// ready. The Deployment follows at once. The StatefulSet is stamped at once, but its controller waits for the pod with
// the bad value, which the operator may not delete. The operator reports that, and fails after a while.
func followsAGoodValue(t *testing.T) {
	s := newSetup(t)
	two := int32(2)
	bad := "" // The first version that pods are restarted for.
	s.playKubelet(func(pod *corev1.Pod) bool {
		stamp := pod.Annotations["restart.secretsync.dev/db"]
		bad = cmp.Or(bad, stamp)
		return stamp == "" || stamp != bad
	})
	web := s.deploy("web", uses("db"), func(spec *appsv1.DeploymentSpec) { spec.Replicas = &two })
	set := s.orderly("nrs", uses("db"))
	s.await("the Deployment is available", func() bool { return s.exists(web) && web.Status.AvailableReplicas == two })
	id, _ := s.createSecret("db", content("password"))
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitReady("db")

	s.awaitRollout("db", v1alpha1.ReasonRollingOut, s.putValue(id, content("password")))
	s.await("both say what they wait for", func() bool {
		said := s.messages("db")
		return strings.Contains(said["StatefulSet nrs"], "1 of 2 pods are new, new pod nrs-1 is not Ready") &&
			strings.Contains(said["Deployment web"], "1 of 2 pods are new, and pods that are not available: 1")
	})
	good := s.putValue(id, content("password"))
	s.await("both are restarted for the good value", func() bool {
		return s.exists(web) && s.exists(set) && stampOf(&web.Spec.Template, "db") == good && stampOf(&set.Spec.Template, "db") == good
	})
	s.await("the Deployment runs with it", func() bool { return states(s.get("db"))["Deployment web"] == "Done" })
	s.await("the StatefulSet says what to do", func() bool {
		return strings.Contains(s.messages("db")["StatefulSet nrs"], "0 of 2 pods are new, pod nrs-1 was made before this restart and is not Ready, "+
			"and with podManagementPolicy OrderedReady no pod is replaced before all are Ready: delete pod nrs-1")
	})
	s.age(set, 11*time.Minute)
	failed := s.awaitRollout("db", v1alpha1.ReasonRolloutFailed, good)
	if diff := gocmp.Diff(map[string]string{"Deployment web": "Done", "StatefulSet nrs": "Failed"}, states(failed)); diff != "" {
		t.Errorf("the states (-want +got):\n%s", diff)
	}
	s.awaitEvent("db", "RolloutFailed", "StatefulSet nrs: it made no progress for 10m", "delete pod nrs-1")
	s.kubectl("", "delete", "pod/nrs-1")
	s.awaitRollout("db", v1alpha1.ReasonRolledOut, good)
	if s.generation(set); set.Status.ReadyReplicas != two || set.Status.UpdatedReplicas != two {
		t.Errorf("the StatefulSet's status is %+v", set.Status)
	}
}

// restartsAfterATakeover: the Secret outlives its SecretSync, and the next SecretSync finds another value in AWS, or
// the same.
func restartsAfterATakeover(t *testing.T) {
	s := newSetup(t)
	web := s.deploy("web", uses("db"))
	id, first := s.createSecret("db", content("password"))
	spec := v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast,
		Target: v1alpha1.SecretTarget{DeletionPolicy: v1alpha1.DeletionPolicyRetain}}
	s.sync("db", spec)
	s.awaitReady("db")
	s.await("the next SecretSync is younger than the Secret, in whole seconds", func() bool {
		return time.Since(s.secret("db").CreationTimestamp.Time) > 2*time.Second
	})
	s.remove("db")
	s.sync("db", spec)
	s.awaitReady("db")
	if done := s.awaitRollout("db", v1alpha1.ReasonRolledOut, first); done.Status.Rollout.HandledRevision != first {
		t.Errorf("with the same content status.rollout is %+v", done.Status.Rollout)
	}
	if got := s.generation(web); got != 1 {
		t.Errorf("with the same content the Deployment has generation %d", got)
	}
	s.remove("db")
	second := s.putValue(id, content("password"))
	s.sync("db", spec)
	s.await("the Deployment is restarted for the value that was taken over", func() bool {
		return s.exists(web) && strings.HasPrefix(stampOf(&web.Spec.Template, "db"), second+"#1.")
	})
	done := s.awaitRollout("db", v1alpha1.ReasonRolledOut, stampOf(&web.Spec.Template, "db"))
	if len(done.Status.Rollout.Workloads) != 1 || s.generation(web) != 2 {
		t.Errorf("status.rollout is %+v, the Deployment has generation %d", done.Status.Rollout, web.Generation)
	}
}

// restartsBesideKeepPrevious: a key whose former values keepPrevious keeps is removed from the spec.
func restartsBesideKeepPrevious(t *testing.T) {
	s := newSetup(t)
	web := s.deploy("web", uses("db"))
	id, _ := s.createSecret("db", content("password", "port"))
	key := func(name string) v1alpha1.DataKey { return v1alpha1.DataKey{Key: name, Property: name} }
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast,
		Data: []v1alpha1.DataKey{key("password"), key("port")}, KeepPrevious: &v1alpha1.KeepPrevious{For: metav1.Duration{Duration: time.Hour}}})
	s.awaitReady("db")
	second := s.putValue(id, content("password", "port"))
	done := s.awaitRollout("db", v1alpha1.ReasonRolledOut, second)
	if diff := gocmp.Diff([]string{"password_previous", "port_previous"}, done.Status.Secret.PreviousKeys); diff != "" {
		t.Errorf("the former values (-want +got):\n%s", diff)
	}
	if got := s.generation(web); got != 2 {
		t.Errorf("after the rotation the Deployment has generation %d", got)
	}
	s.edit("db", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Data = []v1alpha1.DataKey{key("password")} })
	s.awaitRollout("db", v1alpha1.ReasonRolledOut, second+"#2")
	if s.generation(web); stampOf(&web.Spec.Template, "db") != second+"#2" {
		t.Errorf("the Deployment has the annotations %v", web.Spec.Template.Annotations)
	}
	s.edit("db", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.KeepPrevious = nil })
	s.await("the former values are removed", func() bool {
		is := s.get("db").Status.Secret
		return is.Generation == 3 && len(is.PreviousKeys) == 0 && len(is.Keys) == 1
	})
	if rollout := s.get("db").Status.Rollout; rollout.Revision != second+"#2" || rollout.HandledRevision != second+"#2" {
		t.Errorf("after the end of keepPrevious status.rollout is %+v", rollout)
	}
}

// waitsForTheOnlyNode: a DaemonSet whose only node is not Ready starts no new pod, and its pod runs with the former
// content.
func waitsForTheOnlyNode(t *testing.T) {
	s := newSetup(t)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: s.namespace, Labels: map[string]string{"only": s.namespace}}}
	s.put(node)
	var beat time.Time
	ready := func(is corev1.ConditionStatus) {
		t.Helper()
		beat = time.Now()
		s.await("the node is written", func() bool {
			if !s.exists(node) {
				return false
			}
			node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: is, LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now()}}
			return s.env.Client.Status().Update(t.Context(), node) == nil
		})
	}
	ready(corev1.ConditionTrue)
	pod := uses("db")
	pod.NodeSelector = node.Labels
	pod.TerminationGracePeriodSeconds = new(int64)
	*pod.TerminationGracePeriodSeconds = 3600
	s.playKubelet(func(*corev1.Pod) bool { return true })
	agent := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "agent"}}
	agent.Spec.Template, agent.Spec.Selector = template("agent", pod)
	s.put(agent)
	runs := &corev1.Pod{}
	// bound does what scheduler and kubelet do. A node without a heartbeat for 50 seconds is no longer Ready.
	bound := func() bool {
		if time.Since(beat) > 10*time.Second {
			ready(corev1.ConditionTrue)
		}
		var pods corev1.PodList
		if err := s.env.Client.List(t.Context(), &pods, client.InNamespace(s.namespace)); err != nil || len(pods.Items) != 1 {
			return false
		}
		*runs = pods.Items[0]
		if runs.Spec.NodeName == "" {
			_ = s.env.Client.SubResource("binding").Create(t.Context(), runs.DeepCopy(), &corev1.Binding{Target: corev1.ObjectReference{Kind: "Node", Name: node.Name}})
			return false
		}
		return true
	}
	s.await("the DaemonSet's pod is on its node", bound)
	s.await("the DaemonSet is available", func() bool { return bound() && s.exists(agent) && agent.Status.NumberAvailable == 1 })
	id, _ := s.createSecret("db", content("password"))
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitReady("db")

	ready(corev1.ConditionFalse)
	s.await("the node is tainted", func() bool {
		return s.exists(node) && slices.ContainsFunc(node.Spec.Taints, func(taint corev1.Taint) bool { return taint.Key == corev1.TaintNodeNotReady })
	})
	version := s.putValue(id, content("password"))
	s.await("the restart waits for the node", func() bool {
		return strings.Contains(s.messages("db")["DaemonSet agent"], "nodes that are not Ready")
	})
	if found := s.get("db"); states(found)["DaemonSet agent"] != "RollingOut" || found.Status.Rollout.HandledRevision == version {
		t.Errorf("status.rollout is %+v", found.Status.Rollout)
	}
	ready(corev1.ConditionTrue)
	now := int64(0)
	s.await("the kubelet ends the former pod", func() bool {
		return client.IgnoreNotFound(s.env.Client.Delete(t.Context(), runs, &client.DeleteOptions{GracePeriodSeconds: &now})) == nil
	})
	s.await("the new pod is on the node", func() bool { return bound() && runs.Annotations["restart.secretsync.dev/db"] == version })
	s.await("the restart is done", func() bool { // The node keeps sending heartbeats.
		if !bound() {
			return false
		}
		// When a node is no longer Ready, its pods are marked not ready too, sometimes also the new one: write the
		// status again.
		before := runs.DeepCopy()
		for i := range runs.Status.Conditions {
			runs.Status.Conditions[i].Status = corev1.ConditionTrue
		}
		_ = s.env.Client.Status().Patch(t.Context(), runs, client.MergeFrom(before)) // Tried again in a moment.
		return s.get("db").Status.Rollout.HandledRevision == version
	})
	s.awaitRollout("db", v1alpha1.ReasonRolledOut, version)
}
