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
	sync := &v1alpha1.SecretSync{}
	sync.Name, sync.Spec.Source.SecretID, sync.Spec.PollInterval = name, secretID, &metav1.Duration{Duration: interval}
	return c.begin(sync, &memory{})
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
		p.inputs[0].observation.Swept = true
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
