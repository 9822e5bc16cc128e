package ownwrites

import (
	"errors"
	"maps"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

func TestChangesAreNamedByKeyAndNeverByValue(t *testing.T) {
	digester := NewDigester()
	before := digester.Of(map[string][]byte{"same": []byte("a"), "other": []byte("hunter2"), "gone": []byte("c")})
	after := digester.Of(map[string][]byte{"same": []byte("a"), "other": []byte("hunter3"), "new": []byte("d")})
	if got := Difference(before, after).String(); got != "changed other; added new; removed gone" {
		t.Errorf("changes are %q", got)
	}
	if got := Difference(before, before).String(); got != "no key changed" {
		t.Errorf("no changes are %q", got)
	}
	if elsewhere := NewDigester().Of(map[string][]byte{"same": []byte("a")}); elsewhere["same"] == before["same"] {
		t.Error("two processes make the same digest of a value: it could be guessed")
	}
}

// TestWhatAnUpdateChanges: by what this process remembers of the last write; else by the Secret itself, of which the keys
// that others have put in are not the operator's to take out. The first write of a Secret is not compared: see the test of
// this name in package secretsync.
func TestWhatAnUpdateChanges(t *testing.T) {
	digester := NewDigester()
	remembered := digester.Of(map[string][]byte{"value": []byte("remembered")})
	for name, test := range map[string]struct {
		remembered Digests
		want       string
		reread     bool
	}{
		"a process that has just started": {nil, "changed value; added more; removed gone", true},
		"one that remembers":              {remembered, "changed value; added more", false},
	} {
		inPlace := map[string][]byte{"value": []byte("of version-0"), "gone": []byte("x"), "of another": []byte("y"), "same": []byte("z")}
		written := &v1alpha1.SecretStatus{Name: "db", Keys: []string{"gone", "value"}}
		wanted := digester.Of(map[string][]byte{"value": []byte("of version-1"), "more": []byte("x")})
		content := &Content{}
		content.Wrote(test.remembered)
		got, err := content.Compare(digester, written, wanted, func() (map[string][]byte, error) { return maps.Clone(inPlace), nil })
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got.String() != test.want || got.Reread != test.reread {
			t.Errorf("%s: %q, read again %t", name, got, got.Reread)
		}
	}
}

// TestWhatIsKnownOfASecretThatWasTakenOver: values are not kept, and what a reconcile could not report stays known until
// another change comes.
func TestWhatIsKnownOfASecretThatWasTakenOver(t *testing.T) {
	digester, content := NewDigester(), &Content{}
	secretSync := fresh() // Status has a Secret: what was written since is another one.
	secretSync.Status.Secret = &v1alpha1.SecretStatus{Name: "db", UID: "secret", Generation: 1, Keys: []string{"a", "b"}}
	secretSync.CreationTimestamp = metav1.NewTime(noon)
	take := func(was, is string) Changes {
		former := &target.FormerContent{Values: map[string][]byte{"a": []byte(was)}, Written: noon.Add(time.Hour)}
		got := content.TakenOver(digester, secretSync, former, digester.Of(map[string][]byte{"a": []byte(is)}))
		if former.Values != nil {
			t.Error("values are kept")
		}
		return got
	}
	for _, step := range []struct{ was, is, want string }{{"0", "0", "no key changed"}, {"0", "1", "changed a"}, {"1", "1", "changed a"}, {"1", "1", "changed a"}} {
		if got := take(step.was, step.is); got.String() != step.want || got.Unreported {
			t.Errorf("%q, unreported %t", got, got.Unreported)
		}
	}
	content.takenOver = &Changes{Added: []string{"b"}}
	if got := take("1", "2").String(); got != "changed a" {
		t.Errorf("a change is not known: %q", got)
	}
}

// TestASecretThatWasWrittenForTheSecretSyncIsUnreported: since the SecretSync was created, by a process that ended before
// status said so.
func TestASecretThatWasWrittenForTheSecretSyncIsUnreported(t *testing.T) {
	digester := NewDigester()
	for name, test := range map[string]struct {
		created, written time.Time
		reported         bool // status has a Secret
		want             bool
	}{
		"written later":                         {created: noon, written: noon.Add(time.Hour), want: true},
		"written in the second of the creation": {created: noon, written: noon, want: true},
		"written for a former SecretSync":       {created: noon, written: noon.Add(-time.Second)},
		"never written":                         {created: noon},
		"the creation has no date":              {written: noon},
		"status has a Secret":                   {created: noon, written: noon.Add(time.Hour), reported: true},
	} {
		secretSync := fresh()
		if secretSync.CreationTimestamp = metav1.NewTime(test.created); test.reported {
			secretSync.Status.Secret = &v1alpha1.SecretStatus{Name: "db", UID: "former", Generation: 1}
		}
		content, former := &Content{}, &target.FormerContent{Written: test.written}
		if got := content.TakenOver(digester, secretSync, former, nil).Unreported; got != test.want {
			t.Errorf("%s: unreported %t", name, got)
		}
	}
}

// TestWhatIsForgottenOfTheContent: after Forget the Secret itself is compared with; after Reported a change that was
// taken over is over; a preview is another memory.
func TestWhatIsForgottenOfTheContent(t *testing.T) {
	digester, content := NewDigester(), &Content{}
	content.Wrote(digester.Of(map[string][]byte{"a": []byte("1")}))
	content.Previewed("v1")
	content.Forget()
	written, failed := &v1alpha1.SecretStatus{Name: "db", Keys: []string{"a"}}, errors.New("unavailable")
	changes, err := content.Compare(digester, written, nil, func() (map[string][]byte, error) { return nil, failed })
	if !errors.Is(err, failed) || !changes.None() || changes.Reread {
		t.Errorf("what can't be read has the changes %q, read again %t: %v", changes, changes.Reread, err)
	}
	if got := content.Preview(); got != "v1" {
		t.Errorf("the preview is %q", got)
	}
	value := map[string][]byte{"a": []byte("1")}
	content.takenOver = &Changes{Added: []string{"b"}}
	content.Reported()
	if got := content.TakenOver(digester, fresh(), &target.FormerContent{Values: value}, digester.Of(value)); !got.None() {
		t.Errorf("what status has already is a change: %q", got)
	}
}
