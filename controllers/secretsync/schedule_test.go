package secretsync

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func polled(c *Controller, name, secretID string, interval time.Duration) *pass {
	secretSync := &v1alpha1.SecretSync{}
	secretSync.Name, secretSync.Spec.Source.SecretID, secretSync.Spec.PollInterval = name, secretID, &metav1.Duration{Duration: interval}
	return c.begin(secretSync, &memory{})
}

func TestThoseWhoFollowOneSecretPollTogether(t *testing.T) {
	c := New(Options{})
	want := c.nextTick(polled(c, "one", "db", time.Minute), noon)
	if got := c.nextTick(polled(c, "other", "db", time.Minute), noon.Add(want.Sub(noon)/2)); !got.Equal(want) {
		t.Errorf("two SecretSyncs of a secret are polled at %s and %s", want, got)
	}
	if next := c.nextTick(polled(c, "one", "db", time.Minute), want); next.Sub(want) != time.Minute {
		t.Errorf("the poll after that comes %s later", next.Sub(want))
	}
}

func TestPollsAreSpreadOverTheInterval(t *testing.T) {
	c := New(Options{})
	const secrets, parts = 2000, 10
	interval := 5 * time.Minute
	var count [parts]int
	for i := range secrets {
		tick := c.nextTick(polled(c, "s", fmt.Sprintf("db-%d", i), interval), noon)
		until := tick.Sub(noon)
		if until <= 0 || until > interval {
			t.Fatalf("the next poll is in %s", until)
		}
		count[int(until-1)*parts/int(interval)]++
	}
	for part, got := range count {
		if got < secrets/parts*7/10 || got > secrets/parts*13/10 {
			t.Errorf("%d of %d polls are in part %d of %d of the interval", got, secrets, part, parts)
		}
	}
}

func TestPollsThatShareASweepKeepTogether(t *testing.T) {
	c := New(Options{})
	ticks := map[time.Time]bool{}
	for i := range 100 {
		p := polled(c, "s", fmt.Sprintf("db-%d", i), 10*time.Minute)
		p.inputs[0].observation.Listed = true
		ticks[c.nextTick(p, noon)] = true
	}
	if len(ticks) != 1 {
		t.Errorf("polls that a sweep answers come at %d moments", len(ticks))
	}
}

func TestPollsGatherAroundARotation(t *testing.T) {
	c := New(Options{})
	for name, test := range map[string]struct {
		rotation *source.Rotation
		most     time.Duration
	}{
		"no rotation":                       {&source.Rotation{}, time.Hour},
		"not told":                          {nil, time.Hour},
		"planned within the interval":       {&source.Rotation{Enabled: true, Next: noon.Add(time.Second)}, 6 * time.Second},
		"planned for next month":            {&source.Rotation{Enabled: true, Next: noon.AddDate(0, 1, 0)}, time.Hour},
		"due and not here":                  {&source.Rotation{Enabled: true, Next: noon.Add(-time.Minute)}, rotationPoll},
		"due and done":                      {&source.Rotation{Enabled: true, Next: noon.Add(-time.Minute), LastRotated: noon}, time.Hour},
		"due for so long that it is broken": {&source.Rotation{Enabled: true, Next: noon.Add(-2 * time.Hour)}, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			latest := time.Duration(0)
			for i := range 200 { // Some of the places within the interval are early by themselves.
				p := polled(c, "s", fmt.Sprintf("db-%d", i), time.Hour)
				p.inputs[0].observation.Version.Rotation = test.rotation
				until := c.nextPoll(p, noon).Sub(noon)
				if until <= 0 || until > test.most {
					t.Fatalf("the next poll is in %s, want %s at most", until, test.most)
				}
				latest = max(latest, until)
			}
			if test.most == time.Hour && latest <= rotationPoll {
				t.Errorf("all polls come within %s", latest)
			}
		})
	}
}

// TestWhereARotationBringsAPoll to the moment: soon after it is planned, and then often for a while.
func TestWhereARotationBringsAPoll(t *testing.T) {
	next := noon.Add(2 * time.Hour)
	planned := func(ago time.Duration) *source.Rotation { return &source.Rotation{Enabled: true, Next: noon.Add(-ago)} }
	for name, test := range map[string]struct {
		rotation *source.Rotation
		want     time.Time
	}{
		"none":                    {nil, next},
		"without a plan":          {&source.Rotation{Enabled: true}, next},
		"planned":                 {planned(-time.Hour), noon.Add(time.Hour + rotationLag)},
		"planned, and turned off": {&source.Rotation{Next: noon.Add(time.Hour)}, next},
		"due":                     {planned(rotationLag), noon.Add(rotationPoll)},
		"due for the window":      {planned(rotationWindow + rotationLag), next},
		"due for almost as long":  {planned(rotationWindow + rotationLag - 1), noon.Add(rotationPoll)},
	} {
		if got := aroundRotation(next, noon, test.rotation); !got.Equal(test.want) {
			t.Errorf("%s: the next poll is in %s, want %s", name, got.Sub(noon), test.want.Sub(noon))
		}
	}
}

// TestPollsComeInSlots, which are the same for all secrets of a process, and others in another process.
func TestPollsComeInSlots(t *testing.T) {
	phases := map[time.Duration]bool{}
	for range 20 {
		phase := New(Options{}).phase
		if phase < 0 || phase >= pollSlot {
			t.Fatalf("a process polls %s after each slot begins", phase)
		}
		phases[phase] = true
	}
	if len(phases) < 10 {
		t.Errorf("20 processes poll at %d moments of a slot", len(phases))
	}
	c := New(Options{})
	c.phase = 200 * time.Millisecond
	slots := map[time.Time]bool{}
	for i := range 200 {
		tick := c.nextTick(polled(c, "s", fmt.Sprintf("db-%d", i), time.Minute), noon)
		if within := tick.Sub(noon) % pollSlot; within != c.phase {
			t.Fatalf("a poll comes %s after a slot begins", within)
		}
		slots[tick] = true
	}
	if most := int(time.Minute / pollSlot); len(slots) < most/2 {
		t.Errorf("200 secrets are polled in %d of %d slots", len(slots), most)
	}
	swept := polled(c, "s", "db", time.Minute)
	swept.inputs[0].observation.Listed = true
	if tick := c.nextTick(swept, noon); tick.Sub(noon) != c.phase {
		t.Errorf("what is swept is polled after %s", tick.Sub(noon))
	}
}

// TestWhatAPollIsSharedBy: those who read one secret first, or look for the same ones; a sweep answers for all or none.
func TestWhatAPollIsSharedBy(t *testing.T) {
	type place struct {
		region, secret string
		swept          bool
	}
	find := []v1alpha1.DataFrom{{}, {Find: &v1alpha1.Find{NamePrefix: "app/", Region: "eu-west-1"}}}
	for name, test := range map[string]struct {
		swept []bool // of the secrets that are read
		from  []v1alpha1.DataFrom
		want  place
	}{
		"one secret":                      {swept: []bool{false}, want: place{"eu-north-1", "db-0", false}},
		"one that a sweep has":            {swept: []bool{true}, want: place{"eu-north-1", "db-0", true}},
		"two that a sweep has":            {swept: []bool{true, true}, want: place{"eu-north-1", "db-0", true}},
		"two of which a sweep has one":    {swept: []bool{true, false}, want: place{"eu-north-1", "db-0", false}},
		"two of which it has the other":   {swept: []bool{false, true}, want: place{"eu-north-1", "db-0", false}},
		"none that was found":             {from: find, want: place{"eu-west-1", "app/", false}},
		"one beside what is looked for":   {swept: []bool{true}, from: find, want: place{"eu-north-1", "db-0", true}},
		"none, and nothing is looked for": {from: find[:1]},
	} {
		p := &pass{sync: fresh()}
		p.sync.Spec.DataFrom = test.from
		for n, swept := range test.swept {
			one := &input{ref: source.Ref{Region: "eu-north-1", SecretID: fmt.Sprint("db-", n)}}
			one.observation.Listed = swept
			p.inputs = append(p.inputs, one)
		}
		var got place
		if got.region, got.secret, got.swept = p.polled(); got != test.want {
			t.Errorf("%s: polled as %+v", name, got)
		}
	}
}

func TestRoutineGoesBehindAllElse(t *testing.T) {
	for trigger, want := range map[trigger]int{triggerPoll: priorityPoll, triggerSpec: priorityFirst, triggerDrift: priorityFirst, triggerNone: priorityFirst} {
		if got := (&pass{trigger: trigger}).priority(); got != want {
			t.Errorf("by %q: priority %d", trigger, got)
		}
	}
}

// TestWaitsAreSpread, so that those who failed at one moment do not all come back at one.
func TestWaitsAreSpread(t *testing.T) {
	look := pursuit{since: noon, next: noon.Add(pursuitSpread)}
	for name, test := range map[string]struct {
		draw func() time.Duration
		part time.Duration // within which it is drawn
	}{
		"after an outage":         {func() time.Duration { return wait(retryFirst, retryMost, 50) }, retryMost / 2},
		"as AWS asks for":         {func() time.Duration { return afterFailure(&failure{retryAfter: time.Minute}, 1, time.Hour) }, time.Minute / 2},
		"before a look":           {func() time.Duration { return look.at(noon).Sub(look.next) }, pursuitSpread / 4},
		"after the first refusal": {func() time.Duration { return afterFailure(&failure{heals: byEdit}, 1, time.Hour) }, recheckFirst / 2},
	} {
		least, most := time.Duration(1<<62), time.Duration(0)
		for range 200 {
			got := test.draw()
			least, most = min(least, got), max(most, got)
		}
		if spread := most - least; spread > test.part || spread < test.part/2 {
			t.Errorf("%s: between %s and %s", name, least, most)
		}
	}
}

func TestWaitsGrowAndAreBounded(t *testing.T) {
	for failures := 1; failures < 100; failures++ {
		full := min(retryMost, retryFirst<<min(failures-1, 20))
		if got := wait(retryFirst, retryMost, failures); got < full/2 || got > full {
			t.Errorf("after %d failures it waits %s, want %s to %s", failures, got, full/2, full)
		}
	}
}

func TestAfterFailure(t *testing.T) {
	for name, test := range map[string]struct {
		failure     failure
		failures    int
		interval    time.Duration
		least, most time.Duration
	}{
		"an outage, first":                    {failure{heals: byTime}, 1, time.Hour, retryFirst / 2, retryFirst},
		"an outage, for long":                 {failure{heals: byTime}, 50, time.Hour, retryMost / 2, retryMost},
		"a refusal, for long":                 {failure{heals: byEdit}, 50, time.Hour, recheckMost / 2, recheckMost},
		"a refusal, polled often":             {failure{heals: byEdit}, 50, time.Second, time.Second, time.Second},
		"a wait that AWS asks for":            {failure{heals: byTime, retryAfter: time.Minute}, 1, time.Hour, time.Minute, 90 * time.Second},
		"a wait asked for, of a short poller": {failure{heals: byEdit, retryAfter: time.Minute}, 9, time.Second, time.Minute, 90 * time.Second},
	} {
		if got := afterFailure(&test.failure, test.failures, test.interval); got < test.least || got > test.most {
			t.Errorf("%s: waits %s, want %s to %s", name, got, test.least, test.most)
		}
	}
}
