package rollout

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestLooksGetRarer: what goes on is looked at often, what waits for somebody seldom, and what is done never.
func TestLooksGetRarer(t *testing.T) {
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
		"nothing at all":                   {after: time.Minute, want: 0},
		"all are done":                     {after: time.Minute, turns: standing(Done, Done), want: 0},
		"a restart has begun":              {after: 4 * time.Second, turns: standing(RollingOut, Paused), want: time.Second},
		"a restart goes on":                {after: time.Minute, turns: standing(RollingOut, Done), want: 6 * time.Second},
		"a restart never ends":             {after: 24 * time.Hour, turns: standing(RollingOut), want: paceMost},
		"the delay does not count":         {after: time.Hour + 30*time.Second, delay: time.Hour, turns: standing(RollingOut), want: 3 * time.Second},
		"one is paused":                    {after: 10 * time.Second, turns: standing(Done, Paused), want: paceStuck},
		"one was paused long ago":          {after: 10 * time.Minute, turns: standing(Paused), want: time.Minute},
		"one has failed and the rest wait": {after: 10 * time.Second, turns: standing(Failed, Waiting), want: paceStuck},
		"another Secret is waited for":     {after: 10 * time.Second, turns: standing(Waiting), due: time.Minute, want: 50 * time.Second},
		"another is waited for for long":   {after: 10 * time.Second, turns: standing(Waiting), due: time.Hour, want: paceMost},
		"and one restarts meanwhile":       {after: 10 * time.Second, turns: standing(Waiting, RollingOut), due: time.Minute, want: time.Second},
	} {
		all := &round{change: changed("db", "v2"), now: noon.Add(test.after), turns: test.turns}
		all.change.Policy.Delay = &metav1.Duration{Duration: test.delay}
		if test.due > 0 {
			all.next = noon.Add(test.due)
		}
		for _, one := range all.turns {
			one.moving = false
		}
		if got := all.progress().RequeueAfter; got != test.want {
			t.Errorf("%s: looked at again after %s, want %s", name, got, test.want)
		}
	}
}
