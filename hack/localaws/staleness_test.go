package localaws_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"github.com/secretsync/secretsync/hack/localaws"
)

// staleReading is one way to read the secret db: what is seen of it, or the code of the refusal.
type staleReading func(ctx context.Context, s *setup) (string, error)

// readings are all that may be stale, by operation. Each sees the value, or the ids of versions, one way or
// the other.
func readings() map[string]staleReading {
	db, filter := aws.String("db"), []types.Filter{{Key: types.FilterNameStringTypeName, Values: []string{"db"}}}
	return map[string]staleReading{
		"DescribeSecret": func(ctx context.Context, s *setup) (string, error) {
			output, err := s.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: db})
			if err != nil {
				return "", err
			}
			return carrier(output.VersionIdsToStages), nil
		},
		"GetSecretValue": func(ctx context.Context, s *setup) (string, error) {
			output, err := s.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: db})
			if err != nil {
				return "", err
			}
			return aws.ToString(output.VersionId), nil
		},
		"BatchGetSecretValue": func(ctx context.Context, s *setup) (string, error) {
			output, err := s.BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{"db"}})
			if err != nil {
				return "", err
			}
			for _, refusal := range output.Errors {
				return "", &smithy.GenericAPIError{Code: aws.ToString(refusal.ErrorCode)}
			}
			return aws.ToString(output.SecretValues[0].VersionId), nil
		},
		"ListSecrets": func(ctx context.Context, s *setup) (string, error) {
			output, err := s.ListSecrets(ctx, &secretsmanager.ListSecretsInput{Filters: filter})
			if err != nil {
				return "", err
			}
			if len(output.SecretList) == 0 {
				return "", &smithy.GenericAPIError{Code: notFound}
			}
			return carrier(output.SecretList[0].SecretVersionsToStages), nil
		},
		"ListSecretVersionIds": func(ctx context.Context, s *setup) (string, error) {
			output, err := s.ListSecretVersionIds(ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: db})
			if err != nil {
				return "", err
			}
			stages := map[string][]string{}
			for _, version := range output.Versions {
				stages[aws.ToString(version.VersionId)] = version.VersionStages
			}
			return carrier(stages), nil
		},
	}
}

// carrier is the version with the label AWSCURRENT.
func carrier(stages map[string][]string) string {
	for id, labels := range stages {
		if slices.Contains(labels, "AWSCURRENT") {
			return id
		}
	}
	return ""
}

// seen is the result of a read, with the code of a refusal in place of a version.
func (s *setup) seen(by staleReading) string {
	s.Helper()
	got, err := by(s.Context(), s)
	if refusal, refused := errors.AsType[smithy.APIError](err); refused {
		return refusal.ErrorCode()
	}
	return must(s.T, got, err)
}

func (s *setup) stale(all ...localaws.Staleness) {
	s.Helper()
	must(s.T, "", s.SetStaleness(all...))
}

// remove deletes the secret db, for good or to be restored.
func (s *setup) remove(forGood bool) {
	s.Helper()
	_, err := s.delete(&secretsmanager.DeleteSecretInput{SecretId: aws.String("db"), ForceDeleteWithoutRecovery: &forGood})
	must(s.T, "", err)
}

// newStoppedSetup is a setup whose clock moves only when the test moves it.
func newStoppedSetup(t *testing.T) *setup {
	t.Helper()
	began, moved := time.Now(), &clock{}
	running, err := localaws.Start(&localaws.Server{Now: func() time.Time { return began.Add(moved.passed()) }}, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, "", running.Close()) })
	return &setup{T: t, Running: running, Client: client(running.URL(), localaws.DefaultRegion, "tester"), clock: moved}
}

func (c *clock) passed() time.Duration {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.ahead
}

func TestReadsThatLag(t *testing.T) {
	const marked = "InvalidRequestException"
	for operation, read := range readings() {
		t.Run(operation, func(t *testing.T) {
			s := newStoppedSetup(t)
			s.stale(localaws.Staleness{Operation: operation, Lag: 10 * time.Second})
			want := func(when, version string) {
				t.Helper()
				if got := s.seen(read); got != version {
					t.Errorf("%s, it sees %q, want %q", when, got, version)
				}
				for other, by := range readings() {
					if other != operation && s.seen(by) == version {
						t.Errorf("%s, %s is as stale, and should not be", when, other)
					}
				}
			}
			first := aws.ToString(s.create("db", "one").VersionId)
			want("before the secret is seen", notFound)
			s.clock.forward(10 * time.Second)
			second := s.put("db", "two")
			want("before the second version is seen", first)
			s.clock.forward(10*time.Second - 1)
			want("just before the second version is seen", first)
			s.clock.forward(1)
			if got := s.seen(read); got != second {
				t.Errorf("ten seconds after the second version, it sees %q, want %q", got, second)
			}
			s.remove(false)
			if got := s.seen(read); got != second {
				t.Errorf("before the deletion is seen, it sees %q, want %q", got, second)
			}
			s.clock.forward(20 * time.Second)
			_, err := s.RestoreSecret(t.Context(), &secretsmanager.RestoreSecretInput{SecretId: aws.String("db")})
			must(t, "", err)
			if is := map[string]string{"GetSecretValue": marked, "BatchGetSecretValue": marked, "ListSecrets": notFound}[operation]; is != "" {
				want("before the restoration is seen", is)
			}
			s.clock.forward(10 * time.Second)
			s.remove(true)
			s.clock.forward(time.Second) // A forced deletion takes a moment.
			want("before the secret is gone", second)
			s.clock.forward(10 * time.Second)
			if got := s.seen(read); got != notFound {
				t.Errorf("once the secret is gone, it sees %q", got)
			}
			third := aws.ToString(s.create("db", "three").VersionId)
			want("before the new secret is seen", notFound)
			s.stale()
			if got := s.seen(read); got != third {
				t.Errorf("without a lag, it sees %q", got)
			}
		})
	}
}

func TestReadsThatAreStaleAtRandom(t *testing.T) {
	draws := map[string][]string{}
	for _, attempt := range []string{"first", "again"} {
		for operation, read := range readings() {
			s := newStoppedSetup(t)
			ids := map[string]string{aws.ToString(s.create("db", "one").VersionId): "old"}
			s.stale(localaws.Staleness{Random: 10 * time.Second, Seed: 7})
			ids[s.put("db", "two")] = "new"
			var drawn []string
			for range 40 {
				drawn = append(drawn, ids[s.seen(read)])
			}
			if !slices.Contains(drawn, "old") || !slices.Contains(drawn, "new") || slices.Contains(drawn, "") {
				t.Errorf("%s sees %v", operation, drawn)
			}
			if attempt == "first" {
				draws[operation] = drawn
			} else if !slices.Equal(draws[operation], drawn) {
				t.Errorf("%s sees with the same seed\n%v, then\n%v", operation, draws[operation], drawn)
			}
			s.clock.forward(10 * time.Second)
			for range 20 {
				if got := ids[s.seen(read)]; got != "new" {
					t.Fatalf("%s sees %q when the time is over", operation, got)
				}
			}
		}
	}
}

// TestAStaleReadSeesOneMoment compares what stale reads see with what the secret was like after each change.
func TestAStaleReadSeesOneMoment(t *testing.T) {
	s := newStoppedSetup(t)
	s.AddPrincipal("late", localaws.Principal{Account: localaws.DefaultAccount, ARN: "arn:aws:iam::111122223333:user/late"})
	late := client(s.URL(), localaws.DefaultRegion, "late")
	s.create("db", "one")
	s.stale(localaws.Staleness{Principal: "*:user/late", Random: time.Hour, Seed: 3})
	look := func(by *secretsmanager.Client) string {
		output, err := by.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String("db")})
		is := must(t, output, err)
		said := is.LastChangedDate.String() + " " + aws.ToString(is.Description)
		for _, tag := range is.Tags {
			said += " " + aws.ToString(tag.Value)
		}
		for _, id := range slices.Sorted(maps.Keys(is.VersionIdsToStages)) {
			said += " " + id + "=" + strings.Join(is.VersionIdsToStages[id], "+")
		}
		return said
	}
	moments, seen := map[string]bool{look(s.Client): true}, map[string]bool{}
	changed := func(err error) {
		t.Helper()
		must(t, "", err)
		moments[look(s.Client)] = true
		s.clock.forward(time.Second)
	}
	for _, word := range []string{"a", "b", "c"} {
		_, err := s.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("db"), SecretString: &word})
		changed(err)
		_, err = s.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: aws.String("db"), Description: &word, SecretString: aws.String("other " + word)})
		changed(err)
		_, err = s.TagResource(t.Context(), &secretsmanager.TagResourceInput{SecretId: aws.String("db"), Tags: []types.Tag{{Key: aws.String("word"), Value: &word}}})
		changed(err)
	}
	for range 100 {
		seen[look(late)] = true
	}
	for is := range seen {
		if !moments[is] {
			t.Errorf("a stale read sees what never was:\n%s", is)
		}
	}
	if len(seen) < 5 {
		t.Errorf("100 stale reads see %d of %d states", len(seen), len(moments))
	}
	arn := aws.ToString(s.described("db").ARN)
	for range 20 {
		output, err := late.BatchGetSecretValue(t.Context(), &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{"db", arn}})
		if both := must(t, output, err).SecretValues; aws.ToString(both[0].VersionId) != aws.ToString(both[1].VersionId) {
			t.Fatal("one batch sees two states of a secret")
		}
	}
}

// TestARotationMovesTheDateOfTheLastChange: readers see by that date which of two answers is newer.
func TestARotationMovesTheDateOfTheLastChange(t *testing.T) {
	s := newSetup(t)
	rotate, before := s.RotatePassword(), make(chan time.Time, 1)
	s.RegisterRotationFunction(functionARN, func(ctx context.Context, event localaws.RotationEvent) error {
		if event.Step == "finishSecret" {
			before <- aws.ToTime(s.described("db").LastChangedDate)
		}
		return rotate(ctx, event)
	})
	s.create("db", `{"password":"one"}`)
	id, err := s.rotate(&secretsmanager.RotateSecretInput{RotationLambdaARN: aws.String(functionARN)})
	must(t, "", err)
	s.await("the rotation ends", func() bool { return slices.Contains(s.described("db").VersionIdsToStages[id], "AWSCURRENT") })
	if was, is := <-before, aws.ToTime(s.described("db").LastChangedDate); !is.After(was) {
		t.Errorf("AWSCURRENT moved, and LastChangedDate stayed %s", is)
	}
}

// TestWhatIsNeverStale: refusals, quotas, events and counts of calls use the latest state.
func TestWhatIsNeverStale(t *testing.T) {
	s := newSetup(t)
	s.stale(localaws.Staleness{Lag: time.Hour})
	s.create("db", "one")
	refused(t, s.read(s.Client, "db"), notFound, "")
	if len(s.Events()) == 0 {
		t.Error("an event waits until the change is seen")
	}
	s.SetRules(localaws.Rule{Deny: true, Action: "secretsmanager:GetSecretValue", Resource: "*:db-*"})
	refused(t, s.read(s.Client, "db"), denied, "") // The policy is about the full ARN, which a stale read does not know.
	s.SetRules()
	s.SetRate("GetSecretValue", 0.5)
	refused(t, s.read(s.Client, "db"), "ThrottlingException", "")
	if got := s.Count("GetSecretValue"); got != 3 {
		t.Errorf("%d calls are counted, want 3", got)
	}
	refused(t, func() error {
		_, err := s.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("db"), SecretString: aws.String("two")})
		return err
	}(), "ResourceExistsException", "")
}

func TestStalenessOverHTTP(t *testing.T) {
	s := newSetup(t)
	s.create("db", "one")
	if status, answer := s.admin(http.MethodPost, "staleness", `[{"Operation": "Get*", "Lag": 3600000000000}]`); status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	s.put("db", "two")
	if got := s.text("db", "AWSCURRENT"); got != "one" {
		t.Errorf("a stale read sees %q", got)
	}
	for body, want := range map[string]string{
		`[{"Operation": "PutSecretValue", "Lag": 1}]`: "none of the operations",
		`[{"Lag": -1}]`: "below zero",
		`[{}]`:          "set one of them",
		`{`:             "JSON",
	} {
		if status, answer := s.admin(http.MethodPost, "staleness", body); status != http.StatusBadRequest || !strings.Contains(answer, want) {
			t.Errorf("%s is answered with %d %s", body, status, answer)
		}
	}
	if got := s.text("db", "AWSCURRENT"); got != "one" {
		t.Errorf("after refused settings a stale read sees %q", got)
	}
	s.admin(http.MethodPost, "staleness", `[]`)
	if got := s.text("db", "AWSCURRENT"); got != "two" {
		t.Errorf("in the end a read sees %q", got)
	}
}
