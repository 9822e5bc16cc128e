package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/secretsync/secretsync/controllers/notify"
	"github.com/secretsync/secretsync/controllers/notify/sqs"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/secretsync"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws"
)

// receivers receive change events. Each is nil where it is not configured.
type receivers struct {
	consumer *notify.Consumer
	hook     *notify.Hook
}

// newReceivers makes the consumer of the queue of change events, and the hook, if they are configured. Once the manager
// runs they call report for the SecretSyncs that an event concerns.
func newReceivers(ctx context.Context, manager ctrl.Manager, secrets *aws.Source, o *options,
	report func(context.Context, []types.NamespacedName, secretsync.RotationFailure) error,
) (made receivers, err error) {
	if o.changeQueueURL == "" && o.changeHookBindAddress == "" {
		return made, nil
	}
	eventMetrics, err := notify.NewMetrics(metrics.Registry)
	if err != nil {
		return made, fmt.Errorf("registering metrics: %w", err)
	}
	if err := notify.Index(ctx, manager.GetFieldIndexer()); err != nil {
		return made, err
	}
	feed := &notify.Feed{
		Matcher: &notify.Matcher{Client: manager.GetClient(), Region: secrets.Config().Region, Patterns: pattern.NewCache()},
		Notify: func(ctx context.Context, names []types.NamespacedName, change notify.Change) error {
			for _, expected := range changesOf(change, secrets.Region()) {
				secrets.Expect(expected)
			}
			return report(ctx, names, failureOf(change))
		},
		Metrics: eventMetrics,
	}
	if o.changeQueueURL != "" {
		address, err := sqs.ParseURL(o.changeQueueURL)
		if err != nil {
			return made, fmt.Errorf("--change-queue-url %w", err)
		}
		if made.consumer, err = notify.NewConsumer(feed, sqs.New(secrets.Config(), address)); err != nil {
			return made, fmt.Errorf("registering metrics: %w", err)
		}
	}
	if o.changeHookBindAddress != "" {
		made.hook = &notify.Hook{
			Feed: feed, Address: o.changeHookBindAddress, TokenFile: o.changeHookTokenFile, CertDir: o.changeHookCertDir, Leads: manager.Elected(),
		}
	}
	return made, nil
}

// alive says whether change events are known to arrive. It is nil where no queue is configured.
func (r receivers) alive() func() bool {
	if r.consumer == nil {
		return nil
	}
	return r.consumer.Alive
}

func (r receivers) add(manager ctrl.Manager) (err error) {
	if r.consumer != nil {
		err = manager.Add(r.consumer)
	}
	if r.hook != nil {
		err = errors.Join(err, manager.Add(r.hook))
	}
	return err
}

// changesOf are the changes that later answers of AWS have to show, one for each staging label that was moved. There
// are none for an event after which answers of AWS may be the same as before.
func changesOf(change notify.Change, region string) (all []source.Change) {
	expected := source.Change{
		Name: change.Name(), Region: cmp.Or(change.Region, region), At: change.Time, VersionID: change.VersionID,
		Deleted: change.Event == "DeleteSecret", Restored: change.Event == "RestoreSecret", Gone: change.Forced,
	}
	switch change.Event {
	case "CreateSecret", "PutSecretValue", "UpdateSecret", "UpdateSecretVersionStage", "LabelUpdated", "DeleteSecret", "RestoreSecret":
	case "RotationSucceeded":
		if expected.VersionID == "" {
			return nil
		}
	default:
		return nil
	}
	if len(change.Stages) == 0 {
		return []source.Change{expected}
	}
	for _, expected.Stage = range change.Stages {
		all = append(all, expected)
	}
	return all
}

// failureOf is the failed rotation that a change reports; zero if it reports none.
func failureOf(change notify.Change) secretsync.RotationFailure {
	if change.Rotation != notify.RotationFailed {
		return secretsync.RotationFailure{}
	}
	failure := secretsync.RotationFailure{ARN: change.ARN, At: change.Time}
	if failure.At.IsZero() {
		failure.At = time.Now()
	}
	return failure
}

// wrongChanges returns what is invalid in the flags of change events.
func (o *options) wrongChanges() (problems []error) {
	refuse := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if o.changeQueueURL != "" {
		if _, err := sqs.ParseURL(o.changeQueueURL); err != nil {
			refuse("--change-queue-url %w", err)
		}
	}
	if o.changeHookBindAddress == "" {
		if o.changeHookTokenFile != "" || o.changeHookCertDir != "" {
			refuse("--change-hook-token-file and --change-hook-cert-dir configure the hook: set --change-hook-bind-address too, for example :8444")
		}
		return problems
	}
	if _, _, err := net.SplitHostPort(o.changeHookBindAddress); err != nil {
		refuse("--change-hook-bind-address=%q must be a host, which may be empty, and a port, for example :8444", o.changeHookBindAddress)
	}
	if o.changeHookTokenFile == "" {
		refuse("--change-hook-token-file must name the file of the bearer token of change events: the hook requires one")
	}
	return problems
}
