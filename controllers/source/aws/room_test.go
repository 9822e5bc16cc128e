package aws

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/hack/localaws"
)

// Questions that wait for AWS are put off beyond their room, so that no worker stands idle for them. Each line is a room, and
// how much of it routine may take.
func TestRoutineLeavesRoomToOthers(t *testing.T) {
	for room, most := range map[int]int{1: 1, 2: 1, 8: 6, 32: 24} {
		synctest.Test(t, func(t *testing.T) {
			p := newPast(t)
			p.source.options.Room = room
			e := p.source.tenants.endpoint(endpointKey{region: localaws.DefaultRegion})
			enter := func(routine bool) (entered int) {
				for {
					began := time.Now()
					_, err := e.enter(t.Context(), routine)
					if err == nil {
						entered++
						continue
					}
					refusal, ok := errors.AsType[*source.Error](err)
					if !ok || refusal.Kind != source.Busy || refusal.RetryAfter != time.Second || !strings.Contains(refusal.Explanation, "asked in turn") {
						t.Errorf("it is put off with %v", err)
					}
					if waited := time.Since(began); waited != enterWithin {
						t.Errorf("it is put off after %s", waited)
					}
					return entered
				}
			}
			for range 2 * room { // What is put off takes no room with it.
				if _, err := e.enter(t.Context(), true); err != nil {
					break
				}
			}
			if got := enter(true) + len(e.routine); got != most {
				t.Errorf("routine takes %d of %d", got, room)
			}
			if got := enter(false); got != room-most {
				t.Errorf("%d more questions enter a room of %d beside %d of routine", got, room, most)
			}
		})
	}
}

// Routine that leaves makes room for routine again, and for others.
func TestRoomIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPast(t)
		p.source.options.Room = 4
		e := p.source.tenants.endpoint(endpointKey{region: localaws.DefaultRegion})
		for _, routine := range []bool{true, false} {
			var all []func()
			for range 3 {
				leave, err := e.enter(t.Context(), routine)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, leave)
			}
			for _, leave := range all {
				leave()
			}
			if len(e.room)+len(e.routine) != 0 {
				t.Errorf("%d questions and %d of routine are left", len(e.room), len(e.routine))
			}
		}
	})
}

// Who gives up while there is no room has an error, whatever was asked.
func TestWhoGivesUpOutsideIsLetGo(t *testing.T) {
	p := newPast(t)
	p.source.options.Room = 1
	e := p.source.tenants.endpoint(endpointKey{region: localaws.DefaultRegion})
	if _, err := e.enter(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, observed := p.source.Resolve(ctx, source.VersionQuery{Ref: current(pastID)})
	_, fetched := p.source.Fetch(ctx, current(pastID), source.Version{})
	_, found := p.source.Find(ctx, source.FindQuery{NamePrefix: "/prod"})
	for what, err := range map[string]error{"observed": observed, "fetched": fetched, "found": found} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(e.room) != 1 || p.asked != 0 {
		t.Errorf("%d are in the room, and AWS was asked %d times", len(e.room), p.asked)
	}
}

// slow has the next call of an operation wait two seconds for its turn: too long for routine, and not for others.
func (e *endpoint) slow(operation string, now time.Time) {
	e.paces[operation].limiter = rate.NewLimiter(0.5, 1)
	e.paces[operation].limiter.AllowN(now, 1)
}

// Routine waits a shorter while for its turn, whatever it asks. Each line is a question, and the operation that is paced.
func TestRoutineLeavesTurnsOfEachOperationToOthers(t *testing.T) {
	known := []source.Version{{ARN: benchARN, Region: localaws.DefaultRegion}}
	for name, test := range map[string]struct {
		operation string
		ask       func(p *past, routine bool) error
	}{
		"a description": {describeSecret, func(p *past, routine bool) error {
			_, err := p.ask(source.VersionQuery{Routine: routine})
			return err
		}},
		"a list": {listSecrets, func(p *past, routine bool) error {
			_, err := p.source.Find(p.Context(), source.FindQuery{NamePrefix: "/prod/", Routine: routine})
			return err
		}},
		"a look at what a list lacks": {describeSecret, func(p *past, routine bool) error {
			_, err := p.source.Find(p.Context(), source.FindQuery{NamePrefix: "/prod/", Known: known, Routine: routine})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPast(t)
				p.says(1, "AWSCURRENT=v1")
				p.answers[listSecrets] = `{"SecretList":[]}`
				e := p.source.tenants.endpoint(endpointKey{region: localaws.DefaultRegion})
				e.slow(test.operation, p.now)
				began := time.Now()
				if err := test.ask(p, true); source.KindOf(err) != source.Busy || time.Since(began) != 0 {
					t.Errorf("routine waits %s and gets %v", time.Since(began), err)
				}
				if err := test.ask(p, false); err != nil || time.Since(began) != 2*time.Second {
					t.Errorf("others wait %s and get %v", time.Since(began), err)
				}
			})
		})
	}
}

// A sweep is routine, and so is the proof that an older value wants of DescribeSecret where its question is.
func TestWhatServesRoutineIsRoutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPast(t)
		p.answers[listSecrets] = `{"SecretList":[]}`
		e := p.source.tenants.endpoint(endpointKey{region: localaws.DefaultRegion})
		e.slow(listSecrets, p.now)
		began := time.Now()
		if _, err := e.sweeps.sweep(t.Context()); source.KindOf(err) != source.Busy || time.Since(began) != 0 {
			t.Errorf("a sweep waits %s and gets %v", time.Since(began), err)
		}
		p.denied = true
		p.gives("v1", 1)
		p.want("an older version", "v2", true, source.VersionQuery{Synced: synced()})
		e.slow(describeSecret, p.now)
		began = time.Now()
		p.want("routine without proof", "v2", true, source.VersionQuery{Synced: synced(), Routine: true})
		if waited := time.Since(began); waited > batchIdle {
			t.Errorf("it waits %s for proof", waited)
		}
	})
}
