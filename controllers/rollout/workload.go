package rollout

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// workload is what pods are made of, whichever its kind.
type workload struct {
	kind   string
	object client.Object
	// template is what its pods are made from. It is a part of object, but for Argo's Rollouts.
	template *corev1.PodTemplateSpec
	// stamps are the annotations that say what it was restarted for.
	stamps map[string]string
	// paused says that its controller makes no new pods, by somebody's wish.
	paused bool
	// moving says that it is between two templates: by pods that are not made anew yet, and not by those that are
	// not ready, which may be so because of the very content that a restart brings up to date.
	moving bool
	// gone is how it came through its latest restart.
	gone outcome
	// deadline is how long a restart may make no progress; zero where the workload's controller judges that.
	deadline time.Duration
	// missing says that it is listed and not there.
	missing bool
	// lentTo is the Argo Rollout that takes the template of a Deployment, which is then left alone: a new template
	// would be a new canary. Empty for every other.
	lentTo string
}

// outcome is what has come of a restart so far: RollingOut, Done or Failed.
type outcome struct {
	state   State
	message string
	// partial says of a workload that is Done that pods with the former content are left.
	partial bool
	// advice is what to do where a restart makes no progress; empty where message says it.
	advice string
}

func (w *workload) name() string   { return w.object.GetName() }
func (w *workload) String() string { return w.kind + " " + w.name() }

// concerned says whether a workload is restarted for changes of a Secret.
func (c *Change) concerns(w *workload) bool {
	if len(c.Policy.Workloads) == 0 {
		return w.template != nil && w.lentTo == "" && uses(&w.template.Spec, c.Secret)
	}
	for _, listed := range c.Policy.Workloads {
		if listed.Kind == w.kind && listed.Name == w.name() {
			return true
		}
	}
	return false
}

// before says whether a workload was there before a change: another has made its pods with the new content.
func (w *workload) before(changed time.Time) bool {
	return w.object.GetCreationTimestamp().Time.Before(changed)
}

func replicas(wanted *int32) int32 {
	if wanted == nil {
		return 1
	}
	return *wanted
}

// What follows judges as "kubectl rollout status" does (reference of kubectl).

// progressed is when the workload last changed as far as its metadata records: its controller wrote its status, or
// the operator restarted it. Zero where nothing is recorded. The API server notes the time of each field manager's
// latest change (page "Server-Side Apply" of the Kubernetes documentation), so that a restart of the operator does
// not begin the time again.
func (w *workload) progressed() (at time.Time) {
	for _, record := range w.object.GetManagedFields() {
		if record.Time != nil && (record.Subresource == "status" || record.Manager == fieldManager) {
			at = later(at, record.Time.Time)
		}
	}
	return at
}

// judged is how the workload came through its latest restart: Failed too where it has made no progress for too long.
func (w *workload) judged(now time.Time) outcome {
	since := w.progressed()
	if w.gone.state != RollingOut || w.deadline <= 0 || since.IsZero() || now.Sub(since) < w.deadline {
		return w.gone
	}
	deadline, message := w.deadline.String(), w.gone.message
	if w.deadline%time.Minute == 0 {
		deadline = strings.TrimSuffix(deadline, "0s")
	}
	if w.gone.advice != "" {
		message += ": " + w.gone.advice
	}
	return outcome{state: Failed, message: "it made no progress for " + deadline + ": " + message}
}

// supersedes says whether a workload's latest restart was for an earlier revision of the same content, and was not
// over when the content changed: there is no use in waiting for pods with that revision, which may never become ready.
func (c *Change) supersedes(w *workload) bool {
	stamp := w.stamps[stampKey(c.Name)]
	return stamp != "" && stamp != c.Revision && stamp != c.Handled
}
