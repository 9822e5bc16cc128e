package schedule

import (
	"fmt"
	"testing"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
)

func TestPollsGatherAroundARotation(t *testing.T) {
	polls := NewPolls(0, nil)
	for name, test := range map[string]struct {
		rotation *source.Rotation
		most     time.Duration
	}{
		"no rotation":                       {&source.Rotation{}, time.Hour},
		"not known":                         {nil, time.Hour},
		"planned within the interval":       {&source.Rotation{Enabled: true, Next: noon.Add(time.Second)}, 6 * time.Second},
		"planned for next month":            {&source.Rotation{Enabled: true, Next: noon.AddDate(0, 1, 0)}, time.Hour},
		"due and not here":                  {&source.Rotation{Enabled: true, Next: noon.Add(-time.Minute)}, rotationPoll},
		"due and done":                      {&source.Rotation{Enabled: true, Next: noon.Add(-time.Minute), LastRotated: noon}, time.Hour},
		"due for so long that it is broken": {&source.Rotation{Enabled: true, Next: noon.Add(-2 * time.Hour)}, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			latest := time.Duration(0)
			for i := range 200 { // Some of the places within the interval are early by themselves.
				p := newPolled(fmt.Sprintf("db-%d", i), time.Hour)
				p.set.Inputs[0].Resolution.Version.Rotation = test.rotation
				until := p.next(polls, None).Sub(noon)
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
