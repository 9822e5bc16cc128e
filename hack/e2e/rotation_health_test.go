package e2e

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
)

const (
	stuckFunction = "arn:aws:lambda:eu-west-1:111122223333:function:stuck"
	goodFunction  = "arn:aws:lambda:eu-west-1:111122223333:function:works"
)

// rotationSetup has two rotation functions: one works, and one never finishes its first step.
func rotationSetup(t *testing.T) *setup {
	s := newSetup(t)
	s.env.AWS.RegisterRotationFunction(goodFunction, s.env.AWS.RotatePassword())
	half := s.env.AWS.RotatePassword()
	s.env.AWS.RegisterRotationFunction(stuckFunction, func(ctx context.Context, event localaws.RotationEvent) error {
		if event.Step != "createSecret" {
			return errors.New("the database does not answer")
		}
		return half(ctx, event)
	})
	return s
}

func (s *setup) rotate(id, function string, now bool) {
	s.Helper()
	input := &secretsmanager.RotateSecretInput{SecretId: &id, RotateImmediately: &now,
		RotationRules: &types.RotationRulesType{ScheduleExpression: aws.String("rate(4 hours)")}}
	if function != "" {
		input.RotationLambdaARN = &function
	}
	if _, err := s.aws.RotateSecret(s.Context(), input); err != nil {
		s.Fatal(err)
	}
}

func (s *setup) setTimes(times localaws.Times) {
	s.Helper()
	if err := s.env.AWS.SetTimes(times); err != nil {
		s.Fatal(err)
	}
}

// TestRotationHealth causes each state of a rotation.
func TestRotationHealth(t *testing.T) {
	s := rotationSetup(t)
	long := time.Now().Add(-48 * time.Hour)
	for name, test := range map[string]struct {
		maxAge time.Duration
		// first is called before the SecretSync is created; nil does nothing.
		first  func(id string)
		cause  func(name, id string)
		reason string
		// says is part of the event; empty for a state without an event.
		says string
	}{
		"off":         {cause: func(string, string) {}, reason: v1alpha1.ReasonRotationDisabled},
		"on-schedule": {cause: func(_, id string) { s.rotate(id, goodFunction, true) }, reason: v1alpha1.ReasonRotationOnSchedule},
		"in-progress": {cause: func(_, id string) { s.rotate(id, stuckFunction, true) }, reason: v1alpha1.ReasonRotationInProgress},
		"stuck": {first: func(id string) { // LastChangedDate never goes back, so it is set before the operator sees it.
			s.rotate(id, stuckFunction, true)
			s.await("the version under AWSPENDING has its value", func() bool { // The label is set first, and both are changes.
				_, err := s.aws.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &id, VersionStage: aws.String("AWSPENDING")})
				return err == nil
			})
			s.setTimes(localaws.Times{SecretId: id, LastChanged: long})
		}, cause: func(string, string) {}, reason: v1alpha1.ReasonRotationStuck, says: "has waited under AWSPENDING"},
		"overdue": {cause: func(name, id string) {
			s.rotate(id, goodFunction, true)
			s.await("the secret is rotated", func() bool { return s.get(name).Status.LastRotationTime != nil })
			s.setTimes(localaws.Times{SecretId: id, LastRotated: long, NextRotation: long.Add(4 * time.Hour)})
		}, reason: v1alpha1.ReasonRotationOverdue, says: "did not happen"},
		"never": {cause: func(_, id string) {
			s.rotate(id, goodFunction, false)
			s.setTimes(localaws.Times{SecretId: id, NextRotation: long})
		}, reason: v1alpha1.ReasonRotationNever, says: "has never rotated"},
		"overdue-in-rds": {cause: func(name, id string) {
			if err := s.env.AWS.SetOwningService(id, "rds"); err != nil {
				t.Fatal(err)
			}
			s.rotate(id, "", true)
			s.await("the secret is rotated", func() bool { return s.get(name).Status.LastRotationTime != nil })
			s.setTimes(localaws.Times{SecretId: id, LastRotated: long, NextRotation: long.Add(4 * time.Hour)})
		}, reason: v1alpha1.ReasonRotationOverdue, says: "the AWS service rds rotates it"},
		"too-old": {maxAge: 24 * time.Hour, cause: func(string, string) {}, reason: v1alpha1.ReasonRotationTooOld,
			says: "spec.rotation.maxAge lets it become 24h0m0s old"},
	} {
		t.Run(name, func(*testing.T) {
			id, version := s.createSecret(name, `{"password":"`+value()+`"}`)
			spec := v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast}
			if test.maxAge > 0 {
				s.setTimes(localaws.Times{SecretId: id, Versions: map[string]time.Time{version: long}})
				spec.Rotation = &v1alpha1.RotationExpectations{MaxAge: &metav1.Duration{Duration: test.maxAge}}
			}
			if test.first != nil {
				test.first(id)
			}
			s.sync(name, spec)
			s.awaitReady(name)
			test.cause(name, id)
			s.awaitTrouble(name, v1alpha1.ConditionRotationHealthy, test.reason)
			if test.says != "" {
				s.awaitEvent(name, test.reason, test.says, id)
			}
		})
	}
}

// TestRotationRecovers: an event reports once that an unhealthy rotation is healthy again.
func TestRotationRecovers(t *testing.T) {
	s := rotationSetup(t)
	id, _ := s.createSecret("db", `{"password":"`+value()+`"}`)
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitReady("db")
	s.rotate(id, goodFunction, false)
	s.setTimes(localaws.Times{SecretId: id, NextRotation: time.Now().Add(-48 * time.Hour)})
	s.awaitEvent("db", v1alpha1.ReasonRotationNever)
	s.rotate(id, goodFunction, true)
	s.awaitTrouble("db", v1alpha1.ConditionRotationHealthy, v1alpha1.ReasonRotationOnSchedule)
	s.awaitEvent("db", "RotationRecovered", "Recovered from RotationNever")
}
