package localaws_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/hack/localaws"
)

const functionARN = "arn:aws:lambda:eu-west-1:111122223333:function:rotate"

// rotator is a rotation function like AWS's templates: it calls the server, and may fail in a step.
type rotator struct {
	s      *setup
	fails  string
	mutex  sync.Mutex
	events []localaws.RotationEvent
}

func (r *rotator) step(ctx context.Context, event localaws.RotationEvent) error {
	r.mutex.Lock()
	r.events = append(r.events, event)
	fails := r.fails
	r.mutex.Unlock()
	if event.Step == fails {
		return errors.New("the database does not answer")
	}
	switch event.Step {
	case "createSecret":
		_, err := r.s.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &event.SecretId, ClientRequestToken: &event.ClientRequestToken,
			SecretString: aws.String("value of " + event.ClientRequestToken), VersionStages: []string{"AWSPENDING"}})
		return err
	case "finishSecret":
		described, err := r.s.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &event.SecretId})
		if err != nil {
			return err
		}
		for id, labels := range described.VersionIdsToStages {
			if strings.Contains(strings.Join(labels, " "), "AWSCURRENT") {
				_, err = r.s.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{SecretId: &event.SecretId,
					VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: &event.ClientRequestToken, RemoveFromVersionId: &id})
			}
		}
		return err
	}
	return nil
}

func (r *rotator) steps() (names []string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, event := range r.events {
		names = append(names, event.Step)
	}
	return names
}

func (s *setup) rotate(input *secretsmanager.RotateSecretInput) (string, error) {
	input.SecretId = aws.String("db")
	output, err := s.RotateSecret(s.Context(), input)
	if err != nil {
		return "", err
	}
	return aws.ToString(output.VersionId), nil
}

func TestARotationCallsTheFourSteps(t *testing.T) {
	for name, function := range map[string]func(s *setup, r *rotator) string{
		"of a function": func(s *setup, r *rotator) string {
			s.RegisterRotationFunction(functionARN, r.step)
			return functionARN
		},
		"of an HTTP hook": func(_ *setup, r *rotator) string {
			hook := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
				var event localaws.RotationEvent
				if err := json.NewDecoder(request.Body).Decode(&event); err != nil {
					http.Error(answer, err.Error(), http.StatusBadRequest)
				} else if err := r.step(request.Context(), event); err != nil {
					http.Error(answer, err.Error(), http.StatusInternalServerError)
				}
			}))
			t.Cleanup(hook.Close)
			return hook.URL
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			r := &rotator{s: s}
			first := aws.ToString(s.create("db", "one").VersionId)
			second, err := s.rotate(&secretsmanager.RotateSecretInput{RotationLambdaARN: aws.String(function(s, r)),
				RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(30)}})
			must(t, second, err)
			s.await("AWSCURRENT moves", func() bool { return strings.Contains(s.stages("db")[second], "AWSCURRENT") })
			if diff := cmp.Diff([]string{"createSecret", "setSecret", "testSecret", "finishSecret"}, r.steps()); diff != "" {
				t.Errorf("steps differ (-want +got):\n%s", diff)
			}
			if labels := s.stages("db"); labels[first] != "AWSPREVIOUS" {
				t.Errorf("labels: %v", labels)
			}
			if got := s.text("db", "AWSCURRENT"); got != "value of "+second {
				t.Errorf("AWSCURRENT has %q", got)
			}
			var described *secretsmanager.DescribeSecretOutput
			s.await("the rotation is noted", func() bool {
				described = s.described("db")
				return described.LastRotatedDate != nil
			})
			if next := time.Until(aws.ToTime(described.NextRotationDate)); !aws.ToBool(described.RotationEnabled) || next < 29*24*time.Hour || next > 30*24*time.Hour {
				t.Errorf("enabled %v, next in %s", aws.ToBool(described.RotationEnabled), next)
			}
		})
	}
}

func TestARotationThatFailsLeavesWhatItHasDone(t *testing.T) {
	for _, step := range []string{"createSecret", "setSecret", "testSecret", "finishSecret"} {
		t.Run(step, func(t *testing.T) {
			s := newSetup(t)
			r := &rotator{s: s, fails: step}
			s.RegisterRotationFunction(functionARN, r.step)
			first := aws.ToString(s.create("db", "one").VersionId)
			second, err := s.rotate(&secretsmanager.RotateSecretInput{RotationLambdaARN: aws.String(functionARN)})
			must(t, second, err)
			s.await("the step is called", func() bool { steps := r.steps(); return len(steps) > 0 && steps[len(steps)-1] == step })
			if stages := s.stages("db"); stages[first] != "AWSCURRENT" || stages[second] != "AWSPENDING" {
				t.Errorf("labels: %v", stages)
			}
			_, err = s.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("db"), VersionStage: aws.String("AWSPENDING")})
			if step == "createSecret" {
				refused(t, err, notFound, "Secrets Manager can't find the specified secret value for staging label: AWSPENDING")
			} else {
				must(t, "", err)
			}
			r.mutex.Lock()
			r.fails = ""
			r.mutex.Unlock()
			_, err = s.rotate(&secretsmanager.RotateSecretInput{})
			refused(t, err, "InvalidRequestException", "A previous rotation isn't complete. That rotation will be reattempted.")
			s.await("the rotation is tried again", func() bool { return strings.Contains(s.stages("db")[second], "AWSCURRENT") })
		})
	}
}

func TestRotationCanBeOnlyTestedAndCancelled(t *testing.T) {
	s := newSetup(t)
	r := &rotator{s: s}
	s.RegisterRotationFunction(functionARN, r.step)
	first := aws.ToString(s.create("db", "one").VersionId)
	_, err := s.rotate(&secretsmanager.RotateSecretInput{})
	refused(t, err, "InvalidRequestException", "No Lambda rotation function ARN is associated with this secret.")
	_, err = s.rotate(&secretsmanager.RotateSecretInput{RotationLambdaARN: aws.String(functionARN), RotateImmediately: aws.Bool(false),
		RotationRules: &types.RotationRulesType{ScheduleExpression: aws.String("rate(12 hours)")}})
	must(t, "", err)
	s.await("the test", func() bool { return len(r.steps()) == 1 })
	if r.steps()[0] != "testSecret" || s.stages("db")[first] != "AWSCURRENT" {
		t.Errorf("steps %v, labels %v", r.steps(), s.stages("db"))
	}
	described := s.described("db")
	if next := time.Until(aws.ToTime(described.NextRotationDate)); next < 11*time.Hour || next > 12*time.Hour {
		t.Errorf("the next rotation is in %s", next)
	}
	cancelled, err := s.CancelRotateSecret(t.Context(), &secretsmanager.CancelRotateSecretInput{SecretId: aws.String("db")})
	must(t, cancelled, err)
	described = s.described("db")
	if aws.ToBool(described.RotationEnabled) || described.NextRotationDate != nil {
		t.Errorf("rotation is enabled: %t, the next one is at %v", aws.ToBool(described.RotationEnabled), described.NextRotationDate)
	}
}

func TestTheReadyMadeFunctionChangesThePasswordAlone(t *testing.T) {
	s := newSetup(t)
	s.RegisterRotationFunction(functionARN, s.RotatePassword())
	s.create("db", `{"username":"app","password":"old","port":5432}`)
	_, err := s.rotate(&secretsmanager.RotateSecretInput{RotationLambdaARN: aws.String(functionARN)})
	must(t, "", err)
	var fields struct {
		Username, Password string
		Port               int
	}
	s.await("the rotation", func() bool {
		return json.Unmarshal([]byte(s.text("db", "AWSCURRENT")), &fields) == nil && fields.Password != "old"
	})
	if fields.Username != "app" || fields.Port != 5432 || len(fields.Password) != 24 {
		t.Errorf("username %s, port %d, %d characters of password", fields.Username, fields.Port, len(fields.Password))
	}
}
