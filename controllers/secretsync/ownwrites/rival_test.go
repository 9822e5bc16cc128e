package ownwrites

import (
	"testing"
	"time"
)

// turnOf lets another operator's status be found, and this operator's be written over it.
func (r *Rival) turnOf(name, found, says string, interval time.Duration, now time.Time) string {
	r.Met(name, found, says, interval, now)
	r.Wrote(says)
	return r.Known(now)
}

func TestAnOperatorIsARivalIfItUndoesTheSameAgain(t *testing.T) {
	for name, test := range map[string]struct {
		turns [][3]string // Who wrote the status that is found, what it says, and what this operator says.
		want  string
	}{
		"each undoes the other":               {[][3]string{{"b", "2", "1"}, {"b", "2", "1"}, {"b", "2", "1"}}, "b"},
		"one refuses what the other reads":    {[][3]string{{"b", "AccessDenied", "1"}, {"b", "AccessDenied", "1"}, {"b", "AccessDenied", "1"}}, "b"},
		"a release takes the place of b":      {[][3]string{{"b", "2", "1"}}, ""},
		"b writes once more before it ends":   {[][3]string{{"b", "2", "1"}, {"b", "2", "1"}}, ""},
		"both agree, and AWS rotates":         {[][3]string{{"b", "1", "2"}, {"b", "3", "4"}, {"b", "5", "6"}, {"b", "7", "8"}}, ""},
		"b is as far as this operator":        {[][3]string{{"b", "1", "1"}, {"b", "1", "1"}, {"b", "1", "1"}, {"b", "1", "1"}}, ""},
		"one release after another":           {[][3]string{{"b", "2", "1"}, {"b", "2", "1"}, {"c", "2", "1"}, {"d", "2", "1"}}, ""},
		"first one release, then a conflict":  {[][3]string{{"b", "2", "1"}, {"b", "2", "1"}, {"c", "2", "1"}, {"c", "2", "1"}}, "c"},
		"this operator rotates in a conflict": {[][3]string{{"b", "2", "1"}, {"b", "2", "1"}, {"b", "2", "1"}, {"b", "2", "3"}}, "b"},
	} {
		var rival Rival
		got := ""
		for n, turn := range test.turns {
			got = rival.turnOf(turn[0], turn[1], turn[2], time.Minute, noon.Add(time.Duration(n)*time.Minute))
		}
		if got != test.want {
			t.Errorf("%s: the rival is %q, want %q", name, got, test.want)
		}
	}
}

// inConflict is a conflict with operator b, seen last at noon.
func inConflict(interval, every time.Duration) *Rival {
	rival := &Rival{}
	for n := 2; n >= 0; n-- {
		rival.turnOf("b", "2", "1", interval, noon.Add(-time.Duration(n)*every))
	}
	return rival
}

func TestAConflictEndsOnceTheOtherIsQuiet(t *testing.T) {
	for name, test := range map[string]struct{ interval, every, lasts time.Duration }{
		"short intervals":                     {time.Second, time.Second, time.Minute},
		"three polls":                         {5 * time.Minute, 5 * time.Minute, 15 * time.Minute},
		"the other polls less often":          {time.Minute, time.Hour, 2 * time.Hour},
		"the other follows events for a time": {10 * time.Minute, time.Minute, 30 * time.Minute},
	} {
		rival := inConflict(test.interval, test.every)
		if rival.Known(noon.Add(test.lasts)) != "b" {
			t.Errorf("%s: the conflict ends before %s", name, test.lasts)
		}
		if rival.Known(noon.Add(test.lasts+time.Second)) != "" {
			t.Errorf("%s: the conflict lasts longer than %s", name, test.lasts)
		}
		if got := rival.turnOf("b", "2", "1", test.interval, noon.Add(test.lasts+2*time.Second)); got != "" {
			t.Errorf("%s: after its end, one status is a conflict with %q", name, got)
		}
	}
	rival := inConflict(time.Minute, time.Minute)
	if rival.Reset(); rival.Known(noon) != "" || rival.Hold(noon) > 0 {
		t.Error("a request for a refresh does not end the conflict")
	}
}

func TestRepairsWaitForThePollInAConflict(t *testing.T) {
	rival := inConflict(time.Minute, time.Second)
	if got := rival.Hold(noon.Add(20 * time.Second)); got != 40*time.Second {
		t.Errorf("the Secret may be repaired in %s", got)
	}
	if got := rival.Hold(noon.Add(2 * time.Minute)); got > 0 {
		t.Errorf("after the poll, the Secret may be repaired in %s", got)
	}
	var none Rival
	if none.turnOf("b", "2", "1", time.Minute, noon); none.Hold(noon) > 0 {
		t.Error("without a conflict, repairs wait")
	}
}
