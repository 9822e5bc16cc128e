package aws

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/pacing"
	"github.com/secretsync/secretsync/hack/localaws"
)

// Who gives up while there is no room has an error, whatever was asked.
func TestWhoGivesUpOutsideIsLetGo(t *testing.T) {
	p := newScripted(t)
	p.source.options.Room = 1
	e := p.source.tenants.endpoint(endpointKey{region: localaws.DefaultRegion})
	if _, err := e.bulkhead.Enter(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, observed := p.source.Resolve(ctx, source.VersionQuery{Ref: current(scriptedID)})
	_, fetched := p.source.Fetch(ctx, current(scriptedID), source.Version{})
	_, found := p.source.Find(ctx, source.FindQuery{NamePrefix: "/prod"})
	for what, err := range map[string]error{"observed": observed, "fetched": fetched, "found": found} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if e.bulkhead.Waiting() != 1 || p.asked != 0 {
		t.Errorf("%d are in the room, and AWS was asked %d times", e.bulkhead.Waiting(), p.asked)
	}
}

// slow has the next call of an operation wait two seconds for its turn: too long for routine, and not for others.
func (e *endpoint) slow(t *testing.T, operation string) {
	t.Helper()
	e.paces[operation] = pacing.NewPace(e.s.options.Now)
	e.paces[operation].Learn(true)
	takeTurns(t, e.paces[operation], 2)
}

// takeTurns takes the next turns, one a second, without waiting for them. The clock of the pace stands still.
func takeTurns(t *testing.T, p *pacing.Pace, turns int) {
	t.Helper()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range turns {
		if err := p.Wait(gone, false); err != nil && !errors.Is(err, context.Canceled) {
			return // It is too far off.
		}
	}
}

// Routine waits a shorter while for its turn, whatever it asks. Each line is a question, and the operation that is paced.
func TestRoutineLeavesTurnsOfEachOperationToOthers(t *testing.T) {
	known := []source.Version{{ARN: benchARN, Region: localaws.DefaultRegion}}
	for name, test := range map[string]struct {
		operation string
		ask       func(p *scriptedAWS, routine bool) error
	}{
		"a description": {describeSecret, func(p *scriptedAWS, routine bool) error {
			_, err := p.ask(source.VersionQuery{Routine: routine})
			return err
		}},
		"a list": {listSecrets, func(p *scriptedAWS, routine bool) error {
			_, err := p.source.Find(p.Context(), source.FindQuery{NamePrefix: "/prod/", Routine: routine})
			return err
		}},
		"a look at what a list lacks": {describeSecret, func(p *scriptedAWS, routine bool) error {
			_, err := p.source.Find(p.Context(), source.FindQuery{NamePrefix: "/prod/", Known: known, Routine: routine})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newScripted(t)
				p.says(1, "AWSCURRENT=v1")
				p.answers[listSecrets] = `{"SecretList":[]}`
				e := p.source.tenants.endpoint(endpointKey{region: localaws.DefaultRegion})
				e.slow(t, test.operation)
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
		p := newScripted(t)
		p.answers[listSecrets] = `{"SecretList":[]}`
		e := p.source.tenants.endpoint(endpointKey{region: localaws.DefaultRegion})
		e.slow(t, listSecrets)
		began := time.Now()
		if _, err := e.sweeps.sweep(t.Context()); source.KindOf(err) != source.Busy || time.Since(began) != 0 {
			t.Errorf("a sweep waits %s and gets %v", time.Since(began), err)
		}
		p.denied = true
		p.gives("v1", 1)
		p.want("an older version", "v2", true, source.VersionQuery{Synced: synced()})
		e.slow(t, describeSecret)
		began = time.Now()
		p.want("routine without proof", "v2", true, source.VersionQuery{Synced: synced(), Routine: true})
		if waited := time.Since(began); waited > batchIdle {
			t.Errorf("it waits %s for proof", waited)
		}
	})
}
