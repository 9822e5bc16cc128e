package sharing

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
)

// counting counts calls and answers with their number, after a while.
type counting struct {
	mutex sync.Mutex
	calls int
	takes time.Duration
	err   error
}

func (a *counting) call(ctx context.Context) (string, error) {
	a.mutex.Lock()
	a.calls++
	answer, err := "answer "+strconv.Itoa(a.calls), a.err
	a.mutex.Unlock()
	select {
	case <-time.After(a.takes):
		return answer, err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func oneEach(string, string) int { return 1 }

// together has many ask at once, and gives their answers.
func together(t *testing.T, n int, ask func() (string, error)) map[string]int {
	t.Helper()
	var group sync.WaitGroup
	var mutex sync.Mutex
	answers := map[string]int{}
	for range n {
		group.Go(func() {
			answer, err := ask()
			if err != nil {
				answer = err.Error()
			}
			mutex.Lock()
			defer mutex.Unlock()
			answers[answer]++
		})
	}
	group.Wait()
	return answers
}

func TestThoseWhoAskAtOnceShareACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &counting{takes: time.Second}
		s := New(time.Now, time.Minute, 10, oneEach)
		answers := together(t, 100, func() (string, error) { return s.Ask(t.Context(), "db", time.Minute, a.call) })
		if a.calls != 1 || answers["answer 1"] != 100 {
			t.Errorf("%d calls, answers %v", a.calls, answers)
		}
	})
}

// A refresh that a person asked for after a change in AWS must not get an answer from before it.
func TestAnAnswerIsNeverOlderThanAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &counting{takes: time.Second}
		s := New(time.Now, time.Minute, 10, oneEach)
		go func() { _, _ = s.Ask(t.Context(), "db", time.Minute, a.call) }()
		time.Sleep(500 * time.Millisecond)
		answers := together(t, 100, func() (string, error) { return s.Ask(t.Context(), "db", 0, a.call) })
		if a.calls != 2 || answers["answer 2"] != 100 {
			t.Errorf("%d calls, answers %v: want all to share the call after the one under way", a.calls, answers)
		}
		time.Sleep(9 * time.Second)
		if answer, _ := s.Ask(t.Context(), "db", 20*time.Second, a.call); answer != "answer 2" {
			t.Errorf("an answer of ten seconds ago was asked for again: %s", answer)
		}
		if answer, _ := s.Ask(t.Context(), "db", 5*time.Second, a.call); answer != "answer 3" {
			t.Errorf("an answer of ten seconds ago was taken for younger than five: %s", answer)
		}
	})
}

func TestErrorsAreSharedAndNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &counting{takes: time.Second, err: errors.New("refused")}
		s := New(time.Now, time.Minute, 10, oneEach)
		answers := together(t, 10, func() (string, error) { return s.Ask(t.Context(), "db", time.Minute, a.call) })
		if a.calls != 1 || answers["refused"] != 10 {
			t.Errorf("%d calls, answers %v", a.calls, answers)
		}
		a.err = nil
		if answer, err := s.Ask(t.Context(), "db", time.Minute, a.call); err != nil || answer != "answer 2" {
			t.Errorf("after the error: %s, %v", answer, err)
		}
	})
}

// A secret that is gone must not come back by an answer from before, which a caller with a long maxAge would take.
func TestARefusalEndsTheAnswerOfBefore(t *testing.T) {
	for err, want := range map[error]int{
		&source.Error{Kind: source.SecretNotFound}: 3, &source.Error{Kind: source.AccessDenied}: 3, &source.Error{Kind: source.Throttled}: 2,
	} {
		synctest.Test(t, func(t *testing.T) {
			a := &counting{}
			s := New(time.Now, time.Minute, 10, oneEach)
			_, _ = s.Ask(t.Context(), "db", 0, a.call)
			a.err = err
			_, _ = s.Ask(t.Context(), "db", 0, a.call)
			a.err = nil
			if _, failed := s.Ask(t.Context(), "db", time.Hour, a.call); failed != nil || a.calls != want {
				t.Errorf("after %v there were %d calls, want %d; error %v", err, a.calls, want, failed)
			}
		})
	}
}

func TestWhoGivesUpLeavesTheCallToAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &counting{takes: time.Second}
		s := New(time.Now, time.Minute, 10, oneEach)
		impatient, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		gaveUp := make(chan error)
		go func() {
			_, err := s.Ask(impatient, "db", time.Minute, a.call)
			gaveUp <- err
		}()
		time.Sleep(50 * time.Millisecond)
		answers := together(t, 10, func() (string, error) { return s.Ask(t.Context(), "db", time.Minute, a.call) })
		if answers["answer 2"] != 10 {
			t.Errorf("the patient ones got %v", answers)
		}
		if err := <-gaveUp; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the impatient one got %v", err)
		}
	})
}

// A call that waits for the one under way is taken over by another caller too once its maker gives up.
func TestWhoGivesUpBeforeTheCallBeganLeavesItToAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &counting{takes: time.Second}
		s := New(time.Now, time.Minute, 10, oneEach)
		go func() { _, _ = s.Ask(t.Context(), "db", time.Minute, a.call) }()
		time.Sleep(100 * time.Millisecond)
		impatient, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		go func() { _, _ = s.Ask(impatient, "db", 0, a.call) }()
		time.Sleep(50 * time.Millisecond)
		answers := together(t, 10, func() (string, error) { return s.Ask(t.Context(), "db", 0, a.call) })
		if len(answers) != 1 || answers["answer 1"] != 0 || len(s.flights) != 0 {
			t.Errorf("answers %v, %d calls, %d flights left", answers, a.calls, len(s.flights))
		}
	})
}

func TestACallThatPanicsIsNotWaitedForForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(time.Now, time.Minute, 10, oneEach)
		go func() {
			defer func() { _ = recover() }()
			_, _ = s.Ask(t.Context(), "db", time.Minute, func(context.Context) (string, error) {
				time.Sleep(time.Second)
				panic("a bug")
			})
		}()
		time.Sleep(100 * time.Millisecond)
		if _, err := s.Ask(t.Context(), "db", time.Minute, nil); !errors.Is(err, errUnanswered) {
			t.Errorf("who waited got %v", err)
		}
	})
}

func TestAnswersAreBoundedAndGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &counting{}
		s := New(time.Now, time.Minute, 10, func(key, _ string) int { return len(key) })
		ask := func(key string) { _, _ = s.Ask(t.Context(), key, time.Minute, a.call) }
		ask("aaaa")
		ask("bbbb")
		ask("aaaa")
		if a.calls != 2 {
			t.Errorf("%d calls for two keys that fit", a.calls)
		}
		ask("cccc")
		ask("far too long to be kept")
		s.mutex.Lock()
		if len(s.answers) != 2 || s.kept != 8 || s.answers["aaaa"] != nil {
			t.Errorf("%d answers of %d kept, the oldest: %v", len(s.answers), s.kept, s.answers["aaaa"])
		}
		s.mutex.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		s.mutex.Lock()
		defer s.mutex.Unlock()
		if len(s.answers) != 0 || s.kept != 0 || s.queue != nil || s.cleanup != nil {
			t.Errorf("after their time %d answers of %d are kept", len(s.answers), s.kept)
		}
	})
}

// What is not counted any more must not take memory either, nor must a value be held that is given to no caller.
func TestAnAnswerThatWasReplacedIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &counting{}
		s := New(time.Now, time.Minute, 10, oneEach)
		ask := func() { _, _ = s.Ask(t.Context(), "db", 0, a.call) }
		held := func() (values []string) {
			s.mutex.Lock()
			defer s.mutex.Unlock()
			for _, kept := range s.queue {
				if kept.value != "" {
					values = append(values, kept.value)
				}
			}
			return values
		}
		ask()
		ask()
		if got := held(); len(got) != 1 || got[0] != "answer 2" {
			t.Errorf("after a second answer %q are held", got)
		}
		a.err = &source.Error{Kind: source.AccessDenied}
		ask()
		if got := held(); len(got) != 0 {
			t.Errorf("after a refusal %q are held", got)
		}
	})
}

// Who gives up while another's call is under way has an error, and no answer that says nothing.
func TestWhoGivesUpOnAnothersCallGetsTheirOwnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &counting{takes: time.Second}
		s := New(time.Now, time.Minute, 10, oneEach)
		go func() { _, _ = s.Ask(t.Context(), "db", time.Minute, a.call) }()
		synctest.Wait()
		impatient, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if answer, err := s.Ask(impatient, "db", time.Minute, a.call); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %q, %v", answer, err)
		}
	})
}

// Each line is a call that began so long ago, and whether one who wants an answer of that age joins it.
func TestACallUnderWayServesThoseItIsYoungEnoughFor(t *testing.T) {
	for name, test := range map[string]struct {
		ago, maxAge time.Duration
		joins       bool
	}{
		"younger than asked for":    {time.Second, 2 * time.Second, true},
		"as old as asked for":       {2 * time.Second, 2 * time.Second, true},
		"older than asked for":      {3 * time.Second, 2 * time.Second, false},
		"of this moment, for a now": {0, 0, false},
		"of before, for a now":      {time.Second, 0, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := &counting{takes: 10 * time.Second}
			s := New(time.Now, time.Minute, 10, oneEach)
			go func() { _, _ = s.Ask(t.Context(), "db", time.Minute, a.call) }()
			synctest.Wait()
			time.Sleep(test.ago)
			if answer, err := s.Ask(t.Context(), "db", test.maxAge, a.call); err != nil || (answer == "answer 1") != test.joins {
				t.Errorf("%s: %q, %v", name, answer, err)
			}
		})
	}
}

// However many want to know at once, AWS is asked about one thing by one call at a time, which those who come later share.
func TestCallsAboutOneThingFollowEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &counting{takes: time.Second}
		s := New(time.Now, time.Minute, 10, oneEach)
		under, most := 0, 0
		call := func(ctx context.Context) (string, error) {
			under++
			most = max(most, under)
			defer func() { under-- }()
			return a.call(ctx)
		}
		ask := func(maxAge time.Duration) { _, _ = s.Ask(t.Context(), "db", maxAge, call) }
		go ask(time.Minute)
		time.Sleep(500 * time.Millisecond)
		go ask(0)
		time.Sleep(time.Second)
		ask(time.Second) // The second call is under way.
		synctest.Wait()
		if a.calls != 2 || most != 1 || len(s.flights) != 0 {
			t.Errorf("%d calls, %d of them at once, %d left", a.calls, most, len(s.flights))
		}
	})
}

func TestAnAnswerServesUntilItIsAsOldAsAskedFor(t *testing.T) {
	now, a := time.Now(), &counting{}
	s := New(func() time.Time { return now }, time.Minute, 10, oneEach)
	for _, step := range []struct {
		age  time.Duration
		want string
	}{{0, "answer 1"}, {5 * time.Second, "answer 1"}, {1, "answer 2"}} {
		now = now.Add(step.age)
		if answer, err := s.Ask(t.Context(), "db", 5*time.Second, a.call); err != nil || answer != step.want {
			t.Errorf("%s later: %q, %v", step.age, answer, err)
		}
	}
}

// refusing keeps each error for that long, by a clock of its own.
func refusing(lasts time.Duration) (s *Cache[string, string], now *time.Time) {
	moment := time.Now()
	s = New(func() time.Time { return moment }, time.Minute, 3, oneEach)
	return s.KeepRefusals(func(error) time.Duration { return lasts }, 1), &moment
}

func TestRefusalsAreBounded(t *testing.T) {
	s, now := refusing(time.Hour)
	a := &counting{err: errors.New("refused")}
	for n := range 10 {
		_, _ = s.Ask(t.Context(), strconv.Itoa(n), time.Minute, a.call)
	}
	if len(s.answers) != 3 || s.kept != 3 {
		t.Errorf("%d refusals are kept, and %d counted", len(s.answers), s.kept)
	}
	*now = now.Add(time.Minute) // As long as an answer is kept at most.
	if _, _ = s.Ask(t.Context(), "9", time.Hour, a.call); a.calls != 11 {
		t.Errorf("%d calls: a refusal outlasts answers", a.calls)
	}
}

// A refusal is given for as long as it is kept, and no longer.
func TestARefusalServesForItsTime(t *testing.T) {
	for lasts, want := range map[time.Duration][]int{0: {2, 3, 4}, 2 * time.Second: {1, 1, 2}, time.Hour: {1, 1, 1}} {
		s, now := refusing(lasts)
		a := &counting{err: errors.New("refused")}
		_, _ = s.Ask(t.Context(), "db", time.Minute, a.call)
		if kept, _ := s.Size(); kept > 0 != (lasts > 0) {
			t.Errorf("of one that lasts for %s %d are kept", lasts, kept)
		}
		for n, passes := range []time.Duration{0, time.Second, time.Second} {
			*now = now.Add(passes)
			if _, err := s.Ask(t.Context(), "db", time.Minute, a.call); err == nil || a.calls != want[n] {
				t.Errorf("of one that lasts for %s, after %d seconds: %d calls, want %d, %v", lasts, n, a.calls, want[n], err)
			}
		}
	}
}

func TestAnAnswerThatTakesAllThereIsIsKept(t *testing.T) {
	a := &counting{}
	s := New(time.Now, time.Hour, 3, func(key, _ string) int { return len(key) })
	_, _ = s.Ask(t.Context(), "abc", time.Minute, a.call)
	if answers, cost := s.Size(); answers != 1 || cost != 3 {
		t.Errorf("%d are kept, of %d", answers, cost)
	}
	if got := s.KeepsFor(); got != time.Hour {
		t.Errorf("answers are kept for %s", got)
	}
}

// What comes of a call whose maker gave up is no refusal of others.
func TestAnErrorOfWhoGaveUpIsNotKept(t *testing.T) {
	s, _ := refusing(time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Ask(ctx, "db", time.Minute, func(ctx context.Context) (string, error) { return "", ctx.Err() }); err == nil {
		t.Fatal("it had an answer")
	}
	a := &counting{}
	if answer, err := s.Ask(t.Context(), "db", time.Minute, a.call); err != nil || answer != "answer 1" {
		t.Errorf("the next one got %q, %v", answer, err)
	}
}

// A refusal is let go where it is older than who asks wants, an answer never is.
func TestARefusalIsOutdatedByWhoWantsAYoungerOne(t *testing.T) {
	for name, test := range map[string]struct {
		err         error
		age, maxAge time.Duration
		stays       bool
	}{
		"younger":               {errors.New("refused"), time.Second, 2 * time.Second, true},
		"as old":                {errors.New("refused"), 2 * time.Second, 2 * time.Second, true},
		"older":                 {errors.New("refused"), 3 * time.Second, 2 * time.Second, false},
		"for a now":             {errors.New("refused"), time.Second, 0, false},
		"of this moment":        {errors.New("refused"), 0, 0, false},
		"an answer, for a now":  {nil, time.Second, 0, true},
		"an answer that is old": {nil, 3 * time.Second, 2 * time.Second, true},
	} {
		s, now := refusing(time.Minute)
		_, _ = s.Ask(t.Context(), "db", time.Minute, (&counting{err: test.err}).call)
		*now = now.Add(test.age)
		s.Outdate("db", test.maxAge)
		s.Outdate("other", test.maxAge)
		if _, stays := s.answers["db"]; stays != test.stays || s.kept != len(s.answers) {
			t.Errorf("%s: it stays: %v, %d counted", name, stays, s.kept)
		}
	}
}

// Where a namespace keeps as much as it may, its newest answers take the place of its oldest.
func TestTheShareOfANamespaceHoldsItsNewestAnswers(t *testing.T) {
	a, of := &counting{}, NewAllowance(10, 3).NewShare()
	first, other := New(time.Now, time.Minute, 10, oneEach).Within(of), New(time.Now, time.Minute, 10, oneEach).Within(of)
	for n := range 5 {
		_, _ = first.Ask(t.Context(), strconv.Itoa(n), time.Minute, a.call)
	}
	if _, newest := first.answers["4"]; !newest || len(first.answers) != 3 || of.taken != 3 {
		t.Errorf("the newest is kept: %v, of %d; %d are taken", newest, len(first.answers), of.taken)
	}
	if _, _ = other.Ask(t.Context(), "x", time.Minute, a.call); len(other.answers) != 0 || of.taken != 3 {
		t.Errorf("%d are kept beyond the share, %d are taken", len(other.answers), of.taken)
	}
	first.Clear()
	if _, _ = first.Ask(t.Context(), "late", time.Minute, a.call); len(first.answers) != 0 || of.taken != 0 {
		t.Errorf("%d are kept of what was cleared, %d are taken", len(first.answers), of.taken)
	}
}

// What is left in the queue of an answer that was replaced does not take its successor along.
func TestAnAnswerOutlivesTheOneItReplaced(t *testing.T) {
	a := &counting{}
	s := New(time.Now, time.Minute, 2, oneEach)
	_, _ = s.Ask(t.Context(), "first", 0, a.call)
	for range 2 {
		_, _ = s.Ask(t.Context(), "db", 0, a.call)
	}
	for _, key := range []string{"db", "x", "y", "z"} {
		if _, _ = s.Ask(t.Context(), key, time.Minute, a.call); s.answers[key] == nil || len(s.answers) > 2 || s.kept != len(s.answers) {
			t.Errorf("after %s %d are kept and %d counted", key, len(s.answers), s.kept)
		}
	}
	if a.calls != 6 {
		t.Errorf("%d calls", a.calls)
	}
}

// Each answer has its time, though one timer serves all.
func TestEachAnswerIsLetGoInItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &counting{}
		s := New(time.Now, time.Minute, 10, oneEach)
		ask := func(key string) { _, _ = s.Ask(t.Context(), key, 0, a.call) }
		kept := func(want ...string) {
			t.Helper()
			synctest.Wait()
			s.mutex.Lock()
			defer s.mutex.Unlock()
			for _, key := range want {
				if s.answers[key] == nil {
					t.Errorf("%s is gone", key)
				}
			}
			if len(s.answers) != len(want) || s.kept != len(want) {
				t.Errorf("%d are kept and %d counted, want %v", len(s.answers), s.kept, want)
			}
		}
		ask("one")
		time.Sleep(20 * time.Second)
		ask("two")
		time.Sleep(20 * time.Second)
		ask("three")
		time.Sleep(20 * time.Second)
		kept("two", "three")
		time.Sleep(20*time.Second - 1)
		kept("two", "three")
		time.Sleep(time.Nanosecond)
		kept("three")
		time.Sleep(20 * time.Second)
		kept()
	})
}
