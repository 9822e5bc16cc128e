package samples

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

const (
	// createdBy is the tag, and the label, of what this package creates. It deletes nothing else.
	createdBy = "secretsync.dev/created-by"
	samples   = "samples"
	// freeWithin is how long AWS may take to free the name of a deleted secret.
	freeWithin = 2 * time.Minute
)

// Account is the account and region of AWS that gets the secrets.
type Account struct {
	Secrets *secretsmanager.Client
	// Value makes the parts of the secrets that are secret. Default: random text.
	Value func() string
	// Output gets a line for each secret, without its content.
	Output io.Writer
}

// Seed creates the secrets of the samples, and gives the ARN of the one that samples name by it. Secrets of an earlier
// run stay as they are. A secret of the same name that Seed did not create is an error.
func (a *Account) Seed(ctx context.Context) (signing string, err error) {
	value := a.Value
	if value == nil {
		value = rand.Text
	}
	wanted, err := contents(value)
	if err != nil {
		return "", err
	}
	for _, secret := range wanted {
		arn, err := a.seed(ctx, secret)
		if err != nil {
			return "", fmt.Errorf("creating secret %s: %w", secret.name, err)
		}
		if secret.name == signingSecret {
			signing = arn
		}
	}
	return signing, a.rotate(ctx, value)
}

func (a *Account) seed(ctx context.Context, wanted content) (arn string, err error) {
	input := &secretsmanager.CreateSecretInput{
		Name: &wanted.name, ClientRequestToken: aws.String(pinnedVersion), SecretBinary: wanted.bytes,
		Description: aws.String("A sample of SecretSync, config/samples"),
		Tags:        []types.Tag{{Key: aws.String(createdBy), Value: aws.String(samples)}},
	}
	if wanted.text != "" {
		input.SecretString = &wanted.text
	}
	if wanted.team != "" {
		input.Tags = append(input.Tags, types.Tag{Key: aws.String("team"), Value: &wanted.team})
	}
	for end := time.Now().Add(freeWithin); ; {
		found, own, err := a.describe(ctx, wanted.name)
		if err != nil {
			return "", err
		}
		switch {
		case found == nil:
			created, err := a.Secrets.CreateSecret(ctx, input)
			if err == nil {
				fmt.Fprintln(a.Output, "created secret", wanted.name)
				return *created.ARN, nil
			}
			if !deleted(err) || time.Now().After(end) {
				return "", err
			}
		case !own:
			return "", fmt.Errorf("it exists and does not have the tag %s=%s, so another program created it; it was not changed. Delete it, or use another account or region", createdBy, samples)
		case found.DeletedDate == nil:
			fmt.Fprintln(a.Output, "secret", wanted.name, "exists")
			return *found.ARN, nil
		case time.Now().After(end):
			return "", errors.New("it is being deleted: restore it, or wait until its deletion date")
		}
		if err := sleep(ctx, time.Second); err != nil {
			return "", err
		}
	}
}

// describe describes a secret, nil if it does not exist. own says whether this package created it.
func (a *Account) describe(ctx context.Context, name string) (found *secretsmanager.DescribeSecretOutput, own bool, err error) {
	found, err = a.Secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &name})
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	own = slices.ContainsFunc(found.Tags, func(tag types.Tag) bool {
		return aws.ToString(tag.Key) == createdBy && aws.ToString(tag.Value) == samples
	})
	return found, own, nil
}

// deleted says whether a name can't be used yet, because the secret that had it was deleted a moment ago.
func deleted(err error) bool {
	_, scheduled := errors.AsType[*types.InvalidRequestException](err)
	_, exists := errors.AsType[*types.ResourceExistsException](err)
	return scheduled || exists
}

// rotate puts a second version of rotatedSecret, unless it has one.
func (a *Account) rotate(ctx context.Context, value func() string) error {
	found, _, err := a.describe(ctx, rotatedSecret)
	if err != nil || found == nil {
		return err
	}
	for _, labels := range found.VersionIdsToStages {
		if slices.Contains(labels, "AWSPREVIOUS") {
			return nil
		}
	}
	_, err = a.Secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: aws.String(rotatedSecret), SecretString: aws.String(database(value)),
	})
	if err == nil {
		fmt.Fprintln(a.Output, "put a second version of", rotatedSecret)
	}
	return err
}

// Clean deletes the secrets that Seed has created, without a recovery window.
func (a *Account) Clean(ctx context.Context) error {
	named, err := contents(rand.Text)
	if err != nil {
		return err
	}
	for _, secret := range named {
		found, own, err := a.describe(ctx, secret.name)
		switch {
		case err != nil:
			return fmt.Errorf("deleting secret %s: %w", secret.name, err)
		case found == nil || found.DeletedDate != nil:
			continue
		case !own:
			fmt.Fprintf(a.Output, "secret %s stays: it does not have the tag %s=%s\n", secret.name, createdBy, samples)
			continue
		}
		if _, err := a.Secrets.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{
			SecretId: &secret.name, ForceDeleteWithoutRecovery: aws.Bool(true),
		}); err != nil {
			return fmt.Errorf("deleting secret %s: %w", secret.name, err)
		}
		fmt.Fprintln(a.Output, "deleted secret", secret.name)
	}
	return nil
}

// sleep waits, or ends with the context's error.
func sleep(ctx context.Context, duration time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(duration):
		return nil
	}
}
