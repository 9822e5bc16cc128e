package secretsync

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
	"github.com/secretsync/secretsync/controllers/target"
)

// watched is the Secret of a SecretSync as the watch shows it.
func watched(owner, resourceVersion string) client.Object {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: here.Namespace, Name: "db", ResourceVersion: resourceVersion,
		Annotations: map[string]string{v1alpha1.AnnotationOwner: owner}}}
}

func TestOurOwnWriteIsNoNewsHoweverItIsShown(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.states.of(here, "uid").writes.End("7", noon)
	others := e.changedByOthers()
	for name, test := range map[string]struct {
		owner, version string
		passes         bool
	}{"our own": {here.Name, "7", false}, "an edit": {here.Name, "8", true}, "another's": {"other", "7", true}, "of no SecretSync": {"", "7", true}} {
		is := watched(test.owner, test.version)
		if got := others.Create(event.CreateEvent{Object: is}); got != test.passes {
			t.Errorf("%s is new: a reconcile follows: %t", name, got)
		}
		if got := others.Update(event.UpdateEvent{ObjectOld: watched(test.owner, "6"), ObjectNew: is}); got != test.passes {
			t.Errorf("%s is changed: a reconcile follows: %t", name, got)
		}
		if !others.Delete(event.DeleteEvent{Object: is}) {
			t.Errorf("%s is deleted: no reconcile follows", name)
		}
	}
}

// TestWhatWasSeenOfASecretEndsWhereItGoesBack, also where nothing is known of its owner.
func TestWhatWasSeenOfASecretEndsWhereItGoesBack(t *testing.T) {
	e := newEnvironment(t, fresh())
	others := e.changedByOthers()
	state := e.states.of(here, "uid")
	for _, test := range []struct {
		owner, was, is string
		left           bool
	}{{"other", "9", "8", true}, {here.Name, "9", "9", true}, {here.Name, "8", "9", true}, {here.Name, "9", "8", false}} {
		state.seen.Note(target.Result{ResourceVersion: "9"})
		state.writes.End("9", noon)
		others.Update(event.UpdateEvent{ObjectOld: watched(test.owner, test.was), ObjectNew: watched(test.owner, test.is)})
		if seen := state.seen.Secret() != (ownwrites.Secret{}); seen != test.left {
			t.Errorf("of %q from version %s to %s: what was seen is remembered: %t", test.owner, test.was, test.is, seen)
		}
		if written := state.writes.Recent("9", noon, ownwrites.MaxWatchLag); written != test.left {
			t.Errorf("of %q from version %s to %s: what was written is remembered: %t", test.owner, test.was, test.is, written)
		}
	}
}

// TestOnlyTheStartOfADeletionIsLetThrough, and the end of one.
func TestOnlyTheStartOfADeletionIsLetThrough(t *testing.T) {
	stays, goes := fresh(), fresh()
	goes.DeletionTimestamp = new(metav1.NewTime(noon))
	begins := deletionStarted()
	for name, test := range map[string]struct{ got, want bool }{
		"a create":                   {begins.Create(event.CreateEvent{Object: goes}), false},
		"a deletion that has ended":  {begins.Delete(event.DeleteEvent{Object: goes}), true},
		"a generic event":            {begins.Generic(event.GenericEvent{Object: goes}), false},
		"an update":                  {begins.Update(event.UpdateEvent{ObjectOld: stays, ObjectNew: stays}), false},
		"the start of a deletion":    {begins.Update(event.UpdateEvent{ObjectOld: stays, ObjectNew: goes}), true},
		"an update after that start": {begins.Update(event.UpdateEvent{ObjectOld: goes, ObjectNew: goes}), false},
	} {
		if test.got != test.want {
			t.Errorf("%s: %v", name, test.got)
		}
	}
}
