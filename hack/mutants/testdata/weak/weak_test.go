package weak

import (
	"testing"
	"time"
)

func TestOwned(t *testing.T) {
	for _, test := range []struct {
		owner string
		count int
		want  bool
		fails bool
	}{{"db", 1, true, false}, {"db", most, true, false}, {"db", 6, false, false}, {"other", 1, false, false}, {"", 1, false, true}, {"none", 1, false, true}} {
		if got, err := Owned(test.owner, "db", test.count); got != test.want || (err != nil) != test.fails {
			t.Errorf("%+v: %v, %v", test, got, err)
		}
	}
	if got, _ := Owned("none", "none", 1); got {
		t.Error("it has no owner")
	}
}

// TestIgnored is the weak test: it calls functions and checks nothing.
func TestIgnored(t *testing.T) {
	Ignored("db", "db", most)
}

func TestDeletion(t *testing.T) {
	if got := deletion("uid"); got.uid != "uid" || got.within != time.Minute {
		t.Errorf("%+v", got)
	}
}

func TestSum(t *testing.T) {
	if got := sum([]int{9, -1, 2, 3}, 10); got != 5 {
		t.Error(got)
	}
	if got := sum([]int{9, 9}, 10); got != 10 {
		t.Error(got)
	}
	if got := sum([]int{0, 1}, 10); got != 1 {
		t.Error(got)
	}
}

func TestDescribe(t *testing.T) {
	for kind, want := range map[string]string{"one": "1", "x": "all\nx\nother"} {
		if got := describe(kind); got != want {
			t.Error(got)
		}
	}
}

func TestWaits(t *testing.T) {
	if waits(3) != 2 {
		t.Error("it does not wait")
	}
}
