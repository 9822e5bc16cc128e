package rollout

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// fieldManager is the field manager of restarts.
	fieldManager = "secretsync.dev/rollout"
	// annotationRestartedAt is what "kubectl rollout restart" sets on a pod template.
	annotationRestartedAt = "kubectl.kubernetes.io/restartedAt"
	// stampPrefix, with the name of a SecretSync, is the annotation that says for which revision of the SecretSync's
	// content a workload was restarted.
	stampPrefix = "restart.secretsync.dev/"
	// nameMost is the longest name of an annotation behind the prefix (page "Annotations" of Kubernetes).
	nameMost = 63
)

// stampKey is the annotation for a SecretSync. The end of a name that is too long is replaced by a digest.
func stampKey(name string) string {
	if len(name) <= nameMost {
		return stampPrefix + name
	}
	const kept, digits = 46, 16
	sum := sha256.Sum256([]byte(name))
	return stampPrefix + strings.TrimRight(name[:kept], "-.") + "." + hex.EncodeToString(sum[:])[:digits]
}

// restart restarts the workloads of a step whose turn it is.
func (r *Restarter) restart(ctx context.Context, s *step) error {
	free, failed := s.capacity(), s.failed()
	for _, t := range s.turns {
		switch {
		case t.state != Waiting:
		case failed != nil:
			t.message = "it is not restarted because " + failed.String() + " did not come up again"
			t.due = false
		case t.due && free > 0:
			if err := r.stamp(ctx, s, t); err != nil {
				return err
			}
			free--
		}
	}
	return nil
}

// stamp restarts a workload, for all changes that concern it.
func (r *Restarter) stamp(ctx context.Context, s *step, t *turn) error {
	served := r.pending.of(s.change.Namespace, t.workload, s.now)
	stamps, at := map[string]string{}, s.change.Changed
	for i := range served {
		if known := &served[i]; known.Revision != "" {
			stamps[stampKey(known.Name)] = known.Revision
			at = later(at, known.Changed)
		}
	}
	stamps[stampKey(s.change.Name)] = s.change.Revision
	before, ok := t.object.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("copying %s gives no object", t)
	}
	if err := t.mark(stamps, at); err != nil {
		return fmt.Errorf("restarting %s: %w", t, err)
	}
	// A client that has changed the workload since it was read may have restarted or paused it.
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	err := r.options.Client.Patch(ctx, t.object, patch, client.FieldOwner(fieldManager))
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		t.message = "another client changed it at the same time"
		return nil
	}
	if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) {
		t.outcome = outcome{state: Failed, message: "the API server refuses to have it changed (" + string(apierrors.ReasonForError(err)) + "): see what kubectl rollout restart says"}
		return nil
	}
	if err != nil {
		return &attemptError{attempt: "restarting " + t.String(), cause: err}
	}
	t.outcome, t.due = outcome{state: RollingOut, message: "it begins to restart"}, false
	s.restarted = append(s.restarted, t.String())
	for i := range served {
		r.pending.markRestarted(&served[i].Change, string(t.object.GetUID()))
	}
	return nil
}

// mark sets the annotations that make a workload restart. The time of a later restart stays.
func (w *workload) mark(stamps map[string]string, at time.Time) error {
	if u, ok := w.object.(*unstructured.Unstructured); ok {
		return stampRollout(u, stamps, at)
	}
	if w.template.Annotations == nil {
		w.template.Annotations = map[string]string{}
	}
	maps.Copy(w.template.Annotations, stamps)
	if former, err := time.Parse(time.RFC3339, w.template.Annotations[annotationRestartedAt]); err == nil {
		at = later(at, former)
	}
	w.template.Annotations[annotationRestartedAt] = at.UTC().Format(time.RFC3339)
	return nil
}

// attemptError is a failed request, with what was attempted.
type attemptError struct {
	attempt string
	cause   error
}

func (e *attemptError) Error() string { return e.attempt + ": " + e.cause.Error() }
func (e *attemptError) Unwrap() error { return e.cause }

// refused returns the progress of a step that failed. What the API server forbids the operator is progress too; other
// errors are returned.
func refused(err error, s *step) (Progress, error) {
	progress := Progress{State: Forbidden, Workloads: s.statuses(), Restarted: s.restarted, RequeueAfter: requeueForbidden}
	failed, ok := errors.AsType[*attemptError](err)
	if !ok || !apierrors.IsForbidden(err) {
		return progress, err
	}
	// Not the server's text, which may quote.
	progress.Message = "The API server forbids " + failed.attempt + ": give the operator the permission " +
		"(chart value rollouts.enabled, or the component rollouts), or look at the admission policies of the namespace"
	return progress, nil
}
