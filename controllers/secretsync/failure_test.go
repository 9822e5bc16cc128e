package secretsync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/render"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

func TestEveryRefusalHasAReasonAndARetry(t *testing.T) {
	for kind, want := range map[source.Kind]struct {
		reason string
		heals  heals
	}{
		source.SecretNotFound:         {v1alpha1.ReasonSecretNotFound, byEdit},
		source.VersionNotFound:        {v1alpha1.ReasonVersionNotFound, byEdit},
		source.SecretPendingDeletion:  {v1alpha1.ReasonSecretPendingDeletion, byEdit},
		source.AccessDenied:           {v1alpha1.ReasonAccessDenied, byEdit},
		source.KMSAccessDenied:        {v1alpha1.ReasonKMSAccessDenied, byEdit},
		source.DecryptionFailed:       {v1alpha1.ReasonDecryptionFailed, byEdit},
		source.AssumeRoleDenied:       {v1alpha1.ReasonAssumeRoleDenied, byEdit},
		source.Throttled:              {v1alpha1.ReasonThrottled, byTime},
		source.CredentialsUnavailable: {v1alpha1.ReasonCredentialsUnavailable, byTime},
		source.RegionUnavailable:      {v1alpha1.ReasonRegionUnavailable, byTime},
		source.FindTooBroad:           {v1alpha1.ReasonFindTooBroad, byEdit},
		source.Failed:                 {v1alpha1.ReasonSourceFailed, byEdit},
	} {
		f := explain(fmt.Errorf("wrapped: %w", &source.Error{Kind: kind, Explanation: "because", RetryAfter: time.Minute}))
		if f == nil || f.reason != want.reason || f.heals != want.heals || f.message != "because" || f.retryAfter != time.Minute {
			t.Errorf("%s is explained as %+v", kind, f)
		}
	}
}

func TestRefusalsOfTheOtherRooms(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want *failure
	}{
		"a value that can't be rendered": {&render.Error{Reason: v1alpha1.ReasonInvalidValue, Message: "m"}, &failure{reason: v1alpha1.ReasonInvalidValue, message: "m", heals: byEdit}},
		"a Secret of somebody else":      {&target.Error{Reason: v1alpha1.ReasonTargetConflict, Message: "m"}, &failure{reason: v1alpha1.ReasonTargetConflict, message: "m", heals: byEdit}},
		"a write that may go through":    {&target.Error{Reason: v1alpha1.ReasonTargetFailed, Message: "m", Transient: true}, &failure{reason: v1alpha1.ReasonTargetFailed, message: "m", heals: byTime}},
		"a namespace that goes":          {&target.Error{Reason: v1alpha1.ReasonTargetFailed, Terminating: true}, nil},
		"the end of the process":         {context.Canceled, nil},
		"anything else":                  {errors.New("x"), nil},
		"nothing":                        {nil, nil},
	} {
		got := explain(test.err)
		if (got == nil) != (test.want == nil) || got != nil && *got != *test.want {
			t.Errorf("%s is explained as %+v, want %+v", name, got, test.want)
		}
	}
}

// Busy says nothing about the SecretSync: it is put off and not reported, and not all at once later.
func TestBusyIsPutOff(t *testing.T) {
	later := map[time.Duration]bool{}
	for range 20 {
		got := putOff(&source.Error{Kind: source.Busy, RetryAfter: 10 * time.Second})
		if got < 10*time.Second || got > 20*time.Second {
			t.Fatalf("put off by %s", got)
		}
		later[got] = true
	}
	if len(later) < 10 {
		t.Error("all come back at the same time")
	}
	for _, err := range []error{nil, errors.New("x"), &source.Error{Kind: source.Throttled, RetryAfter: time.Second}} {
		if got := putOff(err); got != 0 {
			t.Errorf("%v is put off by %s", err, got)
		}
	}
}

// What a client library said helps who looks for a fault; it is a detail, and no place for credentials.
func TestTheCauseOfAFailedReadIsLoggedAsADetailWithoutCredentials(t *testing.T) {
	for level, want := range map[int]bool{0: false, 1: true} {
		var said strings.Builder
		log := funcr.New(func(_, line string) { said.WriteString(line) }, funcr.Options{Verbosity: level})
		w := newWorld(t, fresh())
		w.aws.refusal = &source.Error{Kind: source.RegionUnavailable, Explanation: "away",
			Cause: errors.New(`Post "https://sts.example.com": proxyconnect tcp: dial http://user:hunter2-marker@proxy:3128: Bearer hunter2-marker`)}
		if _, err := w.Reconcile(logr.NewContext(t.Context(), log), reconcile.Request{NamespacedName: here}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(said.String(), "proxyconnect tcp"); got != want || strings.Contains(said.String(), "hunter2-marker") {
			t.Errorf("at level %d the log has %s", level, said.String())
		}
	}
}

// Each look of a find that is too broad costs many calls, and a short interval is no wish for them.
func TestAFindThatIsTooBroadIsLookedAtEveryTenMinutesAtMost(t *testing.T) {
	f := explain(&source.Error{Kind: source.FindTooBroad, Explanation: "too many", RetryAfter: 10 * time.Minute})
	for failures := range 5 {
		if wait := afterFailure(f, failures+1, 5*time.Second); wait < 10*time.Minute || f.heals != byEdit {
			t.Errorf("after %d failures it is looked at again in %s", failures+1, wait)
		}
	}
}

// TestAFightNamesTheOtherWriter: turns Ready false at once, and waits for as long as repairs are put off.
func TestAFightNamesTheOtherWriter(t *testing.T) {
	for who, intruders := range map[string][]string{"somebody (no field manager recorded it) keeps": nil, "field manager argocd, kubectl-edit keeps": {"argocd", "kubectl-edit"}} {
		f := contested("db", intruders, time.Minute)
		if !strings.HasPrefix(f.message, who) || !strings.Contains(f.message, `Secret "db"`) || !strings.Contains(f.message, "spec.target.name") {
			t.Errorf("%q", f.message)
		}
		if f.reason != v1alpha1.ReasonTargetConflict || f.heals != byTruce || f.retryAfter != time.Minute {
			t.Errorf("it is %+v", f)
		}
	}
}
