package localaws_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"github.com/secretsync/secretsync/hack/localaws"
)

// readIn reads the secret db in a region.
func readIn(ctx context.Context, s *setup, region string) (string, error) {
	output, err := client(s.URL(), region, "tester").GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("db")})
	if err != nil {
		return "", err
	}
	return aws.ToString(output.SecretString), nil
}

func (s *setup) replicated(region string) {
	s.Helper()
	_, err := s.ReplicateSecretToRegions(s.Context(), &secretsmanager.ReplicateSecretToRegionsInput{SecretId: aws.String("db"),
		AddReplicaRegions: []types.ReplicaRegionType{{Region: &region}}})
	must(s.T, "", err)
}

func TestARegionThatIsDown(t *testing.T) {
	for kind, check := range map[string]func(t *testing.T, err error){
		localaws.OutageCut: func(t *testing.T, err error) {
			if refusal := smithy.APIError(nil); err == nil || errors.As(err, &refusal) {
				t.Errorf("a region that is cut off answers %v", err)
			}
		},
		localaws.OutageError:       func(t *testing.T, err error) { refused(t, err, "InternalServiceError", "") },
		localaws.OutageUnavailable: func(t *testing.T, err error) { refused(t, err, "ServiceUnavailable", "") },
		localaws.OutageHang: func(t *testing.T, err error) {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a region that hangs answers %v", err)
			}
		},
	} {
		t.Run(kind, func(t *testing.T) {
			l := newLane(t)
			l.create("db", "one")
			l.replicated("eu-central-1")
			must(t, "", l.SetOutages(localaws.Outage{Region: "eu-west-1", Kind: kind}))
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if kind != localaws.OutageHang {
				ctx = t.Context()
			}
			_, err := readIn(ctx, l.setup, "eu-west-1")
			check(t, err)
			if got, err := readIn(t.Context(), l.setup, "eu-central-1"); must(t, got, err) != "one" {
				t.Errorf("the replica has %q", got)
			}
			_, err = l.sqs.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &l.url, MessageBody: aws.String("SQS goes on")})
			must(t, "", err)
			must(t, "", l.SetOutages())
			if got, err := readIn(t.Context(), l.setup, "eu-west-1"); must(t, got, err) != "one" {
				t.Errorf("the region is back with %q", got)
			}
		})
	}
}

func TestAnOutageOfOtherServices(t *testing.T) {
	l := newLane(t)
	l.create("db", "one")
	must(t, "", l.SetOutages(localaws.Outage{Region: "*", Services: []string{"sqs"}, Kind: localaws.OutageError}))
	_, err := l.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &l.url})
	refused(t, err, "InternalServiceError", "")
	l.text("db", "AWSCURRENT")
	for name, wrong := range map[string]localaws.Outage{
		"no region": {}, "a kind that is not there": {Region: "*", Kind: "Fire"}, "a service that is not there": {Region: "*", Services: []string{"s3"}},
	} {
		if l.SetOutages(wrong) == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestAReplicaThatLags(t *testing.T) {
	s := newSetup(t)
	s.create("db", "one")
	s.replicated("eu-central-1")
	s.SetReplicationLag(time.Minute)
	s.put("db", "two")
	status := func() types.StatusType { return s.described("db").ReplicationStatus[0].Status }
	if got, err := readIn(t.Context(), s, "eu-central-1"); must(t, got, err) != "one" || status() != types.StatusTypeInProgress {
		t.Errorf("the replica has %q, %s", got, status())
	}
	s.clock.forward(61 * time.Second)
	if got, err := readIn(t.Context(), s, "eu-central-1"); must(t, got, err) != "two" || status() != types.StatusTypeInSync {
		t.Errorf("a minute later the replica has %q, %s", got, status())
	}
	s.put("db", "three")
	s.SetReplicationLag(0)
	if got, err := readIn(t.Context(), s, "eu-central-1"); must(t, got, err) != "three" {
		t.Errorf("without a lag the replica has %q", got)
	}
	must(t, "", s.SetOutages(localaws.Outage{Region: "eu-central-1"}))
	s.put("db", "four")
	if got := status(); got != types.StatusTypeInProgress {
		t.Errorf("a region that is down is %s", got)
	}
	must(t, "", s.SetOutages())
	if got, err := readIn(t.Context(), s, "eu-central-1"); must(t, got, err) != "four" || status() != types.StatusTypeInSync {
		t.Errorf("after the outage the replica has %q, %s", got, status())
	}
	_, err := client(s.URL(), "eu-central-1", "tester").PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("db"), SecretString: aws.String("no")})
	refused(t, err, "InvalidParameterException", "Operation not permitted on a replica secret.")
}

func TestTimesCanBeSet(t *testing.T) {
	s := newSetup(t)
	s.RegisterRotationFunction(functionARN, (&rotator{s: s, fails: "setSecret"}).step)
	s.create("db", "one")
	second, err := s.rotate(&secretsmanager.RotateSecretInput{RotationLambdaARN: aws.String(functionARN)})
	must(t, "", err)
	s.await("the rotation fails", func() bool { // The event of the call that started it may come later.
		return slices.ContainsFunc(s.Events(), func(event localaws.Event) bool { return strings.Contains(fmt.Sprint(event.Detail), "RotationFailed") })
	})
	long := time.Now().Add(-100 * 24 * time.Hour).Truncate(time.Second)
	must(t, "", s.SetTimes(localaws.Times{SecretId: "db", Created: long, LastChanged: long.Add(1 * time.Hour), LastRotated: long.Add(2 * time.Hour),
		NextRotation: long.Add(3 * time.Hour), Versions: map[string]time.Time{second: long.Add(4 * time.Hour)}}))
	got := s.described("db")
	if !got.CreatedDate.Equal(long) || !got.LastChangedDate.Equal(long.Add(time.Hour)) || !got.LastRotatedDate.Equal(long.Add(2*time.Hour)) || !got.NextRotationDate.Equal(long.Add(3*time.Hour)) {
		t.Errorf("described: %v, %v, %v, %v", got.CreatedDate, got.LastChangedDate, got.LastRotatedDate, got.NextRotationDate)
	}
	versions, err := s.ListSecretVersionIds(t.Context(), &secretsmanager.ListSecretVersionIdsInput{SecretId: aws.String("db")})
	for _, v := range must(t, versions, err).Versions {
		if aws.ToString(v.VersionId) == second && !v.CreatedDate.Equal(long.Add(4*time.Hour)) {
			t.Errorf("the pending version is of %v", v.CreatedDate)
		}
	}
	must(t, "", s.SetTimes(localaws.Times{SecretId: aws.ToString(got.ARN), NeverRotated: true}))
	if got := s.described("db"); got.LastRotatedDate != nil || !got.NextRotationDate.Equal(long.Add(3*time.Hour)) {
		t.Errorf("never rotated: %v, next %v", got.LastRotatedDate, got.NextRotationDate)
	}
	if s.SetTimes(localaws.Times{SecretId: "none"}) == nil {
		t.Error("times of a missing secret are accepted")
	}
	if s.SetTimes(localaws.Times{SecretId: "db", Versions: map[string]time.Time{"none": long}}) == nil {
		t.Error("times of a missing version are accepted")
	}
}
