package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/cmd/kubectl-secretsync/doctor"
	"github.com/secretsync/secretsync/hack/localaws"
)

// TestExitOfDoctorWithoutAWS: a configuration of AWS that can't be read does not end the checks of the cluster.
func TestExitOfDoctorWithoutAWS(t *testing.T) {
	s := newSetup(t)
	s.report(s.create("bad"), metav1.ConditionFalse, v1alpha1.ReasonSecretNotFound, "AWS has no secret /app/bad in eu-west-1")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_PROFILE", "none")
	got := s.plugin("doctor", "bad")
	if got.code != exitTrouble || !strings.Contains(got.out, "BROKEN sm.exists") || !strings.Contains(got.errOut, "AWS is not checked: the configuration of AWS can't be read") {
		t.Errorf("%+v", got)
	}
}

// TestExitOfDoctorSaysWhyAWSFails: credentials, the network and a denial are told apart.
func TestExitOfDoctorSaysWhyAWSFails(t *testing.T) {
	s := newSetup(t)
	running, _, _ := s.withAWS()
	running.AddPrincipal("none", localaws.Principal{Account: localaws.DefaultAccount, ARN: "arn:aws:iam::" + localaws.DefaultAccount + ":user/none"})
	running.SetRules(localaws.Rule{Deny: true, Principal: "*:user/none"})
	none := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, errors.New("there are none") })
	static := func(key string) aws.CredentialsProviderFunc {
		return func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key, SecretAccessKey: "not-checked"}, nil
		}
	}
	for name, test := range map[string]struct {
		from   aws.CredentialsProvider
		url    string
		denied bool
		want   string
	}{
		"no credentials": {none, running.URL(), false, "you have no AWS credentials: "},
		"not reached":    {static("none"), "http://127.0.0.1:1", false, "AWS was not reached: "},
		"denied":         {static("none"), running.URL(), true, "you may not describe the secret: "},
	} {
		configuration, err := config.LoadDefaultConfig(t.Context(), config.WithCredentialsProvider(test.from), config.WithBaseEndpoint(test.url), config.WithRetryMaxAttempts(1))
		if err != nil {
			t.Fatal(err)
		}
		look := &awsLook{account: &account{configuration}}
		if _, err := look.Describe(t.Context(), "/prod/db", localaws.DefaultRegion); err == nil || errors.Is(err, doctor.ErrDenied) != test.denied || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}
