package resolve

import (
	"fmt"
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// TestWhatAPollIsSharedBy: SecretSyncs that read one secret first, or find the same ones; ListSecrets answers for all or
// for none.
func TestWhatAPollIsSharedBy(t *testing.T) {
	type place struct {
		region, secret string
		listed         bool
	}
	find := []v1alpha1.DataFrom{{}, {Find: &v1alpha1.Find{NamePrefix: "app/", Region: "eu-west-1"}}}
	for name, test := range map[string]struct {
		listed []bool // of the secrets that are read
		from   []v1alpha1.DataFrom
		want   place
	}{
		"one secret":                      {listed: []bool{false}, want: place{"eu-north-1", "db-0", false}},
		"one that a list has":             {listed: []bool{true}, want: place{"eu-north-1", "db-0", true}},
		"two that a list has":             {listed: []bool{true, true}, want: place{"eu-north-1", "db-0", true}},
		"two of which a list has one":     {listed: []bool{true, false}, want: place{"eu-north-1", "db-0", false}},
		"two of which it has the other":   {listed: []bool{false, true}, want: place{"eu-north-1", "db-0", false}},
		"none that was found":             {from: find, want: place{"eu-west-1", "app/", false}},
		"one beside what is looked for":   {listed: []bool{true}, from: find, want: place{"eu-north-1", "db-0", true}},
		"none, and nothing is looked for": {from: find[:1]},
	} {
		set := &Set{request: Request{SecretSync: &v1alpha1.SecretSync{}}}
		set.request.SecretSync.Spec.DataFrom = test.from
		for n, listed := range test.listed {
			input := &Input{Ref: source.Ref{Region: "eu-north-1", SecretID: fmt.Sprint("db-", n)}}
			input.Resolution.Listed = listed
			set.Inputs = append(set.Inputs, input)
		}
		var got place
		if got.region, got.secret, got.listed = set.Polled(); got != test.want {
			t.Errorf("%s: polled as %+v", name, got)
		}
	}
}

func TestOnlyThoseWithFindLookForSecrets(t *testing.T) {
	secretSync := &v1alpha1.SecretSync{}
	secretSync.Spec.DataFrom = []v1alpha1.DataFrom{{Prefix: "A_"}}
	if NewSet(Request{SecretSync: secretSync}).Finds() {
		t.Error("an entry without find looks for secrets")
	}
	secretSync.Spec.DataFrom = append(secretSync.Spec.DataFrom, v1alpha1.DataFrom{Find: &v1alpha1.Find{}})
	if !NewSet(Request{SecretSync: secretSync}).Finds() {
		t.Error("an entry with find does not look for secrets")
	}
}
