package hostile

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// largest is a suspended SecretSync of about the largest size that the API server admits: annotations may have 256 KiB.
func largest(namespace, name string, keys, size int) *v1alpha1.SecretSync {
	secretSync := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	secretSync.Spec.Source.SecretID, secretSync.Spec.Suspend = "db", true
	secretSync.Spec.Template = &v1alpha1.Template{Data: map[string]string{}}
	for key := range keys {
		secretSync.Spec.Template.Data[fmt.Sprint("key-", key)] = strings.Repeat("x", size)
	}
	secretSync.Annotations = map[string]string{"note": strings.Repeat("x", 250_000)}
	return secretSync
}

// TestManyLargeSecretSyncsTakeLittleMemory: many objects of the largest admitted size take little memory, even when the
// operator starts and lists them all.
func TestManyLargeSecretSyncsTakeLittleMemory(t *testing.T) {
	const objects = 300
	namespace := "large"
	create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	size := 65536
	for keys := 7; ; {
		err := shared.Client.Create(t.Context(), largest(namespace, "m-0", keys, size))
		if err == nil {
			t.Logf("the largest that is admitted has %d templates of %d characters", keys, size)
			for n := 1; n < objects; n++ {
				create(t, largest(namespace, fmt.Sprint("m-", n), keys, size))
			}
			break
		}
		if size /= 2; size < 16 {
			t.Fatal(err)
		}
	}
	manager := startManager(t)
	for n := range objects {
		name := client.ObjectKey{Namespace: namespace, Name: fmt.Sprint("m-", n)}
		testsuite.Await(t, name.String()+" says that it is suspended", func() bool {
			var secretSync v1alpha1.SecretSync
			if err := shared.Client.Get(t.Context(), name, &secretSync); err != nil {
				t.Fatal(err)
			}
			ready := meta.FindStatusCondition(secretSync.Status.Conditions, v1alpha1.ConditionReady)
			return ready != nil && ready.Reason == v1alpha1.ReasonSuspended
		}, func() string { return "" })
	}
	mustFit(t, manager, memoryLimit/2) // Cached as a whole, they would take nearly all of it: 239 MiB.
}
