package main

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/rollout"
)

// valueState says which value a container has.
type valueState string

const (
	// valueCurrent means that the container started after the last change.
	valueCurrent valueState = "current"
	// valueOld means that the container started before the last change, and reads the Secret only at its start.
	valueOld valueState = "old"
	// valueFollows means that the kubelet replaces the files, usually within two minutes.
	valueFollows valueState = "follows"
	// valueAtPull means that the kubelet reads the Secret when it next pulls an image, or mounts a volume.
	valueAtPull valueState = "at next use"
	// valuePending means that the container is not running.
	valuePending valueState = "not running"
)

// lastChange is when the content of the Secret last changed, as far as status says; the zero time if it never did.
// Without rollouts it may be the time of a repair, so that a container is called old that has the present value.
func lastChange(status *v1alpha1.SecretSyncStatus) time.Time {
	switch {
	case status.Rollout != nil && status.Rollout.ChangedTime != nil:
		return status.Rollout.ChangedTime.Time
	case status.LastSyncTime != nil:
		return status.LastSyncTime.Time
	}
	return time.Time{}
}

// stateOf says which value a container has, and since when it runs. Files follow the Secret, all else is read at the
// start of the container ("Secrets" of the Kubernetes documentation).
func stateOf(pod *corev1.Pod, use rollout.Use, changed time.Time) (valueState, *metav1.Time) {
	switch use.Kind {
	case rollout.UseImagePull, rollout.UseMount:
		return valueAtPull, nil
	case rollout.UseVolume, rollout.UseProjected:
		return valueFollows, started(pod, use.Container)
	}
	since := started(pod, use.Container)
	switch {
	case since == nil:
		return valuePending, nil
	case since.Time.Before(changed):
		return valueOld, since
	}
	return valueCurrent, since
}

// started is when a container that runs was started; nil if it does not run. The pod may be older: containers restart.
func started(pod *corev1.Pod, container string) *metav1.Time {
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range statuses {
			if statuses[i].Name == container && statuses[i].State.Running != nil {
				return &statuses[i].State.Running.StartedAt
			}
		}
	}
	return nil
}

// remedy is the command that replaces a pod. The ReplicaSet of a Deployment has the name of the Deployment and the pods'
// label pod-template-hash ("Deployments" of the Kubernetes documentation).
func remedy(pod *corev1.Pod) string {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return fmt.Sprintf("create the pod %s again", pod.Name)
	}
	kind, name := owner.Kind, owner.Name
	if hash := pod.Labels["pod-template-hash"]; kind == "ReplicaSet" && hash != "" && len(name) > len(hash)+1 && name[len(name)-len(hash)-1:] == "-"+hash {
		kind, name = "Deployment", name[:len(name)-len(hash)-1]
	}
	switch kind {
	case "Deployment", "StatefulSet", "DaemonSet":
		return fmt.Sprintf("kubectl rollout restart %s/%s -n %s", strings.ToLower(kind), name, pod.Namespace)
	case "Job":
		return "the next run of the job reads the present value"
	}
	return fmt.Sprintf("kubectl delete pod %s -n %s, which its %s %s replaces", pod.Name, pod.Namespace, kind, name)
}
