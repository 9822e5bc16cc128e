package aws

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/hack/localaws"
)

// Only what says that there are too many calls slows them down.
func TestSTSIsNotPacedForWhatIsNoThrottling(t *testing.T) {
	for name, test := range map[string]struct {
		fault localaws.Fault
		paced bool
	}{
		"it gives a role":      {},
		"it refuses":           {fault: localaws.Fault{Operation: "AssumeRole", Every: 1, Code: "AccessDenied"}},
		"it does not answer":   {fault: localaws.Fault{Operation: "AssumeRole", Every: 1, Cut: true}},
		"it has too many asks": {fault: localaws.Fault{Operation: "AssumeRole", Every: 1, Code: "ThrottlingException"}, paced: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if test.fault.Operation != "" {
				w.SetFaults(test.fault)
			}
			s := w.again(t, Options{})
			_, err := s.Resolve(t.Context(), as(onTop(hubRole)))
			if err == nil || w.Count("AssumeRole") == 0 {
				t.Fatal(err)
			}
			if paced := s.tenants.get("pay").sts.of(stsTurn{assumeRole, s.config.Region}).Limited(); paced != test.paced {
				t.Errorf("it is paced: %v", paced)
			}
		})
	}
}

// Credentials are what everything waits for: their turn is waited for as long as that of a call of a person.
func TestATurnAtSTSIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	s := w.again(t, Options{})
	turn := s.tenants.get("pay").sts.of(stsTurn{assumeRole, s.config.Region})
	turn.Learn(true)
	takeTurns(t, turn, 2) // The clock stands still: the next turn is two seconds off.
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	who := &identity{actor: actor{Identity: onTop(hubRole)}}
	_, err := callSTS(ended, s, who, assumeRole, hubRole, func(func(*sts.Options)) (*sts.AssumeRoleOutput, error) {
		t.Error("STS is asked out of turn")
		return nil, nil
	})
	if !errors.Is(err, context.Canceled) || source.KindOf(err) != "" {
		t.Errorf("it is put off with %v", err)
	}
}
