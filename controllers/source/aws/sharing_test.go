package aws

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
		s := newSharing(time.Now, time.Minute, 10, oneEach)
		answers := together(t, 100, func() (string, error) { return s.ask(t.Context(), "db", time.Minute, a.call) })
		if a.calls != 1 || answers["answer 1"] != 100 {
			t.Errorf("%d calls, answers %v", a.calls, answers)
		}
	})
}

// A refresh that a person asked for after a change in AWS must not get an answer from before it.
func TestAnAnswerIsNeverOlderThanAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &counting{takes: time.Second}
		s := newSharing(time.Now, time.Minute, 10, oneEach)
		go func() { _, _ = s.ask(t.Context(), "db", time.Minute, a.call) }()
		time.Sleep(500 * time.Millisecond)
		answers := together(t, 100, func() (string, error) { return s.ask(t.Context(), "db", 0, a.call) })
		if a.calls != 2 || answers["answer 2"] != 100 {
			t.Errorf("%d calls, answers %v: want all to share the call after the one under way", a.calls, answers)
		}
		time.Sleep(9 * time.Second)
		if answer, _ := s.ask(t.Context(), "db", 20*time.Second, a.call); answer != "answer 2" {
			t.Errorf("an answer of ten seconds ago was asked for again: %s", answer)
		}
		if answer, _ := s.ask(t.Context(), "db", 5*time.Second, a.call); answer != "answer 3" {
			t.Errorf("an answer of ten seconds ago was taken for younger than five: %s", answer)
		}
	})
}

func TestErrorsAreSharedAndNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &counting{takes: time.Second, err: errors.New("refused")}
		s := newSharing(time.Now, time.Minute, 10, oneEach)
		answers := together(t, 10, func() (string, error) { return s.ask(t.Context(), "db", time.Minute, a.call) })
		if a.calls != 1 || answers["refused"] != 10 {
			t.Errorf("%d calls, answers %v", a.calls, answers)
		}
		a.err = nil
		if answer, err := s.ask(t.Context(), "db", time.Minute, a.call); err != nil || answer != "answer 2" {
			t.Errorf("after the error: %s, %v", answer, err)
		}
	})
}

// A secret that is gone must not come back by an answer from before, which who asks seldom would take.
func TestARefusalEndsTheAnswerOfBefore(t *testing.T) {
	for err, want := range map[error]int{
		&source.Error{Kind: source.SecretNotFound}: 3, &source.Error{Kind: source.AccessDenied}: 3, &source.Error{Kind: source.Throttled}: 2,
	} {
		synctest.Test(t, func(t *testing.T) {
			a := &counting{}
			s := newSharing(time.Now, time.Minute, 10, oneEach)
			_, _ = s.ask(t.Context(), "db", 0, a.call)
			a.err = err
			_, _ = s.ask(t.Context(), "db", 0, a.call)
			a.err = nil
			if _, failed := s.ask(t.Context(), "db", time.Hour, a.call); failed != nil || a.calls != want {
				t.Errorf("after %v there were %d calls, want %d; error %v", err, a.calls, want, failed)
			}
		})
	}
}

func TestWhoGivesUpLeavesTheCallToAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &counting{takes: time.Second}
		s := newSharing(time.Now, time.Minute, 10, oneEach)
		impatient, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		gaveUp := make(chan error)
		go func() {
			_, err := s.ask(impatient, "db", time.Minute, a.call)
			gaveUp <- err
		}()
		time.Sleep(50 * time.Millisecond)
		answers := together(t, 10, func() (string, error) { return s.ask(t.Context(), "db", time.Minute, a.call) })
		if answers["answer 2"] != 10 {
			t.Errorf("the patient ones got %v", answers)
		}
		if err := <-gaveUp; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the impatient one got %v", err)
		}
	})
}

// A call that waits for the one under way is nobody's either once its maker gives up.
func TestWhoGivesUpBeforeTheCallBeganLeavesItToAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &counting{takes: time.Second}
		s := newSharing(time.Now, time.Minute, 10, oneEach)
		go func() { _, _ = s.ask(t.Context(), "db", time.Minute, a.call) }()
		time.Sleep(100 * time.Millisecond)
		impatient, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		go func() { _, _ = s.ask(impatient, "db", 0, a.call) }()
		time.Sleep(50 * time.Millisecond)
		answers := together(t, 10, func() (string, error) { return s.ask(t.Context(), "db", 0, a.call) })
		if len(answers) != 1 || answers["answer 1"] != 0 || len(s.flights) != 0 {
			t.Errorf("answers %v, %d calls, %d flights left", answers, a.calls, len(s.flights))
		}
	})
}

func TestACallThatPanicsIsNotWaitedForForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSharing(time.Now, time.Minute, 10, oneEach)
		go func() {
			defer func() { _ = recover() }()
			_, _ = s.ask(t.Context(), "db", time.Minute, func(context.Context) (string, error) {
				time.Sleep(time.Second)
				panic("a bug")
			})
		}()
		time.Sleep(100 * time.Millisecond)
		if _, err := s.ask(t.Context(), "db", time.Minute, nil); !errors.Is(err, errUnanswered) {
			t.Errorf("who waited got %v", err)
		}
	})
}

func TestAnswersAreBoundedAndGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &counting{}
		s := newSharing(time.Now, time.Minute, 10, func(key, _ string) int { return len(key) })
		ask := func(key string) { _, _ = s.ask(t.Context(), key, time.Minute, a.call) }
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

// What is not counted any more must not take memory either, nor must a value be held that nobody is to be told of.
func TestAnAnswerThatWasReplacedIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &counting{}
		s := newSharing(time.Now, time.Minute, 10, oneEach)
		ask := func() { _, _ = s.ask(t.Context(), "db", 0, a.call) }
		held := func() (values []string) {
			s.mutex.Lock()
			defer s.mutex.Unlock()
			for _, one := range s.queue {
				if one.value != "" {
					values = append(values, one.value)
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
