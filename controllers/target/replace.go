package target

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// replaceWithin bounds how long a stop of the process waits until a Secret that was deleted is made anew.
const replaceWithin = 20 * time.Second

// replace deletes a Secret of our own and makes it anew, where Kubernetes does not let it change as desired
// and the manifest says so. Between the two there is none: whoever reads it just then finds nothing. So that
// none is missing for longer, it is rehearsed first, and a stop of the process does not come between.
func (w *Writer) replace(ctx context.Context, desired Desired, state State) (Result, error) {
	if err := w.rehearse(ctx, desired); err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), replaceWithin)
	defer cancel()
	if err := w.deleteIn(ctx, desired.Namespace, desired.Name, state); err != nil {
		return Result{}, err
	}
	made, err := w.create(ctx, desired)
	if err == nil {
		made.Outcome = Updated
	}
	return made, err
}

// rehearse finds out, by a dry run, whether quotas, admission and validation let the Secret be made. That there
// is one already is the last thing that the API server looks at.
func (w *Writer) rehearse(ctx context.Context, desired Desired) error {
	err := w.Client.Create(ctx, secretOf(desired), client.FieldOwner(FieldOwner(desired.Owner)), client.DryRunAll)
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return explain(err, creating(desired))
	}
	return nil
}

// replaceable says whether a refusal is one that making the Secret anew gets round. A Secret of somebody else's
// is never deleted.
func replaceable(desired Desired, err error) bool {
	refused, ok := errors.AsType[*Error](err)
	return ok && refused.Reason == v1alpha1.ReasonTargetImmutable && desired.Recreate && !desired.Merge
}
