package localaws_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/secretsync/secretsync/hack/localaws"
)

// setup is a local AWS with a clock that tests can move, and a client of it.
type setup struct {
	*testing.T
	*localaws.Running
	*secretsmanager.Client
	clock *clock
}

type clock struct {
	mutex sync.Mutex
	ahead time.Duration
	// since is when the clock was stopped; zero while it runs.
	since time.Time
}

func (c *clock) stop() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.since = time.Now()
}

func (c *clock) now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if !c.since.IsZero() {
		return c.since.Add(c.ahead)
	}
	return time.Now().Add(c.ahead)
}

func (c *clock) forward(by time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.ahead += by
}

func newSetup(t *testing.T) *setup {
	t.Helper()
	moved := &clock{}
	running, err := localaws.Start(&localaws.Server{Now: moved.now}, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Close(); err != nil {
			t.Error(err)
		}
	})
	return &setup{T: t, Running: running, Client: client(running.URL(), localaws.DefaultRegion, "tester"), clock: moved}
}

func client(url, region, accessKeyID string) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: region, BaseEndpoint: &url, HTTPClient: uncut{}, Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(accessKeyID, "not-checked", ""),
	})
}

// must ends the test if a call failed.
func must[O any](t *testing.T, output O, err error) O {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return output
}

// refused checks that a call was refused with a code and a text that begins with text.
func refused(t *testing.T, err error, code, text string) {
	t.Helper()
	var refusal smithy.APIError
	if !errors.As(err, &refusal) {
		t.Errorf("got %v, want %s", err, code)
		return
	}
	if refusal.ErrorCode() != code || !strings.HasPrefix(refusal.ErrorMessage(), text) {
		t.Errorf("got %s: %s\nwant %s: %s", refusal.ErrorCode(), refusal.ErrorMessage(), code, text)
	}
}

// refusedWhole checks that a call was refused with a code and exactly this text.
func refusedWhole(t *testing.T, err error, code, text string) {
	t.Helper()
	refused(t, err, code, text)
	var refusal smithy.APIError
	if errors.As(err, &refusal) && refusal.ErrorMessage() != text {
		t.Errorf("got %s\nwant it to end after %s", refusal.ErrorMessage(), text)
	}
}

// create creates a secret with a text.
func (s *setup) create(name, text string) *secretsmanager.CreateSecretOutput {
	s.Helper()
	output, err := s.CreateSecret(s.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &text})
	return must(s.T, output, err)
}

// put puts a new value under labels, and gives its version.
func (s *setup) put(id, text string, stages ...string) string {
	s.Helper()
	output, err := s.PutSecretValue(s.Context(), &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &text, VersionStages: stages})
	return aws.ToString(must(s.T, output, err).VersionId)
}

func (s *setup) described(id string) *secretsmanager.DescribeSecretOutput {
	s.Helper()
	output, err := s.DescribeSecret(s.Context(), &secretsmanager.DescribeSecretInput{SecretId: &id})
	return must(s.T, output, err)
}

// stages are the labels of each version, sorted.
func (s *setup) stages(id string) map[string]string {
	s.Helper()
	all := map[string]string{}
	for version, labels := range s.described(id).VersionIdsToStages {
		slices.Sort(labels)
		all[version] = strings.Join(labels, " ")
	}
	return all
}

// text is the value under a label.
func (s *setup) text(id, stage string) string {
	s.Helper()
	output, err := s.GetSecretValue(s.Context(), &secretsmanager.GetSecretValueInput{SecretId: &id, VersionStage: &stage})
	return aws.ToString(must(s.T, output, err).SecretString)
}

// await waits until a condition holds; the machine may be slow and busy.
func (s *setup) await(what string, holds func() bool) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			s.Fatalf("timed out: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
