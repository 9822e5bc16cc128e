package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
)

// queueName names the queue of change events.
const queueName = "secretsync-changes"

// addQueue makes AWS send change events to a queue, and gives the queue's URL.
func addQueue(env *testenv.Environment) (url string, err error) {
	arn, err := env.AWS.AddQueue(localaws.Queue{Name: queueName})
	if err != nil {
		return "", err
	}
	if _, err := env.AWS.AddEventRule(localaws.EventRule{Queue: arn}); err != nil {
		return "", err
	}
	return env.AWS.URL() + "/" + localaws.DefaultAccount + "/" + queueName, nil
}

// fragile is a rotation function that fails while it is broken, in the step that tests the new password.
type fragile struct {
	works  localaws.RotationFunction
	broken atomic.Bool
}

func (f *fragile) step(ctx context.Context, event localaws.RotationEvent) error {
	if f.broken.Load() && event.Step == "testSecret" {
		return errors.New("the database does not know the new password")
	}
	return f.works(ctx, event)
}

// atOnce rotates a secret whose SecretSync does not poll.
func (s *story) atOnce(ctx context.Context) error {
	s.heading("Without polls, a rotation is in the Secret at once: AWS sends an event")
	if _, err := s.kubectl(ctx, "patch", resource, "-n", namespace, "--type=merge", "-p", `{"spec":{"pollInterval":"0"}}`); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, "wait", "--for=condition=Ready", resource, "-n", namespace, "--timeout=30s"); err != nil {
		return err
	}
	shows("aws secretsmanager rotate-secret --secret-id " + secretID)
	rotated, err := s.aws.RotateSecret(ctx, &secretsmanager.RotateSecretInput{SecretId: aws.String(secretID)})
	if err != nil {
		return err
	}
	began := time.Now()
	if err := s.holds(ctx, *rotated.VersionId); err != nil {
		return err
	}
	s.first, s.second = s.second, *rotated.VersionId
	prose(fmt.Sprintf("Secret %s holds version %s, %d ms later", name, s.second, time.Since(began).Milliseconds()))
	return nil
}

// explainFailure makes a rotation fail, and shows how the operator reports it.
func (s *story) explainFailure(ctx context.Context) error {
	s.heading("A rotation fails; the condition explains it, and the Secret keeps the version that works")
	prose("(The rotation function breaks: its step testSecret fails.)")
	s.function.broken.Store(true)
	shows("aws secretsmanager rotate-secret --secret-id " + secretID)
	// AWS answers as soon as the rotation has begun, or with the failure; the event comes either way.
	_, _ = s.aws.RotateSecret(ctx, &secretsmanager.RotateSecretInput{SecretId: aws.String(secretID)})
	rotation := `jsonpath={.status.conditions[?(@.type=="RotationHealthy")].message}`
	if err := s.until(ctx, "the condition says that the rotation failed", contains("failed"), "get", resource, "-n", namespace, "-o", rotation); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, "get", resource, "-n", namespace, "-o", rotation); err != nil {
		return err
	}
	if err := s.awaitEvent(ctx, "RotationFailed", "failed"); err != nil {
		return err
	}
	if err := s.holds(ctx, s.second); err != nil {
		return err
	}
	return s.fix(ctx)
}

// fix lets the failed rotation continue.
func (s *story) fix(ctx context.Context) error {
	prose("(The function is fixed; AWS continues with the version under AWSPENDING.)")
	waiting, err := s.carrier(ctx, "AWSPENDING")
	if err != nil {
		return err
	}
	s.function.broken.Store(false)
	shows("aws secretsmanager rotate-secret --secret-id " + secretID)
	_, err = s.aws.RotateSecret(ctx, &secretsmanager.RotateSecretInput{SecretId: aws.String(secretID)})
	if unfinished, ok := errors.AsType[*types.InvalidRequestException](err); ok {
		prose(unfinished.ErrorMessage())
	} else if err != nil {
		return err
	}
	s.first, s.second = s.second, waiting
	if err := s.holds(ctx, s.second); err != nil {
		return err
	}
	if err := s.awaitEvent(ctx, "RotationRecovered", ""); err != nil {
		return err
	}
	_, err = s.kubectl(ctx, "wait", "--for=condition=RotationHealthy", resource, "-n", namespace, "--timeout=30s")
	return err
}

// carrier is the version that a staging label is on.
func (s *story) carrier(ctx context.Context, label string) (version string, err error) {
	described, err := s.aws.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String(secretID)})
	if err != nil {
		return "", err
	}
	for id, labels := range described.VersionIdsToStages {
		if slices.Contains(labels, label) {
			return id, nil
		}
	}
	return "", fmt.Errorf("no version has the staging label %s", label)
}
