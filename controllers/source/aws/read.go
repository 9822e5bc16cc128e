package aws

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/controllers/source"
)

const (
	stageCurrent = "AWSCURRENT"
	stagePending = "AWSPENDING"
)

// Observe asks DescribeSecret which version a Ref points at. Where that is denied it reads the value
// instead, and says so in the hint.
func (s *Source) Observe(ctx context.Context, ref source.Ref) (source.Observation, error) {
	region, err := s.regionOf(ref)
	if err != nil {
		return source.Observation{}, err
	}
	place := denialKey{region: region, secretID: ref.SecretID}
	if s.denials.fresh(place) {
		return s.observeByValue(ctx, ref)
	}
	described, err := s.describe(ctx, region, ref)
	if source.KindOf(err) == source.AccessDenied {
		observation, readErr := s.observeByValue(ctx, ref)
		if readErr == nil {
			s.denials.remember(place)
		}
		return observation, readErr
	}
	if err != nil {
		return source.Observation{}, err
	}
	version, err := versionOf(described, ref, region)
	return source.Observation{Version: version}, err
}

func (s *Source) observeByValue(ctx context.Context, ref source.Ref) (source.Observation, error) {
	fetched, err := s.Fetch(ctx, ref)
	if err != nil {
		return source.Observation{}, err
	}
	return source.Observation{
		Version: fetched.Version,
		Value:   &fetched.Value,
		Hint: "each poll reads and decrypts the value, because DescribeSecret is denied: allow secretsmanager:DescribeSecret on " +
			arnPattern(fetched.Version.ARN),
	}, nil
}

func (s *Source) describe(ctx context.Context, region string, ref source.Ref) (*secretsmanager.DescribeSecretOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	started := time.Now()
	described, err := s.client(region).DescribeSecret(ctx,
		&secretsmanager.DescribeSecretInput{SecretId: aws.String(ref.SecretID)}, s.audit(ref.Reader))
	err = explain(ctx, err, question{operation: "DescribeSecret", ref: ref, region: region})
	s.options.Metrics.observe("DescribeSecret", region, started, err)
	return described, err
}

// versionOf finds the version that a Ref points at among those that DescribeSecret lists.
func versionOf(described *secretsmanager.DescribeSecretOutput, ref source.Ref, region string) (source.Version, error) {
	if deleted := described.DeletedDate; deleted != nil {
		return source.Version{}, &source.Error{Kind: source.SecretPendingDeletion, Explanation: fmt.Sprintf(
			"secret %s was marked for deletion in AWS (DeletedDate %s): restore it with `aws secretsmanager restore-secret`, "+
				"or follow another secret", ref.SecretID, deleted.UTC().Format(time.RFC3339))}
	}
	id := ref.VersionID
	if id == "" {
		id = carrier(described.VersionIdsToStages, ref.VersionStage)
	}
	if id == "" {
		return source.Version{}, stageNotFound(described, ref)
	}
	return source.Version{
		ARN:      aws.ToString(described.ARN),
		ID:       id,
		Stages:   described.VersionIdsToStages[id],
		Region:   region,
		Rotation: rotationOf(described),
	}, nil
}

// carrier is the version that a staging label is on, or empty.
func carrier(versions map[string][]string, stage string) string {
	for id, stages := range versions {
		if slices.Contains(stages, stage) {
			return id
		}
	}
	return ""
}

func stageNotFound(described *secretsmanager.DescribeSecretOutput, ref source.Ref) error {
	labels := map[string]bool{}
	for _, stages := range described.VersionIdsToStages {
		for _, stage := range stages {
			labels[stage] = true
		}
	}
	there := "no version with a value yet"
	if len(labels) > 0 {
		there = "only the labels " + strings.Join(slices.Sorted(maps.Keys(labels)), ", ")
	}
	return &source.Error{Kind: source.VersionNotFound, Explanation: fmt.Sprintf(
		"secret %s has no version with staging label %s; it has %s", ref.SecretID, ref.VersionStage, there)}
}

func rotationOf(described *secretsmanager.DescribeSecretOutput) *source.Rotation {
	pending := carrier(described.VersionIdsToStages, stagePending)
	return &source.Rotation{
		Enabled:     aws.ToBool(described.RotationEnabled),
		LastRotated: aws.ToTime(described.LastRotatedDate),
		Next:        aws.ToTime(described.NextRotationDate),
		Pending:     pending != "" && pending != carrier(described.VersionIdsToStages, stageCurrent),
	}
}

// Fetch reads the value by GetSecretValue.
func (s *Source) Fetch(ctx context.Context, ref source.Ref) (source.Fetched, error) {
	region, err := s.regionOf(ref)
	if err != nil {
		return source.Fetched{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	input := &secretsmanager.GetSecretValueInput{SecretId: aws.String(ref.SecretID)}
	if ref.VersionID != "" {
		input.VersionId = aws.String(ref.VersionID)
	} else {
		input.VersionStage = aws.String(ref.VersionStage)
	}
	started := time.Now()
	answer, err := s.client(region).GetSecretValue(ctx, input, s.audit(ref.Reader))
	err = explain(ctx, err, question{operation: "GetSecretValue", ref: ref, region: region})
	s.options.Metrics.observe("GetSecretValue", region, started, err)
	if source.KindOf(err) == source.KMSAccessDenied {
		return source.Fetched{}, s.nameKey(ctx, err, region, ref)
	}
	if err != nil {
		return source.Fetched{}, err
	}
	return source.Fetched{
		Version: source.Version{ARN: aws.ToString(answer.ARN), ID: aws.ToString(answer.VersionId), Stages: answer.VersionStages, Region: region},
		Value:   valueOf(answer),
	}, nil
}

// nameKey adds to a refusal by KMS which key it is, which only DescribeSecret tells.
func (s *Source) nameKey(ctx context.Context, refused error, region string, ref source.Ref) error {
	described, err := s.describe(ctx, region, ref)
	if err != nil {
		return refused
	}
	named := kmsDenied(question{operation: "GetSecretValue", ref: ref, region: region}, aws.ToString(described.KmsKeyId))
	named.Cause = refused
	return named
}

func valueOf(answer *secretsmanager.GetSecretValueOutput) source.Value {
	if answer.SecretString != nil {
		return source.TextValue(*answer.SecretString)
	}
	return source.BinaryValue(answer.SecretBinary)
}

// audit puts on whose behalf a call is made into the user agent, which CloudTrail records.
func (s *Source) audit(reader source.Reader) func(*secretsmanager.Options) {
	return func(o *secretsmanager.Options) {
		if s.options.Cluster != "" {
			o.APIOptions = append(o.APIOptions, awsmiddleware.AddUserAgentKeyValue("kubernetes-cluster", s.options.Cluster))
		}
		o.APIOptions = append(o.APIOptions,
			awsmiddleware.AddUserAgentKeyValue("kubernetes-namespace", reader.Namespace),
			awsmiddleware.AddUserAgentKeyValue("secretsync", reader.Name))
	}
}
