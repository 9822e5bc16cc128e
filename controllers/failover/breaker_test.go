package failover

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/secretsync/secretsync/controllers/source"
)

// resolve returns the region that answers, and how often home was called for that.
func (f *fixture) resolve(t *testing.T, query source.VersionQuery) (from string, calls int) {
	t.Helper()
	before := len(f.regions[home].calls)
	f.regions[home].err = renewed(f.regions[home].err)
	resolution, err := f.source.Resolve(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	return resolution.Version.Region, len(f.regions[home].calls) - before
}

// renewed is the error of another call: callers that share a call share its error.
func renewed(err error) error {
	if refused, ok := errors.AsType[*source.Error](err); ok {
		twin := *refused
		return &twin
	}
	return err
}

func TestARegionThatDoesNotAnswerIsLeftAloneForAWhile(t *testing.T) {
	f := newFixture()
	f.fail(down(home), home)
	for n := range failureThreshold + 2 {
		from, calls := f.resolve(t, queryFor("v1"))
		if want := n < failureThreshold; from != away || (calls == 1) != want {
			t.Errorf("call %d: answered by %s, home was called %d times", n, from, calls)
		}
	}
	// One call probes the region, and the breaker stays open longer each time.
	for _, open := range []time.Duration{openMin, 2 * openMin, openMax, openMax} {
		f.now = f.now.Add(open - 1)
		if from, calls := f.resolve(t, queryFor("v1")); from != away || calls != 0 {
			t.Errorf("before %s are over: answered by %s, home was called %d times", open, from, calls)
		}
		f.now = f.now.Add(1)
		if from, calls := f.resolve(t, queryFor("v1")); from != away || calls != 1 {
			t.Errorf("after %s: answered by %s, home was called %d times", open, from, calls)
		}
		if _, calls := f.resolve(t, queryFor("v1")); calls != 0 {
			t.Errorf("after %s home is called more than once", open)
		}
	}
	f.now = f.now.Add(openMax)
	f.fail(nil, home)
	for range 2 {
		if from, _ := f.resolve(t, queryFor("v1")); from != home {
			t.Errorf("answered by %s though home is back", from)
		}
	}
	f.fail(down(home), home)
	if _, calls := f.resolve(t, queryFor("v1")); calls != 1 {
		t.Error("the failures from before still count")
	}
}

func TestARegionIsLeftAloneOnlyAfterFailuresInARow(t *testing.T) {
	f := newFixture()
	refusal := &source.Error{Kind: source.AccessDenied}
	for n := range 4 * failureThreshold {
		f.fail(down(home), home)
		if n%2 == 1 {
			f.fail(refusal, home)
		}
		_, _ = f.source.Resolve(t.Context(), queryFor("v1")) // Another test checks the answer.
	}
	if len(f.regions[home].calls) != 4*failureThreshold {
		t.Errorf("home was called %d times", len(f.regions[home].calls))
	}
}

func TestCallersThatShareACallCountOnce(t *testing.T) {
	f := newFixture()
	f.fail(down(home), home)
	for range 2 * failureThreshold {
		if _, err := f.source.Resolve(t.Context(), queryFor("v1")); err != nil {
			t.Fatal(err)
		}
	}
	if len(f.regions[home].calls) != 2*failureThreshold {
		t.Errorf("home was called %d times", len(f.regions[home].calls))
	}
}

func TestIdentitiesDoNotShareABreaker(t *testing.T) {
	f := newFixture()
	f.fail(down(home), home)
	for range failureThreshold + 1 {
		f.resolve(t, queryFor("v1"))
	}
	another := queryFor("v1")
	another.Identity = source.Identity{Namespace: "pay", ServiceAccount: "app"}
	if _, calls := f.resolve(t, another); calls != 1 {
		t.Error("home was not called for another identity")
	}
}

func TestADeadReplicaIsLeftAloneToo(t *testing.T) {
	f := newFixture()
	f.fail(down(home), home)
	for range 2 * failureThreshold {
		f.fail(down(away), away)
		if from, _ := f.resolve(t, queryFor("v1")); from != far {
			t.Errorf("answered by %s", from)
		}
	}
	if len(f.regions[away].calls) != failureThreshold {
		t.Errorf("the replica was called %d times", len(f.regions[away].calls))
	}
}

func TestOneCallAtATimeIsAProbe(t *testing.T) {
	f := newFixture()
	f.fail(down(home), home)
	for range failureThreshold {
		f.resolve(t, queryFor("v1"))
	}
	f.now = f.now.Add(openMin)
	f.regions[home].during = func() {
		f.regions[home].during = nil
		if from, calls := f.resolve(t, queryFor("v1")); from != away || calls != 0 {
			t.Errorf("answered by %s during the probe, home was called %d times", from, calls)
		}
	}
	f.resolve(t, queryFor("v1"))
	if f.regions[home].during != nil {
		t.Error("home was not called")
	}
}

// A call that was cancelled, or never sent, says nothing about the region: the next call is the probe.
func TestAProbeWithoutAnAnswerIsMadeAgain(t *testing.T) {
	for name, err := range map[string]error{
		"cancelled":  context.Canceled,
		"not sent":   &source.Error{Kind: source.Busy},
		"not signed": &source.Error{Kind: source.CredentialsUnavailable},
	} {
		f := newFixture()
		f.fail(down(home), home)
		for range failureThreshold {
			f.resolve(t, queryFor("v1"))
		}
		f.now = f.now.Add(openMin)
		f.fail(err, home)
		if _, got := f.source.Resolve(t.Context(), queryFor("v1")); !errors.Is(got, err) {
			t.Errorf("%s: %v", name, got)
		}
		f.fail(nil, home)
		if from, _ := f.resolve(t, queryFor("v1")); from != home {
			t.Errorf("%s: answered by %s", name, from)
		}
	}
}

func TestMetricsOfFailover(t *testing.T) {
	registry := prometheus.NewRegistry()
	metrics, err := NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture()
	f.source = New(Options{Source: f.regions, Region: home, Metrics: metrics, Now: func() time.Time { return f.now }})
	f.fail(down(home), home)
	for range failureThreshold {
		f.resolve(t, queryFor("v1"))
	}
	if diff := cmp.Diff(map[string]float64{"reads " + away: failureThreshold, "avoided " + home: 1}, values(t, registry)); diff != "" {
		t.Error(diff)
	}
	f.fail(nil, home)
	f.now = f.now.Add(openMin)
	f.resolve(t, queryFor("v1"))
	if diff := cmp.Diff(map[string]float64{"reads " + away: failureThreshold, "avoided " + home: 0}, values(t, registry)); diff != "" {
		t.Error(diff)
	}
	for n := range 2 * maxRegions {
		metrics.read(string(rune('a' + n)))
	}
	if got := len(values(t, registry)); got > maxRegions+2 {
		t.Errorf("%d series: any manifest may name regions", got)
	}
}

func TestUnusedBreakersAreEvicted(t *testing.T) {
	f := newFixture()
	for _, namespace := range []string{"a", "b", "c"} {
		query := queryFor("v1")
		query.Identity = source.Identity{Namespace: namespace}
		f.resolve(t, query)
	}
	f.now = f.now.Add(2 * unusedTTL)
	f.resolve(t, queryFor("v1"))
	if got := len(f.source.breakers.byNamespace); got != 1 {
		t.Errorf("%d namespaces have breakers", got)
	}
}

// values are the values of all series.
func values(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == "secretsync_failover_reads_total" {
				all["reads "+metric.GetLabel()[0].GetValue()] = metric.GetCounter().GetValue()
			} else {
				all["avoided "+metric.GetLabel()[0].GetValue()] = metric.GetGauge().GetValue()
			}
		}
	}
	return all
}

// Identities and regions that SecretSyncs make up evict breakers of their own namespace alone.
func TestBreakersAreBoundedForEachNamespace(t *testing.T) {
	now := time.Now()
	b := newBreakers(Options{Now: func() time.Time { return now }, Knows: func(region string) bool { return region != "eu-invented-1" }})
	victim, own := b.get(source.Identity{Namespace: "victim", ServiceAccount: "app"}, home), b.get(source.Identity{}, home)
	for i := range 10_000 {
		now = now.Add(time.Millisecond)
		b.get(source.Identity{Namespace: "hostile", ServiceAccount: strconv.Itoa(i)}, home)
	}
	if got := len(b.byNamespace["hostile"]); got != maxBreakers {
		t.Errorf("%d breakers are kept, want %d", got, maxBreakers)
	}
	if b.get(source.Identity{Namespace: "victim", ServiceAccount: "app"}, home) != victim {
		t.Error("the breaker of another namespace was evicted")
	}
	if b.get(source.Identity{}, home) != own {
		t.Error("the breaker of the operator's own identity was evicted")
	}
	if b.get(source.Identity{}, "eu-invented-1") != nil {
		t.Error("a region that does not exist has a breaker")
	}
	if got := len(b.byNamespace[""]); got != 1 {
		t.Errorf("the operator's own identity has %d breakers", got)
	}
}

// A region that does not exist is called all the same, and the answer of Source is the answer.
func TestAnUnknownRegionIsLeftToTheSource(t *testing.T) {
	f := newFixture()
	f.source.breakers.options.Knows = func(region string) bool { return region != home }
	f.fail(&source.Error{Kind: source.Failed}, home)
	for range failureThreshold + 2 {
		if _, err := f.source.Resolve(t.Context(), queryFor("v1")); source.KindOf(err) != source.Failed {
			t.Fatal(err)
		}
	}
}
