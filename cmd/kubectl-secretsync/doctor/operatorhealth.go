package doctor

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func operatorPod(ctx context.Context, s *subject) Finding {
	mine, none := s.inScope(ctx)
	if none != nil {
		return *none
	}
	for n := range mine {
		o := &mine[n]
		switch {
		case ptr.Deref(o.Spec.Replicas, 1) == 0:
			return broken(o.String()+" is scaled to no replicas", o.kubectl("scale", "--replicas=1"))
		case o.Status.AvailableReplicas > 0:
			continue
		}
		return s.podOf(ctx, o)
	}
	return ok("")
}

// podOf says why no pod of an operator is available.
func (s *subject) podOf(ctx context.Context, o *operator) Finding {
	var pods corev1.PodList
	err := s.Cluster.List(ctx, &pods, client.InNamespace(o.Namespace), client.MatchingLabels(o.Spec.Selector.MatchLabels))
	found := broken("no pod of "+o.String()+" is available", Fix{Command, fmt.Sprintf("kubectl describe pods -n %s -l %s=%s", o.Namespace, labelName, operatorName)})
	if err != nil {
		return found.with(unchecked(err, Right{"kubernetes", "list", "pods"}).Needs...)
	}
	for i := range pods.Items {
		if why, fix := troubleOf(&pods.Items[i], o); why != "" {
			return broken(fmt.Sprintf("no pod of %s is available: %s", o, why), fix)
		}
	}
	if len(pods.Items) == 0 {
		for _, condition := range o.Status.Conditions {
			if condition.Type == "ReplicaFailure" && condition.Status == corev1.ConditionTrue {
				found.Evidence += ", and none can be created: " + condition.Reason
			}
		}
	}
	return found
}

// troubleOf says why a pod is not available; empty if it does not tell.
func troubleOf(pod *corev1.Pod, o *operator) (why string, fix Fix) {
	for i := range pod.Status.ContainerStatuses {
		status := &pod.Status.ContainerStatuses[i]
		ended := status.LastTerminationState.Terminated
		if ended == nil {
			ended = status.State.Terminated
		}
		waiting := status.State.Waiting
		switch {
		case ended != nil && ended.Reason == "OOMKilled":
			return "container " + status.Name + " used more memory than its limit (OOMKilled)", o.kubectl("set resources", "--limits=memory=1Gi")
		case waiting != nil && (waiting.Reason == "ImagePullBackOff" || waiting.Reason == "ErrImagePull" || waiting.Reason == "InvalidImageName"):
			return "its image " + status.Image + " can't be pulled (" + waiting.Reason + ")", o.kubectl("set image", status.Name+"=IMAGE")
		case waiting != nil && waiting.Reason != "ContainerCreating" && waiting.Reason != "PodInitializing":
			return "container " + status.Name + " waits for " + waiting.Reason, Fix{Edit, fmt.Sprintf("correct what its last lines say: kubectl logs %s -n %s --previous", pod.Name, pod.Namespace)}
		}
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			return "pod " + pod.Name + " is not scheduled (" + condition.Reason + ")", Fix{Command, fmt.Sprintf("kubectl describe pod %s -n %s", pod.Name, pod.Namespace)}
		}
	}
	return "", Fix{}
}

// leaseTolerance is for clocks that differ, and for a leader that is being replaced.
const leaseTolerance = time.Minute

func operatorLeader(ctx context.Context, s *subject) Finding {
	mine, none := s.inScope(ctx)
	if none != nil {
		return *none
	}
	o := &mine[0]
	if o.flags["leader-elect"] == "false" {
		return absent("it runs without leader election")
	}
	key := client.ObjectKey{Namespace: cmp.Or(o.flags["leader-election-namespace"], o.Namespace), Name: cmp.Or(o.flags["leader-election-id"], operatorName)}
	lease := &coordinationv1.Lease{}
	switch err := s.Cluster.Get(ctx, key, lease); {
	case apierrors.IsNotFound(err):
		return broken(fmt.Sprintf("no replica leads: Lease %s does not exist", key), o.kubectl("rollout restart", ""))
	case err != nil:
		return unchecked(err, Right{"kubernetes", "get", "leases"})
	}
	renewed := lease.Spec.RenewTime
	if renewed == nil || ptr.Deref(lease.Spec.HolderIdentity, "") == "" {
		return broken(fmt.Sprintf("no replica leads: Lease %s has no holder", key), o.kubectl("rollout restart", ""))
	}
	if late := time.Since(renewed.Time) - time.Duration(ptr.Deref(lease.Spec.LeaseDurationSeconds, 0))*time.Second; late > leaseTolerance {
		return broken(fmt.Sprintf("no replica leads: Lease %s was last renewed at %s", key, renewed.UTC().Format(time.RFC3339)), o.kubectl("rollout restart", ""))
	}
	return ok(ptr.Deref(lease.Spec.HolderIdentity, ""))
}

// managerRole is the operator's ClusterRole; the chart gives it the name of the release.
const managerRole = "secretsync-manager"

// needed are the rights without which an operator can't work in a namespace.
func needed(namespace string) []authorizationv1.ResourceAttributes {
	return []authorizationv1.ResourceAttributes{
		{Namespace: namespace, Verb: "create", Resource: "secrets"},
		{Namespace: namespace, Verb: "patch", Resource: "secrets"},
		{Namespace: namespace, Verb: "list", Group: "secretsync.dev", Resource: "secretsyncs"},
		{Namespace: namespace, Verb: "patch", Group: "secretsync.dev", Resource: "secretsyncs", Subresource: "status"},
	}
}

func operatorRBAC(ctx context.Context, s *subject) Finding {
	mine, none := s.inScope(ctx)
	if none != nil {
		return *none
	}
	o := &mine[0]
	var lacks []string
	for _, attributes := range needed(s.Namespace) {
		allowed, err := s.may(ctx, o.user(), attributes)
		if err != nil {
			return unchecked(err, rightReview())
		}
		if !allowed {
			lacks = append(lacks, strings.Trim(attributes.Verb+" "+attributes.Resource+"/"+attributes.Subresource, "/"))
		}
	}
	if len(lacks) == 0 {
		return ok(o.user())
	}
	return broken(fmt.Sprintf("%s may not %s in namespace %s", o.user(), strings.Join(lacks, ", "), s.Namespace), s.bind(o, managerRole))
}
