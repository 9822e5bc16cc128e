package aws

import (
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/hack/localaws"
)

// In a chain the role that STS refuses is named, and not the one that was to be assumed with it.
func TestTheRoleOfAChainThatIsRefusedIsNamed(t *testing.T) {
	env := newEnvironment(t)
	env.SetFaults(localaws.Fault{Operation: "AssumeRole", Every: 1, Code: "RegionDisabledException"})
	who := onTop(payRole)
	who.Via = hubRole
	_, err := env.again(t, Options{}).Resolve(t.Context(), as(who))
	mustMention(t, err, source.CredentialsUnavailable, "role "+hubRole)
	if strings.Contains(err.Error(), payRole) {
		t.Errorf("the role that was not asked for is blamed: %v", err)
	}
}

// A ServiceAccount that has no token, as it was made again since it was looked up, asks STS for nothing.
func TestWithoutATokenNoRoleIsAssumed(t *testing.T) {
	env := newEnvironment(t)
	s, known := env.withAccounts(t, Options{})
	if _, err := s.endpointOf(t.Context(), as(account("pay")).Ref, time.Minute); err != nil {
		t.Fatal(err)
	}
	known.uids["pay/app"] = " 2"
	query := as(account("pay"))
	query.MaxAge = time.Minute
	_, err := s.Resolve(t.Context(), query)
	mustMention(t, err, source.CredentialsUnavailable, "it is another one by now")
	if len(env.Calls()) > 0 {
		t.Errorf("AWS was asked: %v", env.operations())
	}
}
