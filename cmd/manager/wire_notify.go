package main

import (
	"cmp"
	"context"
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

// addChanges adds what takes change events from a queue, or by HTTP, where it is asked for.
func addChanges(ctx context.Context, manager ctrl.Manager, controller *secretsync.Controller, secrets *aws.Source, o *options) error {
	if o.changeQueueURL == "" && o.changeHookBindAddress == "" {
		return nil
	}
	counts, err := notify.NewMetrics(metrics.Registry)
	if err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	if err := notify.Index(ctx, manager.GetFieldIndexer()); err != nil {
		return err
	}
	feed := &notify.Feed{
		Matcher: &notify.Matcher{Client: manager.GetClient(), Region: secrets.Config().Region, Patterns: pattern.NewCache()},
		Notify: func(ctx context.Context, names []types.NamespacedName, change notify.Change) error {
			for _, told := range changesOf(change, secrets.Region()) {
				secrets.Expect(told)
			}
			return controller.Notify(ctx, names, failureOf(change))
		},
		Metrics: counts,
	}
	if o.changeQueueURL != "" {
		address, err := sqs.ParseURL(o.changeQueueURL)
		if err != nil {
			return fmt.Errorf("--change-queue-url %w", err)
		}
		consumer, err := notify.NewConsumer(feed, sqs.New(secrets.Config(), address))
		if err != nil {
			return fmt.Errorf("registering metrics: %w", err)
		}
		controller.ChangesAlive = consumer.Alive
		if err := manager.Add(consumer); err != nil {
			return err
		}
	}
	if o.changeHookBindAddress == "" {
		return nil
	}
	return manager.Add(&notify.Hook{
		Feed: feed, Address: o.changeHookBindAddress, TokenFile: o.changeHookTokenFile, CertDir: o.changeHookCertDir, Leads: manager.Elected(),
	})
}

// changesOf is what a change event tells that answers of AWS can be held against, one for each staging label that has
// moved. There is none of an event after which a secret need not look otherwise.
func changesOf(change notify.Change, region string) (all []source.Change) {
	told := source.Change{
		Name: change.Name(), Region: cmp.Or(change.Region, region), At: change.Time, VersionID: change.VersionID,
		Deleted: change.Event == "DeleteSecret", Restored: change.Event == "RestoreSecret", Gone: change.Forced,
	}
	switch change.Event {
	case "CreateSecret", "PutSecretValue", "UpdateSecret", "UpdateSecretVersionStage", "LabelUpdated", "DeleteSecret", "RestoreSecret":
	case "RotationSucceeded":
		if told.VersionID == "" {
			return nil
		}
	default:
		return nil
	}
	if len(change.Stages) == 0 {
		return []source.Change{told}
	}
	for _, told.Stage = range change.Stages {
		all = append(all, told)
	}
	return all
}

// failureOf is the failure of a rotation that a change tells of; zero where it tells of none.
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

// wrongChanges says what is wrong with the flags of change events.
func (o *options) wrongChanges() (problems []error) {
	refuse := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if o.changeQueueURL != "" {
		if _, err := sqs.ParseURL(o.changeQueueURL); err != nil {
			refuse("--change-queue-url %w", err)
		}
	}
	if o.changeHookBindAddress == "" {
		if o.changeHookTokenFile != "" || o.changeHookCertDir != "" {
			refuse("--change-hook-token-file and --change-hook-cert-dir are for the hook: set --change-hook-bind-address too, for example :8444")
		}
		return problems
	}
	if _, _, err := net.SplitHostPort(o.changeHookBindAddress); err != nil {
		refuse("--change-hook-bind-address=%q must be a host, which may be empty, and a port, for example :8444", o.changeHookBindAddress)
	}
	if o.changeHookTokenFile == "" {
		refuse("--change-hook-token-file must name the file of the token that change events bear: the hook does not serve everybody")
	}
	return problems
}
