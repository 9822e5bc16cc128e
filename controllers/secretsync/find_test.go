package secretsync

import (
	"context"
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

// finding is an AWS that finds what a test has it find, and notes what it is asked.
type finding struct {
	source.Source
	found []source.Found
	err   error
	asked []source.FindQuery
}

func (l *finding) Find(_ context.Context, asked source.FindQuery) ([]source.Found, error) {
	l.asked = append(l.asked, asked)
	return l.found, l.err
}

// secrets are so many that are found.
func secrets(count int) (found []source.Found) {
	for n := range count {
		found = append(found, source.Found{ARN: fmt.Sprint("arn:", n), Name: fmt.Sprint("name-", n), Region: "eu-north-1"})
	}
	return found
}

func TestWhatFindAsks(t *testing.T) {
	zero, one := int32(0), int32(1)
	aws := &finding{found: secrets(1)}
	c := New(Options{Source: aws, PollInterval: time.Hour})
	spec := v1alpha1.SecretSyncSpec{
		Source: v1alpha1.SecretSource{SecretID: "db", Region: "eu-west-1"},
		Auth:   v1alpha1.SourceAuth{RoleARN: "arn:aws:iam::111122223333:role/reader"},
		DataFrom: []v1alpha1.DataFrom{
			{Find: &v1alpha1.Find{NamePrefix: "/prod/", NamePattern: ".*x", Tags: map[string]string{"team": "pay"}}},
			{Prefix: "OWN_"},
			{Find: &v1alpha1.Find{NamePrefix: "/", Region: "eu-north-1"}},
		},
	}
	p := passOver(c, spec)
	p.trigger = triggerPoll
	p.before.Status.Sources = []v1alpha1.SourceStatus{
		{ARN: "arn:own"}, {ARN: "arn:found", FoundBy: &zero, VersionID: "v1"}, {ARN: "arn:other", FoundBy: &one}, {FoundBy: &zero},
	}
	if err := c.find(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	age := c.maxAge(p)
	want := []source.FindQuery{{
		NamePrefix: "/prod/", NamePattern: ".*x", Tags: map[string]string{"team": "pay"}, Region: "eu-west-1",
		Identity: p.identity, Reader: p.reader(), MaxAge: age, Known: []source.Version{versionIn(&p.before.Status.Sources[1])}, Budget: p.budget,
	}, {NamePrefix: "/", Region: "eu-north-1", Identity: p.identity, Reader: p.reader(), MaxAge: age, Budget: p.budget}}
	if diff := cmp.Diff(want, aws.asked, cmpopts.IgnoreFields(source.FindQuery{}, "Budget")); diff != "" {
		t.Errorf("it asks (-want +got):\n%s", diff)
	}
	if age == 0 || p.budget == nil || p.identity.RoleARN == "" || p.reader().Name == "" {
		t.Error("the test compares nothing")
	}
	for n, asked := range aws.asked {
		if asked.Budget != p.budget {
			t.Errorf("question %d has another budget than the pass", n)
		}
	}
}

// What is found is read as the SecretSync itself, may go, and is of its entry unless the spec names it too.
func TestWhatIsFoundBecomesAnInput(t *testing.T) {
	aws := &finding{found: secrets(2)}
	c := New(Options{Source: aws})
	spec := v1alpha1.SecretSyncSpec{
		Source: v1alpha1.SecretSource{SecretID: "arn:0", Region: "eu-north-1"}, Data: []v1alpha1.DataKey{{Key: "own"}},
		DataFrom: []v1alpha1.DataFrom{{Find: &v1alpha1.Find{NamePrefix: "n"}}}, Auth: v1alpha1.SourceAuth{RoleARN: "arn:aws:iam::111122223333:role/reader"},
	}
	p := passOver(c, spec)
	if err := c.find(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if len(p.inputs) != 2 || len(p.entries.dataFrom[0]) != 2 {
		t.Fatalf("%d inputs, %d of the entry", len(p.inputs), len(p.entries.dataFrom[0]))
	}
	named, found := p.entries.dataFrom[0][0], p.entries.dataFrom[0][1]
	want := source.Ref{SecretID: "arn:1", VersionStage: "AWSCURRENT", Region: "eu-north-1", Identity: p.identity, Reader: p.reader()}
	if diff := cmp.Diff(want, found.ref); diff != "" || !found.optional || found.foundBy == nil || *found.foundBy != 0 || found.name != "name-1" {
		t.Errorf("what was found is read as %+v:\n%s", found, diff)
	}
	if named != p.inputs[0] || named.foundBy != nil || named.optional {
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
		"something":             {1, false, nil, "", ""},
		"nothing":               {0, false, nil, source.SecretNotFound, "spec.dataFrom[1].find matches no secret"},
		"nothing, which may be": {0, true, nil, "", ""},
		"AWS refuses":           {0, false, denied, source.AccessDenied, "no"},
		"AWS refuses an option": {0, true, denied, source.AccessDenied, "no"},
		"as many as may be":     {inputsMost - 1, false, nil, "", ""},
		"too many":              {inputsMost, false, nil, source.Failed, "made of 257 secrets, and 256 are the most"},
	} {
		c := New(Options{Source: &finding{found: secrets(test.found), err: test.err}})
		p := passOver(c, v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "db"},
			DataFrom: []v1alpha1.DataFrom{{Prefix: "OWN_"}, {Find: &v1alpha1.Find{NamePrefix: "n"}, Optional: test.optional}}})
		err := c.find(t.Context(), p)
		if source.KindOf(err) != test.kind || err != nil && !strings.Contains(err.Error(), test.mention) {
			t.Errorf("%s: %v", name, err)
		}
		if refused, ok := errors.AsType[*source.Error](err); ok && !strings.Contains(refused.Explanation, test.mention) {
			t.Errorf("%s: a user reads %q", name, refused.Explanation)
		}
	}
}
