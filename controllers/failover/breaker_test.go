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

// observe gives the region that answers, and how often home was asked for that.
func (w *world) observe(t *testing.T, query source.VersionQuery) (from string, asked int) {
	t.Helper()
	before := len(w.regions[home].asked)
	w.regions[home].err = renewed(w.regions[home].err)
	seen, err := w.source.Resolve(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	return seen.Version.Region, len(w.regions[home].asked) - before
}

// renewed is the error of another call: those who share a call share its error.
func renewed(err error) error {
	if refused, ok := errors.AsType[*source.Error](err); ok {
		twin := *refused
		return &twin
	}
	return err
}

func TestARegionThatDoesNotAnswerIsLeftAloneForAWhile(t *testing.T) {
	w := newWorld()
	w.fail(down(home), home)
	for n := range failureThreshold + 2 {
		from, asked := w.observe(t, ask("v1"))
		if want := n < failureThreshold; from != away || (asked == 1) != want {
			t.Errorf("question %d: answered by %s, home was asked %d times", n, from, asked)
		}
	}
	// One question finds out, and the waits grow.
	for _, rest := range []time.Duration{openMin, 2 * openMin, openMax, openMax} {
		w.now = w.now.Add(rest - 1)
		if from, asked := w.observe(t, ask("v1")); from != away || asked != 0 {
			t.Errorf("before %s are over: answered by %s, home was asked %d times", rest, from, asked)
		}
		w.now = w.now.Add(1)
		if from, asked := w.observe(t, ask("v1")); from != away || asked != 1 {
			t.Errorf("after %s: answered by %s, home was asked %d times", rest, from, asked)
		}
		if _, asked := w.observe(t, ask("v1")); asked != 0 {
			t.Errorf("after %s home is asked more than once", rest)
		}
	}
	w.now = w.now.Add(openMax)
	w.fail(nil, home)
	for range 2 {
		if from, _ := w.observe(t, ask("v1")); from != home {
			t.Errorf("answered by %s though home is back", from)
		}
	}
	w.fail(down(home), home)
	if _, asked := w.observe(t, ask("v1")); asked != 1 {
		t.Error("the old failures count still")
	}
}

func TestARegionIsLeftAloneOnlyAfterFailuresInARow(t *testing.T) {
	w := newWorld()
	refusal := &source.Error{Kind: source.AccessDenied}
	for n := range 4 * failureThreshold {
		w.fail(down(home), home)
		if n%2 == 1 {
			w.fail(refusal, home)
		}
		_, _ = w.source.Resolve(t.Context(), ask("v1")) // What it answers is another test's.
	}
	if len(w.regions[home].asked) != 4*failureThreshold {
		t.Errorf("home was asked %d times", len(w.regions[home].asked))
	}
}

func TestThoseWhoShareACallCountOnce(t *testing.T) {
	w := newWorld()
	w.fail(down(home), home)
	for range 2 * failureThreshold {
		if _, err := w.source.Resolve(t.Context(), ask("v1")); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.regions[home].asked) != 2*failureThreshold {
		t.Errorf("home was asked %d times", len(w.regions[home].asked))
	}
}

func TestWhatOneIdentityFindsSaysNothingToOthers(t *testing.T) {
	w := newWorld()
	w.fail(down(home), home)
	for range failureThreshold + 1 {
		w.observe(t, ask("v1"))
	}
	another := ask("v1")
	another.Identity = source.Identity{Namespace: "pay", ServiceAccount: "app"}
	if _, asked := w.observe(t, another); asked != 1 {
		t.Error("home was not asked for another identity")
	}
}

func TestADeadReplicaIsLeftAloneToo(t *testing.T) {
	w := newWorld()
	w.fail(down(home), home)
	for range 2 * failureThreshold {
		w.fail(down(away), away)
		if from, _ := w.observe(t, ask("v1")); from != far {
			t.Errorf("answered by %s", from)
		}
	}
	if len(w.regions[away].asked) != failureThreshold {
		t.Errorf("the replica was asked %d times", len(w.regions[away].asked))
	}
}

func TestOneQuestionAtATimeFindsOut(t *testing.T) {
	w := newWorld()
	w.fail(down(home), home)
	for range failureThreshold {
		w.observe(t, ask("v1"))
	}
	w.now = w.now.Add(openMin)
	w.regions[home].during = func() {
		w.regions[home].during = nil
		if from, asked := w.observe(t, ask("v1")); from != away || asked != 0 {
			t.Errorf("answered by %s while another question finds out, home was asked %d times", from, asked)
		}
	}
	w.observe(t, ask("v1"))
	if w.regions[home].during != nil {
		t.Error("home was not asked")
	}
}

// A question that was given up, or never sent, says nothing about the region; the next one finds out.
func TestAProbeWithoutAnAnswerIsMadeAgain(t *testing.T) {
	for name, err := range map[string]error{
		"given up":   context.Canceled,
		"not sent":   &source.Error{Kind: source.Busy},
		"not signed": &source.Error{Kind: source.CredentialsUnavailable},
	} {
		w := newWorld()
		w.fail(down(home), home)
		for range failureThreshold {
			w.observe(t, ask("v1"))
		}
		w.now = w.now.Add(openMin)
		w.fail(err, home)
		if _, got := w.source.Resolve(t.Context(), ask("v1")); !errors.Is(got, err) {
			t.Errorf("%s: %v", name, got)
		}
		w.fail(nil, home)
		if from, _ := w.observe(t, ask("v1")); from != home {
			t.Errorf("%s: answered by %s", name, from)
		}
	}
}

func TestMetricsTellOfFailover(t *testing.T) {
	registry := prometheus.NewRegistry()
	metrics, err := NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	w.source = New(Options{Source: w.regions, Region: home, Metrics: metrics, Now: func() time.Time { return w.now }})
	w.fail(down(home), home)
	for range failureThreshold {
		w.observe(t, ask("v1"))
	}
	if diff := cmp.Diff(map[string]float64{"reads " + away: failureThreshold, "avoided " + home: 1}, values(t, registry)); diff != "" {
		t.Error(diff)
	}
	w.fail(nil, home)
	w.now = w.now.Add(openMin)
	w.observe(t, ask("v1"))
	if diff := cmp.Diff(map[string]float64{"reads " + away: failureThreshold, "avoided " + home: 0}, values(t, registry)); diff != "" {
		t.Error(diff)
	}
	for n := range 2 * maxRegions {
		metrics.read(string(rune('a' + n)))
	}
	if got := len(values(t, registry)); got > maxRegions+2 {
		t.Errorf("%d series: anybody may name regions", got)
	}
}

func TestWhatNobodyAsksAboutIsForgotten(t *testing.T) {
	w := newWorld()
	for _, namespace := range []string{"a", "b", "c"} {
		query := ask("v1")
		query.Identity = source.Identity{Namespace: namespace}
		w.observe(t, query)
	}
	w.now = w.now.Add(2 * unusedTTL)
	w.observe(t, ask("v1"))
	if got := len(w.source.breakers.byNamespace); got != 1 {
		t.Errorf("%d regions are remembered", got)
	}
}

// values are those of all series.
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

// What SecretSyncs invent, identities and regions, evicts breakers of their own namespace alone.
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
	if b.get(source.Identity{Namespace: "victim", ServiceAccount: "app"}, home) != victim || b.get(source.Identity{}, home) != own {
		t.Error("another one's breaker was evicted")
	}
	if b.get(source.Identity{}, "eu-invented-1") != nil || len(b.byNamespace[""]) != 1 {
		t.Error("a region that is none has a breaker")
	}
}

// A region that is none is asked all the same, and what Source says of it is the answer.
func TestARegionThatIsNoneIsLeftToTheSource(t *testing.T) {
	w := newWorld()
	w.source.breakers.options.Knows = func(region string) bool { return region != home }
	w.fail(&source.Error{Kind: source.Failed}, home)
	for range failureThreshold + 2 {
		if _, err := w.source.Resolve(t.Context(), ask("v1")); source.KindOf(err) != source.Failed {
			t.Fatal(err)
		}
	}
}
