package aws

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/source"
)

// A version says who may have its secret, and of which secret it is a replica.
func TestADescriptionSaysWhoMayHaveTheSecretAndWhereItIsFrom(t *testing.T) {
	p := newScripted(t)
	p.answers[describeSecret] = `{"ARN":"` + benchARN + `","PrimaryRegion":"us-east-1","VersionIdsToStages":{"v1":["AWSCURRENT"]},` +
		`"Tags":[{"Key":"team","Value":"web"},{"Key":"` + source.TagNamespaces + `","Value":"pay"}]}`
	seen, err := p.ask(source.VersionQuery{})
	if err != nil {
		t.Fatal(err)
	}
	want := source.Version{ARN: benchARN, ID: "v1", Stages: []string{"AWSCURRENT"}, Region: "eu-west-1", PrimaryRegion: "us-east-1",
		Rotation: &source.Rotation{}, Tag: &source.Tag{Present: true, Value: "pay"}}
	if diff := cmp.Diff(want, seen.Version); diff != "" {
		t.Errorf("version differs (-want +got):\n%s", diff)
	}
}

func TestTheWindowOfARotation(t *testing.T) {
	for name, test := range map[string]struct {
		rules types.RotationRulesType
		want  time.Duration
	}{
		"as it is set":              {types.RotationRulesType{Duration: aws.String("3h")}, 3 * time.Hour},
		"none is set":               {types.RotationRulesType{}, day},
		"none is set, by the hour":  {types.RotationRulesType{ScheduleExpression: aws.String("rate(4 hours)")}, time.Hour},
		"what is no time":           {types.RotationRulesType{Duration: aws.String("soon")}, day},
		"none at all":               {types.RotationRulesType{Duration: aws.String("0h")}, day},
		"less than none":            {types.RotationRulesType{Duration: aws.String("-1h")}, day},
		"none at all, by the hour":  {types.RotationRulesType{Duration: aws.String("0h"), ScheduleExpression: aws.String("rate(1 hour)")}, time.Hour},
		"none is set, by the clock": {types.RotationRulesType{ScheduleExpression: aws.String("cron(0 /4 * * ? *)")}, day},
	} {
		if got := windowOf(&test.rules); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// Dates are those by the clock of AWS, whatever that of the operator's node is.
func TestTheDateOfADeletionIsOfNoZone(t *testing.T) {
	at := date(0).In(time.FixedZone("", 7200))
	want := date(0).Format(time.RFC3339)
	for _, now := range []time.Time{at.Add(time.Hour), at.Add(-time.Hour)} {
		if err := pendingDeletion(source.Ref{SecretID: "db"}, at, now); !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not mention %s", err, want)
		}
	}
}
