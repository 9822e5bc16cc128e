package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// mutate runs the tool on the package with the planted weak test.
func mutate(t *testing.T, known, only string) (lines []string, err error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "accepted.txt")
	if err := os.WriteFile(file, []byte(known), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = run(t.Context(), &out, "./testdata/weak", options{accepted: file, parallel: 2, progress: t.Output(), patience: 2 * time.Second, only: regexp.MustCompile(only)})
	return strings.Split(strings.TrimSpace(out.String()), "\n"), err
}

const weak = "hack/mutants/testdata/weak/weak.go"

// TestAWeakTestIsNoticed: mutants of what TestIgnored reaches without checking it survive. Of what other tests check,
// only a mutant that makes no difference survives.
func TestAWeakTestIsNoticed(t *testing.T) {
	equivalent := weak + " sum boundary: number < 0\n\tadding 0 or skipping it is the same\n" +
		weak + " Ignored boundary: count > most\n\topen: no test fails\n"
	lines, err := mutate(t, equivalent, "")
	if err == nil {
		t.Error("the run succeeds")
	}
	survivors, total := lines[:len(lines)-1], lines[len(lines)-1]
	want := []string{
		`:24 always: owner == "" || owner == "none" (no test fails)`,
		`:24 never: owner == "" (no test reaches it)`,
		`:24 never: owner == "none" (no test reaches it)`,
		`:25 nil-error: errors.New("no owner") (no test reaches it)`,
		`:25 flipped: false (no test reaches it)`,
		`:27 always: count > most (no test fails)`,
		`:27 never: count > most (no test reaches it)`,
		`:27 times-ten: most (no test fails)`,
		`:28 flipped: false (no test reaches it)`,
		`:30 always: owner == wanted (no test reaches it)`,
		`:30 never: owner == wanted (no test fails)`,
	}
	for n, line := range survivors {
		if n >= len(want) || line != weak+want[n] {
			t.Errorf("unexpected: %s", line)
		}
	}
	if len(survivors) != len(want) {
		t.Errorf("%d survivors, want %d", len(survivors), len(want))
	}
	if !regexp.MustCompile(`^hack/mutants/testdata/weak: \d+ mutants, \d+ killed \(\d+\.\d %\), 1 accepted, 1 open, 11 survive; `).MatchString(total) {
		t.Error(total)
	}
}

func TestWhatIsGoneFromAcceptedFails(t *testing.T) {
	lines, err := mutate(t, weak+" Owned boundary: count > most\n\tkilled meanwhile\n"+weak+" removed never: x\n\tof code that is no more\n", "Owned|removed")
	if err == nil {
		t.Error("the run succeeds")
	}
	all := strings.Join(lines, "\n")
	for _, gone := range []string{"Owned boundary: count > most", "removed never: x"} {
		if !strings.Contains(all, "accepted, but killed or not there any more: "+weak+" "+gone) {
			t.Errorf("%s is not reported:\n%s", gone, all)
		}
	}
}

func TestEveryOperatorHasAPlace(t *testing.T) {
	loaded, err := load("./testdata/weak")
	if err != nil {
		t.Fatal(err)
	}
	mutants, files := find(loaded)
	keys, all := map[string]bool{}, ""
	for n, each := range mutants {
		if keys[each.key] {
			t.Errorf("%d: the key %s occurs twice", each.number, each.key)
		}
		if each.number != n+1 {
			t.Errorf("%s has the number %d, want %d", each.key, each.number, n+1)
		}
		keys[each.key] = true
		all += each.key + "\n"
	}
	for _, operator := range []string{"always", "never", "boundary", "arithmetic", "skipped", "nil-error", "no-loop", "no-case",
		"times-ten", "flipped", "no-field", "no-element", "no-option", "unwrapped"} {
		if !strings.Contains(all, " "+operator+": ") {
			t.Errorf("no place for %s", operator)
		}
	}
	for _, content := range files {
		if !strings.Contains(content, "mutantsIs(") {
			t.Error("a file without a mutant")
		}
	}
}

func TestAcceptedNeedsReasons(t *testing.T) {
	for content, want := range map[string]string{
		"# comment\na.go f never: x\n\tequivalent\n":  "",
		"a.go f never: x\n":                           "no reason is given for a.go f never: x",
		"a.go f never: x\nb.go f never: x\n\tspeed\n": ":2: a survivor is a line",
		"\talone\n": ":1: a survivor is a line",
		"a.go f never: x\n\tyes\na.go f never: x\n\tno": ":3: is there twice",
	} {
		file := filepath.Join(t.TempDir(), "accepted.txt")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := readAccepted(file)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", content, err)
		}
	}
	known := accepted{"controllers/source/source.go f never: x": "", "controllers/source/aws/aws.go f never: a/b": ""}
	if keys := known.of("controllers/source"); len(keys) != 1 {
		t.Errorf("keys of a folder: %v", keys)
	}
}
