package references

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

const arn = "arn:aws:secretsmanager:eu-north-1:111122223333:secret:db-a1b2c3"

// allKinds is a spec with each kind of entry.
func allKinds() *v1alpha1.SecretSyncSpec {
	return &v1alpha1.SecretSyncSpec{
		Source: v1alpha1.SecretSource{SecretID: "db", VersionStage: "blue", Region: "eu-west-1", FailoverRegions: []string{"us-east-1"}},
		Data: []v1alpha1.DataKey{
			{Key: "a", Optional: true},
			{Key: "b", Source: &v1alpha1.EntrySource{SecretID: "x", VersionStage: "green", Region: "us-west-2"}},
		},
		DataFrom: []v1alpha1.DataFrom{
			{Source: &v1alpha1.EntrySource{VersionID: "v7"}},
			{Find: &v1alpha1.Find{NamePrefix: "y"}, Optional: true},
			{Source: &v1alpha1.EntrySource{SecretID: "z"}},
		},
	}
}

func TestEntriesOfDataComeBeforeThoseOfDataFrom(t *testing.T) {
	spec := allKinds()
	want := []Entry{
		{Index: 0, Optional: true},
		{Index: 1, Source: spec.Data[1].Source},
		{InDataFrom: true, Index: 0, Source: spec.DataFrom[0].Source},
		{InDataFrom: true, Index: 1, Find: spec.DataFrom[1].Find, Optional: true},
		{InDataFrom: true, Index: 2, Source: spec.DataFrom[2].Source},
	}
	if diff := cmp.Diff(want, slices.Collect(Entries(spec))); diff != "" {
		t.Errorf("entries differ (-want +got):\n%s", diff)
	}
	if entries := slices.Collect(Entries(&v1alpha1.SecretSyncSpec{Source: spec.Source})); len(entries) > 0 {
		t.Errorf("a spec without data and dataFrom has the entries %v", entries)
	}
}

func TestASecretTakesFromSpecSourceWhatItsEntryDoesNotName(t *testing.T) {
	spec := allKinds()
	for name, test := range map[string]struct {
		own  *v1alpha1.EntrySource
		want v1alpha1.SecretSource
	}{
		"an entry that says nothing": {nil, spec.Source},
		"another version": {&v1alpha1.EntrySource{VersionID: "v7"},
			v1alpha1.SecretSource{SecretID: "db", VersionID: "v7", Region: "eu-west-1", FailoverRegions: []string{"us-east-1"}}},
		"another staging label": {&v1alpha1.EntrySource{VersionStage: "green"},
			v1alpha1.SecretSource{SecretID: "db", VersionStage: "green", Region: "eu-west-1", FailoverRegions: []string{"us-east-1"}}},
		"a secret of its own": {&v1alpha1.EntrySource{SecretID: "x", VersionStage: "green", VersionID: "v8", Region: "us-west-2"},
			v1alpha1.SecretSource{SecretID: "x", VersionStage: "green", VersionID: "v8", Region: "us-west-2"}},
		"a secret of its own, by name alone": {&v1alpha1.EntrySource{SecretID: "x"}, v1alpha1.SecretSource{SecretID: "x"}},
	} {
		if diff := cmp.Diff(test.want, SecretOf(spec, test.own)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(allKinds(), spec); diff != "" {
		t.Errorf("the spec has changed (-want +got):\n%s", diff)
	}
}

func TestASpecNamesSpecSourceAndTheSecretsOfItsEntries(t *testing.T) {
	spec := allKinds()
	x, z := v1alpha1.SecretSource{SecretID: "x", VersionStage: "green", Region: "us-west-2"}, v1alpha1.SecretSource{SecretID: "z"}
	if diff := cmp.Diff([]v1alpha1.SecretSource{spec.Source, x, z}, slices.Collect(Named(spec))); diff != "" {
		t.Errorf("secrets differ (-want +got):\n%s", diff)
	}
	spec.Source = v1alpha1.SecretSource{}
	if diff := cmp.Diff([]v1alpha1.SecretSource{x, z}, slices.Collect(Named(spec))); diff != "" {
		t.Errorf("without spec.source, secrets differ (-want +got):\n%s", diff)
	}
}

// A loop may end before the last value: a yield after that panics.
func TestALoopMayEndEarly(t *testing.T) {
	spec := allKinds()
	for most := range 5 {
		seen := 0
		for range Entries(spec) {
			if seen++; seen > most {
				break
			}
		}
		if seen != most+1 {
			t.Errorf("%d entries were seen, not %d", seen, most+1)
		}
	}
	for most := range 3 {
		seen := 0
		for range Named(spec) {
			if seen++; seen > most {
				break
			}
		}
		if seen != most+1 {
			t.Errorf("%d secrets were seen, not %d", seen, most+1)
		}
	}
}

func TestSpecSourceIsReadByEntriesThatSayNothing(t *testing.T) {
	find, other := v1alpha1.DataFrom{Find: &v1alpha1.Find{NamePrefix: "y"}}, v1alpha1.EntrySource{VersionStage: "green"}
	for name, test := range map[string]struct {
		data []v1alpha1.DataKey
		from []v1alpha1.DataFrom
		want bool
	}{
		"an entry of data":          {data: []v1alpha1.DataKey{{Source: &other}, {}}, want: true},
		"an entry of dataFrom":      {from: []v1alpha1.DataFrom{find, {}}, want: true},
		"entries of their own only": {data: []v1alpha1.DataKey{{Source: &other}}, from: []v1alpha1.DataFrom{find, {Source: &other}}},
	} {
		if got := ReadsSource(&v1alpha1.SecretSyncSpec{Data: test.data, DataFrom: test.from}); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestOnlyASpecWithFindFinds(t *testing.T) {
	spec := allKinds()
	if !Finds(spec) {
		t.Error("a spec with find finds nothing")
	}
	spec.DataFrom = slices.Delete(spec.DataFrom, 1, 2)
	if Finds(spec) {
		t.Error("a spec without find finds secrets")
	}
}

func TestRegionIsTheNamedOneOrThatOfTheARN(t *testing.T) {
	for name, test := range map[string]struct {
		from v1alpha1.SecretSource
		want string
	}{
		"no source":        {v1alpha1.SecretSource{}, ""},
		"a name":           {v1alpha1.SecretSource{SecretID: "db"}, ""},
		"a region":         {v1alpha1.SecretSource{SecretID: "db", Region: "eu-west-1"}, "eu-west-1"},
		"a long name":      {v1alpha1.SecretSource{SecretID: "a:b:c:d:e"}, ""},
		"a part of an ARN": {v1alpha1.SecretSource{SecretID: "arn:aws:secretsmanager"}, ""},
		"an ARN's region":  {v1alpha1.SecretSource{SecretID: arn}, "eu-north-1"},
		"both":             {v1alpha1.SecretSource{SecretID: arn, Region: "eu-west-1"}, "eu-west-1"},
	} {
		if got := Region(&test.from); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestRegionsAreTheFirstOneAndThoseOfReplicas(t *testing.T) {
	for name, test := range map[string]struct {
		secret v1alpha1.SecretSource
		want   []string
	}{
		"the operator's":             {v1alpha1.SecretSource{SecretID: "db"}, []string{""}},
		"the operator's, and others": {v1alpha1.SecretSource{SecretID: "db", FailoverRegions: []string{"us-east-1", "us-west-2"}}, []string{"", "us-east-1", "us-west-2"}},
		"that of the ARN":            {v1alpha1.SecretSource{SecretID: arn, FailoverRegions: []string{"us-east-1"}}, []string{"eu-north-1", "us-east-1"}},
	} {
		if diff := cmp.Diff(test.want, Regions(&test.secret)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAFindSearchesItsOwnRegionOrThatOfSpecSource(t *testing.T) {
	for name, test := range map[string]struct {
		source v1alpha1.SecretSource
		region string
		want   string
	}{
		"neither":              {v1alpha1.SecretSource{SecretID: "db"}, "", ""},
		"of spec.source":       {v1alpha1.SecretSource{SecretID: "db", Region: "eu-west-1", FailoverRegions: []string{"us-east-1"}}, "", "eu-west-1"},
		"of spec.source's ARN": {v1alpha1.SecretSource{SecretID: arn}, "", "eu-north-1"},
		"its own":              {v1alpha1.SecretSource{SecretID: arn, Region: "eu-west-1"}, "us-west-2", "us-west-2"},
	} {
		if got := FindRegion(&v1alpha1.SecretSyncSpec{Source: test.source}, &v1alpha1.Find{Region: test.region}); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
