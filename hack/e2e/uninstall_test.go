package e2e

import (
	"slices"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/testenv"
)

// TestUninstallingDeletesTheLease: Helm deletes the operator's role before its pod has ended, so that the operator can't
// release its Lease. Kubernetes deletes the Lease with the pod, and an operator that is installed again leads at once.
func TestUninstallingDeletesTheLease(t *testing.T) {
	c := newCluster(t)
	c.env.Variables = append(c.env.Variables, "SECRETSYNC_LEADER_ELECTION_LEASE=5m") // Longer than the test waits for anything.
	c.install()
	manager, pod := c.startInPod("secretsync")
	id, _ := c.createSecret("db", value())
	c.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}})
	c.awaitReady("db")
	former := c.lease()

	c.setFinalizers(pod, "tests.secretsync.dev/still-running") // There is no kubelet that keeps it until it has ended.
	c.run("uninstall")
	c.await("the pod is to end", func() bool { return c.pod(pod.Name).DeletionTimestamp != nil })
	c.await("the operator's role is gone", func() bool {
		return !c.allowed(pod.Spec.ServiceAccountName, authorizationv1.ResourceAttributes{Namespace: pod.Namespace, Verb: "update",
			Group: "coordination.k8s.io", Resource: "leases", Name: "secretsync"})
	})
	c.stop(manager)
	if left := c.lease(); left == nil || *left.Spec.HolderIdentity != *former.Spec.HolderIdentity {
		t.Fatalf("the Lease is not left held, so that this test shows nothing: %+v", left)
	}
	c.setFinalizers(c.pod(pod.Name))
	c.await("the Lease is gone", func() bool { return c.lease() == nil })

	c.install()
	start := time.Now()
	manager, _ = c.startInPod("secretsync")
	c.sync("again", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}})
	c.awaitReady("again")
	t.Logf("%s after it was started, the operator that is installed again has synced", time.Since(start).Round(time.Millisecond))
	if lease := c.lease(); lease == nil || lease.UID == former.UID {
		t.Errorf("the Lease is %+v", lease)
	}
	c.stop(manager)
}

// startInPod starts the manager with flags, environment variables and ServiceAccount of the Deployment, as if it ran in
// the pod that the Deployment has created.
func (c *cluster) startInPod(deployment string) (*testenv.Manager, *corev1.Pod) {
	c.Helper()
	var pod *corev1.Pod
	c.await("the Deployment has a pod", func() bool {
		var pods corev1.PodList
		if err := c.env.Client.List(c.Context(), &pods, client.InNamespace(testenv.OperatorNamespace),
			client.MatchingLabels{"app.kubernetes.io/instance": c.release}); err != nil {
			c.Fatal(err)
		}
		if len(pods.Items) > 0 {
			pod = &pods.Items[0]
		}
		return len(pods.Items) == 1
	})
	variables := c.env.Variables
	defer func() { c.env.Variables = variables }()
	fields := map[string]string{"metadata.name": pod.Name, "metadata.namespace": pod.Namespace, "metadata.uid": string(pod.UID)}
	for _, variable := range pod.Spec.Containers[0].Env {
		if from := variable.ValueFrom; from != nil && from.FieldRef != nil {
			c.env.Variables = append(slices.Clone(c.env.Variables), variable.Name+"="+fields[from.FieldRef.FieldPath])
		}
	}
	return c.startAsInstalled(deployment), pod
}

func (c *cluster) pod(name string) *corev1.Pod {
	c.Helper()
	pod := &corev1.Pod{}
	if err := c.env.Client.Get(c.Context(), client.ObjectKey{Namespace: testenv.OperatorNamespace, Name: name}, pod); err != nil {
		c.Fatal(err)
	}
	return pod
}

func (c *cluster) setFinalizers(pod *corev1.Pod, finalizers ...string) {
	c.Helper()
	changed := pod.DeepCopy()
	changed.Finalizers = finalizers
	if err := c.env.Client.Patch(c.Context(), changed, client.MergeFrom(pod)); err != nil {
		c.Fatal(err)
	}
}

// lease is the Lease of the operator; nil if there is none.
func (c *cluster) lease() *coordinationv1.Lease {
	c.Helper()
	lease := &coordinationv1.Lease{}
	err := c.env.Client.Get(c.Context(), client.ObjectKey{Namespace: testenv.OperatorNamespace, Name: "secretsync"}, lease)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		c.Fatal(err)
	}
	return lease
}
