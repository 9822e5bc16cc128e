package rollout

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// workload is a Deployment, a StatefulSet, a DaemonSet or an Argo Rollout.
type workload struct {
	kind   string
	object client.Object
	// template is its pod template. It is a part of object, except for Argo Rollouts.
	template *corev1.PodTemplateSpec
	// stamps are the annotations that say for which revisions it was restarted.
	stamps map[string]string
	// paused says that the user has paused it: its controller creates no new pods.
	paused bool
	// replacingPods says that some pods are of a former template. Pods that are not ready do not count: perhaps they need
	// the content that a restart gives them.
	replacingPods bool
	// latest is the outcome of its latest restart.
	latest outcome
	// deadline is how long a restart may make no progress; zero if the workload's controller checks that.
	deadline time.Duration
	// missing says that it is listed and does not exist.
	missing bool
	// templateUsedBy is the Argo Rollout that uses the template of this Deployment; empty if there is none. Such a
	// Deployment is not restarted: a new template would start a canary.
	templateUsedBy string
}

// outcome is the state of a restart: RollingOut, Done or Failed.
type outcome struct {
	state   State
	message string
	// partial says that a workload is Done, but pods with the former content are left.
	partial bool
	// advice is what to do if a restart makes no progress; empty if message says it.
	advice string
}

func (w *workload) name() string   { return w.object.GetName() }
func (w *workload) String() string { return w.kind + " " + w.name() }

// concerns says whether a workload is restarted for the change.
func (c *Change) concerns(w *workload) bool {
	if len(c.Policy.Workloads) == 0 {
		return w.template != nil && w.templateUsedBy == "" && len(Uses(&w.template.Spec, c.Secret)) > 0
	}
	for _, listed := range c.Policy.Workloads {
		if listed.Kind == w.kind && listed.Name == w.name() {
			return true
		}
	}
	return false
}

// before says whether a workload existed before a change. A newer one has created its pods with the new content.
func (w *workload) before(changed time.Time) bool {
	return w.object.GetCreationTimestamp().Time.Before(changed)
}

func replicas(wanted *int32) int32 {
	if wanted == nil {
		return 1
	}
	return *wanted
}

// progressed is when the workload's controller last wrote its status, or the operator restarted it, as the managed
// fields record; zero if they record neither. The API server records the time of each field manager's latest change
// (page "Server-Side Apply" of the Kubernetes documentation), so the time does not start again when the operator
// restarts.
func (w *workload) progressed() (at time.Time) {
	for _, record := range w.object.GetManagedFields() {
		if record.Time != nil && (record.Subresource == "status" || record.Manager == fieldManager) {
			at = later(at, record.Time.Time)
		}
	}
	return at
}

// judged is the outcome of the workload's latest restart: Failed, too, if it has made no progress for its deadline.
func (w *workload) judged(now time.Time) outcome {
	since := w.progressed()
	if w.latest.state != RollingOut || w.deadline <= 0 || since.IsZero() || now.Sub(since) < w.deadline {
		return w.latest
	}
	deadline, message := w.deadline.String(), w.latest.message
	if w.deadline%time.Minute == 0 {
		deadline = strings.TrimSuffix(deadline, "0s")
	}
	if w.latest.advice != "" {
		message += ": " + w.latest.advice
	}
	return outcome{state: Failed, message: "it made no progress for " + deadline + ": " + message}
}

// supersedes says whether a workload's latest restart was for an earlier revision of the same content, and was not done
// when the content changed. There is no point in waiting for pods with that revision, which may never become ready.
func (c *Change) supersedes(w *workload) bool {
	stamp := w.stamps[stampKey(c.Name)]
	return stamp != "" && stamp != c.Revision && stamp != c.Handled
}
