package events

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
)

func TestEachOfSeveralSecretsIsFollowed(t *testing.T) {
	s := newSetup(t)
	s.start()
	_, first := s.create("first")
	arn, second := s.create("second")
	s.make("both", alone, v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{
		{Key: "first", Source: &v1alpha1.EntrySource{SecretID: s.secretID("first")}}, {Key: "second", Source: &v1alpha1.EntrySource{SecretID: arn}},
	}})
	s.awaitValues("both", map[string]string{"first": first, "second": second})
	second = s.put(s.secretID("second"))
	s.awaitValues("both", map[string]string{"first": first, "second": second})
	first = s.put(s.secretID("first"))
	s.awaitValues("both", map[string]string{"first": first, "second": second})
}

func TestWhatIsFoundIsFollowedAndWhatIsNewIsFound(t *testing.T) {
	s := newSetup(t)
	s.start()
	_, firstValue := s.create("found/one")
	s.make("all", alone, v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{{Find: &v1alpha1.Find{NamePrefix: s.secretID("found/")}}}})
	s.awaitValues("all", map[string]string{"one": firstValue})
	firstValue = s.put(s.secretID("found/one"))
	s.awaitValues("all", map[string]string{"one": firstValue})
	_, secondValue := s.create("found/two")
	s.awaitValues("all", map[string]string{"one": firstValue, "two": secondValue})
	id := s.secretID("found/one")
	if _, err := s.aws.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &id}); err != nil {
		t.Fatal(err)
	}
	s.awaitValues("all", map[string]string{"two": secondValue})
}

// TestAFailedRotationIsToldUntilOneSucceeds: whichever of its four steps fails, the condition reports it until a
// rotation succeeds, and the Secret keeps the version that works.
func TestAFailedRotationIsToldUntilOneSucceeds(t *testing.T) {
	s := newSetup(t)
	s.start()
	for _, step := range []string{"createSecret", "setSecret", "testSecret", "finishSecret"} {
		t.Run(step, func(t *testing.T) { s.failRotation(t, step) })
	}
}

// failRotation makes a rotation fail at a step, and the next rotation succeed.
func (s *setup) failRotation(t *testing.T, step string) {
	name := "db-" + strings.ToLower(step)
	function := "arn:aws:lambda:eu-west-1:111122223333:function:" + s.namespace + "-" + name
	works := s.env.AWS.RotatePassword()
	s.env.AWS.RegisterRotationFunction(function, func(ctx context.Context, event localaws.RotationEvent) error {
		if event.Step == step {
			return errors.New("the database is away")
		}
		return works(ctx, event)
	})
	id, password := s.secretID(name), s.value()
	made := &secretsmanager.CreateSecretInput{Name: &id, SecretString: aws.String(`{"password": "` + password + `"}`)}
	if _, err := s.aws.CreateSecret(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	s.sync(name, id, alone)
	s.awaitValues(name, map[string]string{"password": password})
	rotate := &secretsmanager.RotateSecretInput{SecretId: &id, RotationLambdaARN: aws.String(function),
		RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(30)}}
	if _, err := s.aws.RotateSecret(t.Context(), rotate); err != nil {
		t.Fatal(err)
	}
	health := func(reason string) func() bool {
		return func() bool {
			condition := meta.FindStatusCondition(s.get(name).Status.Conditions, v1alpha1.ConditionRotationHealthy)
			return condition != nil && condition.Reason == reason
		}
	}
	s.await("the failure is reported", health(v1alpha1.ReasonRotationFailed))
	s.awaitValues(name, map[string]string{"password": password})
	s.giveUpRotation(id)
	s.env.AWS.RegisterRotationFunction(function, works)
	if _, err := s.aws.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: &id}); err != nil {
		t.Fatal(err)
	}
	s.await("the success is reported", health(v1alpha1.ReasonRotationOnSchedule))
	switch s.values(name)["password"] {
	case "":
		t.Error("the Secret has no password")
	case password:
		t.Error("the Secret still has the password from before the rotation")
	}
}

// giveUpRotation removes AWSPENDING from the version of a failed rotation, which AWS requires before the next rotation.
func (s *setup) giveUpRotation(id string) {
	s.Helper()
	described, err := s.aws.DescribeSecret(s.Context(), &secretsmanager.DescribeSecretInput{SecretId: &id})
	if err != nil {
		s.Fatal(err)
	}
	for version, labels := range described.VersionIdsToStages {
		if !slices.Contains(labels, "AWSPENDING") {
			continue
		}
		if _, err := s.aws.UpdateSecretVersionStage(s.Context(), &secretsmanager.UpdateSecretVersionStageInput{
			SecretId: &id, VersionStage: aws.String("AWSPENDING"), RemoveFromVersionId: &version}); err != nil {
			s.Fatal(err)
		}
	}
}
