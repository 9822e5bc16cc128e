package aws

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/controllers/source"
)

// Staging labels that Secrets Manager moves itself.
const (
	stageCurrent = "AWSCURRENT"
	stagePending = "AWSPENDING"
)

// Observe asks DescribeSecret which version a Ref points at. Where that is denied it reads the value
// instead, says so in the hint, and asks DescribeSecret again after ten minutes at the earliest.
func (s *Source) Observe(ctx context.Context, question source.Question) (source.Observation, error) {
	ref := question.Ref
	region, err := s.regionOf(ref)
	if err != nil {
		return source.Observation{}, err
	}
	at := place{region: region, secretID: ref.SecretID}
	if _, denied := s.denials.recall(at); denied {
		return s.observeByValue(ctx, at, ref)
	}
	described, err := s.describe(ctx, at, ref)
	if source.KindOf(err) == source.AccessDenied {
		s.denials.remember(at, struct{}{})
		return s.observeByValue(ctx, at, ref)
	}
	if err != nil {
		return source.Observation{}, err
	}
	version, err := s.versionOf(described, ref, region)
	return source.Observation{Version: version}, err
}

// observeByValue costs a read of the value, which is handed on rather than read again. While that is
// denied too, the denial of DescribeSecret is not relied on: whoever mends the one mends both.
func (s *Source) observeByValue(ctx context.Context, at place, ref source.Ref) (source.Observation, error) {
	fetched, err := s.Fetch(ctx, ref, source.Version{})
	if source.KindOf(err) == source.AccessDenied {
		s.denials.forget(at)
	}
	if err != nil {
		return source.Observation{}, err
	}
	return source.Observation{
		Version: fetched.Version,
		Value:   &fetched.Value,
		Hint: fmt.Sprintf("each poll reads and decrypts the value, because DescribeSecret is denied: "+
			"allow secretsmanager:DescribeSecret on %s so that polling does not read the value", fullARNPattern(fetched.Version.ARN)),
	}, nil
}

// describe also learns which KMS key the secret has.
func (s *Source) describe(ctx context.Context, at place, ref source.Ref) (*secretsmanager.DescribeSecretOutput, error) {
	described, err := call(ctx, s, question{operation: describeSecret, ref: ref, region: at.region},
		(*secretsmanager.Client).DescribeSecret, &secretsmanager.DescribeSecretInput{SecretId: aws.String(ref.SecretID)})
	if err == nil {
		s.kmsKeys.remember(at, aws.ToString(described.KmsKeyId))
	}
	return described, err
}

// versionOf finds the version that a Ref points at among those that DescribeSecret lists. A pinned
// version without a staging label is not listed; whether it still exists is for Fetch to find out.
func (s *Source) versionOf(described *secretsmanager.DescribeSecretOutput, ref source.Ref, region string) (source.Version, error) {
	if described.DeletedDate != nil {
		return source.Version{}, pendingDeletion(ref, *described.DeletedDate, s.options.Now())
	}
	id := ref.VersionID
	if id == "" {
		id = carrier(described.VersionIdsToStages, stageOf(ref))
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

func stageOf(ref source.Ref) string {
	if ref.VersionStage == "" {
		return stageCurrent
	}
	return ref.VersionStage
}

// carrier is the version that a staging label is on, or empty. A label is on one version at most.
func carrier(versions map[string][]string, stage string) string {
	for id, stages := range versions {
		if slices.Contains(stages, stage) {
			return id
		}
	}
	return ""
}

// pendingDeletion takes the date as the end of the window, as page "DescribeSecret" has it, unless it
// is past: then it can only be the day of the deletion.
func pendingDeletion(ref source.Ref, deleted, now time.Time) error {
	when := "on " + deleted.UTC().Format(time.RFC3339)
	if deleted.After(now) {
		when = "and AWS removes it after " + deleted.UTC().Format(time.RFC3339)
	}
	return &source.Error{Kind: source.SecretPendingDeletion, Explanation: fmt.Sprintf(
		"secret %s was marked for deletion %s: restore it with RestoreSecret (aws secretsmanager restore-secret), or follow another secret",
		ref.SecretID, when)}
}

func stageNotFound(described *secretsmanager.DescribeSecretOutput, ref source.Ref) error {
	labels := map[string]bool{}
	for _, stages := range described.VersionIdsToStages {
		for _, stage := range stages {
			labels[stage] = true
		}
	}
	there, remedy := "no value yet", "put a value into it"
	if len(labels) > 0 {
		there = "the staging labels " + strings.Join(slices.Sorted(maps.Keys(labels)), ", ")
		remedy = "follow one of these, or move the label in AWS"
	}
	return &source.Error{Kind: source.VersionNotFound, Explanation: fmt.Sprintf(
		"secret %s has no version with staging label %s, it has %s: %s", ref.SecretID, stageOf(ref), there, remedy)}
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
