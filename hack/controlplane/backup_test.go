package controlplane

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// unset says whether controller-runtime has no logger.
func unset() bool {
	return strings.Contains(fmt.Sprintf("%T", log.Log.WithName("test").GetSink()), "delegating")
}

func TestRestorePutsBackWhatThereWas(t *testing.T) {
	plane, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	all := tracesOf(t, plane.Directory())
	t.Cleanup(func() {
		all = tracesOf(t, plane.Directory()) // These are other processes than at the start.
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
		if left := all.left(); left != nil {
			t.Errorf("left behind: %s", left)
		}
	})
	if unset() {
		t.Error("controller-runtime has no logger: programs that take long to start print a stack dump")
	}
	clients, err := kubernetes.NewForConfig(plane.Config())
	if err != nil {
		t.Fatal(err)
	}
	maps := clients.CoreV1().ConfigMaps("default")
	create := func(name string) *corev1.ConfigMap {
		t.Helper()
		made, err := maps.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	before := create("before")
	backup, err := plane.Backup()
	if err != nil {
		t.Fatal(err)
	}
	create("after")
	if err := maps.Delete(t.Context(), "before", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := plane.Restore(backup); err != nil {
		t.Fatal(err)
	}
	if found, err := maps.Get(t.Context(), "before", metav1.GetOptions{}); err != nil || found.ResourceVersion != before.ResourceVersion {
		t.Errorf("what was deleted after the backup: %v, %v", found, err)
	}
	if _, err := maps.Get(t.Context(), "after", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("what was created after the backup: %v", err)
	}
}
