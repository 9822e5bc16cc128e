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
)

// cached is a client whose cache holds a SecretSync and its Secret. Everything but a read panics: a poll
// that finds nothing new asks the API server for nothing.
type cached struct {
	client.Client
	sync   *v1alpha1.SecretSync
	secret metav1.PartialObjectMetadata
}

func (c *cached) Get(_ context.Context, _ client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	switch into := object.(type) {
	case *v1alpha1.SecretSync:
		c.sync.DeepCopyInto(into)
	case *metav1.PartialObjectMetadata:
		c.secret.DeepCopyInto(into)
	}
	return nil
}

// BenchmarkPoll is a whole pass that finds nothing new, but for the question to AWS.
func BenchmarkPoll(b *testing.B) {
	p := written("version-1", "version-1")
	p.sync.Status.ObservedGeneration = p.sync.Generation
	p.sync.Status.Secret.Generation = p.sync.Generation
	p.sync.Spec.PollInterval = &metav1.Duration{Duration: time.Nanosecond}
	kept := &cached{sync: p.sync}
	kept.secret.Name, kept.secret.UID, kept.secret.ResourceVersion =
		p.sync.Status.Secret.Name, types.UID(p.sync.Status.Secret.UID), p.sync.Status.Secret.ResourceVersion
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	aws := &oneSecret{version: "version-1"}
	c := New(Options{Client: kept, Source: aws, Metrics: metrics, PollInterval: time.Minute})
	request := reconcile.Request{NamespacedName: client.ObjectKeyFromObject(p.sync)}
	settled := &pass{sync: p.sync, before: p.sync.DeepCopy(), observed: true, memory: &memory{}, inputs: c.begin(p.sync, &memory{}).inputs}
	settled.inputs[0].observation, _ = aws.Resolve(b.Context(), c.question(settled))
	c.describe(settled, nil)
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
