package aws

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/secretsync/secretsync/controllers/source"
)

const day = 24 * time.Hour

// Staging labels that Secrets Manager moves itself.
const (
	stageCurrent  = "AWSCURRENT"
	stagePrevious = "AWSPREVIOUS"
	stagePending  = "AWSPENDING"
)

// described is what DescribeSecret or ListSecrets says of a secret, as far as it matters here. It is
// small, as there may be one for each of many secrets.
type described struct {
	arn, region string
	// primary is the region of the secret that this one is a replica of.
	primary string
	// kmsKey is empty for the AWS managed key.
	kmsKey   string
	deleted  time.Time
	changed  time.Time
	labels   []label
	rotation source.Rotation
	// tag is the one that says which namespaces may have the secret.
	tag source.Tag
}

// label is a staging label and the version that it is on.
type label struct{ stage, versionID string }

// describedBy keeps of a DescribeSecret what matters.
func describedBy(output *secretsmanager.DescribeSecretOutput, region string) described {
	return describe(region, entryOf(output))
}

// entryOf is what DescribeSecret says, as ListSecrets would.
func entryOf(output *secretsmanager.DescribeSecretOutput) *types.SecretListEntry {
	return &types.SecretListEntry{
		ARN: output.ARN, Name: output.Name, KmsKeyId: output.KmsKeyId, DeletedDate: output.DeletedDate, LastChangedDate: output.LastChangedDate,
		PrimaryRegion: output.PrimaryRegion, SecretVersionsToStages: output.VersionIdsToStages, Tags: output.Tags,
		RotationEnabled: output.RotationEnabled, RotationRules: output.RotationRules, LastRotatedDate: output.LastRotatedDate, NextRotationDate: output.NextRotationDate,
		RotationLambdaARN: output.RotationLambdaARN, OwningService: output.OwningService, Type: output.Type,
	}
}

// describe keeps of an entry what matters.
func describe(region string, entry *types.SecretListEntry) described {
	d := described{
		arn: aws.ToString(entry.ARN), region: region, primary: aws.ToString(entry.PrimaryRegion), kmsKey: aws.ToString(entry.KmsKeyId),
		deleted: aws.ToTime(entry.DeletedDate), changed: aws.ToTime(entry.LastChangedDate), tag: tagOf(entry.Tags),
	}
	for id, stages := range entry.SecretVersionsToStages {
		for _, stage := range stages {
			d.labels = append(d.labels, label{stage, id})
		}
	}
	slices.SortFunc(d.labels, func(a, b label) int { return strings.Compare(a.stage, b.stage) })
	d.rotation = source.Rotation{
		Enabled:     aws.ToBool(entry.RotationEnabled),
		LastRotated: aws.ToTime(entry.LastRotatedDate),
		Next:        aws.ToTime(entry.NextRotationDate),
		By:          rotatorOf(entry),
	}
	if rules := entry.RotationRules; rules != nil {
		d.rotation.Window, d.rotation.Every = windowOf(rules), day*time.Duration(aws.ToInt64(rules.AutomaticallyAfterDays))
	}
	if pending := d.carrier(stagePending); pending != d.carrier(stageCurrent) {
		d.rotation.PendingVersion = pending
	}
	return d
}

// rotatorOf is what rotates a secret. A function comes first: a service may own a secret without rotating it.
func rotatorOf(entry *types.SecretListEntry) source.Rotator {
	switch {
	case aws.ToString(entry.RotationLambdaARN) != "":
		return source.Rotator{}
	case aws.ToString(entry.Type) != "":
		return source.Rotator{Partner: *entry.Type}
	}
	return source.Rotator{Service: aws.ToString(entry.OwningService)}
}

// hourly is a schedule in hours.
var hourly = regexp.MustCompile(`^rate\(\d+ hours?\)$`)

// windowOf is how long AWS takes to begin with a rotation: as long as the rules say, else an hour for a
// schedule in hours, and up to the end of the day for one in days (page "RotationRulesType"). The schedules
// of cron() are taken for one in days.
func windowOf(rules *types.RotationRulesType) time.Duration {
	if window, err := time.ParseDuration(aws.ToString(rules.Duration)); err == nil && window > 0 {
		return window
	}
	if hourly.MatchString(aws.ToString(rules.ScheduleExpression)) {
		return time.Hour
	}
	return day
}

// tagOf is the tag that says which namespaces may have a secret.
func tagOf(tags []types.Tag) source.Tag {
	for _, tag := range tags {
		if aws.ToString(tag.Key) == source.TagNamespaces {
			return source.Tag{Present: true, Value: aws.ToString(tag.Value)}
		}
	}
	return source.Tag{}
}

// carrier is the version that a staging label is on, or empty. A label is on one version at most.
func (d described) carrier(stage string) string { return carrierIn(d.labels, stage) }

func carrierIn(labels []label, stage string) string {
	for _, l := range labels {
		if l.stage == stage {
			return l.versionID
		}
	}
	return ""
}

// version finds the version that a Ref points at. A pinned version without a staging label is not
// listed; whether it still exists is for Fetch to find out.
func (d described) version(ref source.Ref, now time.Time) (source.Version, error) {
	if !d.deleted.IsZero() {
		return source.Version{}, pendingDeletion(ref, d.deleted, now)
	}
	id := ref.VersionID
	if id == "" {
		id = d.carrier(stageOf(ref))
	}
	if id == "" {
		return source.Version{}, d.stageNotFound(ref)
	}
	rotation, tag := d.rotation, d.tag
	version := source.Version{
		ARN: d.arn, ID: id, Region: d.region, PrimaryRegion: d.primary, Changed: d.changed, Rotation: &rotation, Tag: &tag,
	}
	for _, l := range d.labels {
		if l.versionID == id {
			version.Stages = append(version.Stages, l.stage)
		}
	}
	return version, nil
}

func stageOf(ref source.Ref) string {
	if ref.VersionStage == "" {
		return stageCurrent
	}
	return ref.VersionStage
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

func (d described) stageNotFound(ref source.Ref) error {
	var labels []string
	for _, l := range d.labels {
		labels = append(labels, l.stage)
	}
	there, remedy := "no value yet", "put a value into it"
	if len(labels) > 0 {
		there = "the staging labels " + strings.Join(labels, ", ")
		remedy = "follow one of these, or move the label in AWS"
	}
	return &source.Error{Kind: source.VersionNotFound, Explanation: fmt.Sprintf(
		"secret %s has no version with staging label %s, it has %s: %s", ref.SecretID, stageOf(ref), there, remedy)}
}
