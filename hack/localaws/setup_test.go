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

// setup is a local AWS whose time can be moved, and the AWS SDK's client of it.
type setup struct {
	*testing.T
	*localaws.Running
	*secretsmanager.Client
	clock *clock
}

type clock struct {
	mutex sync.Mutex
	ahead time.Duration
	// since is when the clock was stopped; it goes on only as it is moved.
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
		Region: region, BaseEndpoint: &url, Retryer: unlessCut(),
		Credentials: credentials.NewStaticCredentialsProvider(accessKeyID, "not-checked", ""),
	})
}

// must ends the test unless a call was answered.
func must[O any](t *testing.T, output O, err error) O {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return output
}

// refused wants a call to be refused with a code, and its text to begin with some words.
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

// refusedWhole wants a call to be refused with a code and a text to its end.
func refusedWhole(t *testing.T, err error, code, text string) {
	t.Helper()
	refused(t, err, code, text)
	var refusal smithy.APIError
	if errors.As(err, &refusal) && refusal.ErrorMessage() != text {
		t.Errorf("got %s\nwant it to end after %s", refusal.ErrorMessage(), text)
	}
}

// create makes a secret of a text.
func (s *setup) create(name, text string) *secretsmanager.CreateSecretOutput {
	s.Helper()
	output, err := s.CreateSecret(s.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &text})
	return must(s.T, output, err)
}

// put gives a secret another value, under labels, and tells its version.
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

// await waits until something holds; the machine may be slow and busy.
func (s *setup) await(what string, holds func() bool) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			s.Fatalf("waited in vain: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
