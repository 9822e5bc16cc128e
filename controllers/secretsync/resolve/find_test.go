package resolve

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// secrets are so many that are found.
func secrets(count int) (found []source.Found) {
	for n := range count {
		found = append(found, source.Found{ARN: fmt.Sprint("arn:", n), Name: fmt.Sprint("name-", n), Region: "eu-north-1"})
	}
	return found
}

func TestWhatFindAsks(t *testing.T) {
	first, second := int32(0), int32(1)
	aws := finding(secrets(1), nil)
	request := requestFor(v1alpha1.SecretSyncSpec{
		Source: v1alpha1.SecretSource{SecretID: "db", Region: "eu-west-1"},
		Auth:   v1alpha1.SourceAuth{RoleARN: "arn:aws:iam::111122223333:role/reader"},
		DataFrom: []v1alpha1.DataFrom{
			{Find: &v1alpha1.Find{NamePrefix: "/prod/", NamePattern: ".*x", Tags: map[string]string{"team": "pay"}}},
			{Prefix: "OWN_"},
			{Find: &v1alpha1.Find{NamePrefix: "/", Region: "eu-north-1"}},
		},
	}, v1alpha1.SourceStatus{ARN: "arn:own"}, v1alpha1.SourceStatus{ARN: "arn:found", FoundBy: &first, VersionID: "v1"},
		v1alpha1.SourceStatus{ARN: "arn:other", FoundBy: &second}, v1alpha1.SourceStatus{FoundBy: &first})
	request.Freshness.Max, request.Routine = 6*time.Minute, true
	set := NewSet(request)
	if err := resolverOf(aws).find(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	age, identity, reader := 6*time.Minute, identityOf(request.SecretSync), request.reader()
	want := []source.FindQuery{{
		NamePrefix: "/prod/", NamePattern: ".*x", Tags: map[string]string{"team": "pay"}, Region: "eu-west-1",
		Identity: identity, Reader: reader, MaxAge: age, Routine: true, Known: []source.Version{VersionOf(&request.SecretSync.Status.Sources[1])}, Budget: set.budget,
	}, {NamePrefix: "/", Region: "eu-north-1", Identity: identity, Reader: reader, MaxAge: age, Routine: true, Budget: set.budget}}
	if diff := cmp.Diff(want, aws.searches, cmpopts.IgnoreFields(source.FindQuery{}, "Budget")); diff != "" {
		t.Errorf("it asks (-want +got):\n%s", diff)
	}
	if set.budget == nil || identity.RoleARN == "" || reader.Name == "" {
		t.Errorf("the test compares nothing: role %q, reader %q, a budget %v", identity.RoleARN, reader.Name, set.budget != nil)
	}
	for n, asked := range aws.searches {
		if asked.Budget != set.budget {
			t.Errorf("search %d has another budget than the reconcile", n)
		}
	}
}

// What is found is read as the SecretSync itself, is optional, and is of its entry unless the spec names it too.
func TestWhatIsFoundBecomesAnInput(t *testing.T) {
	request := requestFor(v1alpha1.SecretSyncSpec{
		Source: v1alpha1.SecretSource{SecretID: "arn:0", Region: "eu-north-1"}, Data: []v1alpha1.DataKey{{Key: "own"}},
		DataFrom: []v1alpha1.DataFrom{{Find: &v1alpha1.Find{NamePrefix: "n"}}}, Auth: v1alpha1.SourceAuth{RoleARN: "arn:aws:iam::111122223333:role/reader"},
	})
	set := NewSet(request)
	if err := resolverOf(finding(secrets(2), nil)).find(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	if len(set.Inputs) != 2 || len(set.Entries.DataFrom[0]) != 2 {
		t.Fatalf("%d inputs, %d of the entry", len(set.Inputs), len(set.Entries.DataFrom[0]))
	}
	named, found := set.Entries.DataFrom[0][0], set.Entries.DataFrom[0][1]
	want := source.Ref{SecretID: "arn:1", VersionStage: "AWSCURRENT", Region: "eu-north-1", Identity: identityOf(request.SecretSync), Reader: request.reader()}
	if diff := cmp.Diff(want, found.Ref); diff != "" {
		t.Errorf("what was found is read as (-want +got):\n%s", diff)
	}
	if !found.Optional || found.FoundBy == nil || *found.FoundBy != 0 || found.Name != "name-1" {
		t.Errorf("what was found is %+v", found)
	}
	if named != set.Inputs[0] || named.FoundBy != nil || named.Optional {
		t.Errorf("what the spec names too is read as %+v", named)
	}
}

func TestFindsThatAreRefused(t *testing.T) {
	denied := &source.Error{Kind: source.AccessDenied, Explanation: "no"}
	for name, test := range map[string]struct {
		found    int
		optional bool
		err      error
		kind     source.Kind
		mention  string
	}{
		"something":                      {1, false, nil, "", ""},
		"nothing":                        {0, false, nil, source.SecretNotFound, "spec.dataFrom[1].find matches no secret"},
		"nothing, for an optional entry": {0, true, nil, "", ""},
		"AWS refuses":                    {0, false, denied, source.AccessDenied, "no"},
		"AWS refuses an optional entry":  {0, true, denied, source.AccessDenied, "no"},
		"as many as may be":              {MaxInputs - 1, false, nil, "", ""},
		"too many":                       {MaxInputs, false, nil, source.Failed, "made of 257 secrets, and 256 are the most"},
	} {
		set := setOf(v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "db"},
			DataFrom: []v1alpha1.DataFrom{{Prefix: "OWN_"}, {Find: &v1alpha1.Find{NamePrefix: "n"}, Optional: test.optional}}})
		err := resolverOf(finding(secrets(test.found), test.err)).find(t.Context(), set)
		if source.KindOf(err) != test.kind || err != nil && !strings.Contains(err.Error(), test.mention) {
			t.Errorf("%s: %v", name, err)
		}
		if refused, ok := errors.AsType[*source.Error](err); ok && !strings.Contains(refused.Explanation, test.mention) {
			t.Errorf("%s: a user reads %q", name, refused.Explanation)
		}
	}
}
