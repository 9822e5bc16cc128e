package notify

import (
	"context"
	"fmt"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
)

// cachedSyncs is a client whose cache gives the same SecretSyncs for each key but keyAbridged.
type cachedSyncs struct {
	client.Reader
	items []v1alpha1.SecretSync
}

func (c *cachedSyncs) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	var asked client.ListOptions
	asked.ApplyOptions(options)
	if asked.FieldSelector.String() != secretIndex+"="+keyAbridged {
		list.(*v1alpha1.SecretSyncList).Items = c.items
	}
	return nil
}

// manyEntries is a spec with a find and so many entries, of which every second one reads a secret of its own.
func manyEntries(count int) v1alpha1.SecretSyncSpec {
	spec := v1alpha1.SecretSyncSpec{
		Source:   v1alpha1.SecretSource{SecretID: "main", Region: "us-east-1", FailoverRegions: []string{region, "eu-north-1"}},
		DataFrom: []v1alpha1.DataFrom{{Find: &v1alpha1.Find{NamePrefix: "/test/"}}, {Source: &v1alpha1.EntrySource{SecretID: prefix + "last"}}},
	}
	for n := range count {
		key := v1alpha1.DataKey{Key: fmt.Sprint("key-", n)}
		if n%2 == 1 {
			key.Source = &v1alpha1.EntrySource{SecretID: fmt.Sprint(prefix, "entry-", n)}
		}
		spec.Data = append(spec.Data, key)
	}
	return spec
}

// BenchmarkMatch is a change of the secret that the last entry of a SecretSync names.
func BenchmarkMatch(b *testing.B) {
	for name, count := range map[string]int{"few entries": 2, "many entries": 200} {
		b.Run(name, func(b *testing.B) {
			secretSync := v1alpha1.SecretSync{Spec: manyEntries(count)}
			secretSync.Namespace, secretSync.Name = "payments", "db"
			matcher := &Matcher{Client: &cachedSyncs{items: []v1alpha1.SecretSync{secretSync}}, Region: region, Patterns: pattern.NewCache()}
			change := Change{SecretID: "last", ARN: prefix + "last-a1B2c3", Region: region, Account: account}
			b.ReportAllocs()
			for b.Loop() {
				if found, err := matcher.Match(b.Context(), change); err != nil || len(found) != 1 {
					b.Fatal(found, err)
				}
			}
		})
	}
}

// BenchmarkKeys is the index of a SecretSync, which the cache asks for at each of its updates.
func BenchmarkKeys(b *testing.B) {
	secretSync := &v1alpha1.SecretSync{Spec: manyEntries(200)}
	b.ReportAllocs()
	for b.Loop() {
		if keys := keysOf(secretSync); len(keys) < 100 {
			b.Fatal(keys)
		}
	}
}
