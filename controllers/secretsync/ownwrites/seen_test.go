package ownwrites

import (
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// TestWhatIsKnownOfASecret is what status says, unless a later state of the same Secret was seen.
func TestWhatIsKnownOfASecret(t *testing.T) {
	written := &v1alpha1.SecretStatus{Name: "db", UID: "1", ResourceVersion: "9"}
	for name, test := range map[string]struct {
		written *v1alpha1.SecretStatus
		seen    Secret
		want    string
	}{
		"nothing":                              {nil, Secret{}, ""},
		"it was seen, and status says nothing": {nil, Secret{UID: "1", ResourceVersion: "10"}, ""},
		"it was not seen":                      {written, Secret{}, "9"},
		"a later state":                        {written, Secret{UID: "1", ResourceVersion: "10"}, "10"},
		"an earlier state":                     {written, Secret{UID: "1", ResourceVersion: "8"}, "9"},
		"without a resourceVersion":            {written, Secret{UID: "1"}, "9"},
		"another Secret":                       {written, Secret{UID: "2", ResourceVersion: "10"}, "9"},
	} {
		got := test.seen.Latest(test.written)
		if got == nil && test.want != "" || got != nil && got.ResourceVersion != test.want {
			t.Errorf("%s: it is known as %+v", name, got)
		}
		if written.ResourceVersion != "9" {
			t.Errorf("%s: status was changed", name)
		}
	}
}

func TestWhatWasSeenIsTheStateThatWasFound(t *testing.T) {
	var seen Seen
	seen.Note(target.Result{UID: "1", ResourceVersion: "10"})
	if got := seen.Secret(); got != (Secret{UID: "1", ResourceVersion: "10"}) {
		t.Errorf("seen is %+v", got)
	}
	if seen.Clear(); seen.Secret() != (Secret{}) {
		t.Errorf("after Clear %+v is seen", seen.Secret())
	}
}
