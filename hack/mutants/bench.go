package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// bench runs the tests of a package with one mutant or none.
type bench struct {
	// binary is the test binary with all mutants; folder is the package's folder, in which it runs.
	binary, folder, scratch string
	parallel                int
	patience                time.Duration
	tests                   []test
}

// test is a test of the package.
type test struct {
	name    string
	took    time.Duration
	reaches map[int]bool
}

// build compiles the tests of a package against its rewritten files.
func build(loaded *code, files map[string]string, mutants int, scratch string) (string, error) {
	files[filepath.Join(loaded.dir, "mutants_schema.go")] = schema(loaded.pkg.Name(), mutants)
	replaced := map[string]string{}
	for path, content := range files {
		copied := filepath.Join(scratch, filepath.Base(path))
		if err := os.WriteFile(copied, []byte(content), 0o600); err != nil {
			return "", err
		}
		replaced[path] = copied
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return "", err
	}
	listing := filepath.Join(scratch, "overlay.json")
	if err := os.WriteFile(listing, overlay, 0o600); err != nil {
		return "", err
	}
	binary := filepath.Join(scratch, "package.test")
	command := exec.Command("go", "test", "-c", "-vet=off", "-overlay", listing, "-o", binary, ".")
	command.Dir = loaded.dir
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the mutants do not compile: %w\n%s", err, output)
	}
	return binary, nil
}

// run runs tests, and says whether all pass. After the timeout it kills the process and all that it started.
func (b *bench) run(ctx context.Context, timeout time.Duration, environment []string, arguments ...string) (output string, passed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	command := exec.CommandContext(ctx, b.binary, arguments...)
	command.Dir = b.folder
	// The developer's environment must neither change what a test does nor appear in its output.
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + b.scratch}, environment...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = time.Second
	text := &watched{failed: cancel}
	command.Stdout, command.Stderr = text, text
	err = command.Run()
	if command.Process != nil {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) // Processes that a test left behind.
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) || ctx.Err() != nil || errors.Is(err, exec.ErrWaitDelay) {
		return text.String(), false, nil
	}
	return text.String(), err == nil, err
}

// watched is the output of tests. It ends them at the first failure, because -test.failfast lets running tests
// continue.
type watched struct {
	strings.Builder
	failed func()
}

func (w *watched) Write(more []byte) (int, error) {
	if bytes.Contains(more, []byte("--- FAIL")) {
		w.failed()
	}
	return w.Builder.Write(more)
}

// errFailed says that a test binary ran and failed.
var errFailed = errors.New("it fails")

// measure runs each test by itself, to learn which mutants it reaches and how long it takes.
func (b *bench) measure(ctx context.Context) error {
	names, err := b.list(ctx)
	if err != nil {
		return err
	}
	b.tests = make([]test, len(names))
	failures := make([]error, len(names))
	inParallel(b.parallel, len(names), func(n int) { b.tests[n], failures[n] = b.measureOne(ctx, n, names[n]) })
	slices.SortStableFunc(b.tests, func(x, y test) int { return int(x.took - y.took) })
	return errors.Join(failures...)
}

func (b *bench) list(ctx context.Context) ([]string, error) {
	output, passed, err := b.run(ctx, time.Minute, nil, "-test.list", ".")
	if err != nil || !passed {
		return nil, fmt.Errorf("the tests cannot be listed: %w\n%s", cmp.Or(err, errFailed), output)
	}
	var names []string
	for name := range strings.Lines(output) {
		name = strings.TrimSpace(name)
		if strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz") || strings.HasPrefix(name, "Example") {
			names = append(names, name)
		}
	}
	return names, nil
}

func (b *bench) measureOne(ctx context.Context, n int, name string) (test, error) {
	log := filepath.Join(b.scratch, fmt.Sprintf("reached-%d", n))
	began := time.Now()
	output, passed, err := b.run(ctx, 5*time.Minute, []string{"MUTANTS_REACHED=" + log}, "-test.run", pattern([]string{name}))
	if err != nil || !passed {
		return test{}, fmt.Errorf("%s fails without a mutant: %w\n%s", name, cmp.Or(err, errFailed), output)
	}
	measured := test{name: name, took: time.Since(began), reaches: map[int]bool{}}
	lines, err := os.ReadFile(log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return test{}, err
	}
	for line := range strings.Lines(string(lines)) {
		number, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			return test{}, err
		}
		measured.reaches[number] = true
	}
	return measured, nil
}

func pattern(names []string) string {
	quoted := make([]string, len(names))
	for n, name := range names {
		quoted[n] = regexp.QuoteMeta(name)
	}
	return "^(" + strings.Join(quoted, "|") + ")$"
}

// quick is the total time of the tests that are run before the others.
const quick = time.Second

// kills says whether a test fails with a mutant, and whether any test reaches it.
func (b *bench) kills(ctx context.Context, number int) (killed, reached bool, err error) {
	var first, second []string
	var together, later time.Duration
	for _, each := range b.tests { // The fastest first.
		switch {
		case !each.reaches[number]:
		case len(first) == 0 || together+each.took < quick:
			first, together = append(first, each.name), together+each.took
		default:
			second, later = append(second, each.name), later+each.took
		}
	}
	if len(first) == 0 {
		return false, false, nil
	}
	passed, err := b.try(ctx, number, first, together)
	if passed && err == nil && len(second) > 0 {
		passed, err = b.try(ctx, number, second, later)
	}
	return !passed, true, err
}

// try runs tests with a mutant. A run that takes several times as long as without it counts as failed.
func (b *bench) try(ctx context.Context, number int, names []string, took time.Duration) (passed bool, err error) {
	environment := []string{fmt.Sprintf("MUTANT=%d", number)}
	_, passed, err = b.run(ctx, b.patience+5*took, environment, "-test.failfast", "-test.run", pattern(names))
	return passed, cmp.Or(ctx.Err(), err)
}

// inParallel calls a function for each number below n.
func inParallel(workers, n int, do func(int)) {
	numbers := make(chan int)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for number := range numbers {
				do(number)
			}
		})
	}
	for number := range n {
		numbers <- number
	}
	close(numbers)
	group.Wait()
}
