package pacing

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
)

// Queries that wait for AWS are put off beyond their room, so that no worker stands idle for them. Each line is a room, and
// how much of it routine may take.
func TestRoutineLeavesRoomToOthers(t *testing.T) {
	for room, most := range map[int]int{1: 1, 2: 1, 8: 6, 32: 24} {
		synctest.Test(t, func(t *testing.T) {
			b := NewBulkhead(room)
			enter := func(routine bool) (entered int) {
				for {
					began := time.Now()
					_, err := b.Enter(t.Context(), routine)
					if err == nil {
						entered++
						continue
					}
					refused, ok := errors.AsType[*source.Error](err)
					if !ok || refused.Kind != source.Busy || refused.RetryAfter != time.Second || !strings.Contains(refused.Explanation, "asked in turn") {
						t.Errorf("it is put off with %v", err)
					}
					if waited := time.Since(began); waited != enterWithin {
						t.Errorf("it is put off after %s", waited)
					}
					return entered
				}
			}
			for range 2 * room { // What is put off takes no room with it.
				if _, err := b.Enter(t.Context(), true); err != nil {
					break
				}
			}
			if got := enter(true) + len(b.routine); got != most {
				t.Errorf("routine takes %d of %d", got, room)
			}
			if got := enter(false); got != room-most {
				t.Errorf("%d more queries enter a room of %d beside %d of routine", got, room, most)
			}
			if got := b.Waiting(); got != room {
				t.Errorf("%d of %d are inside", got, room)
			}
		})
	}
}

// Routine that leaves makes room for routine again, and for others.
func TestRoomIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBulkhead(4)
		for _, routine := range []bool{true, false} {
			var all []func()
			for range 3 {
				leave, err := b.Enter(t.Context(), routine)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, leave)
			}
			for _, leave := range all {
				leave()
			}
			if b.Waiting()+len(b.routine) != 0 {
				t.Errorf("%d queries and %d of routine are left", b.Waiting(), len(b.routine))
			}
		}
	})
}

// Whatever AWS answers shows that it does; a call that was not made, or that its maker gave up, shows nothing.
func TestAnEndpointIsUnhealthyUntilItAnswers(t *testing.T) {
	for _, before := range []bool{true, false} {
		for err, want := range map[error]bool{
			nil:                              false,
			context.Canceled:                 before,
			&source.Error{Kind: source.Busy}: before,
			&source.Error{Kind: source.RegionUnavailable}:      true,
			&source.Error{Kind: source.CredentialsUnavailable}: true,
			&source.Error{Kind: source.AssumeRoleDenied}:       false,
			&source.Error{Kind: source.AccessDenied}:           false,
			&source.Error{Kind: source.Throttled}:              false,
		} {
			b := NewBulkhead(1)
			b.unhealthy.Store(before)
			b.Learn(err)
			if got := !b.Healthy(); got != want {
				t.Errorf("after %v it is unhealthy: %v, before: %v", err, got, before)
			}
		}
	}
}

// An endpoint that does not answer gets room for few queries, until it answers.
func TestAnUnhealthyEndpointGetsLittleRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBulkhead(8)
		b.Learn(&source.Error{Kind: source.RegionUnavailable})
		for n := range unhealthyRoom + 1 {
			if _, err := b.Enter(t.Context(), false); (err != nil) != (n == unhealthyRoom) {
				t.Errorf("query %d: %v", n, err)
			}
		}
		b.Learn(nil)
		for n := range 8 - unhealthyRoom {
			if _, err := b.Enter(t.Context(), false); err != nil {
				t.Errorf("query %d after it has answered: %v", n, err)
			}
		}
	})
}

func TestWhoGivesUpOutsideGetsTheContextsError(t *testing.T) {
	b := NewBulkhead(1)
	if _, err := b.Enter(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Enter(ctx, false); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
