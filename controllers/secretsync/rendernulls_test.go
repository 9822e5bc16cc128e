package secretsync

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

const objectWithNull = `{"a":"1","b":null}`

// TestNullKeepsKeysWithAValue: null in AWS empties no key of the Secret that has a value, after an edit neither, unless
// the spec allows it.
func TestNullKeepsKeysWithAValue(t *testing.T) {
	full, empty := map[string]string{"a": "0", "b": "2"}, map[string]string{"a": "0", "b": ""}
	whole, allowed := v1alpha1.SecretSyncSpec{}, v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{{Nulls: v1alpha1.NullEmpty}}}
	for name, test := range map[string]struct {
		spec    v1alpha1.SecretSyncSpec
		present map[string]string
		keys    []string
		change  func(*v1alpha1.SecretSyncStatus)
		want    string
	}{
		"a key with a value":               {whole, full, []string{"a", "b"}, nil, v1alpha1.ReasonValueRejected},
		"after an edit":                    {whole, full, []string{"a", "b"}, func(s *v1alpha1.SecretSyncStatus) { s.Secret.Generation = 0 }, v1alpha1.ReasonValueRejected},
		"where the entry allows it":        {allowed, full, []string{"a", "b"}, nil, ""},
		"a key without a value":            {whole, empty, []string{"a", "b"}, nil, ""},
		"a key that is new":                {whole, map[string]string{"a": "0"}, []string{"a"}, nil, ""},
		"a key of others":                  {whole, full, []string{"a"}, nil, ""},
		"a Secret that is gone":            {whole, nil, []string{"a", "b"}, nil, ""},
		"another Secret":                   {whole, full, []string{"a", "b"}, func(s *v1alpha1.SecretSyncStatus) { s.Secret.Name = "other" }, ""},
		"a version that was written by it": {whole, full, []string{"a", "b"}, written, ""},
		"a version that was written before the edit": {whole, full, []string{"a", "b"}, func(s *v1alpha1.SecretSyncStatus) {
			written(s)
			s.Secret.Generation = 0
		}, v1alpha1.ReasonValueRejected},
	} {
		t.Run(name, func(t *testing.T) {
			test.spec.Source.SecretID = "db"
			r := newRendering(t, account{"db": at(objectWithNull)}.source(), test.spec)
			if test.present != nil {
				secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: here.Namespace, Name: here.Name}, Data: map[string][]byte{}}
				for key, value := range test.present {
					secret.Data[key] = []byte(value)
				}
				if err := r.server.Create(t.Context(), secret); err != nil {
					t.Fatal(err)
				}
			}
			status := &r.attempt.secretSync.Status
			status.Secret = &v1alpha1.SecretStatus{Name: here.Name, Generation: 1, Keys: test.keys}
			if test.change != nil {
				test.change(status)
			}
			if _, _, err := r.run(t.Context()); reasonOf(err) != test.want {
				t.Errorf("%q (%v), want %q", reasonOf(err), err, test.want)
			}
		})
	}
}

func written(status *v1alpha1.SecretSyncStatus) {
	status.Sources = []v1alpha1.SourceStatus{syncedAt("db", "", objectWithNull)}
}
