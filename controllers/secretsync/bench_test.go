package secretsync

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
)

// cached is a client whose cache holds a SecretSync and its Secret. Everything but a read panics: a poll
// that finds nothing new asks the API server for nothing.
type cached struct {
	client.Client
	secretSync *v1alpha1.SecretSync
	secret     metav1.PartialObjectMetadata
}

// Get gives what the cache of controller-runtime does: a copy, or, where the reader does without, the cache's own spec,
// status and metadata.
func (c *cached) Get(_ context.Context, _ client.ObjectKey, object client.Object, options ...client.GetOption) error {
	var asked client.GetOptions
	asked.ApplyOptions(options)
	shared := asked.UnsafeDisableDeepCopy != nil && *asked.UnsafeDisableDeepCopy
	switch into := object.(type) {
	case *v1alpha1.SecretSync:
		if *into = *c.secretSync; !shared {
			c.secretSync.DeepCopyInto(into)
		}
	case *metav1.PartialObjectMetadata:
		if *into = c.secret; !shared {
			c.secret.DeepCopyInto(into)
		}
	}
	return nil
}

// BenchmarkPoll is a whole reconcile that finds nothing new, but for the request to AWS.
func BenchmarkPoll(b *testing.B) {
	secretSync := fresh()
	secretSync.Spec.PollInterval = &metav1.Duration{Duration: time.Nanosecond}
	secretSync.Status.ObservedGeneration = secretSync.Generation
	secretSync.Status.Secret = &v1alpha1.SecretStatus{Name: "db", Keys: []string{"a", "b"}, Generation: secretSync.Generation}
	secretSync.Status.Sources = []v1alpha1.SourceStatus{{SecretID: "db", ARN: "arn", VersionStage: "AWSCURRENT", VersionID: "version-1"}}
	kept := &cached{secretSync: secretSync}
	kept.secret.Name, kept.secret.UID, kept.secret.ResourceVersion =
		secretSync.Status.Secret.Name, types.UID(secretSync.Status.Secret.UID), secretSync.Status.Secret.ResourceVersion
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	aws := &oneSecret{version: "version-1"}
	c := New(Options{Client: kept, Source: aws, Metrics: metrics, PollInterval: time.Minute})
	request := reconcile.Request{NamespacedName: client.ObjectKeyFromObject(secretSync)}
	set, err := c.resolver.Versions(b.Context(), resolve.Request{SecretSync: secretSync})
	if err != nil {
		b.Fatal(err)
	}
	secretSync.Status = status.Describe(&status.Outcome{SecretSync: secretSync, Trigger: schedule.Poll, Set: set}, c.options.Clock.Now())
	b.ReportAllocs()
	for b.Loop() {
		if result, err := c.Reconcile(b.Context(), request); err != nil || result.RequeueAfter == 0 {
			b.Fatal(result, err)
		}
	}
	if aws.fetched > 0 {
		b.Fatal("a value was read")
	}
}
