package main

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// account is AWS as the user of the plugin sees it, by the credentials that the SDK finds. They are not those of the
// operator.
type account struct {
	configuration aws.Config
}

func newAccount(ctx context.Context) (*account, error) {
	configuration, err := config.LoadDefaultConfig(ctx, config.WithAppID(fieldManager))
	if err != nil {
		return nil, undetermined("the configuration of AWS can't be read: %v", err)
	}
	return &account{configuration}, nil
}

// user is the ARN by which AWS knows the user; empty if it does not say.
func (a *account) user(ctx context.Context) string {
	identity, err := sts.NewFromConfig(a.configuration).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return ""
	}
	return aws.ToString(identity.Arn)
}

// secrets is a client of Secrets Manager in a region; empty for that of the configuration.
func (a *account) secrets(region string) *secretsmanager.Client {
	return secretsmanager.NewFromConfig(a.configuration, func(o *secretsmanager.Options) {
		if region != "" {
			o.Region = region
		}
	})
}

// versions lists the versions of a secret, newest first as AWS gives them. Without a region, that of the configuration
// is asked.
func (a *account) versions(ctx context.Context, id, region string) (all []types.SecretVersionsListEntry, err error) {
	pages := secretsmanager.NewListSecretVersionIdsPaginator(a.secrets(region), &secretsmanager.ListSecretVersionIdsInput{SecretId: &id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, refusedByAWS(err, id)
		}
		all = append(all, page.Versions...)
	}
	return all, nil
}

// refusedByAWS is an error of AWS as an outcome: a secret that does not exist is trouble, and all else means that it was
// not looked at.
func refusedByAWS(err error, id string) error {
	if missing, ok := errors.AsType[*types.ResourceNotFoundException](err); ok {
		return trouble("AWS: %s: %s", id, missing.ErrorMessage())
	}
	if refusal, ok := errors.AsType[smithy.APIError](err); ok {
		return undetermined("AWS: %s: %s", refusal.ErrorCode(), refusal.ErrorMessage())
	}
	return undetermined("AWS was not reached: %v", err)
}
