package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench failed:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o := options{}
	var only string
	flag.IntVar(&o.n, "n", 1000, "SecretSyncs")
	flag.IntVar(&o.secrets, "secrets", 0, "secrets that the SecretSyncs follow where each has its own otherwise; 0 means as many")
	flag.IntVar(&o.workers, "workers", 0, "SecretSyncs that the operator, and the floor, work on at once; 0 means the operator's default")
	flag.DurationVar(&o.poll, "poll", time.Minute, "poll interval of -floor-polls")
	flag.DurationVar(&o.latency, "latency", 5*time.Millisecond, "time that AWS takes to answer a call")
	flag.DurationVar(&o.stale, "stale-reads", 0, "how long after a change each read of the operator sees the secret before it or after it, at random")
	flag.StringVar(&o.flags, "flags", "", "more flags for the manager, separated by blanks")
	flag.StringVar(&o.profiles, "profiles", "", "directory to write profiles of the manager to, of its processor time and its heap")
	flag.StringVar(&only, "scenario", "", "scenarios to run, separated by commas; empty means all: "+strings.Join(names(), ", "))
	floorOf := flag.String("floor-polls", "", "address of an AWS to poll by bare calls of its SDK, instead of measuring; the benchmark starts itself so")
	results := flag.String("json", "", "file to write the figures to; those of other scenarios in it stay")
	picture := flag.String("plot", "", "file to draw the figures of -json in, as SVG, instead of measuring")
	flag.Parse()
	if *floorOf != "" {
		return pollBare(ctx, *floorOf, o)
	}
	if *picture != "" {
		return savePlot(*results, *picture)
	}

	chosen, err := choose(only)
	if err != nil {
		return err
	}
	figures := &report{}
	for _, next := range chosen {
		if err := measure(ctx, o, next, figures); err != nil {
			return fmt.Errorf("scenario %s: %w", next.name, err)
		}
	}
	figures.table(os.Stdout)
	if *results == "" {
		return nil
	}
	return figures.save(*results)
}
