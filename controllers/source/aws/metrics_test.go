package aws

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/hack/localaws"
)

// TestCallsAreCountedByTheAccountOfTheRole: that of the role that calls, and of the role that is assumed. That of static
// keys is not known.
func TestCallsAreCountedByTheAccountOfTheRole(t *testing.T) {
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	s := env.again(t, Options{})
	for _, query := range []source.VersionQuery{{Ref: current("db")}, as(onTop(hubRole))} {
		if _, err := s.Resolve(t.Context(), query); err != nil && source.KindOf(err) != source.SecretNotFound {
			t.Fatal(err)
		}
	}
	counted := map[string]float64{}
	for _, outcome := range []string{"ok", string(source.SecretNotFound)} {
		for account, calls := range env.countedByAccount(t, describeSecret, outcome, localaws.DefaultRegion) {
			counted[account] += calls
		}
	}
	if diff := cmp.Diff(map[string]float64{"": 1, "111122223333": 1}, counted); diff != "" {
		t.Errorf("calls of DescribeSecret by account (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]float64{"111122223333": 1}, env.countedByAccount(t, "AssumeRole", "ok", localaws.DefaultRegion)); diff != "" {
		t.Errorf("calls of AssumeRole by account (-want +got):\n%s", diff)
	}
	if got := inFlight(t, env.metrics)["111122223333"]; got != 0 {
		t.Errorf("%v calls are in flight after the last answer", got)
	}
}

// TestCallsInFlightAreCountedUntilTheyEnd: a call that is not answered is one.
func TestCallsInFlightAreCountedUntilTheyEnd(t *testing.T) {
	registry := prometheus.NewRegistry()
	metrics, err := NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	end := metrics.begin(measured{account: "1", region: "eu-west-1"})
	if got := inFlight(t, registry)["1"]; got != 1 {
		t.Errorf("%v calls are in flight", got)
	}
	end()
	if got := inFlight(t, registry)["1"]; got != 0 {
		t.Errorf("%v calls are in flight", got)
	}
}

// TestAccountsAreBounded: a SecretSync may name any role.
func TestAccountsAreBounded(t *testing.T) {
	registry := prometheus.NewRegistry()
	metrics, err := NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 10 * maxAccountLabels {
		call := measured{describeSecret, fmt.Sprintf("%012d", n), localaws.DefaultRegion}
		metrics.begin(call)()
		metrics.observe(call, time.Second, nil)
	}
	if accounts := inFlight(t, registry); len(accounts) != maxAccountLabels+1 {
		t.Errorf("%d accounts have series", len(accounts))
	}
}

// inFlight are the calls in flight by account.
func inFlight(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == "secretsync_aws_calls_in_flight" {
				found[metric.GetLabel()[0].GetValue()] = metric.GetGauge().GetValue()
			}
		}
	}
	return found
}
