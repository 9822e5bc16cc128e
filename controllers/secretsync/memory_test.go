package secretsync

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

var here = types.NamespacedName{Namespace: "payments", Name: "db"}

func TestANewSecretSyncOfAnOldNameRemembersNothing(t *testing.T) {
	m := newMemories(time.Now)
	first := m.of(here, "uid-1")
	first.failures = 7
	if again := m.of(here, "uid-1"); again != first {
		t.Error("a SecretSync has two memories")
	}
	if other := m.of(here, "uid-2"); other.failures != 0 {
		t.Error("a SecretSync made anew remembers the old one's failures")
	}
	m.forget(here)
	if len(m.byName) != 0 {
		t.Error("a deleted SecretSync is remembered")
	}
}

func TestTheCacheMayBeBehindOurOwnWrite(t *testing.T) {
	secretSync := &v1alpha1.SecretSync{}
	for name, test := range map[string]struct {
		written, read string
		want          bool
	}{
		"nothing written":    {"", "5", false},
		"behind":             {"10", "9", true},
		"there":              {"10", "10", false},
		"beyond":             {"10", "11", false},
		"not to be compared": {"10", "x", false},
	} {
		secretSync.ResourceVersion = test.read
		if got := (&memory{statusWritten: test.written}).ahead(secretSync); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTheEchoOfAWriteIsNoNews(t *testing.T) {
	m := newMemories(time.Now)
	if m.echoed(here, "1") {
		t.Error("a Secret of nobody's is an echo")
	}
	one := m.of(here, "uid")

	m.beginWrite(one)
	if !m.echoed(here, "10") {
		t.Error("the watch is faster than the answer, and sets off a pass")
	}
	if m.endWrite(one, "10") {
		t.Error("our own write counts as somebody else's")
	}
	if !m.echoed(here, "10") || m.echoed(here, "11") {
		t.Error("after the write an echo is news, or an edit is none")
	}

	m.beginWrite(one)
	m.echoed(here, "12")
	m.echoed(here, "13")
	if !m.endWrite(one, "12") {
		t.Error("an edit right after our write is missed")
	}
	m.beginWrite(one)
	m.echoed(here, "14")
	if m.endWrite(one, "15") {
		t.Error("an edit before our write counts as one after it")
	}
	m.beginWrite(one)
	m.echoed(here, "16")
	if !m.endWrite(one, "") {
		t.Error("an edit during a write that failed is missed")
	}
	if !m.echoed(here, "15") {
		t.Error("a write that failed makes forget the one before it")
	}
}

func TestTheMostOverdue(t *testing.T) {
	m := newMemories(time.Now)
	if got := m.mostOverdue(noon); got != 0 {
		t.Errorf("nothing is overdue by %s", got)
	}
	for name, due := range map[string]time.Time{"late": noon.Add(-time.Minute), "later": noon.Add(-time.Hour), "ahead": noon.Add(time.Hour), "suspended": {}} {
		m.of(types.NamespacedName{Name: name}, "uid").nextLook.set(due)
	}
	if got := m.mostOverdue(noon); got != time.Hour {
		t.Errorf("the most overdue is so by %s", got)
	}
}

func TestWhatIsStaleIsSoForLong(t *testing.T) {
	m := newMemories(time.Now)
	for name, behind := range map[string]time.Duration{"just now": 0, "a while": cacheLagMost - 1, "long": cacheLagMost, "longer": time.Minute} {
		m.of(types.NamespacedName{Name: name}, "uid").behind.set(noon.Add(-behind))
	}
	m.of(here, "uid")
	if count := m.stale(noon); count != 2 {
		t.Errorf("%d are stale", count)
	}
	if most := m.mostStale(noon); most != time.Minute {
		t.Errorf("one is so for %s", most)
	}
}

func TestNothingIsLeftOfWhatIsGone(t *testing.T) {
	m := newMemories(time.Now)
	m.of(here, "uid")
	m.wake(here, true)
	all := m.all()
	m.forget(here)
	if woken, surely := m.takeWoken(here); woken || surely {
		t.Error("it is to be woken still")
	}
	if len(all) != 1 || len(m.all()) != 0 {
		t.Error("a list of all changes under its reader, or is not up to date")
	}
}

// TestAnEditIsFoundWhateverTheWatchTellsWhen: it may be faster than the answer to our write, or behind.
func TestAnEditIsFoundWhateverTheWatchTellsWhen(t *testing.T) {
	for name, test := range map[string]struct {
		watched []string
		touched bool
	}{
		"nothing":                        {nil, false},
		"our write":                      {[]string{"12"}, false},
		"an edit, then what was before":  {[]string{"13", "11"}, true},
		"our write, then an edit":        {[]string{"12", "13"}, true},
		"an edit, and our write is next": {[]string{"13", "12"}, true},
	} {
		m := newMemories(time.Now)
		one := m.of(here, "uid")
		m.beginWrite(one)
		for _, version := range test.watched {
			m.echoed(here, version)
		}
		if touched := m.endWrite(one, "12"); touched != test.touched {
			t.Errorf("%s: another has touched the Secret: %t", name, touched)
		}
		if !m.wroteLast(one, "12") || m.wroteLast(one, "13") {
			t.Errorf("%s: it is not known what was written last", name)
		}
	}
}

func TestNoWordIsAnEmptyOne(t *testing.T) {
	if got := (&word{}).get(); got != "" {
		t.Errorf("it is %q", got)
	}
}
