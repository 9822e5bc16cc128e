package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/controllers/source"
)

// Fetch reads the value by GetSecretValue.
func (s *Source) Fetch(ctx context.Context, ref source.Ref, _ source.Version) (source.Fetched, error) {
	region, err := s.regionOf(ref)
	if err != nil {
		return source.Fetched{}, err
	}
	q := question{operation: getSecretValue, ref: ref, region: region}
	answer, err := call(ctx, s, q, (*secretsmanager.Client).GetSecretValue, inputOf(ref))
	if source.KindOf(err) == source.KMSAccessDenied {
		return source.Fetched{}, s.nameKey(ctx, q, err)
	}
	if err != nil {
		return source.Fetched{}, err
	}
	return source.Fetched{
		Version: source.Version{
			ARN:    aws.ToString(answer.ARN),
			ID:     aws.ToString(answer.VersionId),
			Stages: answer.VersionStages,
			Region: region,
		},
		Value: valueOf(answer),
	}, nil
}

func inputOf(ref source.Ref) *secretsmanager.GetSecretValueInput {
	input := &secretsmanager.GetSecretValueInput{SecretId: aws.String(ref.SecretID)}
	if ref.VersionID != "" {
		input.VersionId = aws.String(ref.VersionID)
	} else {
		input.VersionStage = aws.String(stageOf(ref))
	}
	return input
}

func valueOf(answer *secretsmanager.GetSecretValueOutput) source.Value {
	if answer.SecretString != nil {
		return source.TextValue(*answer.SecretString)
	}
	return source.BinaryValue(answer.SecretBinary)
}
