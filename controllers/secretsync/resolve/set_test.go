package resolve

import (
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// TestTheVersionThatIsSpokenOf is that of the first input that exists: as it was read, or before that as it was resolved.
func TestTheVersionThatIsSpokenOf(t *testing.T) {
	made := func(id, fetched string, absent bool) *Input {
		input := &Input{Absent: absent}
		input.Resolution.Version.ID, input.Fetched.Version.ID = id, fetched
		return input
	}
	absent, resolved, read := made("", "", true), made("v1", "", false), made("v1", "v2", false)
	for name, test := range map[string]struct {
		inputs []*Input
		main   *Input
		want   string
	}{
		"nothing is known to be read": {nil, nil, ""},
		"it is resolved":              {[]*Input{resolved, read}, resolved, "v1"},
		"it is read":                  {[]*Input{read, resolved}, read, "v2"},
		"the first does not exist":    {[]*Input{absent, read}, read, "v2"},
		"none exists":                 {[]*Input{absent, made("", "", true)}, absent, ""},
	} {
		set := &Set{Inputs: test.inputs}
		if set.Main() != test.main {
			t.Errorf("%s: the main input is %+v", name, set.Main())
		}
		if got := set.Version().ID; got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestWhichSyncedVersionIsOfAnInput: the one at its place, or, where places have moved, the first of its secret and label.
func TestWhichSyncedVersionIsOfAnInput(t *testing.T) {
	of := func(secretID, stage, region string) v1alpha1.SourceStatus {
		return v1alpha1.SourceStatus{SecretID: secretID, VersionStage: stage, Region: region}
	}
	set := setOf(v1alpha1.SecretSyncSpec{}, of("x", "AWSCURRENT", "one"), of("x", "AWSCURRENT", "two"), of("y", "blue", "three"))
	for name, test := range map[string]struct {
		place         int
		secret, stage string
		want          string
	}{
		"at its place":            {1, "x", "AWSCURRENT", "two"},
		"moved, the first of all": {5, "x", "AWSCURRENT", "one"},
		"moved":                   {0, "y", "blue", "three"},
		"another secret":          {2, "z", "blue", ""},
		"another label":           {2, "y", "AWSCURRENT", ""},
	} {
		got := ""
		if synced := set.Synced(test.place, &Input{Ref: source.Ref{SecretID: test.secret, VersionStage: test.stage}}); synced != nil {
			got = synced.Region
		}
		if got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
