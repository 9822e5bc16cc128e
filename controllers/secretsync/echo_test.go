package secretsync

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// watched is the Secret of a SecretSync as the watch shows it.
func watched(owner, resourceVersion string) client.Object {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: here.Namespace, Name: "db", ResourceVersion: resourceVersion,
		Annotations: map[string]string{v1alpha1.AnnotationOwner: owner}}}
}

func TestOurOwnWriteIsNoNewsHoweverItIsShown(t *testing.T) {
	d := newDesk(t)
	memory := d.memories.of(here, "uid")
	memory.secret.written = "7"
	echoes := d.echoes()
	for name, test := range map[string]struct {
		owner, version string
		news           bool
	}{"our own": {here.Name, "7", false}, "an edit": {here.Name, "8", true}, "another's": {"other", "7", true}, "of no SecretSync": {"", "7", true}} {
		is := watched(test.owner, test.version)
		if got := echoes.Create(event.CreateEvent{Object: is}); got != test.news {
			t.Errorf("%s is new: taken for news: %t", name, got)
		}
		if got := echoes.Update(event.UpdateEvent{ObjectOld: watched(test.owner, "6"), ObjectNew: is}); got != test.news {
			t.Errorf("%s is changed: taken for news: %t", name, got)
		}
		if !echoes.Delete(event.DeleteEvent{Object: is}) {
			t.Errorf("%s is deleted: that is no news", name)
		}
	}
}

// TestWhatWasSeenOfASecretEndsWhereItGoesBack, also where nothing is known of whom it belongs to.
func TestWhatWasSeenOfASecretEndsWhereItGoesBack(t *testing.T) {
	d := newDesk(t)
	echoes := d.echoes()
	memory := d.memories.of(here, "uid")
	for _, test := range []struct {
		owner, was, is string
		left           bool
	}{{"other", "9", "8", true}, {here.Name, "9", "9", true}, {here.Name, "8", "9", true}, {here.Name, "9", "8", false}} {
		memory.seen.Store(&target.Result{ResourceVersion: "9"})
		memory.secret.written = "9"
		echoes.Update(event.UpdateEvent{ObjectOld: watched(test.owner, test.was), ObjectNew: watched(test.owner, test.is)})
		if seen, written := memory.seen.Load() != nil, memory.secret.written == "9"; seen != test.left || written != test.left {
			t.Errorf("of %q from version %s to %s: remembered are what was seen: %t, what was written: %t", test.owner, test.was, test.is, seen, written)
		}
	}
}
