package localaws

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// rotation is the rotation configuration of a secret.
type rotation struct {
	enabled  bool
	function string
	// role and metadata are for managed external secrets.
	role     string
	metadata []rotationMetadata
	rules    *rotationRules
	next     time.Time
}

// RotationEvent is the input of a rotation function, which is called once for each step (page "Rotation by
// Lambda function").
type RotationEvent struct {
	// Step is createSecret, setSecret, testSecret or finishSecret.
	Step string
	// SecretId is the ARN.
	SecretId string
	// ClientRequestToken is the ID of the version to create under AWSPENDING.
	ClientRequestToken string
}

// RotationFunction does one step of a rotation. An error ends the rotation; the results of earlier steps stay.
type RotationFunction func(ctx context.Context, event RotationEvent) error

// RegisterRotationFunction makes a function callable under an ARN. A RotationLambdaARN that begins
// with http:// needs no registration: each event is posted there as JSON, and any answer but 200
// fails the step.
func (s *Server) RegisterRotationFunction(arn string, function RotationFunction) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.functions == nil {
		s.functions = map[string]RotationFunction{}
	}
	s.functions[arn] = function
}

type rotateInput struct {
	bySecret
	ClientRequestToken, RotationLambdaARN string
	RotationRules                         *rotationRules
	RotateImmediately                     *bool
	ExternalSecretRotationRoleArn         string
	ExternalSecretRotationMetadata        []rotationMetadata
}

func (s *Server) rotateSecret(_ *request, found *secret, input *rotateInput) (any, error) {
	wanted := found.rotation
	if input.RotationLambdaARN != "" {
		wanted.function = input.RotationLambdaARN
	}
	if input.RotationRules != nil {
		wanted.rules = input.RotationRules
	}
	wanted.role = cmp.Or(input.ExternalSecretRotationRoleArn, wanted.role)
	if input.ExternalSecretRotationMetadata != nil {
		wanted.metadata = input.ExternalSecretRotationMetadata
	}
	function, err := s.rotator(found, wanted)
	if err != nil {
		return nil, err
	}
	immediately := input.RotateImmediately == nil || *input.RotateImmediately
	token := input.ClientRequestToken
	steps := []string{"testSecret"}
	if immediately {
		steps = []string{"createSecret", "setSecret", "testSecret", "finishSecret"}
	}
	if pending := found.carrier(stagePending); immediately && pending != nil && pending != found.carrier(stageCurrent) {
		if before, err := s.rotator(found, found.rotation); err == nil {
			s.rotateBy(found, before, pending.id, steps)
		}
		return nil, refuse("InvalidRequestException", "A previous rotation isn't complete. That rotation will be reattempted.")
	}
	// A refused call changes nothing.
	found.rotation = wanted
	found.rotation.enabled = true
	found.rotation.next = nextRotation(wanted.rules, s.now())
	if immediately {
		s.stagePending(found, token)
	}
	s.rotateBy(found, function, token, steps)
	return versionAnswer{ARN: found.arn, Name: found.name, VersionId: token}, nil
}

func (s *Server) function(arn string) (RotationFunction, error) {
	if strings.HasPrefix(arn, "http://") {
		return postEvent(arn), nil
	}
	if function, known := s.functions[arn]; known {
		return function, nil
	}
	if arn == "" {
		return nil, refuse("InvalidRequestException", "No Lambda rotation function ARN is associated with this secret.")
	}
	return nil, refuse("AccessDeniedException", "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.")
}

// stagePending puts AWSPENDING on a version without a value: rotation functions check the label before they put the
// value, and a rotation that fails early leaves it there (operation RotateSecret).
func (s *Server) stagePending(found *secret, token string) {
	v := found.versions[token]
	if v == nil {
		v = &version{id: token, created: s.now(), empty: true}
		found.versions[token] = v
	}
	found.move(stagePending, v)
}

// rotateBy starts a rotation, or the test of a rotation. The mutex must be held. It is released during the steps, as
// the function calls the server.
func (s *Server) rotateBy(found *secret, function RotationFunction, token string, steps []string) {
	name := "Rotation"
	if len(steps) == 1 {
		name = "TestRotation"
	}
	s.rotated(found, name+"Started", token, "")
	by := "lambda " + found.rotation.function
	if found.rotation.function == "" {
		by = "the rotation of " + found.managedBy()
	}
	s.rotating.Go(func() {
		failed := callSteps(function, RotationEvent{SecretId: found.arn, ClientRequestToken: token}, steps)
		s.mutex.Lock()
		defer s.mutex.Unlock()
		switch {
		case failed != "":
			s.rotated(found, name+"Failed", token, "Error when executing "+by+" during "+failed+" step")
			return
		case len(steps) > 1:
			found.lastRotated = s.now()
			found.rotation.next = nextRotation(found.rotation.rules, s.now())
			s.noted(found.place(), found.name)
		}
		s.rotated(found, name+"Succeeded", token, "")
	})
}

// callSteps calls the steps in order, and names the step that failed.
func callSteps(function RotationFunction, event RotationEvent, steps []string) (failed string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, step := range steps {
		if event.Step = step; function(ctx, event) != nil {
			return step
		}
	}
	return ""
}

// rotated publishes the event of a rotation.
func (s *Server) rotated(found *secret, what, token, problem string) {
	s.publishServiceEvent(what, found, map[string]any{"ClientRequestToken": token}, problem)
}

// abandon ends a running rotation if another caller sets a new AWSCURRENT meanwhile: AWSPENDING is removed, so that a
// later rotation can succeed (page "Log AWS Secrets Manager events with AWS CloudTrail").
func (s *Server) abandon(found *secret, made *version) {
	pending := found.carrier(stagePending)
	if !found.rotation.enabled || pending == nil || pending == made || found.carrier(stageCurrent) != made {
		return
	}
	found.move(stagePending, nil)
	s.rotated(found, "RotationAbandoned", pending.id, "")
}

func postEvent(url string) RotationFunction {
	return func(ctx context.Context, event RotationEvent) error {
		body, err := json.Marshal(event)
		if err != nil {
			return err
		}
		post, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(post)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("rotation function answered %s", answer.Status)
		}
		return nil
	}
}

// nextRotation supports rules in days and rate(n hours|days) expressions. For cron expressions, which no test waits
// for, it gives a day.
func nextRotation(rules *rotationRules, now time.Time) time.Time {
	if rules == nil {
		return now.Add(day)
	}
	if rules.AutomaticallyAfterDays != nil {
		return now.Add(time.Duration(*rules.AutomaticallyAfterDays) * day)
	}
	var count int
	var unit string
	if _, err := fmt.Sscanf(rules.ScheduleExpression, "rate(%d %s", &count, &unit); err == nil {
		if strings.HasPrefix(unit, "hour") {
			return now.Add(time.Duration(count) * time.Hour)
		}
		return now.Add(time.Duration(count) * day)
	}
	return now.Add(day)
}

func (s *Server) cancelRotateSecret(_ *request, found *secret, _ *bySecret) (any, error) {
	found.rotation.enabled, found.rotation.next = false, time.Time{}
	return versionAnswer{ARN: found.arn, Name: found.name}, nil
}
