package target

import (
	"context"
	"errors"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// replace deletes a Secret of our own and makes it anew, where Kubernetes does not let it change as desired
// and the manifest says so. Between the two there is none: whoever reads it just then finds nothing.
func (w *Writer) replace(ctx context.Context, desired Desired) (Result, error) {
	if err := w.Delete(ctx, desired.Namespace, desired.Name, desired.Owner); err != nil {
		return Result{}, err
	}
	made, err := w.create(ctx, desired)
	if err == nil {
		made.Outcome = Updated
	}
	return made, err
}

// replaceable says whether a refusal is one that making the Secret anew gets round. A Secret of somebody else's
// is never deleted.
func replaceable(desired Desired, err error) bool {
	refused, ok := errors.AsType[*Error](err)
	return ok && refused.Reason == v1alpha1.ReasonTargetImmutable && desired.Recreate && !desired.Merge
}
