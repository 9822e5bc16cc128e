package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
)

// floorBursts is how many times in an interval the floor polls: as many as the operator has slots.
const floorBursts = 6

// floorPolls is a process that polls as many secrets as the operator, as often, with as many calls at once, by bare calls
// of the AWS SDK, and does nothing with the answers. It has an AWS of its own, so that the operator's calls are counted
// alone, and runs while the operator is measured: what a call costs depends on how busy the machine is.
type floorPolls struct {
	b       *bench
	aws     *localaws.Running
	command *exec.Cmd
	before  time.Duration
}

// startFloorPolls starts the floor and waits until it has polled for a while.
func (b *bench) startFloorPolls(ctx context.Context, interval time.Duration) (*floorPolls, error) {
	aws, err := localaws.Start(&localaws.Server{}, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &floorPolls{b: b, aws: aws}
	if err := f.start(ctx, interval); err != nil {
		return nil, errors.Join(err, f.stop())
	}
	return f, sleep(ctx, interval/floorBursts)
}

func (f *floorPolls) start(ctx context.Context, interval time.Duration) error {
	setup := awsClient(f.aws.URL(), setupUser)
	err := each(f.b.n, func(i int) error {
		id, text := secretID(i), "unread"
		_, err := setup.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: &id, SecretString: &text})
		return err
	})
	if err != nil {
		return err
	}
	f.aws.SetFaults(localaws.Fault{Latency: f.b.latency})
	program, err := os.Executable()
	if err != nil {
		return err
	}
	f.command = exec.Command(program, "-floor-polls="+f.aws.URL(), "-poll="+interval.String(),
		"-n="+strconv.Itoa(f.b.n), "-workers="+strconv.Itoa(f.b.workers))
	f.command.Stderr = os.Stderr
	f.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return f.command.Start()
}

// reset begins what perPoll measures.
func (f *floorPolls) reset() (err error) {
	f.aws.ResetCalls()
	f.before, err = testenv.ProcessorTime(f.command.Process.Pid)
	return err
}

// perPoll is the processor time that a poll has taken since reset, in milliseconds.
func (f *floorPolls) perPoll() (float64, error) {
	used, err := testenv.ProcessorTime(f.command.Process.Pid)
	if err != nil {
		return 0, err
	}
	return (used - f.before).Seconds() * 1000 / float64(f.aws.Count("DescribeSecret")), nil
}

func (f *floorPolls) stop() error {
	if f.command != nil && f.command.Process != nil {
		if err := f.command.Process.Kill(); err != nil {
			return err
		}
		_ = f.command.Wait() // It is killed.
	}
	return f.aws.Close()
}

// pollBare polls until ctx ends or a call fails. It is what the process of floorPolls does.
func pollBare(ctx context.Context, url string, o options) error {
	client := awsClient(url, floorUser)
	ticker := time.NewTicker(o.poll / floorBursts)
	defer ticker.Stop()
	burst := max(1, o.n/floorBursts)
	for from := 0; ; from += burst {
		err := eachOf(o.workers, burst, func(i int) error {
			id := secretID((from + i) % o.n)
			_, err := client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &id})
			return err
		})
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
