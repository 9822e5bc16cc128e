package aws

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/hack/localaws"
)

func TestObserveFollowsAStagingLabelWithoutReadingTheValue(t *testing.T) {
	env := newEnvironment(t)
	created := env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("/prod/db")})
	first := aws.ToString(created.VersionId)
	second := env.put(t, "/prod/db", "second")
	pending := env.put(t, "/prod/db", "third", "AWSPENDING", "blue")
	for name, test := range map[string]struct {
		stage, want string
		stages      []string
	}{
		"AWSCURRENT":         {"AWSCURRENT", second, []string{"AWSCURRENT"}},
		"no label":           {"", second, []string{"AWSCURRENT"}},
		"AWSPREVIOUS":        {"AWSPREVIOUS", first, []string{"AWSPREVIOUS"}},
		"AWSPENDING":         {"AWSPENDING", pending, []string{"AWSPENDING", "blue"}},
		"a label of its own": {"blue", pending, []string{"AWSPENDING", "blue"}},
	} {
		t.Run(name, func(t *testing.T) {
			env.ResetCalls()
			got, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: source.Ref{SecretID: "/prod/db", VersionStage: test.stage}})
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(got.Version.Stages)
			want := source.Version{ARN: aws.ToString(created.ARN), ID: test.want, Stages: test.stages, Region: "eu-west-1",
				Rotation: &source.Rotation{PendingVersion: pending}, Tag: &source.Tag{}}
			if want.Changed = got.Version.Changed; time.Since(want.Changed) > time.Minute {
				t.Errorf("the secret was changed at %s", want.Changed)
			}
			if diff := cmp.Diff(want, got.Version); diff != "" {
				t.Errorf("version differs (-want +got):\n%s", diff)
			}
			if got.Value != nil || got.Hint != "" {
				t.Error("a value or a hint came with it")
			}
			if diff := cmp.Diff([]string{"DescribeSecret"}, env.operations()); diff != "" {
				t.Errorf("calls differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestObserveNamesTheLabelsThatThereAre(t *testing.T) {
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	env.put(t, "db", "second")
	_, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: source.Ref{SecretID: "db", VersionStage: "blue"}})
	if source.KindOf(err) != source.VersionNotFound || !strings.Contains(err.Error(), "AWSCURRENT, AWSPREVIOUS: follow one of these") {
		t.Errorf("got %v", err)
	}
}

func TestObserveSaysThatASecretHasNoValueYet(t *testing.T) {
	env := newEnvironment(t)
	if _, err := env.admin.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("empty")}); err != nil {
		t.Fatal(err)
	}
	_, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: current("empty")})
	if source.KindOf(err) != source.VersionNotFound || !strings.Contains(err.Error(), "no value yet") {
		t.Errorf("got %v", err)
	}
}

func TestAPinnedVersionIsObservedWhetherItHasALabelOrNot(t *testing.T) {
	env := newEnvironment(t)
	first := aws.ToString(env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")}).VersionId)
	env.put(t, "db", "second")
	env.put(t, "db", "third") // The first version has no label from here on.
	ref := source.Ref{SecretID: "db", VersionID: first}
	observed, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: ref})
	if err != nil || observed.Version.ID != first {
		t.Fatalf("observed %q, %v", observed.Version.ID, err)
	}
	fetched, err := env.source.Fetch(t.Context(), ref, source.Version{})
	if err != nil || fetched.Version.ID != first || string(fetched.Value.Bytes()) != valueMarker {
		t.Errorf("fetched version %q, %v", fetched.Version.ID, err)
	}
	ref.VersionID = "00000000-0000-0000-0000-000000000000"
	if _, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: ref}); err != nil {
		t.Errorf("observing an unlisted version: %v", err)
	}
	if _, err := env.source.Fetch(t.Context(), ref, source.Version{}); source.KindOf(err) != source.VersionNotFound || !strings.Contains(err.Error(), ref.VersionID) {
		t.Errorf("fetching a version that never was gives %v", err)
	}
}

func TestASecretMarkedForDeletionIsSaidToBe(t *testing.T) {
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	if _, err := env.admin.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("db")}); err != nil {
		t.Fatal(err)
	}
	_, observed := env.source.Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
	_, fetched := env.source.Fetch(t.Context(), current("db"), source.Version{})
	for name, err := range map[string]error{"observing": observed, "fetching": fetched} {
		if source.KindOf(err) != source.SecretPendingDeletion || !strings.Contains(err.Error(), "RestoreSecret") {
			t.Errorf("%s gives %v", name, err)
		}
	}
	if year := time.Now().UTC().Format("2006-"); !strings.Contains(observed.Error(), year) {
		t.Errorf("%v has no date", observed)
	}
}

func TestTheDateOfADeletionIsReadBothWays(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		deleted time.Time
		want    string
	}{
		"ahead, it is the end of the window":      {now.Add(time.Hour), "AWS removes it after 2026-03-01T13:00:00Z"},
		"past, it is the day of the deletion":     {now.Add(-time.Hour), "marked for deletion on 2026-03-01T11:00:00Z"},
		"in another zone, it is written in UTC's": {now.Add(-time.Hour).In(time.FixedZone("", 3600)), "on 2026-03-01T11:00:00Z"},
	} {
		if got := pendingDeletion(current("db"), test.deleted, now).Error(); !strings.Contains(got, test.want) {
			t.Errorf("%s: %q does not say %q", name, got, test.want)
		}
	}
}

func TestRotationIsObserved(t *testing.T) {
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		described secretsmanager.DescribeSecretOutput
		want      source.Rotation
	}{
		"none": {secretsmanager.DescribeSecretOutput{VersionIdsToStages: map[string][]string{"a": {"AWSCURRENT"}}}, source.Rotation{}},
		"on schedule, with AWSPENDING left on the current version": {
			secretsmanager.DescribeSecretOutput{RotationEnabled: aws.Bool(true), LastRotatedDate: &day, NextRotationDate: aws.Time(day.AddDate(0, 1, 0)),
				VersionIdsToStages: map[string][]string{"a": {"AWSCURRENT", "AWSPENDING"}, "b": {"AWSPREVIOUS"}}},
			source.Rotation{Enabled: true, LastRotated: day, Next: day.AddDate(0, 1, 0)},
		},
		"under way": {
			secretsmanager.DescribeSecretOutput{RotationEnabled: aws.Bool(true), VersionIdsToStages: map[string][]string{"a": {"AWSCURRENT"}, "b": {"AWSPENDING"}}},
			source.Rotation{Enabled: true, PendingVersion: "b"},
		},
		"by a schedule in days": {
			secretsmanager.DescribeSecretOutput{RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(30)}},
			source.Rotation{Window: 24 * time.Hour, Every: 30 * 24 * time.Hour},
		},
		"by a schedule in hours": {
			secretsmanager.DescribeSecretOutput{RotationRules: &types.RotationRulesType{ScheduleExpression: aws.String("rate(4 hours)")}},
			source.Rotation{Window: time.Hour},
		},
		"by a schedule with a window": {
			secretsmanager.DescribeSecretOutput{RotationRules: &types.RotationRulesType{ScheduleExpression: aws.String("rate(4 hours)"), Duration: aws.String("3h")}},
			source.Rotation{Window: 3 * time.Hour},
		},
		"by a function, of a secret that a service owns": {
			secretsmanager.DescribeSecretOutput{RotationEnabled: aws.Bool(true), RotationLambdaARN: aws.String("arn"), OwningService: aws.String("connect")},
			source.Rotation{Enabled: true},
		},
		"by the service that owns it": {
			secretsmanager.DescribeSecretOutput{RotationEnabled: aws.Bool(true), OwningService: aws.String("rds")},
			source.Rotation{Enabled: true, By: source.Rotator{Service: "rds"}},
		},
		"at a partner": {
			secretsmanager.DescribeSecretOutput{RotationEnabled: aws.Bool(true), Type: aws.String("SalesforceClientSecret")},
			source.Rotation{Enabled: true, By: source.Rotator{Partner: "SalesforceClientSecret"}},
		},
		"by a cron schedule": {
			secretsmanager.DescribeSecretOutput{RotationRules: &types.RotationRulesType{ScheduleExpression: aws.String("cron(0 8 1 * ? *)")}},
			source.Rotation{Window: 24 * time.Hour},
		},
	} {
		if diff := cmp.Diff(test.want, describedBy(&test.described, "eu-west-1").rotation); diff != "" {
			t.Errorf("%s: rotation differs (-want +got):\n%s", name, diff)
		}
	}
}

func TestADeniedDescribeSecretCostsOneCallAPoll(t *testing.T) {
	env := newEnvironment(t)
	created := env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("/prod/db")})
	env.deny("DescribeSecret")
	polls := func(want ...string) {
		t.Helper()
		env.ResetCalls()
		got, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: current("/prod/db")})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, env.operations()); diff != "" {
			t.Errorf("calls differ (-want +got):\n%s", diff)
		}
		if want[len(want)-1] == "DescribeSecret" {
			if got.Value != nil || got.Hint != "" {
				t.Error("a value or a hint came with a permitted DescribeSecret")
			}
			return
		}
		if got.Version.ID != aws.ToString(created.VersionId) || got.Version.Rotation != nil || string(got.Value.Bytes()) != valueMarker {
			t.Errorf("observed version %q", got.Version.ID)
		}
		if !strings.Contains(got.Hint, "secretsmanager:DescribeSecret on arn:aws:secretsmanager:eu-west-1:111122223333:secret:/prod/db-?????? ") {
			t.Errorf("the hint is %q", got.Hint)
		}
	}
	polls("DescribeSecret", "GetSecretValue")
	polls("GetSecretValue")
	env.now = env.now.Add(denialLasts - time.Second)
	polls("GetSecretValue")
	env.now = env.now.Add(time.Second)
	polls("DescribeSecret", "GetSecretValue")
	env.SetRules()
	env.now = env.now.Add(denialLasts)
	polls("DescribeSecret")
}

func TestADenialIsRememberedForItsSecretAlone(t *testing.T) {
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("one")})
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("two")})
	env.SetRules(localaws.Rule{Deny: true, Principal: testReader, Action: "secretsmanager:DescribeSecret", Resource: "*:secret:one-??????"})
	for range 2 {
		for _, id := range []string{"one", "two"} {
			if _, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: current(id)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := []string{"DescribeSecret", "GetSecretValue", "DescribeSecret", "GetSecretValue", "DescribeSecret"}
	if diff := cmp.Diff(want, env.operations()); diff != "" {
		t.Errorf("calls differ (-want +got):\n%s", diff)
	}
}

func TestWhereBothAreDeniedTheReadIsExplained(t *testing.T) {
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("/prod/db")})
	env.deny("DescribeSecret", "GetSecretValue")
	_, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: current("/prod/db")})
	for _, mention := range []string{testReader, "secretsmanager:GetSecretValue on arn:aws:secretsmanager:eu-west-1:111122223333:secret:/prod/db-",
		"on arn:aws:secretsmanager:eu-west-1:111122223333:secret:/prod/db-??????"} {
		if source.KindOf(err) != source.AccessDenied || !strings.Contains(err.Error(), mention) {
			t.Errorf("%v does not mention %q", err, mention)
		}
	}
	if _, again := env.source.Resolve(t.Context(), source.VersionQuery{Ref: current("/prod/db")}); again.Error() != err.Error() {
		t.Errorf("the explanation changed to %v", again)
	}
	env.SetRules()
	env.ResetCalls()
	healed, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: current("/prod/db")})
	if err != nil || healed.Hint != "" || healed.Value != nil {
		t.Errorf("once both are allowed: hint %q, %v", healed.Hint, err)
	}
	if diff := cmp.Diff([]string{"DescribeSecret"}, env.operations()); diff != "" {
		t.Errorf("calls differ (-want +got):\n%s", diff)
	}
}

func TestWhatIsObservedAndFetchedNeverShowsTheValue(t *testing.T) {
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	env.deny("DescribeSecret")
	observed, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
	if err != nil {
		t.Fatal(err)
	}
	fetched, err := env.source.Fetch(t.Context(), current("db"), source.Version{})
	if err != nil {
		t.Fatal(err)
	}
	for _, held := range []any{observed, &observed, fetched, &fetched, *observed.Value} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%d", "%q"} {
			refuseValue(t, verb, fmt.Sprintf(verb, held))
		}
	}
	for _, held := range []any{observed, fetched} {
		encoded, err := json.Marshal(held)
		if err != nil {
			t.Fatal(err)
		}
		refuseValue(t, "json", string(encoded))
	}
}

func refuseValue(t *testing.T, how, printed string) {
	t.Helper()
	numbers := strings.Trim(fmt.Sprintf("%d", []byte(valueMarker)), "[]")
	for _, disguise := range []string{valueMarker, fmt.Sprintf("%x", valueMarker), fmt.Sprintf("%X", valueMarker), numbers} {
		if strings.Contains(printed, disguise) {
			t.Errorf("%s shows the value as %q", how, disguise)
		}
	}
}
