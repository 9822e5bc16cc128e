package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// options of a run.
type options struct {
	accepted string
	parallel int
	// progress gets lines about the progress of a long run.
	progress io.Writer
	// patience is the least time after which a mutant counts as hanging.
	patience time.Duration
	// only are the keys of the mutants that are tried, or nil for all.
	only *regexp.Regexp
	// list prints survivors in the format of accepted.txt.
	list bool
}

func main() {
	with := options{patience: 10 * time.Second, progress: os.Stderr}
	var only string
	flag.StringVar(&with.accepted, "accepted", "hack/mutants/accepted.txt", "file of survivors that are known, each with a reason")
	flag.IntVar(&with.parallel, "parallel", 2, "mutants that are tried at the same time")
	flag.StringVar(&only, "only", "", "try those mutants alone whose key matches this regular expression, as 'accesspolicy.go Source.Fetch'")
	flag.BoolVar(&with.list, "list", false, "print the survivors that are not accepted as accepted.txt has them")
	flag.Parse()
	if only != "" {
		compiled, err := regexp.Compile(only)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		with.only = compiled
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	failed := false
	for _, pattern := range flag.Args() {
		if err := run(ctx, os.Stdout, pattern, with); err != nil {
			fmt.Fprintln(os.Stderr, "mutants:", err)
			failed = true
		}
	}
	if failed {
		stop()
		os.Exit(1)
	}
}

// fate is the result of a mutant.
type fate struct {
	killed, reached bool
	err             error
}

// run tests all mutants of a package. It fails if a survivor is not accepted, or if an accepted mutant no longer
// survives.
func run(ctx context.Context, out io.Writer, pattern string, with options) error {
	began := time.Now()
	known, err := readAccepted(with.accepted)
	if err != nil {
		return err
	}
	loaded, err := load(pattern)
	if err != nil {
		return err
	}
	mutants, files := find(loaded)
	scratch, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	binary, err := build(loaded, files, len(mutants), scratch)
	if err != nil {
		return err
	}
	tests := &bench{binary: binary, folder: loaded.dir, scratch: scratch, parallel: with.parallel, patience: with.patience}
	if err := tests.measure(ctx); err != nil {
		return err
	}
	if with.only != nil {
		mutants = slices.DeleteFunc(mutants, func(each mutant) bool { return !with.only.MatchString(each.key) })
	}
	fates := make([]fate, len(mutants))
	var tried atomic.Int64
	inParallel(with.parallel, len(mutants), func(n int) {
		if done := tried.Add(1); done%100 == 0 {
			fmt.Fprintf(with.progress, "%s: %d of %d\n", pattern, done, len(mutants))
		}
		fates[n].killed, fates[n].reached, fates[n].err = tests.kills(ctx, mutants[n].number)
		if fates[n].killed && known[mutants[n].key] != "" { // One failure may be chance, on a busy machine.
			fates[n].killed, fates[n].reached, fates[n].err = tests.kills(ctx, mutants[n].number)
		}
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	judged := judge(mutants, fates, known, known.of(loaded.relative(loaded.dir)), with)
	judged.took = time.Since(began)
	return judged.print(out, loaded.relative(loaded.dir), with.list)
}

// openReason begins the reason of a known survivor for which a test is still missing.
const openReason = "open:"

// result is the result of a run.
type result struct {
	mutants, killed, accepted, open int
	// survivors are survivors that are not accepted; gone are keys of accepted mutants that do not survive.
	survivors []survivor
	gone      []string
	errors    []error
	took      time.Duration
}

type survivor struct {
	mutant
	reached bool
}

func judge(mutants []mutant, fates []fate, known accepted, expected []string, with options) result {
	found := result{mutants: len(mutants)}
	survives := map[string]bool{}
	for n, each := range mutants {
		switch {
		case fates[n].err != nil:
			found.errors = append(found.errors, fmt.Errorf("%s: %w", each.key, fates[n].err))
		case fates[n].killed:
			found.killed++
			continue
		case strings.HasPrefix(known[each.key], openReason):
			found.open++
		case known[each.key] != "":
			found.accepted++
		default:
			found.survivors = append(found.survivors, survivor{each, fates[n].reached})
		}
		survives[each.key] = true
	}
	for _, key := range expected {
		if !survives[key] && (with.only == nil || with.only.MatchString(key)) {
			found.gone = append(found.gone, key)
		}
	}
	slices.Sort(found.gone)
	return found
}

func (r result) print(out io.Writer, folder string, list bool) error {
	for _, each := range r.survivors {
		how := "no test fails"
		if !each.reached {
			how = "no test reaches it"
		}
		if list {
			fmt.Fprintf(out, "%s\n\t%s %s\n", each.key, openReason, how)
			continue
		}
		fmt.Fprintf(out, "%s:%d %s (%s)\n", each.file, each.line, each.what, how)
	}
	for _, key := range r.gone {
		fmt.Fprintf(out, "accepted, but killed or not there any more: %s\n", key)
	}
	fmt.Fprintf(out, "%s: %d mutants, %d killed (%.1f %%), %d accepted, %d open, %d survive; %s\n", folder, r.mutants, r.killed,
		100*float64(r.killed)/float64(max(r.mutants, 1)), r.accepted, r.open, len(r.survivors), r.took.Round(time.Second))
	if err := errors.Join(r.errors...); err != nil {
		return err
	}
	if len(r.survivors)+len(r.gone) > 0 {
		return fmt.Errorf("%s: kill each survivor by a test, or give the reason in accepted.txt why none is needed; take out what is gone", folder)
	}
	return nil
}
