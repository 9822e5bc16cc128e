package aws

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// counting counts calls and answers with their number, after a while.
type counting struct {
	mutex sync.Mutex
	calls int
	takes time.Duration
	err   error
}

func (a *counting) call(context.Context) (string, error) {
	a.mutex.Lock()
	a.calls++
	answer, err := "answer "+strconv.Itoa(a.calls), a.err
	a.mutex.Unlock()
	time.Sleep(a.takes)
	return answer, err
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

func TestWhoGivesUpLeavesTheCallToTheOthers(t *testing.T) {
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
		answer, err := s.ask(t.Context(), "db", time.Minute, a.call)
		if err != nil || answer != "answer 1" {
			t.Errorf("the patient one got %s, %v", answer, err)
		}
		if err := <-gaveUp; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the impatient one got %v", err)
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
