package secretsync

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// scripted is a source that answers as its functions say, and notes what it is asked.
type scripted struct {
	mutex sync.Mutex
	// observe answers the look at a ref that is the n-th of its secret and label, counted from zero.
	observe func(n int, query source.VersionQuery) (source.Resolution, error)
	// fetch does so for reads; nil gives the version that was observed.
	fetch     func(n int, ref source.Ref, observed source.Version) (source.Fetched, error)
	unfound   error
	questions []source.VersionQuery
	fetches   []source.Ref
}

func (s *scripted) Resolve(_ context.Context, query source.VersionQuery) (source.Resolution, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	n := 0
	for _, before := range s.questions {
		if before.Ref == query.Ref {
			n++
		}
	}
	s.questions = append(s.questions, query)
	return s.observe(n, query)
}

func (s *scripted) Fetch(_ context.Context, ref source.Ref, observed source.Version) (source.Fetched, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	n := 0
	for _, before := range s.fetches {
		if before == ref {
			n++
		}
	}
	s.fetches = append(s.fetches, ref)
	if s.fetch != nil {
		return s.fetch(n, ref, observed)
	}
	return source.Fetched{Version: observed, Value: source.TextValue(observed.ID)}, nil
}

func (s *scripted) Find(context.Context, source.FindQuery) ([]source.Found, error) {
	return nil, s.unfound
}

// seen is an observation of a version of a secret.
func seen(secretID, version string) source.Resolution {
	return source.Resolution{Version: source.Version{ARN: "arn:" + secretID, ID: version}}
}

func syncedAt(secretID, stage, version string) v1alpha1.SourceStatus {
	return v1alpha1.SourceStatus{SecretID: secretID, VersionStage: stage, ARN: "arn:" + secretID, VersionID: version}
}

// passWith is a pass over a spec, with that source, of what has those versions.
func passWith(t *testing.T, aws source.Source, spec v1alpha1.SecretSyncSpec, synced ...v1alpha1.SourceStatus) (*desk, *pass) {
	t.Helper()
	d := newDesk(t)
	d.Source = aws
	p := passOver(d.Controller, spec)
	p.before.Status.Sources = synced
	return d, p
}

func twoSecrets() v1alpha1.SecretSyncSpec {
	return v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{{Key: "a", Source: other("a", "")}, {Key: "b", Source: other("b", "")}}}
}

func keepingPrevious() v1alpha1.SecretSyncSpec {
	return v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "db"}, KeepPrevious: &v1alpha1.KeepPrevious{For: metav1.Duration{Duration: time.Hour}}}
}

// TestWhatAWSRefusesEndsThePass, at whatever point, and nothing is made of the rest.
func TestWhatAWSRefusesEndsThePass(t *testing.T) {
	denied := &source.Error{Kind: source.AccessDenied, Explanation: "denied"}
	refusing := func(secretID, stage string, at int) *scripted {
		return &scripted{observe: func(n int, query source.VersionQuery) (source.Resolution, error) {
			answer := seen(query.SecretID, "v2")
			if query.VersionStage == stagePrevious {
				answer = seen(query.SecretID, "v1")
			}
			if query.SecretID == secretID && query.VersionStage == stage && n == at {
				return answer, denied // A version with an error is none.
			}
			return answer, nil
		}}
	}
	unread := refusing("", "", 0)
	unread.fetch = func(int, source.Ref, source.Version) (source.Fetched, error) { return source.Fetched{}, denied }
	unfound := refusing("", "", 0)
	unfound.unfound = denied
	finding := twoSecrets()
	finding.DataFrom = []v1alpha1.DataFrom{{Find: &v1alpha1.Find{NamePrefix: "x"}, Optional: true}}
	for name, test := range map[string]struct {
		aws          *scripted
		spec         v1alpha1.SecretSyncSpec
		reads, looks int
	}{
		"to find secrets":                    {unfound, finding, 0, 0},
		"the version of one":                 {refusing("b", "AWSCURRENT", 0), twoSecrets(), 0, 2},
		"the value of one":                   {unread, twoSecrets(), 2, 2},
		"the version of one after the reads": {refusing("b", "AWSCURRENT", 1), twoSecrets(), 2, 4},
		"the former version":                 {refusing("db", stagePrevious, 0), keepingPrevious(), 0, 2},
		"the former version after the reads": {refusing("db", stagePrevious, 1), keepingPrevious(), 2, 4},
	} {
		t.Run(name, func(t *testing.T) {
			d, p := passWith(t, test.aws, test.spec, syncedAt("db", "AWSCURRENT", "v1"))
			p.memory.unsettled = 5
			if err := read(d.Controller, p); source.KindOf(err) != source.AccessDenied || p.data != nil {
				t.Errorf("%d keys, %v", len(p.data), err)
			}
			if reads, looks := len(test.aws.fetches), len(test.aws.questions); reads != test.reads || looks != test.looks {
				t.Errorf("%d reads and %d looks, want %d and %d", reads, looks, test.reads, test.looks)
			}
			if p.memory.unsettled != 5 {
				t.Error("a pass that has settled nothing counts as settled")
			}
		})
	}
}

// TestNothingIsReadWhileAVersionIsInDoubt: the pass is put off, for some seconds at most.
func TestNothingIsReadWhileAVersionIsInDoubt(t *testing.T) {
	aws := &scripted{observe: func(_ int, query source.VersionQuery) (source.Resolution, error) {
		return source.Resolution{Version: query.Synced, Uncertain: true}, nil
	}}
	d, p := passWith(t, aws, keepingPrevious(), syncedAt("db", "AWSCURRENT", "v1"))
	p.memory.unsettled = 10
	err := d.observe(t.Context(), p)
	busy, ok := errors.AsType[*source.Error](err)
	if !ok || busy.Kind != source.Busy || busy.RetryAfter != holdMost || p.memory.unsettled != 11 {
		t.Errorf("after %d passes: %v", p.memory.unsettled, err)
	}
}

// TestAPollThatFindsNothingNewEndsThere, and what was unsettled before is over.
func TestAPollThatFindsNothingNewEndsThere(t *testing.T) {
	aws := &scripted{observe: func(_ int, query source.VersionQuery) (source.Resolution, error) {
		return seen(query.SecretID, "v1"), nil
	}}
	d, p := passWith(t, aws, keepingPrevious(), syncedAt("db", "AWSCURRENT", "v1"))
	p.sync.Status.Secret, p.trigger, p.memory.unsettled = &v1alpha1.SecretStatus{Generation: 1}, triggerPoll, 5
	if err := d.observe(t.Context(), p); err != nil || !p.done || p.memory.unsettled != 0 {
		t.Errorf("done %v, unsettled %d, %v", p.done, p.memory.unsettled, err)
	}
}

// TestAPreviewIsNotMadeTwice: in mode Observe values are read again where there is something new to say.
func TestAPreviewIsNotMadeTwice(t *testing.T) {
	for name, lost := range map[string]bool{"of the Secret as it was": false, "while the Secret can't be read": true} {
		t.Run(name, func(t *testing.T) {
			secretSync := fresh()
			secretSync.Spec.Mode = v1alpha1.SyncModeObserve
			w := newWorld(t, secretSync)
			w.settle(t)
			if lost {
				w.liveThrough(silent())
			}
			w.due(t, "version-1")
			w.turn(t)
			if w.aws.fetched != 1 {
				t.Errorf("the value is read %d times", w.aws.fetched)
			}
			if (troubleOf(w.now(t)) != "") != lost {
				t.Errorf("status tells of %q", troubleOf(w.now(t)))
			}
		})
	}
}

// TestOnlyThePollOfWhatIsInSyncIsRoutine: the others are waited for.
func TestOnlyThePollOfWhatIsInSyncIsRoutine(t *testing.T) {
	for name, test := range map[string]struct {
		trigger trigger
		written int64
		want    bool
	}{
		"a poll":                          {triggerPoll, 1, true},
		"a poll of what an edit wants":    {triggerPoll, 0, false},
		"a repair":                        {triggerDrift, 1, false},
		"what a change event has set off": {triggerEvent, 1, false},
	} {
		d, p := passWith(t, nil, twoSecrets())
		p.trigger, p.sync.Status.Secret = test.trigger, &v1alpha1.SecretStatus{Generation: test.written}
		if got := d.question(p).Routine; got != test.want {
			t.Errorf("%s is routine: %v", name, got)
		}
	}
}

// TestHowOldAnAnswerOfTheSamePassMayBe: as old as the pass, within the bound for news.
func TestHowOldAnAnswerOfTheSamePassMayBe(t *testing.T) {
	for name, test := range map[string]struct{ most, passed, want time.Duration }{
		"a new look":                             {time.Second, -1, time.Second},
		"a look of a pass that began just now":   {0, 3 * time.Second, 3 * time.Second},
		"one that may take older answers anyway": {time.Minute, 3 * time.Second, time.Minute},
		"one of a pass that takes long":          {0, time.Hour, sharedNews},
	} {
		aws := &scripted{observe: func(int, source.VersionQuery) (source.Resolution, error) { return source.Resolution{}, nil }}
		d, p := passWith(t, aws, keepingPrevious())
		since := time.Time{}
		if test.passed >= 0 {
			since = noon.Add(-test.passed)
		}
		if err := d.lookSince(t.Context(), p, 0, p.inputs, source.VersionQuery{MaxAge: test.most}, since); err != nil {
			t.Fatal(err)
		}
		if got := aws.questions[0].MaxAge; got != test.want {
			t.Errorf("%s takes an answer that is %s old, want %s", name, got, test.want)
		}
	}
}

// TestWhatIsMissingGoesByWhatTheSecretHas: what was synced is never taken away by a secret that is gone, nor by an answer
// that may be out of date.
func TestWhatIsMissingGoesByWhatTheSecretHas(t *testing.T) {
	type found struct {
		Absent, Held bool
		Version      string
		Kind         source.Kind
	}
	for name, test := range map[string]struct {
		synced string
		kind   source.Kind
		behind bool
		want   found
	}{
		"a secret that was not there before":                       {"", source.SecretNotFound, false, found{Absent: true}},
		"one that was":                                             {"v1", source.SecretNotFound, false, found{Kind: source.SecretNotFound}},
		"a version that was there":                                 {"v1", source.VersionNotFound, false, found{Absent: true}},
		"one that was there, by an answer that may be out of date": {"v1", source.VersionNotFound, true, found{Held: true, Version: "v1"}},
		"one that was not, by an answer that may be out of date":   {"", source.VersionNotFound, true, found{Absent: true}},
	} {
		t.Run(name, func(t *testing.T) {
			aws := &scripted{observe: func(int, source.VersionQuery) (source.Resolution, error) {
				return source.Resolution{}, &source.Error{Kind: test.kind, Outdated: test.behind}
			}}
			spec := v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{{Key: "a", Source: other("a", ""), Optional: true}}}
			d, p := passWith(t, aws, spec, syncedAt("a", "AWSCURRENT", test.synced))
			err := d.look(t.Context(), p, 0, p.inputs, source.VersionQuery{})
			one := p.inputs[0]
			got := found{one.absent, one.held, one.observation.Version.ID, source.KindOf(err)}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestSomeInputsAreAskedForAtOnce, and the others wait.
func TestSomeInputsAreAskedForAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		answer, done := make(chan struct{}), make(chan error)
		go func() {
			done <- each(t.Context(), make([]*input, 3*inputsAtOnce), func(context.Context, int, *input) error {
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

func TestAnInputThatIsPutOffIsNotForgotten(t *testing.T) {
	busy := &source.Error{Kind: source.Busy}
	err := each(t.Context(), make([]*input, 2), func(_ context.Context, n int, _ *input) error { return []error{busy, nil}[n] })
	if !errors.Is(err, busy) {
		t.Errorf("got %v", err)
	}
}

func TestWhenTheSecretHasWhatAWSHas(t *testing.T) {
	was := []v1alpha1.SourceStatus{syncedAt("a", "AWSCURRENT", "v1"), syncedAt("b", "AWSCURRENT", "v2")}
	for name, test := range map[string]struct {
		change func(p *pass)
		want   bool
	}{
		"all is as it was":               {func(*pass) {}, true},
		"another version":                {func(p *pass) { p.inputs[1].observation.Version.ID = "v3" }, false},
		"another secret of the name":     {func(p *pass) { p.inputs[1].observation.Version.ARN = "arn:b-2" }, false},
		"one more than there are now":    {func(p *pass) { p.inputs = p.inputs[:1] }, false},
		"former values that are to go":   {func(p *pass) { p.sync.Status.PreviousUntil = &metav1.Time{Time: noon} }, false},
		"former values that are to come": {func(p *pass) { p.until = noon }, false},
		"an edit of the spec":            {func(p *pass) { p.sync.Generation = 2 }, false},
		"an edit of the Secret":          {func(p *pass) { p.trigger = triggerDrift }, false},
		"a restore of etcd":              {func(p *pass) { p.trigger = triggerRestore }, false},
	} {
		d, p := passWith(t, nil, twoSecrets(), was...)
		p.sync.Status.Secret, p.trigger = &v1alpha1.SecretStatus{Generation: 1}, triggerPoll
		p.inputs[0].observation, p.inputs[1].observation = seen("a", "v1"), seen("b", "v2")
		test.change(p)
		if got := d.inSync(p); got != test.want {
			t.Errorf("%s: in sync %v", name, got)
		}
	}
}

// TestAValueThatWasObservedIsNotReadAgain: where reading it is all that AWS allows.
func TestAValueThatWasObservedIsNotReadAgain(t *testing.T) {
	aws := &scripted{observe: func(int, source.VersionQuery) (source.Resolution, error) {
		resolution := seen("db", "v1")
		resolution.Value = new(source.TextValue("observed"))
		return resolution, nil
	}}
	d, p := passWith(t, aws, keepingPrevious())
	if err := read(d.Controller, p); err != nil || len(aws.fetches) != 0 || rendered(p)["value"] != "observed" {
		t.Errorf("%d reads, %d keys, %v", len(aws.fetches), len(p.data), err)
	}
}

// TestAValueThatAWSDoesNotHave may come yet where a label is followed, and does not where a version is pinned.
func TestAValueThatAWSDoesNotHave(t *testing.T) {
	for name, test := range map[string]struct {
		pinned string
		moves  bool
		want   source.Kind
	}{
		"of a label":                          {"", false, source.Busy},
		"of a label that has moved meanwhile": {"", true, ""},
		"of a pinned version":                 {"v1", false, source.VersionNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			aws := &scripted{
				observe: func(n int, _ source.VersionQuery) (source.Resolution, error) {
					if n > 0 && test.moves {
						return seen("db", "v2"), nil
					}
					return seen("db", "v1"), nil
				},
				fetch: func(_ int, _ source.Ref, observed source.Version) (source.Fetched, error) {
					if observed.ID == "v1" {
						return source.Fetched{}, &source.Error{Kind: source.VersionNotFound}
					}
					return source.Fetched{Version: observed, Value: source.TextValue(observed.ID)}, nil
				},
			}
			spec := keepingPrevious()
			spec.Source.VersionID = test.pinned
			d, p := passWith(t, aws, spec)
			if err := read(d.Controller, p); source.KindOf(err) != test.want || (err == nil) != (rendered(p)["value"] == "v2") {
				t.Errorf("%d keys, %v", len(p.data), err)
			}
		})
	}
}

// TestLabelsThatNeverRestAreReadSomeTimes, and then later.
func TestLabelsThatNeverRestAreReadSomeTimes(t *testing.T) {
	aws := &scripted{
		observe: func(n int, _ source.VersionQuery) (source.Resolution, error) {
			return seen("db", string(rune('a'+n))), nil
		},
		fetch: func(n int, _ source.Ref, _ source.Version) (source.Fetched, error) {
			return source.Fetched{Version: seen("db", string(rune('A'+n))).Version}, nil
		},
	}
	d, p := passWith(t, aws, keepingPrevious())
	if err := read(d.Controller, p); source.KindOf(err) != source.Busy || len(aws.fetches) != settleRounds {
		t.Errorf("%d reads, %v", len(aws.fetches), err)
	}
}

// TestAllIsReadAgainWhereOneHasMoved between the looks before and after: the other may have been another then.
func TestAllIsReadAgainWhereOneHasMoved(t *testing.T) {
	for name, test := range map[string]struct {
		first source.Version
		reads int
	}{
		"none":               {source.Version{ARN: "arn:a", ID: "v2"}, 2},
		"to another version": {source.Version{ARN: "arn:a", ID: "v1"}, 4},
		"to another secret":  {source.Version{ARN: "arn:of before", ID: "v2"}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			aws := &scripted{
				observe: func(n int, query source.VersionQuery) (source.Resolution, error) {
					if query.SecretID == "a" && n == 0 {
						return source.Resolution{Version: test.first}, nil
					}
					return seen(query.SecretID, "v2"), nil
				},
				fetch: func(_ int, ref source.Ref, _ source.Version) (source.Fetched, error) {
					return source.Fetched{Version: seen(ref.SecretID, "v2").Version, Value: source.TextValue("v2")}, nil
				},
			}
			d, p := passWith(t, aws, twoSecrets())
			if err := read(d.Controller, p); err != nil || len(aws.fetches) != test.reads {
				t.Errorf("%d reads, %v", len(aws.fetches), err)
			}
		})
	}
}

// TestAPassThatHasTooMuchInHandAsksForNoMore, and what it reads again takes the place of what it had.
func TestAPassThatHasTooMuchInHandAsksForNoMore(t *testing.T) {
	aws := &scripted{observe: func(int, source.VersionQuery) (source.Resolution, error) {
		resolution := seen("db", "v1")
		resolution.Value = new(source.TextValue("observed"))
		return resolution, nil
	}}
	d, p := passWith(t, aws, keepingPrevious())
	one, once := p.inputs[0], int64(0)
	for n := range 3 {
		if err := errors.Join(d.look(t.Context(), p, 0, p.inputs, source.VersionQuery{}), d.read(t.Context(), p, one)); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			once = p.hand.Load()
		}
	}
	if bytes := p.hand.Load(); bytes != once {
		t.Errorf("the value counts with %d bytes, and read again with %d", once, bytes)
	}
	one.absent = true
	if err := d.read(t.Context(), p, one); err != nil || p.hand.Load() != 0 {
		t.Errorf("of what is gone %d bytes are in hand, %v", p.hand.Load(), err)
	}
	one.absent, one.observation.Value = false, nil
	p.hand.Store(2 * handMost)
	asked := len(aws.questions)
	looked, had := d.look(t.Context(), p, 0, p.inputs, source.VersionQuery{}), d.read(t.Context(), p, one)
	if !errors.Is(looked, errLarge) || !errors.Is(had, errLarge) || len(aws.questions) > asked || len(aws.fetches) > 0 {
		t.Errorf("it asks on: %v, %v", looked, had)
	}
}
