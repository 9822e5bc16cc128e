// Command localaws serves a local AWS Secrets Manager, STS and SQS until it is interrupted, and prints the
// environment by which the AWS SDKs and the aws command line find it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/secretsync/secretsync/hack/localaws"
)

// rotationFunction is the ARN that a ready-made rotation function answers to.
const rotationFunction = "arn:aws:lambda:eu-west-1:111122223333:function:rotate-password"

// options are the flags.
type options struct {
	address, queue string
	delay, lag     time.Duration
	labels         bool
	stale          localaws.Staleness
}

func main() {
	var o options
	flag.StringVar(&o.address, "address", "127.0.0.1:4599", "address to listen on; keep it on loopback")
	flag.StringVar(&o.queue, "event-queue", "secretsync-events", "name of the queue that gets the events of all regions; empty for none")
	flag.DurationVar(&o.delay, "event-delay", 0, "how late events come to the queue")
	flag.BoolVar(&o.labels, "label-events", false, `let "Secret Label Updated" events come to the queue too`)
	flag.DurationVar(&o.lag, "replication-lag", 0, "how far replicas are behind their primary")
	flag.DurationVar(&o.stale.Lag, "read-lag", 0, "how far reads are behind changes")
	flag.DurationVar(&o.stale.Random, "stale-reads", 0, "how long after a change each read sees the secret before it or after it, at random")
	flag.StringVar(&o.stale.Operation, "stale-operation", "", "pattern of the reads that lag or are stale, such as DescribeSecret; empty for all")
	flag.Uint64Var(&o.stale.Seed, "stale-seed", 0, "seed of what stale reads see")
	flag.Parse()
	if err := serve(o); err != nil {
		fmt.Fprintln(os.Stderr, "localaws:", err)
		os.Exit(1)
	}
}

func serve(o options) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server := &localaws.Server{}
	server.RegisterRotationFunction(rotationFunction, server.RotatePassword())
	server.SetReplicationLag(o.lag)
	if o.stale.Lag != 0 || o.stale.Random != 0 {
		if err := server.SetStaleness(o.stale); err != nil {
			return err
		}
	}
	queue, err := follow(server, o)
	if err != nil {
		return err
	}
	running, err := localaws.Start(server, o.address)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", o.address, err)
	}
	fmt.Printf("export AWS_ENDPOINT_URL=%s\n", running.URL())
	fmt.Printf("export AWS_REGION=%[1]s AWS_DEFAULT_REGION=%[1]s\n", localaws.DefaultRegion)
	fmt.Println("export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local")
	fmt.Printf("# a rotation function for JSON secrets with a password: %s\n", rotationFunction)
	if queue != "" {
		fmt.Printf("# the queue of change events: %s/%s/%s\n", running.URL(), localaws.DefaultAccount, queue)
	}
	<-ctx.Done()
	return running.Close()
}

// follow creates the queue, and a rule that sends events to it.
func follow(server *localaws.Server, o options) (queue string, err error) {
	if o.queue == "" {
		return "", nil
	}
	arn, err := server.AddQueue(localaws.Queue{Name: o.queue})
	if err != nil {
		return "", err
	}
	rule := localaws.EventRule{Region: "*", Queue: arn, DetailTypes: []string{localaws.ByAPICall, localaws.ByService}}
	if o.labels {
		rule.DetailTypes = append(rule.DetailTypes, localaws.LabelUpdated)
	}
	if _, err := server.AddEventRule(rule); err != nil {
		return "", err
	}
	return o.queue, server.SetDelivery(localaws.Delivery{Delay: o.delay})
}
