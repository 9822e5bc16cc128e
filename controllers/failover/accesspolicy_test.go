package failover

import (
	"testing"

	"github.com/secretsync/secretsync/controllers/accesspolicy"
	"github.com/secretsync/secretsync/controllers/source"
)

// The access policy wraps failover, and decides by the ARN in the home region.
func TestRulesHoldForReplicas(t *testing.T) {
	for name, test := range map[string]struct {
		patterns accesspolicy.Patterns
		// primary is what the secret in the other region says it is a replica of.
		primary string
		// region is the one that the query names.
		region string
		kind   source.Kind
	}{
		"a replica of an allowed secret":              {accesspolicy.Patterns{"arn:aws:secretsmanager:" + home + ":*:secret:*"}, home, "", ""},
		"a replica of another secret":                 {accesspolicy.Patterns{"arn:aws:secretsmanager:" + away + ":*:secret:*"}, home, "", source.PolicyDenied},
		"by name":                                     {accesspolicy.Patterns{"web"}, home, "", source.PolicyDenied},
		"another secret, where home is down":          {accesspolicy.Patterns{"arn:aws:secretsmanager:" + home + ":*:secret:*"}, away, "", source.RegionUnavailable},
		"another secret, by way of an unknown region": {accesspolicy.Patterns{"arn:aws:secretsmanager:us-*"}, away, "us-none-1", source.RegionUnavailable},
	} {
		f := newFixture()
		f.put("us-none-1", "v1", noon)
		f.fail(down("it"), home, far, "us-none-1")
		f.regions[away].resolved.PrimaryRegion = test.primary
		query := queryFor("")
		query.Reader.Namespace, query.Region = "pay", test.region
		if test.region != "" {
			query.SecretID = arnIn(test.region)
		}
		_, err := accesspolicy.New(f.source, accesspolicy.Rules{Patterns: test.patterns}).Resolve(t.Context(), query)
		if source.KindOf(err) != test.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}
