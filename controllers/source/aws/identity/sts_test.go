package identity

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/secretsync/secretsync/controllers/source"
)

// Credentials are what everything waits for: their turn is waited for as long as that of a call of a person.
func TestATurnAtSTSIsWaitedFor(t *testing.T) {
	paces := NewSTSPaces(func() time.Time { return time.Unix(0, 0) }) // The clock stands still.
	p := NewProvider(Options{Paces: func(string) *STSPaces { return paces }})
	p.config.Region = "eu-west-1"
	turn := paces.Of(assumeRole, "eu-west-1")
	turn.Learn(true)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 { // The next turn is two seconds off.
		_ = turn.Wait(ended, false)
	}
	who := &Identity{Actor: Actor{Identity: ofRole(outerRole)}}
	_, err := callSTS(ended, p, who, assumeRole, outerRole, func(func(*sts.Options)) (*sts.AssumeRoleOutput, error) {
		t.Error("STS is asked out of turn")
		return nil, nil
	})
	if !errors.Is(err, context.Canceled) || source.KindOf(err) != "" {
		t.Errorf("it is put off with %v", err)
	}
}
