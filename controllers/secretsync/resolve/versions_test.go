package resolve

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

func TestWhatMayBeMissing(t *testing.T) {
	entry := int32(0)
	named, optional, found := &Input{}, &Input{Optional: true}, &Input{Optional: true, FoundBy: &entry}
	for name, test := range map[string]struct {
		input  *Input
		kind   source.Kind
		synced bool
		want   bool
	}{
		"a version that is needed":                            {named, source.VersionNotFound, false, false},
		"a version that is optional":                          {optional, source.VersionNotFound, false, true},
		"a version that was there before, as labels come off": {optional, source.VersionNotFound, true, true},
		"a secret that is optional":                           {optional, source.SecretNotFound, false, true},
		"a secret that was synced before":                     {optional, source.SecretNotFound, true, false},
		"an optional secret that is pending deletion":         {optional, source.SecretPendingDeletion, false, false},
		"a denial": {optional, source.AccessDenied, false, false},
		"a secret that find has found, and is pending deletion": {found, source.SecretPendingDeletion, true, true},
		"a secret that find has found, and does not exist":      {found, source.SecretNotFound, true, true},
		"a secret that find has found, and that is denied":      {found, source.AccessDenied, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.input.mayLack(&source.Error{Kind: test.kind}, test.synced); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestTheErrorThatSaysMostIsReported(t *testing.T) {
	busy, denied := &source.Error{Kind: source.Busy}, &source.Error{Kind: source.AccessDenied}
	err := each(t.Context(), make([]*Input, 3), func(_ context.Context, n int, _ *Input) error {
		return []error{busy, denied, errors.New("later")}[n]
	})
	if !errors.Is(err, denied) {
		t.Errorf("got %v", err)
	}
}

func TestAnInputThatIsPutOffIsNotForgotten(t *testing.T) {
	busy := &source.Error{Kind: source.Busy}
	err := each(t.Context(), make([]*Input, 2), func(_ context.Context, n int, _ *Input) error { return []error{busy, nil}[n] })
	if !errors.Is(err, busy) {
		t.Errorf("got %v", err)
	}
}

// TestSomeInputsAreAskedForAtOnce, and the others wait.
func TestSomeInputsAreAskedForAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		answer, done := make(chan struct{}), make(chan error)
		go func() {
			done <- each(t.Context(), make([]*Input, 3*inputsAtOnce), func(context.Context, int, *Input) error {
				asked.Add(1)
				<-answer
				return nil
			})
		}()
		if synctest.Wait(); asked.Load() != inputsAtOnce {
			t.Errorf("%d are asked for at once", asked.Load())
		}
		close(answer)
		if err := <-done; err != nil || asked.Load() != 3*inputsAtOnce {
			t.Errorf("%d are asked for: %v", asked.Load(), err)
		}
	})
}

// TestHowOldAnAnswerOfTheSameReconcileMayBe: as old as the reconcile, within the bound for shared answers.
func TestHowOldAnAnswerOfTheSameReconcileMayBe(t *testing.T) {
	for name, test := range map[string]struct{ most, passed, want time.Duration }{
		"a new query":                            {time.Second, -1, time.Second},
		"a query of a reconcile that began now":  {0, 3 * time.Second, 3 * time.Second},
		"one that may take older answers anyway": {time.Minute, 3 * time.Second, time.Minute},
		"one of a reconcile that takes long":     {0, time.Hour, MaxSharedAge},
	} {
		aws := &fakeSource{resolve: func(int, source.VersionQuery) (source.Resolution, error) { return source.Resolution{}, nil }}
		set, since := setOf(keepingPrevious()), time.Time{}
		if test.passed >= 0 {
			since = noon.Add(-test.passed)
		}
		if err := resolverOf(aws).resolveSince(t.Context(), set, 0, set.Inputs, source.VersionQuery{MaxAge: test.most}, since); err != nil {
			t.Fatal(err)
		}
		if got := aws.queries[0].MaxAge; got != test.want {
			t.Errorf("%s takes an answer that is %s old, want %s", name, got, test.want)
		}
	}
}

// TestWhatIsMissingGoesByWhatTheSecretHas: what was synced is never taken away by a secret that does not exist, nor by an
// answer that may be out of date.
func TestWhatIsMissingGoesByWhatTheSecretHas(t *testing.T) {
	type found struct {
		Absent, Uncertain bool
		Version           string
		Kind              source.Kind
	}
	for name, test := range map[string]struct {
		synced   string
		kind     source.Kind
		outdated bool
		want     found
	}{
		"a secret that was not there before":                              {"", source.SecretNotFound, false, found{Absent: true}},
		"a secret that was":                                               {"v1", source.SecretNotFound, false, found{Kind: source.SecretNotFound}},
		"a version that was there":                                        {"v1", source.VersionNotFound, false, found{Absent: true}},
		"a version that was there, by an answer that may be out of date":  {"v1", source.VersionNotFound, true, found{Uncertain: true, Version: "v1"}},
		"a version that was not there, by an answer that may be outdated": {"", source.VersionNotFound, true, found{Absent: true}},
	} {
		t.Run(name, func(t *testing.T) {
			aws := &fakeSource{resolve: func(int, source.VersionQuery) (source.Resolution, error) {
				return source.Resolution{}, &source.Error{Kind: test.kind, Outdated: test.outdated}
			}}
			spec := v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{{Key: "a", Source: other("a", ""), Optional: true}}}
			set := setOf(spec, syncedAt("a", "AWSCURRENT", test.synced))
			err := resolverOf(aws).resolve(t.Context(), set, 0, set.Inputs, source.VersionQuery{})
			input := set.Inputs[0]
			got := found{input.Absent, input.Uncertain, input.Resolution.Version.ID, source.KindOf(err)}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestAnOutdatedAnswerIsTakenAsItIs: the version in the Secret stands in for what an outdated answer says is missing,
// for nothing else.
func TestAnOutdatedAnswerIsTakenAsItIs(t *testing.T) {
	outdated := resolution("a", "v1")
	outdated.Outdated = true
	for name, test := range map[string]struct {
		answer  source.Resolution
		err     error
		version string
		kind    source.Kind
	}{
		"a version":         {outdated, nil, "v1", ""},
		"a refusal":         {source.Resolution{}, &source.Error{Kind: source.AccessDenied, Outdated: true}, "", source.AccessDenied},
		"a missing secret":  {source.Resolution{}, &source.Error{Kind: source.SecretNotFound, Outdated: true}, "", source.SecretNotFound},
		"no answer at all":  {source.Resolution{}, &source.Error{Kind: source.Throttled}, "", source.Throttled},
		"an up-to-date one": {resolution("a", "v3"), nil, "v3", ""},
	} {
		input := &Input{Optional: true}
		err := input.resolved(test.answer, test.err, resolution("a", "v2").Version)
		if source.KindOf(err) != test.kind {
			t.Errorf("%s: %v", name, err)
		}
		if input.Resolution.Version.ID != test.version || input.Uncertain || input.Absent {
			t.Errorf("%s: version %q, uncertain %t, absent %t", name, input.Resolution.Version.ID, input.Uncertain, input.Absent)
		}
		if want := test.answer.Outdated || source.IsOutdated(test.err); input.Outdated != want {
			t.Errorf("%s: outdated %t", name, input.Outdated)
		}
	}
}
