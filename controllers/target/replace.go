package target

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// replaceWithin bounds how long the process delays its stop to recreate a Secret that it has deleted.
const replaceWithin = 20 * time.Second

// replace deletes a Secret that the SecretSync owns and recreates it, if Kubernetes does not let it change as desired
// and the spec allows it. In between there is no Secret, and readers find nothing. To keep that time short, a dry run
// comes first, and a stop of the process does not interrupt it.
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

// rehearse finds out, by a dry run, whether quotas, admission and validation let the Secret be created. The API server
// checks last whether it exists already.
func (w *Writer) rehearse(ctx context.Context, desired Desired) error {
	err := w.Client.Create(ctx, secretOf(desired), client.FieldOwner(FieldOwner(desired.Owner)), client.DryRunAll)
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return explain(err, creating(desired))
	}
	return nil
}

// replaceable says whether recreating the Secret gets around a refusal. A Secret that the SecretSync does not manage is
// never deleted.
func replaceable(desired Desired, err error) bool {
	refused, ok := errors.AsType[*Error](err)
	return ok && refused.Reason == v1alpha1.ReasonTargetImmutable && desired.Recreate && !desired.Merge
}
