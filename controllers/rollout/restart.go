package rollout

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// fieldManager is who restarts, in the managed fields of a workload.
	fieldManager = "secretsync.dev/rollout"
	// annotationRestartedAt is what "kubectl rollout restart" sets on a pod template.
	annotationRestartedAt = "kubectl.kubernetes.io/restartedAt"
	// stampPrefix, with the name of a SecretSync, is the annotation that says what revision of the SecretSync's
	// content a workload was restarted for.
	stampPrefix = "restart.secretsync.dev/"
	// nameMost is the longest name of an annotation behind the prefix (page "Annotations" of Kubernetes).
	nameMost = 63
)

// stampKey is the annotation for a SecretSync. Names that are too long for one end in a digest.
func stampKey(name string) string {
	if len(name) <= nameMost {
		return stampPrefix + name
	}
	const kept, digits = 46, 16
	sum := sha256.Sum256([]byte(name))
	return stampPrefix + strings.TrimRight(name[:kept], "-.") + "." + hex.EncodeToString(sum[:])[:digits]
}

// restart restarts the workloads of a round whose turn it is.
func (r *Restarter) restart(ctx context.Context, all *round) error {
	room, failed := all.room(), all.failed()
	for _, t := range all.turns {
		switch {
		case t.state != Waiting:
		case failed != "":
			t.message = "it is not restarted because " + failed + " did not come up again"
			t.due = false
		case t.due && room > 0:
			if err := r.stamp(ctx, all, t); err != nil {
				return err
			}
			room--
		}
	}
	return nil
}

// stamp restarts a workload, for all changes that concern it.
func (r *Restarter) stamp(ctx context.Context, all *round, t *turn) error {
	served := r.pending.of(all.change.Namespace, t.workload, all.now)
	stamps, at := map[string]string{}, all.change.Changed
	for i := range served {
		if one := &served[i]; one.Revision != "" {
			stamps[stampKey(one.Name)] = one.Revision
			at = later(at, one.Changed)
		}
	}
	stamps[stampKey(all.change.Name)] = all.change.Revision
	before, ok := t.object.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("copying %s gives no object", t)
	}
	if err := t.mark(stamps, at); err != nil {
		return fmt.Errorf("restarting %s: %w", t, err)
	}
	// Whoever has changed the workload since it was read may have restarted it, or paused it.
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	err := r.Client.Patch(ctx, t.object, patch, client.FieldOwner(fieldManager))
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		t.message = "somebody else wrote it at the same time"
		return nil
	}
	if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) {
		t.outcome = outcome{state: Failed, message: "the API server refuses to have it changed (" + string(apierrors.ReasonForError(err)) + "): see what kubectl rollout restart says"}
		return nil
	}
	if err != nil {
		return fmt.Errorf("restarting %s: %w", t, err)
	}
	t.outcome, t.due = outcome{state: RollingOut, message: "it begins to restart"}, false
	all.restarted = append(all.restarted, t.String())
	for i := range served {
		r.pending.markRestarted(&served[i].Change, string(t.object.GetUID()))
	}
	return nil
}

// mark puts the annotations in place that make a workload restart. A time of a later restart stays.
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

// refused tells what the API server does not let the operator do, and hands other trouble on.
func refused(err error, all *round) (Progress, error) {
	told := Progress{State: Forbidden, Workloads: all.statuses(), Restarted: all.restarted, RequeueAfter: paceForbidden}
	if !apierrors.IsForbidden(err) {
		return told, err
	}
	attempt, _, _ := strings.Cut(err.Error(), ":") // The rest is the server's, and may quote.
	told.Message = "The API server forbids " + attempt + ": give the operator the permission " +
		"(chart value rollouts.enabled, or the component rollouts), or look at the admission policies of the namespace"
	return told, nil
}
