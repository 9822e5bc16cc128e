package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/cmd/kubectl-secretsync/doctor"
	"github.com/secretsync/secretsync/cmd/kubectl-secretsync/leastprivilege"
)

// newDoctorFacts connects the checks with the cluster and, unless options turn it off, with AWS.
// An AWS configuration that can't be read does not end the checks of the cluster.
func (c *cli) newDoctorFacts(ctx context.Context, k *cluster, options doctorOptions) (*doctor.Facts, *account) {
	facts := &doctor.Facts{Cluster: k, OperatorNamespace: options.operatorNamespace, Applied: gitOpsOwner, NoAWS: "--no-aws is given"}
	facts.Policy = func(context.Context, *v1alpha1.SecretSync, string, bool) string { return "" }
	if options.noAWS {
		return facts, nil
	}
	asked, err := newAccount(ctx)
	if err != nil {
		facts.NoAWS = err.Error()
		c.say("AWS is not checked: %v", err)
		return facts, nil
	}
	look := &awsLook{account: asked}
	facts.AWS, facts.Policy = look, look.policy
	return facts, asked
}

// awsLook is what the user of the plugin may see in AWS. It keeps answers.
type awsLook struct {
	account *account
	known   map[[2]string]lookedUp
}

// lookedUp is an answer of AWS.
type lookedUp struct {
	secret *doctor.Described
	err    error
}

// Describe describes a secret once.
func (a *awsLook) Describe(ctx context.Context, id, region string) (*doctor.Described, error) {
	key := [2]string{id, region}
	answer, asked := a.known[key]
	if !asked {
		answer.secret, answer.err = a.describe(ctx, id, region)
		if a.known == nil {
			a.known = map[[2]string]lookedUp{}
		}
		a.known[key] = answer
	}
	return answer.secret, answer.err
}

func (a *awsLook) describe(ctx context.Context, id, region string) (*doctor.Described, error) {
	answer, err := a.account.secrets(region).DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &id})
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		return nil, doctor.ErrNoSecret
	}
	if err != nil {
		return nil, undescribed(err)
	}
	found := &doctor.Described{ARN: aws.ToString(answer.ARN), Key: aws.ToString(answer.KmsKeyId), Tags: map[string]string{}}
	for _, tag := range answer.Tags {
		found.Tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	for _, labels := range answer.VersionIdsToStages {
		found.Labels = append(found.Labels, labels...)
	}
	slices.Sort(found.Labels)
	return found, nil
}

// undescribed says why a secret was not described: a missing right, missing credentials, another refusal, or no answer.
func undescribed(err error) error {
	refusal, refused := errors.AsType[smithy.APIError](err)
	switch {
	case refused && strings.HasPrefix(refusal.ErrorCode(), "AccessDenied"):
		return fmt.Errorf("%w: %s", doctor.ErrDenied, refusal.ErrorMessage())
	case refused:
		return fmt.Errorf("AWS refuses: %s: %s", refusal.ErrorCode(), refusal.ErrorMessage())
	case strings.Contains(err.Error(), "get credentials: "):
		return fmt.Errorf("you have no AWS credentials: %w", err)
	}
	return fmt.Errorf("AWS was not reached: %w", err)
}

// policy is the least policy with which a SecretSync works; empty if it is not known.
func (a *awsLook) policy(ctx context.Context, secretSync *v1alpha1.SecretSync, accountID string, describes bool) string {
	grants, err := leastprivilege.Grants(ctx, []v1alpha1.SecretSync{*secretSync}, leastprivilege.Options{
		Region: a.account.configuration.Region, Account: accountID, NamespacesTag: describes,
		KeysOf: func(ctx context.Context, secret leastprivilege.Secret) ([]string, error) {
			if secret.Found {
				return nil, nil
			}
			found, err := a.Describe(ctx, secret.ID, secret.Region)
			if err != nil {
				return nil, err
			}
			return keyARNs(&found.Key, found.ARN)
		},
	})
	if err != nil || len(grants) == 0 || len(grants[len(grants)-1].Unknown) > 0 {
		return ""
	}
	content, err := json.Marshal(grants[len(grants)-1].Required())
	if err != nil {
		return ""
	}
	return string(content)
}
