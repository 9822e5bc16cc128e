package aws

import (
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/controllers/source"
)

// observed is the version of a secret as a reconcile has just resolved it.
func (env *environment) observed(t *testing.T, ref source.Ref) source.Version {
	t.Helper()
	seen, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: ref})
	if err != nil {
		t.Fatal(err)
	}
	return seen.Version
}

func TestAVersionIsReadOnceForAll(t *testing.T) {
	env := newEnvironment(t)
	env.source = env.again(t, Options{ValueCacheBytes: 1 << 20, Room: 1000})
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	version := env.observed(t, current("db"))
	read := func(n int) {
		var group sync.WaitGroup
		for range n {
			group.Go(func() {
				if got, err := env.source.Fetch(t.Context(), current("db"), version); err != nil || string(got.Value.Bytes()) != valueMarker {
					t.Errorf("reading: %v", err)
				}
			})
		}
		group.Wait()
	}
	read(500)
	read(1)
	if reads := env.Count("GetSecretValue") + env.Count("BatchGetSecretValue"); reads != 1 {
		t.Errorf("%d reads of one version", reads)
	}
	env.now = env.now.Add(valueLasts)
	read(1)
	if reads := env.Count("GetSecretValue"); reads != 2 {
		t.Errorf("%d reads, a minute later: a value is kept for too long", reads)
	}
}

func TestWithoutACacheEveryReadIsACall(t *testing.T) {
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	version := env.observed(t, current("db"))
	for range 3 {
		if _, err := env.source.Fetch(t.Context(), current("db"), version); err != nil {
			t.Fatal(err)
		}
	}
	if reads := env.Count("GetSecretValue"); reads != 3 {
		t.Errorf("%d reads for three", reads)
	}
}

// A policy may allow a read by one staging label and deny it by another (secretsmanager:VersionStage).
func TestAValueIsHandedOnOnlyAsItWasAskedFor(t *testing.T) {
	env := newEnvironment(t)
	env.source = env.again(t, Options{ValueCacheBytes: 1 << 20})
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	version := env.observed(t, current("db"))
	for _, ref := range []source.Ref{current("db"), {SecretID: "db", VersionID: version.ID}} {
		if _, err := env.source.Fetch(t.Context(), ref, version); err != nil {
			t.Fatal(err)
		}
	}
	if reads := env.Count("GetSecretValue"); reads != 2 {
		t.Errorf("%d reads for two ways of asking", reads)
	}
}

// Between the two questions the label may move; what is then read belongs to another version.
func TestAValueIsNotKeptUnderAnotherVersion(t *testing.T) {
	env := newEnvironment(t)
	env.source = env.again(t, Options{ValueCacheBytes: 1 << 20})
	first := env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db"), SecretString: aws.String("first")})
	before := env.observed(t, current("db"))
	second := env.put(t, "db", "second")
	if got, err := env.source.Fetch(t.Context(), current("db"), before); err != nil || got.Version.ID != second {
		t.Fatalf("read version %s, %v", got.Version.ID, err)
	}
	_, err := env.admin.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: aws.String("db"), VersionStage: aws.String(stageCurrent), MoveToVersionId: first.VersionId, RemoveFromVersionId: &second})
	if err != nil {
		t.Fatal(err)
	}
	got, err := env.source.Fetch(t.Context(), current("db"), env.observed(t, current("db")))
	if err != nil || string(got.Value.Bytes()) != "first" || got.Version.ID != aws.ToString(first.VersionId) {
		t.Errorf("after the rollback version %s is read, %v", got.Version.ID, err)
	}
}

// Memory is no place for secrets: a value is kept for a minute, and not until others happen to take its place.
func TestAValueIsKeptForAMinute(t *testing.T) {
	env := newEnvironment(t)
	env.source = env.again(t, Options{ValueCacheBytes: 1 << 20})
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	version := env.observed(t, current("db"))
	for n, passed := range []time.Duration{0, 59 * time.Second, 2 * time.Second, 0} {
		env.now = env.now.Add(passed)
		if _, err := env.source.Fetch(t.Context(), current("db"), version); err != nil {
			t.Fatal(err)
		}
		if reads, want := env.Count("GetSecretValue"), []int{1, 1, 2, 2}[n]; reads != want {
			t.Errorf("question %d: %d reads, want %d", n, reads, want)
		}
	}
	if lasts := ownEndpoint(env.source).values.KeepsFor(); lasts != time.Minute {
		t.Errorf("values are let go of after %s", lasts)
	}
}
