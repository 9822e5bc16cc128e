package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
)

// rotator is a rotation function behind a URL, which does its four steps through the SDK, as a user's function does. It
// waits in testSecret, where a function tests the new credentials, until the test lets it continue.
type rotator struct {
	client  *secretsmanager.Client
	content string
	tested  chan struct{}

	mutex sync.Mutex
	steps []string
}

func (r *rotator) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	var event localaws.RotationEvent
	if err := json.NewDecoder(request.Body).Decode(&event); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mutex.Lock()
	r.steps = append(r.steps, event.Step)
	r.mutex.Unlock()
	if err := r.step(request.Context(), event); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (r *rotator) step(ctx context.Context, event localaws.RotationEvent) error {
	switch event.Step {
	case "createSecret":
		_, err := r.client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &event.SecretId,
			SecretString: &r.content, ClientRequestToken: &event.ClientRequestToken, VersionStages: []string{"AWSPENDING"}})
		return err
	case "testSecret":
		select {
		case <-r.tested:
		case <-ctx.Done():
		}
		return ctx.Err()
	case "finishSecret":
		return r.finish(ctx, event)
	}
	return nil
}

// finish moves AWSCURRENT from the version that has it to the new one.
func (r *rotator) finish(ctx context.Context, event localaws.RotationEvent) error {
	described, err := r.client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &event.SecretId})
	if err != nil {
		return err
	}
	for version, stages := range described.VersionIdsToStages {
		if slices.Contains(stages, "AWSCURRENT") {
			_, err = r.client.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{SecretId: &event.SecretId,
				VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: &event.ClientRequestToken, RemoveFromVersionId: &version})
		}
	}
	return err
}

// TestWholeRotation follows a rotation by a user's function through its four steps, with a SecretSync for each staging
// label.
func TestWholeRotation(t *testing.T) {
	s := newSetup(t)
	old, fresh := value(), value()
	function := &rotator{client: s.aws, content: fmt.Sprintf(`{"password":%q}`, fresh), tested: make(chan struct{})}
	server := httptest.NewServer(function)
	t.Cleanup(server.Close)
	id, first := s.createSecret("db", fmt.Sprintf(`{"password":%q}`, old))
	for name, stage := range map[string]string{"current": "AWSCURRENT", "pending": "AWSPENDING", "previous": "AWSPREVIOUS"} {
		s.sync(name, v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id, VersionStage: stage}, PollInterval: fast})
	}
	s.awaitReady("current")
	rotated, err := s.aws.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: &id, RotationLambdaARN: &server.URL,
		RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(30)}})
	if err != nil {
		t.Fatal(err)
	}

	s.awaitTrouble("current", v1alpha1.ConditionRotationHealthy, v1alpha1.ReasonRotationInProgress)
	s.awaitKeys("pending", map[string]string{"password": fresh})
	s.awaitKeys("current", map[string]string{"password": old}) // The new one is not tested yet.
	if s.secret("previous") != nil {
		t.Error("there was no previous version yet")
	}
	close(function.tested)

	s.awaitKeys("current", map[string]string{"password": fresh})
	s.awaitKeys("previous", map[string]string{"password": old})
	s.awaitEvent("current", "SecretUpdated", first, *rotated.VersionId, "changed password")
	s.awaitTrouble("current", v1alpha1.ConditionRotationHealthy, v1alpha1.ReasonRotationOnSchedule)
	s.await("status says when AWS rotated, and when it will rotate next", func() bool {
		status := s.get("current").Status
		return status.LastRotationTime != nil && status.Sources[0].LastRotatedTime != nil && status.Sources[0].NextRotationTime != nil
	})
	function.mutex.Lock()
	defer function.mutex.Unlock()
	if diff := cmp.Diff([]string{"createSecret", "setSecret", "testSecret", "finishSecret"}, function.steps); diff != "" {
		t.Errorf("the steps of the rotation differ:\n%s", diff)
	}
}

// TestCustomLabel: a custom label is followed in both directions, independently of AWSCURRENT.
func TestCustomLabel(t *testing.T) {
	s := newSetup(t)
	first, second := value(), value()
	id, firstVersion := s.createSecret("api", first)
	secondVersion := s.putValue(id, second) // Now AWSPREVIOUS is on the first version.
	s.moveLabel(id, firstVersion, "")
	s.sync("api", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id, VersionStage: customStage}, PollInterval: fast})
	s.awaitKeys("api", map[string]string{"value": first})
	s.moveLabel(id, secondVersion, firstVersion)
	s.awaitKeys("api", map[string]string{"value": second})
	s.moveLabel(id, firstVersion, secondVersion)
	secret := s.awaitKeys("api", map[string]string{"value": first})
	if got := secret.Annotations[v1alpha1.AnnotationVersionStage]; got != customStage {
		t.Errorf("annotation version-stage = %q", got)
	}
	s.awaitEvent("api", "SecretUpdated", secondVersion, firstVersion)
}
