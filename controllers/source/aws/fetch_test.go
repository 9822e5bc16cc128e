package aws

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/hack/localaws"
)

func TestFetchBringsTextsAndBinariesUndamaged(t *testing.T) {
	env := newEnvironment(t)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	text := "ünï \"q\" \r\n\t\u2028 trailing \n"
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("text"), SecretString: aws.String(text)})
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("binary"), SecretBinary: every})
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("largest"), SecretString: aws.String(strings.Repeat("x", 65536))})
	for name, test := range map[string]struct {
		want   []byte
		binary bool
	}{"text": {[]byte(text), false}, "binary": {every, true}, "largest": {bytes.Repeat([]byte("x"), 65536), false}} {
		got, err := env.source.Fetch(t.Context(), current(name), source.Version{})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Value.Bytes(), test.want) || got.Value.Binary() != test.binary {
			t.Errorf("%s came back with %d bytes, binary %v", name, len(got.Value.Bytes()), got.Value.Binary())
		}
	}
}

func TestFetchSaysWhichVersionItRead(t *testing.T) {
	env := newEnvironment(t)
	created := env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	got, err := env.source.Fetch(t.Context(), current("db"), source.Version{})
	if err != nil {
		t.Fatal(err)
	}
	want := source.Version{ARN: aws.ToString(created.ARN), ID: aws.ToString(created.VersionId), Stages: []string{"AWSCURRENT"}, Region: "eu-west-1"}
	if want.Created = got.Version.Created; time.Since(want.Created) > time.Minute {
		t.Errorf("the version was made at %s", want.Created)
	}
	if diff := cmp.Diff(want, got.Version); diff != "" {
		t.Errorf("version differs (-want +got):\n%s", diff)
	}
}

func TestFetchAsksForWhatTheRefNames(t *testing.T) {
	for name, test := range map[string]struct {
		ref  source.Ref
		want *secretsmanager.GetSecretValueInput
	}{
		"a staging label, so that policies on it hold": {
			source.Ref{SecretID: "db", VersionStage: "blue"},
			&secretsmanager.GetSecretValueInput{SecretId: aws.String("db"), VersionStage: aws.String("blue")},
		},
		"a pinned version": {
			source.Ref{SecretID: "db", VersionID: "v"},
			&secretsmanager.GetSecretValueInput{SecretId: aws.String("db"), VersionId: aws.String("v")},
		},
		"AWSCURRENT by default": {
			source.Ref{SecretID: "db"},
			&secretsmanager.GetSecretValueInput{SecretId: aws.String("db"), VersionStage: aws.String("AWSCURRENT")},
		},
	} {
		got := inputOf(test.ref)
		if aws.ToString(got.SecretId) != aws.ToString(test.want.SecretId) || aws.ToString(got.VersionId) != aws.ToString(test.want.VersionId) ||
			aws.ToString(got.VersionStage) != aws.ToString(test.want.VersionStage) {
			t.Errorf("%s: asks for %s", name, aws.ToString(got.VersionStage))
		}
	}
}

func TestADenialByKMSNamesTheKey(t *testing.T) {
	deny := func(env *environment, key string) { env.DenyKey(key, testReader); env.ResetCalls() }
	mentions := func(t *testing.T, err error, wanted ...string) {
		t.Helper()
		for _, mention := range wanted {
			if source.KindOf(err) != source.KMSAccessDenied || !strings.Contains(err.Error(), mention) {
				t.Errorf("%v does not mention %q", err, mention)
			}
		}
	}
	t.Run("which an earlier DescribeSecret has told", func(t *testing.T) {
		env := newEnvironment(t)
		env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db"), KmsKeyId: aws.String(kmsKey)})
		deny(env, kmsKey)
		if _, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: current("db")}); err != nil {
			t.Fatal(err)
		}
		_, err := env.source.Fetch(t.Context(), current("db"), source.Version{})
		mentions(t, err, "kms:Decrypt on KMS key "+kmsKey, "kms:ViaService = secretsmanager.eu-west-1.amazonaws.com")
		if diff := cmp.Diff([]string{"DescribeSecret", "GetSecretValue"}, env.operations()); diff != "" {
			t.Errorf("calls differ (-want +got):\n%s", diff)
		}
	})
	t.Run("which is asked for on the spot", func(t *testing.T) {
		env := newEnvironment(t)
		env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db"), KmsKeyId: aws.String(kmsKey)})
		deny(env, kmsKey)
		for range 2 {
			_, err := env.source.Fetch(t.Context(), current("db"), source.Version{})
			mentions(t, err, "KMS key "+kmsKey)
		}
		if diff := cmp.Diff([]string{"GetSecretValue", "DescribeSecret", "GetSecretValue"}, env.operations()); diff != "" {
			t.Errorf("calls differ (-want +got):\n%s", diff)
		}
	})
	t.Run("unless DescribeSecret is denied too", func(t *testing.T) {
		env := newEnvironment(t)
		env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db"), KmsKeyId: aws.String(kmsKey)})
		deny(env, kmsKey)
		env.deny("DescribeSecret")
		for range 2 {
			_, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
			mentions(t, err, "allow secretsmanager:DescribeSecret to see its name")
		}
		if diff := cmp.Diff([]string{"DescribeSecret", "GetSecretValue", "GetSecretValue"}, env.operations()); diff != "" {
			t.Errorf("calls differ (-want +got):\n%s", diff)
		}
	})
	t.Run("or has none of its own", func(t *testing.T) {
		env := newEnvironment(t)
		env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
		deny(env, "")
		_, err := env.source.Fetch(t.Context(), current("db"), source.Version{})
		mentions(t, err, "aws/secretsmanager")
	})
}

func TestADisabledKeyIsSaidToBe(t *testing.T) {
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db"), KmsKeyId: aws.String(kmsKey)})
	env.DisableKey(kmsKey, true)
	if _, err := env.source.Fetch(t.Context(), current("db"), source.Version{}); source.KindOf(err) != source.DecryptionFailed {
		t.Errorf("got %v", err)
	}
}

func TestASecretThatIsNotThere(t *testing.T) {
	env := newEnvironment(t)
	_, observed := env.source.Resolve(t.Context(), source.VersionQuery{Ref: current("none")})
	_, fetched := env.source.Fetch(t.Context(), current("none"), source.Version{})
	for name, err := range map[string]error{"observing": observed, "fetching": fetched} {
		if source.KindOf(err) != source.SecretNotFound {
			t.Errorf("%s gives %v", name, err)
		}
	}
}

// A pinned version is never read in a batch, which gives the current one.
func TestPinnedVersionsThatAreWantedAtOnceAreThosePinned(t *testing.T) {
	env := newEnvironment(t)
	ids := env.many(t, 10)
	var pinned []source.Ref
	for _, id := range ids {
		pinned = append(pinned, source.Ref{SecretID: id, VersionID: env.observed(t, current(id)).ID})
		env.put(t, id, "newer")
	}
	var all sync.WaitGroup
	for _, ref := range pinned {
		all.Go(func() {
			if got, err := env.source.Fetch(t.Context(), ref, source.Version{}); err != nil || got.Version.ID != ref.VersionID {
				t.Errorf("%s: another version is read, or none: %v", ref.SecretID, err)
			}
		})
	}
	all.Wait()
	if env.Count("BatchGetSecretValue") != 0 {
		t.Errorf("calls: %v", env.operations())
	}
}

func TestADeniedBatchIsNotJoined(t *testing.T) {
	env := newEnvironment(t)
	ids := env.many(t, 10)
	env.observed(t, current(ids[0]))
	ownEndpoint(env.source).unbatched.remember(batchGetSecretValue)
	if problems := env.fetchAll(t, currents(ids)); len(problems) > 0 || env.Count("BatchGetSecretValue") != 0 {
		t.Errorf("%v, calls: %v", problems, env.operations())
	}
}

// Who makes a secret chooses the id of its version: two secrets may have the same one.
func TestVersionsOfTheSameIDAreTwoOfTwoSecrets(t *testing.T) {
	env := newEnvironment(t)
	env.source = env.again(t, Options{ValueCacheBytes: 1 << 20})
	same := aws.String("11111111-2222-3333-4444-555555555555")
	for _, id := range []string{"a", "b"} {
		env.create(t, &secretsmanager.CreateSecretInput{Name: &id, SecretString: aws.String("of " + id), ClientRequestToken: same})
	}
	for _, id := range []string{"a", "b"} {
		got, err := env.source.Fetch(t.Context(), current(id), env.observed(t, current(id)))
		if err != nil || string(got.Value.Bytes()) != "of "+id {
			t.Errorf("secret %s has another one's value, or none: %v", id, err)
		}
	}
}

// A label that moves while others read is read again, once; what AWS refuses is not.
func TestAValueOfAnotherVersionIsReadAgain(t *testing.T) {
	isolate(t, "http://127.0.0.1:1")
	calls, denied := 0, false
	client := clientFunc(func(request *http.Request) (*http.Response, error) {
		calls++
		answer := fmt.Sprintf(`{"ARN":%q,"Name":%q,"VersionId":"v%d","SecretString":"{}"}`, benchARN, scriptedID, calls)
		if denied {
			answer = `{"__type":"AccessDeniedException","Message":"no"}`
		}
		response, err := canned{getSecretValue: answer}.Do(request)
		if denied {
			response.StatusCode = http.StatusBadRequest
		}
		return response, err
	})
	s, err := New(t.Context(), Options{Region: localaws.DefaultRegion, ValueCacheBytes: 1 << 20,
		LoadOptions: []func(*config.LoadOptions) error{config.WithHTTPClient(client)}})
	if err != nil {
		t.Fatal(err)
	}
	ref := source.Ref{SecretID: scriptedID}
	if got, err := s.Fetch(t.Context(), ref, source.Version{ARN: benchARN, ID: "v2"}); err != nil || got.Version.ID != "v2" || calls != 2 {
		t.Errorf("version %s after %d calls, %v", got.Version.ID, calls, err)
	}
	if _, err := s.Fetch(t.Context(), ref, source.Version{ARN: benchARN, ID: "v9"}); err != nil || calls != 4 {
		t.Errorf("%d calls, %v", calls-2, err)
	}
	denied = true
	if got, err := s.Fetch(t.Context(), ref, source.Version{ARN: benchARN, ID: "v5"}); source.KindOf(err) != source.AccessDenied || calls != 5 || got.Version.ID != "" {
		t.Errorf("%d calls, %v", calls-4, err)
	}
}

// A value takes the room that it needs, and one of another version than was asked for has none.
func TestWhatAValueTakes(t *testing.T) {
	fetched := source.Fetched{Version: source.Version{ID: "v1"}, Value: source.TextValue("12345")}
	for version, want := range map[string]int{"v1": valueOverhead + 5, "v2": math.MaxInt} {
		if got := costOf(valueKey{versionID: version}, fetched); got != want {
			t.Errorf("as %s it takes %d", version, got)
		}
	}
}

// A value that is wanted has room that routine does not get, and without any no call is made.
func TestValuesHaveRoomOfTheirOwn(t *testing.T) {
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	env.observed(t, current("db"))
	env.ResetCalls()
	e := ownEndpoint(env.source)
	fill := func(routine bool) {
		for {
			if _, err := e.bulkhead.Enter(t.Context(), routine); err != nil {
				return
			}
		}
	}
	fill(true)
	if _, err := env.source.Fetch(t.Context(), current("db"), source.Version{}); err != nil {
		t.Error(err)
	}
	fill(false)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := env.source.Fetch(ended, current("db"), source.Version{}); !errors.Is(err, context.Canceled) || env.Count("") != 1 {
		t.Errorf("%d calls, %v", env.Count(""), err)
	}
}
