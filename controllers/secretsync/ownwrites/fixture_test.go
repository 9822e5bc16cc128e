package ownwrites

import (
	"cmp"
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// noon is when tests begin.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fresh is a SecretSync as a user makes it.
func fresh() *v1alpha1.SecretSync {
	secretSync := &v1alpha1.SecretSync{}
	secretSync.Namespace, secretSync.Name, secretSync.UID, secretSync.Generation = "payments", "db", "uid", 1
	secretSync.Spec.Source.SecretID = "db"
	return secretSync
}

// oneSecret is a reader of one Secret at a resourceVersion; empty for no Secret. It counts how often it was asked.
type oneSecret struct {
	client.Client
	resourceVersion string
	uid             types.UID // empty for that of the Secret in status
	err             error     // what reading fails with; nil for no failure
	asked           int
}

func (s *oneSecret) Get(_ context.Context, key client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	s.asked++
	if s.err != nil {
		return s.err
	}
	if s.resourceVersion == "" {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, key.Name)
	}
	object.SetUID(cmp.Or(s.uid, "secret"))
	object.SetResourceVersion(s.resourceVersion)
	return nil
}
