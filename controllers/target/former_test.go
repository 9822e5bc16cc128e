package target

import (
	"maps"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// TestFormer: the former content of a Secret that is taken over has the values that the write changes or removes. If keys
// are merged, it has only those that the SecretSync wrote before.
func TestFormer(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	earlier, later, last := metav1.NewTime(time.Unix(100, 0)), metav1.NewTime(time.Unix(200, 0)), metav1.NewTime(time.Unix(300, 0))
	holds := func(manager, fields string, at *metav1.Time) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", FieldsType: "FieldsV1", Time: at, FieldsV1: metav1.NewFieldsV1(fields)}
	}
	there := func(owner string, records ...metav1.ManagedFieldsEntry) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "db", UID: "uid", ManagedFields: records,
			Annotations: map[string]string{v1alpha1.AnnotationOwner: owner}},
			Data: map[string][]byte{"password": nil, "port": nil, "foreign": nil}}
	}
	ours := []metav1.ManagedFieldsEntry{
		holds("secretsync.dev/db", `{"f:data":{"f:password":{},"f:port":{}}}`, &later),
		holds("secretsync.dev/db", `{"f:metadata":{}}`, &earlier), holds("kubectl", `{"f:data":{"f:foreign":{}}}`, &last)}
	empty, untimed := there("db", ours...), holds("secretsync.dev/db", `{"f:data":{"f:port":{}}}`, nil)
	empty.Data = nil
	for name, test := range map[string]struct {
		secret   *corev1.Secret
		merge    bool
		previous *v1alpha1.SecretStatus
		want     []string // nil where nothing was taken over
		written  time.Time
	}{
		"the one that was written last":     {secret: there("db", ours...), previous: &v1alpha1.SecretStatus{UID: "uid"}},
		"left by a former SecretSync":       {secret: there("db", ours...), want: []string{"password", "port"}, written: later.Time},
		"restored":                          {secret: there("db", ours...), previous: &v1alpha1.SecretStatus{UID: "before"}, want: []string{"password", "port"}, written: later.Time},
		"left without a key":                {secret: empty, want: []string{}, written: later.Time},
		"left at an unknown time":           {secret: there("db", untimed), want: []string{"password", "port"}},
		"handed over by its user":           {secret: there("db"), want: []string{"password"}},
		"merged into for the first time":    {secret: there("", ours[2]), merge: true},
		"merged into by a former one":       {secret: there("", ours...), merge: true, want: []string{"password", "port"}, written: later.Time},
		"merged into by another SecretSync": {secret: there("", holds("secretsync.dev/other", `{"f:data":{"f:password":{}}}`, &later)), merge: true},
	} {
		server := fake.NewClientBuilder().WithScheme(scheme).WithObjects(test.secret).WithReturnManagedFields().Build()
		w := &Writer{Client: server, Live: server}
		desired := Desired{Namespace: "payments", Name: "db", Owner: "db", Merge: test.merge, Previous: test.previous, Data: map[string][]byte{"password": nil, "host": nil}}
		state := State{Exists: true, UID: "uid", ResourceVersion: "999", Owner: test.secret.Annotations[v1alpha1.AnnotationOwner]}
		secret, err := w.read(t.Context(), desired, state)
		if err != nil {
			t.Fatal(err)
		}
		former := formerIn(desired, state, secret)
		if (former == nil) != (test.want == nil) {
			t.Errorf("%s: %v", name, former)
		}
		if former == nil {
			continue
		}
		if keys := slices.Sorted(maps.Keys(former.Values)); !slices.Equal(keys, test.want) || !former.Written.Equal(test.written) {
			t.Errorf("%s: written at %s, keys %v", name, former.Written, keys)
		}
	}
	gone := &Writer{Live: fake.NewClientBuilder().WithScheme(scheme).Build()}
	if _, err := gone.read(t.Context(), Desired{Namespace: "payments", Name: "db"}, State{Exists: true, UID: "uid"}); err == nil {
		t.Error("a Secret that is gone was read")
	}
}
