package resolve

import (
	"fmt"
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// BenchmarkNewSet is the part of each poll that walks a spec.
func BenchmarkNewSet(b *testing.B) {
	main := v1alpha1.SecretSource{SecretID: "db", Region: "eu-west-1", FailoverRegions: []string{"eu-north-1", "us-east-1"}}
	entries := v1alpha1.SecretSyncSpec{Source: main, DataFrom: []v1alpha1.DataFrom{{}, {Find: &v1alpha1.Find{NamePrefix: "/"}}, {Source: other("y", "")}}}
	for n := range 20 {
		key := v1alpha1.DataKey{Key: fmt.Sprint("key-", n)}
		if n%2 == 1 {
			key.Source = other(fmt.Sprint("entry-", n), "")
		}
		entries.Data = append(entries.Data, key)
	}
	for name, spec := range map[string]v1alpha1.SecretSyncSpec{"the whole secret": {Source: main}, "entries": entries} {
		b.Run(name, func(b *testing.B) {
			request := requestFor(spec)
			b.ReportAllocs()
			for b.Loop() {
				if set := NewSet(request); len(set.Inputs) == 0 {
					b.Fatal("it reads nothing")
				}
			}
		})
	}
}
