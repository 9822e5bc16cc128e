package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
)

const (
	secretID         = "/prod/payments/db"
	namespace        = "payments"
	name             = "payments-db"
	resource         = "secretsync.secretsync.dev/" + name
	rotationFunction = "arn:aws:lambda:eu-west-1:111122223333:function:rotate-password"
)

// story has the chapters of the demo and what they share.
type story struct {
	env *testenv.Environment
	aws *secretsmanager.Client
	// function rotates the secret.
	function *fragile
	chapter  int
	// second is the version that AWSCURRENT is on, first the version before it.
	first, second string
}

func newStory(env *testenv.Environment) *story {
	function := &fragile{works: env.AWS.RotatePassword()}
	env.AWS.RegisterRotationFunction(rotationFunction, function.step)
	return &story{env: env, function: function, aws: secretsmanager.New(secretsmanager.Options{
		Region: localaws.DefaultRegion, BaseEndpoint: aws.String(env.AWS.URL()),
		Credentials: credentials.NewStaticCredentialsProvider("me", "not-checked", ""),
	})}
}

func (s *story) tell(ctx context.Context) error {
	for _, chapter := range []func(context.Context) error{
		s.create, s.sync, s.rotate, s.atOnce, s.explainFailure, s.rollBack, s.repair, s.deny, s.remove,
	} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	fmt.Println("\nThat is the story: every step was checked while it was told.")
	return nil
}

func (s *story) create(ctx context.Context) error {
	s.heading("A secret in AWS Secrets Manager")
	shows(`aws secretsmanager create-secret --name ` + secretID + ` --secret-string '{"username":"payments","password":"…"}'`)
	made, err := s.aws.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		Name: aws.String(secretID), SecretString: aws.String(`{"username":"payments","password":"correct-horse"}`)})
	if err != nil {
		return err
	}
	s.first = *made.VersionId
	prose("AWSCURRENT is on version " + s.first)
	return nil
}

func (s *story) sync(ctx context.Context) error {
	s.heading("A SecretSync follows it into a Kubernetes Secret")
	if _, err := s.kubectl(ctx, "create", "namespace", namespace); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, "apply", "-f", "hack/demo/payments-db.yaml"); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, "wait", "--for=condition=Ready", resource, "-n", namespace, "--timeout=30s"); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, "get", "secretsyncs.secretsync.dev", "-n", namespace); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, "describe", "secret", name, "-n", namespace); err != nil {
		return err
	}
	return s.holds(ctx, s.first)
}

func (s *story) rotate(ctx context.Context) error {
	s.heading("Rotation: AWS calls the rotation function with its four steps")
	shows("aws secretsmanager rotate-secret --secret-id " + secretID + " --rotation-lambda-arn " + rotationFunction + " --rotation-rules AutomaticallyAfterDays=30")
	rotated, err := s.aws.RotateSecret(ctx, &secretsmanager.RotateSecretInput{
		SecretId: aws.String(secretID), RotationLambdaARN: aws.String(rotationFunction),
		RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(30)}})
	if err != nil {
		return err
	}
	s.second = *rotated.VersionId
	prose("createSecret, setSecret, testSecret, finishSecret: AWSCURRENT moves to version " + s.second)
	if err := s.holds(ctx, s.second); err != nil {
		return err
	}
	if err := s.until(ctx, "the next rotation is in status", contains("RotationOnSchedule"), "get", resource, "-n", namespace, "-o", "yaml"); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, "get", resource, "-n", namespace, "-o", "wide"); err != nil {
		return err
	}
	return s.awaitEvent(ctx, "SecretUpdated", "changed password")
}

func (s *story) rollBack(ctx context.Context) error {
	s.heading("A rollback in AWS is a rollback in Kubernetes")
	shows("aws secretsmanager update-secret-version-stage --secret-id " + secretID + " --version-stage AWSCURRENT --move-to-version-id " + s.first + " --remove-from-version-id " + s.second)
	_, err := s.aws.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: aws.String(secretID), VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: &s.first, RemoveFromVersionId: &s.second})
	if err != nil {
		return err
	}
	if err := s.holds(ctx, s.first); err != nil {
		return err
	}
	prose("Secret " + name + " holds version " + s.first + " again")
	return nil
}

func (s *story) repair(ctx context.Context) error {
	s.heading("A user edits the Secret; the operator repairs it at once")
	password, err := s.ask(ctx, "get", "secret", name, "-n", namespace, "-o", "jsonpath={.data.password}")
	if err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, "patch", "secret", name, "-n", namespace, "--type=merge", "-p", `{"stringData":{"password":"by hand"}}`); err != nil {
		return err
	}
	if err := s.awaitEvent(ctx, "SecretRepaired", "kubectl"); err != nil {
		return err
	}
	return s.until(ctx, "the password is the old one again", contains(password), "get", "secret", name, "-n", namespace, "-o", "jsonpath={.data.password}")
}

func (s *story) deny(ctx context.Context) error {
	s.heading("Access is denied; the condition explains it, and the Secret keeps its value")
	prose("(An administrator takes the permission away.)")
	s.env.AWS.SetRules(localaws.Rule{}, localaws.Rule{Deny: true, Action: "secretsmanager:*", Principal: "*", Resource: "*payments*"})
	if err := s.refresh(ctx, "after-denial"); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, "wait", "--for=condition=Ready=false", resource, "-n", namespace, "--timeout=30s"); err != nil {
		return err
	}
	ready := `jsonpath={.status.conditions[?(@.type=="Ready")].message}`
	if err := s.until(ctx, "the condition names the action", contains("secretsmanager:"), "get", resource, "-n", namespace, "-o", ready); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, "get", resource, "-n", namespace, "-o", ready); err != nil {
		return err
	}
	if err := s.holds(ctx, s.first); err != nil {
		return err
	}
	prose("(The permission comes back.)")
	s.env.AWS.SetRules()
	if err := s.refresh(ctx, "after-permission"); err != nil {
		return err
	}
	_, err := s.kubectl(ctx, "wait", "--for=condition=Ready", resource, "-n", namespace, "--timeout=30s")
	return err
}

// refresh requests an immediate refresh, and waits until it is done.
func (s *story) refresh(ctx context.Context, token string) error {
	if _, err := s.kubectl(ctx, "annotate", resource, "-n", namespace, "--overwrite", "secretsync.dev/refresh-requested-at="+token); err != nil {
		return err
	}
	_, err := s.kubectl(ctx, "wait", "--for=jsonpath={.status.lastHandledRefresh}="+token, resource, "-n", namespace, "--timeout=30s")
	return err
}

func (s *story) remove(ctx context.Context) error {
	s.heading("Deleting the SecretSync deletes its Secret")
	if _, err := s.kubectl(ctx, "delete", resource, "-n", namespace); err != nil {
		return err
	}
	// Kubernetes' garbage collector discovers new kinds every thirty seconds.
	if _, err := s.kubectl(ctx, "wait", "--for=delete", "secret/"+name, "-n", namespace, "--timeout=90s"); err != nil {
		return err
	}
	prose("(deletionPolicy: Retain would have kept it.)")
	return nil
}

// holds waits until the Secret's annotation has a version.
func (s *story) holds(ctx context.Context, version string) error {
	return s.until(ctx, "Secret "+name+" holds version "+version, contains(version),
		"get", "secret", name, "-n", namespace, "-o", `jsonpath={.metadata.annotations.secretsync\.dev/version-id}`)
}

// awaitEvent waits for an event, and prints it.
func (s *story) awaitEvent(ctx context.Context, reason, note string) error {
	arguments := []string{"get", "events", "-n", namespace, "--field-selector", "reason=" + reason, "-o", "custom-columns=REASON:.reason,MESSAGE:.message"}
	if err := s.until(ctx, "event "+reason, contains(note), arguments...); err != nil {
		return err
	}
	_, err := s.kubectl(ctx, arguments...)
	return err
}
