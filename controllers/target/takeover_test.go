package target

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// held is the Secret db that names the SecretSync former, which wants a Secret of that name; none exists where it
// wants none.
func held(wants string, change func(*holder)) holder {
	secret := SecretMetadata()
	secret.Namespace, secret.Name, secret.UID = "payments", "db", "uid"
	secret.Annotations = map[string]string{v1alpha1.AnnotationOwner: "former"}
	sync := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "former", UID: "uid-of-former"}}
	sync.Spec.Target.Name = wants
	secret.OwnerReferences = []metav1.OwnerReference{OwnerReference(sync)}
	h := holder{secret: secret, sync: sync}
	if wants == "" {
		h.sync = nil
	}
	if change != nil {
		change(&h)
	}
	return h
}

func TestWhatToDoAboutASecretOfAnother(t *testing.T) {
	kept := func(h *holder) { h.secret.OwnerReferences = nil }
	for name, test := range map[string]struct {
		found    holder
		mentions string
		handOver bool
	}{
		"both want it":                      {held("db", nil), "delete one of the two", false},
		"it was kept by one that is gone":   {held("", kept), "was kept when SecretSync \"former\" was deleted", true},
		"it goes with one that is gone":     {held("", nil), "created again once Kubernetes has deleted it", false},
		"it goes with a former one":         {held("db", func(h *holder) { h.sync.UID = "another" }), "created again once Kubernetes has deleted it", false},
		"it was kept by one that has moved": {held("new", kept), `moved to Secret "new"`, true},
		"its owner moves":                   {held("new", nil), `once it has written Secret "new"`, false},
	} {
		err := foreign(Desired{Namespace: "payments", Name: "db", Owner: "next"}, State{Exists: true, UID: "uid", Owner: "former"}, test.found)
		if message := err.Error(); !strings.Contains(message, test.mentions) ||
			strings.Contains(message, "kubectl annotate secret db -n payments --overwrite secretsync.dev/owner=next") != test.handOver {
			t.Errorf("%s: %q", name, message)
		}
	}
}

// TestWhoGivesASecretUp: no Secret is taken from a SecretSync that still wants it, is to keep it, or writes nothing now.
func TestWhoGivesASecretUp(t *testing.T) {
	for name, test := range map[string]struct {
		found holder
		want  bool
	}{
		"one that wants another":           {held("new", nil), true},
		"one that wants it":                {held("db", nil), false},
		"one that is gone":                 {held("", nil), false},
		"one that is to keep it":           {held("new", func(h *holder) { h.sync.Spec.Target.DeletionPolicy = v1alpha1.DeletionPolicyRetain }), false},
		"one that has kept it":             {held("new", func(h *holder) { h.secret.OwnerReferences = nil }), false},
		"one that is suspended":            {held("new", func(h *holder) { h.sync.Spec.Suspend = true }), false},
		"one that observes":                {held("new", func(h *holder) { h.sync.Spec.Mode = v1alpha1.SyncModeObserve }), false},
		"one that is being deleted":        {held("new", func(h *holder) { h.sync.DeletionTimestamp = new(metav1.Now()) }), false},
		"another one of the former's name": {held("new", func(h *holder) { h.sync.UID = "another" }), false},
	} {
		if got := test.found.moved(); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
