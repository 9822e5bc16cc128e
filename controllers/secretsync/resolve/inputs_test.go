package resolve

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

func TestWhatASpecReads(t *testing.T) {
	db := v1alpha1.SecretSource{SecretID: "db", Region: "eu-west-1"}
	for name, test := range map[string]struct {
		spec v1alpha1.SecretSyncSpec
		want []string // secret, stage or version, region; "?" marks the optional ones.
	}{
		"the whole secret": {v1alpha1.SecretSyncSpec{Source: db}, []string{"db AWSCURRENT eu-west-1"}},
		"its versions side by side, spec.source first": {v1alpha1.SecretSyncSpec{Source: db, Data: []v1alpha1.DataKey{
			{Key: "old", Source: other("", "AWSPREVIOUS"), Optional: true}, {Key: "new"},
		}}, []string{"db AWSCURRENT eu-west-1", "db AWSPREVIOUS eu-west-1 ?"}},
		"a secret of its own takes nothing from spec.source": {v1alpha1.SecretSyncSpec{Source: db, Data: []v1alpha1.DataKey{
			{Key: "key", Source: other("stripe", "")},
		}}, []string{"stripe AWSCURRENT "}},
		"a secret that two entries read is read once, and optional only if both can do without": {v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{
			{Key: "a", Source: other("x", ""), Optional: true}, {Key: "b", Source: other("x", "AWSCURRENT")}, {Key: "c", Source: other("y", ""), Optional: true},
		}}, []string{"x AWSCURRENT ", "y AWSCURRENT  ?"}},
		"a secret that no entry needs is optional": {v1alpha1.SecretSyncSpec{Source: db, Data: []v1alpha1.DataKey{
			{Key: "a", Optional: true}, {Key: "b", Source: other("x", ""), Optional: true}, {Key: "c", Source: other("x", ""), Optional: true},
		}}, []string{"db AWSCURRENT eu-west-1 ?", "x AWSCURRENT  ?"}},
		"dataFrom after data": {v1alpha1.SecretSyncSpec{Source: db, Data: []v1alpha1.DataKey{{Key: "a", Source: other("x", "")}},
			DataFrom: []v1alpha1.DataFrom{{Source: other("flags", "")}, {}}}, []string{"db AWSCURRENT eu-west-1", "x AWSCURRENT ", "flags AWSCURRENT "}},
		"a secret that is needed stays so, whichever entry comes first": {v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{
			{Key: "a", Source: other("x", "")}, {Key: "b", Source: other("x", ""), Optional: true},
		}}, []string{"x AWSCURRENT "}},
		"spec.source is not read where entries have sources of their own or find them": {v1alpha1.SecretSyncSpec{Source: db, DataFrom: []v1alpha1.DataFrom{
			{Source: other("x", "")}, {Find: &v1alpha1.Find{NamePrefix: "y"}},
		}}, []string{"x AWSCURRENT "}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, input := range setOf(test.spec).Inputs {
				line := input.Ref.SecretID + " " + input.Ref.VersionStage + input.Ref.VersionID + " " + input.Ref.Region
				if input.Optional {
					line += " ?"
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestWhatARefTakesFromItsEntry: all that chooses a version, of the entry or of spec.source, never of both.
func TestWhatARefTakesFromItsEntry(t *testing.T) {
	from := v1alpha1.SecretSource{SecretID: "db", VersionStage: "blue", Region: "eu-west-1", FailoverRegions: []string{"eu-north-1", "us-east-1"}}
	pinned := v1alpha1.SecretSource{SecretID: "db", VersionID: "v7"}
	for name, test := range map[string]struct {
		from v1alpha1.SecretSource
		own  *v1alpha1.EntrySource
		want source.Ref
	}{
		"spec.source":                   {from, nil, source.Ref{SecretID: "db", VersionStage: "blue", Region: "eu-west-1", FailoverRegions: "eu-north-1 us-east-1"}},
		"a pinned version":              {pinned, nil, source.Ref{SecretID: "db", VersionID: "v7"}},
		"another label of it":           {from, &v1alpha1.EntrySource{VersionStage: "green"}, source.Ref{SecretID: "db", VersionStage: "green", Region: "eu-west-1", FailoverRegions: "eu-north-1 us-east-1"}},
		"another version of it":         {from, &v1alpha1.EntrySource{VersionID: "v8"}, source.Ref{SecretID: "db", VersionID: "v8", Region: "eu-west-1", FailoverRegions: "eu-north-1 us-east-1"}},
		"a secret of its own":           {from, &v1alpha1.EntrySource{SecretID: "x", VersionStage: "red", Region: "us-west-2"}, source.Ref{SecretID: "x", VersionStage: "red", Region: "us-west-2"}},
		"a pinned version of its own":   {from, &v1alpha1.EntrySource{SecretID: "x", VersionID: "v9"}, source.Ref{SecretID: "x", VersionID: "v9"}},
		"the label that is the default": {pinned, &v1alpha1.EntrySource{SecretID: "x"}, source.Ref{SecretID: "x", VersionStage: "AWSCURRENT"}},
	} {
		set := setOf(v1alpha1.SecretSyncSpec{Source: test.from})
		test.want.Reader = set.request.reader()
		if diff := cmp.Diff(test.want, set.refOf(test.own, source.Identity{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestWhichInputsAnEntryIsMadeFrom: each from its own, two from the same one where both read it, and find from what it finds.
func TestWhichInputsAnEntryIsMadeFrom(t *testing.T) {
	set := setOf(v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "db"},
		Data:     []v1alpha1.DataKey{{Key: "a", Source: other("x", "")}, {Key: "b"}},
		DataFrom: []v1alpha1.DataFrom{{Source: other("y", "")}, {Find: &v1alpha1.Find{NamePrefix: "z"}}, {Source: other("x", "")}}})
	names := func(inputs []*Input) (all []string) {
		for _, input := range inputs {
			all = append(all, input.Ref.SecretID)
		}
		return all
	}
	got := [][]string{names(set.Entries.Data)}
	for _, inputs := range set.Entries.DataFrom {
		got = append(got, names(inputs))
	}
	if diff := cmp.Diff([][]string{{"x", "db"}, {"y"}, nil, {"x"}}, got); diff != "" {
		t.Errorf("data, and each entry of dataFrom (-want +got):\n%s", diff)
	}
	if set.Entries.Data[0] != set.Entries.DataFrom[2][0] {
		t.Error("a secret that two entries read is two inputs")
	}
	if set.Entries.Whole != nil {
		t.Errorf("the Secret is made of the whole of %s too", set.Entries.Whole.Ref.SecretID)
	}
}
