package failure

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/render"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

func TestEveryRefusalHasAReasonAndARetry(t *testing.T) {
	all := map[source.Kind]struct {
		reason string
		class  Class
	}{
		source.SecretNotFound:         {v1alpha1.ReasonSecretNotFound, Terminal},
		source.VersionNotFound:        {v1alpha1.ReasonVersionNotFound, Terminal},
		source.SecretPendingDeletion:  {v1alpha1.ReasonSecretPendingDeletion, Terminal},
		source.AccessDenied:           {v1alpha1.ReasonAccessDenied, Terminal},
		source.KMSAccessDenied:        {v1alpha1.ReasonKMSAccessDenied, Terminal},
		source.DecryptionFailed:       {v1alpha1.ReasonDecryptionFailed, Terminal},
		source.AssumeRoleDenied:       {v1alpha1.ReasonAssumeRoleDenied, Terminal},
		source.PolicyDenied:           {v1alpha1.ReasonPolicyDenied, Terminal},
		source.Throttled:              {v1alpha1.ReasonThrottled, Transient},
		source.CredentialsUnavailable: {v1alpha1.ReasonCredentialsUnavailable, Transient},
		source.RegionUnavailable:      {v1alpha1.ReasonRegionUnavailable, Transient},
		source.FindTooBroad:           {v1alpha1.ReasonFindTooBroad, Terminal},
		source.Failed:                 {v1alpha1.ReasonSourceFailed, Terminal},
	}
	refusal := &source.Refusal{Code: "AccessDenied"}
	for kind, want := range all {
		got := Explain(fmt.Errorf("wrapped: %w", &source.Error{Kind: kind, Explanation: "because", RetryAfter: time.Minute, Refusal: refusal}))
		if diff := cmp.Diff(&Failure{Reason: want.reason, Message: "because", Class: want.class, RetryAfter: time.Minute, Refusal: refusal}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
	for _, kind := range source.Kinds() {
		if _, listed := all[kind]; !listed && kind != source.Busy { // Busy is never reported.
			t.Errorf("%s is missing in this test", kind)
		}
	}
}

// TestEveryReportedKindHasAReasonOfTheAPI: package source does not import the API, and names its reasons itself.
func TestEveryReportedKindHasAReasonOfTheAPI(t *testing.T) {
	reasons := declaredReasons(t)
	for _, kind := range source.Kinds() {
		switch reason := kind.Reason(); {
		case kind == source.Busy:
			if reason != "" {
				t.Errorf("%s, which is never reported, has the reason %q", kind, reason)
			}
		case !reasons[reason]:
			t.Errorf("%s has the reason %q, which api/v1alpha1 does not declare", kind, reason)
		}
	}
}

// declaredReasons are the values of the constants of api/v1alpha1 that begin with Reason.
func declaredReasons(t *testing.T) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../../api/v1alpha1/conditions.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]bool{}
	ast.Inspect(file, func(node ast.Node) bool {
		constant, ok := node.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(constant.Names[0].Name, "Reason") {
			return true
		}
		reason, err := strconv.Unquote(constant.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		reasons[reason] = true
		return true
	})
	if !reasons[v1alpha1.ReasonSynced] {
		t.Fatalf("the reasons of the API were not found: %v", reasons)
	}
	return reasons
}

func TestRefusalsOfTheOtherPackages(t *testing.T) {
	known := &Failure{Reason: v1alpha1.ReasonInvalidSpec, Message: "m", Class: Contested}
	mismatch := &resolve.Mismatch{SecretID: "db", Resolved: "v2", Read: "v1"}
	for name, test := range map[string]struct {
		err  error
		want *Failure
	}{
		"a value that can't be rendered": {&render.Error{Reason: v1alpha1.ReasonInvalidValue, Message: "m"}, &Failure{Reason: v1alpha1.ReasonInvalidValue, Message: "m", Class: Terminal}},
		"a Secret of another owner":      {&target.Error{Reason: v1alpha1.ReasonTargetConflict, Message: "m"}, &Failure{Reason: v1alpha1.ReasonTargetConflict, Message: "m", Class: Terminal}},
		"a write that may go through":    {&target.Error{Reason: v1alpha1.ReasonTargetFailed, Message: "m", Transient: true}, &Failure{Reason: v1alpha1.ReasonTargetFailed, Message: "m", Class: Transient}},
		"a namespace that is deleted":    {&target.Error{Reason: v1alpha1.ReasonTargetFailed, Terminating: true}, nil},
		"versions that do not agree":     {mismatch, &Failure{Reason: v1alpha1.ReasonSourceFailed, Message: mismatch.Error(), Class: Transient}},
		"a failure":                      {fmt.Errorf("wrapped: %w", known), known},
		"the end of the process":         {context.Canceled, nil},
		"anything else":                  {errors.New("x"), nil},
		"nothing":                        {nil, nil},
	} {
		if diff := cmp.Diff(test.want, Explain(test.err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestAFightNamesTheOtherWriter: it turns Ready false at once, and waits for as long as repairs are put off.
func TestAFightNamesTheOtherWriter(t *testing.T) {
	for who, managers := range map[string][]string{"another writer (no field manager recorded it) keeps": nil, "field manager argocd, kubectl-edit keeps": {"argocd", "kubectl-edit"}} {
		fight := Fight("db", managers, time.Minute)
		if !strings.HasPrefix(fight.Message, who) || !strings.Contains(fight.Message, `Secret "db"`) || !strings.Contains(fight.Message, "spec.target.name") {
			t.Errorf("%q", fight.Message)
		}
		if fight.Reason != v1alpha1.ReasonTargetConflict || fight.Class != Contested || fight.RetryAfter != time.Minute {
			t.Errorf("it is %+v", fight)
		}
	}
}

// TestWhatAFailureOfTheOperatorsOwnSays: its reason, whether an edit alone ends it, and what to do.
func TestWhatAFailureOfTheOperatorsOwnSays(t *testing.T) {
	for name, test := range map[string]struct {
		failure  *Failure
		reason   string
		class    Class
		mentions []string
	}{
		"a spec that is too large": {SpecTooLarge(300_000), v1alpha1.ReasonInvalidSpec, Terminal,
			[]string{"300000 bytes", strconv.Itoa(v1alpha1.SpecMostBytes) + " are the most", "shorten templates", "several SecretSyncs"}},
		"a spec that can't be read": {Unreadable("spec.pollInterval"), v1alpha1.ReasonInvalidSpec, Terminal,
			[]string{"spec.pollInterval", "correct the field", "upgrade the CRD"}},
		"a reconcile that takes too long": {DeadlineExceeded(2 * time.Minute), v1alpha1.ReasonSourceFailed, Transient,
			[]string{"within 2m0s", "it is tried again", "secretsync_aws_call_duration_seconds", "divide the SecretSync"}},
	} {
		if test.failure.Reason != test.reason || test.failure.Class != test.class {
			t.Errorf("%s: reason %s, class %d", name, test.failure.Reason, test.failure.Class)
		}
		for _, mention := range test.mentions {
			if !strings.Contains(test.failure.Message, mention) {
				t.Errorf("%s: %q does not mention %q", name, test.failure.Message, mention)
			}
		}
		if got, want := test.failure.Error(), test.reason+": "+test.failure.Message; got != want {
			t.Errorf("%s: as an error it is %q", name, got)
		}
	}
}

// TestOnlyAnEditEndsATerminalFailure, and no failure at all is none.
func TestOnlyAnEditEndsATerminalFailure(t *testing.T) {
	for name, test := range map[string]struct {
		failure *Failure
		want    bool
	}{
		"terminal":  {&Failure{Class: Terminal}, true},
		"transient": {&Failure{Class: Transient}, false},
		"contested": {&Failure{Class: Contested}, false},
		"none":      {nil, false},
	} {
		if got := test.failure.IsTerminal(); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
