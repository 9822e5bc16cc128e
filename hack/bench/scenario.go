package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
)

// options are the same for all scenarios.
type options struct {
	n, secrets, workers int
	latency, stale      time.Duration
	// poll is the interval of the floor of polls.
	poll            time.Duration
	flags, profiles string
}

// scenario is one thing to measure, on a control plane and an AWS of its own.
type scenario struct {
	name string
	run  func(ctx context.Context, b *bench) error
}

func scenarios() []scenario {
	return []scenario{
		{"first-sync", firstSync},
		{"steady-poll", steadyPoll},
		{"minute-poll", minutePoll},
		{"steady-sweep", steadySweep},
		{"shared-secret", sharedSecret},
		{"mass-rotation", massRotation},
		{"events", follow},
		{"restart", restart},
		{"throttled", throttled},
		{"slow-account", slowAccount},
		{"memory", memory},
	}
}

func names() []string {
	var all []string
	for _, s := range scenarios() {
		all = append(all, s.name)
	}
	return all
}

// choose finds the scenarios of a list of names.
func choose(list string) ([]scenario, error) {
	if list == "" {
		return scenarios(), nil
	}
	var chosen []scenario
	for name := range strings.SplitSeq(list, ",") {
		at := slices.Index(names(), name)
		if at < 0 {
			return nil, fmt.Errorf("there is no scenario %q; there are %s", name, strings.Join(names(), ", "))
		}
		chosen = append(chosen, scenarios()[at])
	}
	return chosen, nil
}

// bench is a running scenario.
type bench struct {
	options
	*testenv.Environment
	name    string
	report  *report
	fleet   *fleet
	watcher *watcher
	// manager is nil until the scenario starts it.
	manager *testenv.Manager
	// used is the manager's processor time before what is measured.
	used time.Duration
	// pprof is the address where the manager serves profiles; empty if it does not.
	pprof string
}

// defaultWorkers is the default of the manager's flag.
const defaultWorkers = 64

// measure sets a scenario up, runs it and takes it down.
func measure(ctx context.Context, o options, s scenario, figures *report) (err error) {
	ctx, cancel := context.WithCancel(ctx) // The control plane waits for watches to end.
	defer cancel()
	b := &bench{options: o, name: s.name, report: figures}
	env, err := testenv.New(ctx, testenv.Options{Root: ".", Release: true})
	if env != nil {
		defer func() {
			cancel()
			err = errors.Join(err, b.stop(), env.Close())
		}()
	}
	if err != nil {
		return err
	}
	if b.workers == 0 {
		b.workers = defaultWorkers
	}
	env.AWS.SetFaults(localaws.Fault{Latency: o.latency})
	if err := b.goStale(env.AWS); err != nil {
		return err
	}
	b.Environment, b.fleet = env, newFleet(env)
	if b.watcher, err = watch(ctx, env.Plane.Config()); err != nil {
		return err
	}
	if err := s.run(ctx, b); err != nil {
		if b.manager != nil {
			err = fmt.Errorf("%w\n\nthe end of the manager's log:\n%s", err, b.manager.Tail())
		}
		return err
	}
	if o.stale > 0 {
		b.figure("stale-reads", float64(env.AWS.StaleReads()), "reads")
	}
	return nil
}

// goStale makes the operator's reads stale, if options.stale is set; other clients' reads stay fresh.
func (b *bench) goStale(aws *localaws.Running) error {
	if b.stale == 0 {
		return nil
	}
	for _, name := range []string{setupUser, floorUser} {
		aws.AddPrincipal(name, localaws.Principal{Account: localaws.DefaultAccount, ARN: "arn:aws:iam::" + localaws.DefaultAccount + ":user/" + name})
	}
	return aws.SetStaleness(localaws.Staleness{Principal: "*:root", Random: b.stale})
}

// start starts the manager and sets b.manager. It first waits until reads are fresh again, as no event reports earlier
// changes.
func (b *bench) start() (err error) {
	time.Sleep(b.stale)
	flags := []string{"--log-level=info", fmt.Sprintf("--workers=%d", b.workers)}
	profiles, err := b.pprofFlag()
	if err != nil {
		return err
	}
	b.manager, err = b.StartManager("manager", slices.Concat(flags, profiles, strings.Fields(b.flags))...)
	return err
}

// stop ends the manager, if one runs.
func (b *bench) stop() error {
	if b.manager == nil {
		return nil
	}
	ended := b.manager
	b.manager = nil
	return ended.Stop()
}

// figure reports one figure of the scenario.
func (b *bench) figure(name string, value float64, unit string) {
	b.report.add(figure{Scenario: b.name, Name: name, Value: value, Unit: unit})
}

// against reports a time, and the floor's with it.
func (b *bench) against(name string, seconds, ofFloor float64) {
	b.report.add(figure{Scenario: b.name, Name: name, Value: seconds, Unit: "s", Floor: &ofFloor})
}

// enter prints the next step of a scenario, as some take minutes.
func (b *bench) enter(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "# %s: %s\n", b.name, fmt.Sprintf(format, args...))
}
