package rollout

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestStepsGetRarer: restarts under way are polled often, those that wait for the user rarely, and those done never.
func TestStepsGetRarer(t *testing.T) {
	standing := func(states ...State) (turns []*turn) {
		for _, state := range states {
			turns = append(turns, &turn{workload: deployment(&appsv1.Deployment{}), outcome: outcome{state: state}})
		}
		return turns
	}
	for name, test := range map[string]struct {
		after, delay time.Duration
		turns        []*turn
		due          time.Duration // after noon; zero where nothing waits for other changes
		want         time.Duration
	}{
		"nothing at all":                    {after: time.Minute, want: 0},
		"all are done":                      {after: time.Minute, turns: standing(Done, Done), want: 0},
		"a restart has begun":               {after: 4 * time.Second, turns: standing(RollingOut, Paused), want: time.Second},
		"a restart goes on":                 {after: time.Minute, turns: standing(RollingOut, Done), want: 6 * time.Second},
		"a restart never ends":              {after: 24 * time.Hour, turns: standing(RollingOut), want: requeueMost},
		"the delay does not count":          {after: time.Hour + 30*time.Second, delay: time.Hour, turns: standing(RollingOut), want: 3 * time.Second},
		"a workload is paused":              {after: 10 * time.Second, turns: standing(Done, Paused), want: requeueStuck},
		"a workload was paused long ago":    {after: 10 * time.Minute, turns: standing(Paused), want: time.Minute},
		"one has failed and the rest wait":  {after: 10 * time.Second, turns: standing(Failed, Waiting), want: requeueStuck},
		"it waits for another Secret":       {after: 10 * time.Second, turns: standing(Waiting), due: time.Minute, want: 50 * time.Second},
		"it waits long for another Secret":  {after: 10 * time.Second, turns: standing(Waiting), due: time.Hour, want: requeueMost},
		"and a workload restarts meanwhile": {after: 10 * time.Second, turns: standing(Waiting, RollingOut), due: time.Minute, want: time.Second},
	} {
		s := &step{change: changed("db", "v2"), now: noon.Add(test.after), turns: test.turns}
		s.change.Policy.Delay = &metav1.Duration{Duration: test.delay}
		if test.due > 0 {
			s.next = noon.Add(test.due)
		}
		for _, turn := range s.turns {
			turn.replacingPods = false
		}
		if got := s.progress().RequeueAfter; got != test.want {
			t.Errorf("%s: the next step is after %s, want %s", name, got, test.want)
		}
	}
}
