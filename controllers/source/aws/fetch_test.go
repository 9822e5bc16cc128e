package aws

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/source"
)

func TestFetchBringsTextsAndBinariesUndamaged(t *testing.T) {
	w := newWorld(t)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	text := "ünï \"q\" \r\n\t\u2028 trailing \n"
	w.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("text"), SecretString: aws.String(text)})
	w.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("binary"), SecretBinary: every})
	w.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("largest"), SecretString: aws.String(strings.Repeat("x", 65536))})
	for name, test := range map[string]struct {
		want   []byte
		binary bool
	}{"text": {[]byte(text), false}, "binary": {every, true}, "largest": {bytes.Repeat([]byte("x"), 65536), false}} {
		got, err := w.source.Fetch(t.Context(), current(name), source.Version{})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Value.Bytes(), test.want) || got.Value.Binary() != test.binary {
			t.Errorf("%s came back with %d bytes, binary %v", name, len(got.Value.Bytes()), got.Value.Binary())
		}
	}
}

func TestFetchSaysWhichVersionItRead(t *testing.T) {
	w := newWorld(t)
	created := w.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	got, err := w.source.Fetch(t.Context(), current("db"), source.Version{})
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
	deny := func(w *world, key string) { w.DenyKey(key, testReader); w.ResetCalls() }
	mentions := func(t *testing.T, err error, wanted ...string) {
		t.Helper()
		for _, mention := range wanted {
			if source.KindOf(err) != source.KMSAccessDenied || !strings.Contains(err.Error(), mention) {
				t.Errorf("%v does not mention %q", err, mention)
			}
		}
	}
	t.Run("which an earlier DescribeSecret has told", func(t *testing.T) {
		w := newWorld(t)
		w.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db"), KmsKeyId: aws.String(kmsKey)})
		deny(w, kmsKey)
		if _, err := w.source.Observe(t.Context(), source.Question{Ref: current("db")}); err != nil {
			t.Fatal(err)
		}
		_, err := w.source.Fetch(t.Context(), current("db"), source.Version{})
		mentions(t, err, "kms:Decrypt on KMS key "+kmsKey, "kms:ViaService = secretsmanager.eu-west-1.amazonaws.com")
		if diff := cmp.Diff([]string{"DescribeSecret", "GetSecretValue"}, w.operations()); diff != "" {
			t.Errorf("calls differ (-want +got):\n%s", diff)
		}
	})
	t.Run("which is asked for on the spot", func(t *testing.T) {
		w := newWorld(t)
		w.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db"), KmsKeyId: aws.String(kmsKey)})
		deny(w, kmsKey)
		for range 2 {
			_, err := w.source.Fetch(t.Context(), current("db"), source.Version{})
			mentions(t, err, "KMS key "+kmsKey)
		}
		if diff := cmp.Diff([]string{"GetSecretValue", "DescribeSecret", "GetSecretValue"}, w.operations()); diff != "" {
			t.Errorf("calls differ (-want +got):\n%s", diff)
		}
	})
	t.Run("unless DescribeSecret is denied too", func(t *testing.T) {
		w := newWorld(t)
		w.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db"), KmsKeyId: aws.String(kmsKey)})
		deny(w, kmsKey)
		w.deny("DescribeSecret")
		for range 2 {
			_, err := w.source.Observe(t.Context(), source.Question{Ref: current("db")})
			mentions(t, err, "allow secretsmanager:DescribeSecret to see its name")
		}
		if diff := cmp.Diff([]string{"DescribeSecret", "GetSecretValue", "GetSecretValue"}, w.operations()); diff != "" {
			t.Errorf("calls differ (-want +got):\n%s", diff)
		}
	})
	t.Run("or has none of its own", func(t *testing.T) {
		w := newWorld(t)
		w.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
		deny(w, "")
		_, err := w.source.Fetch(t.Context(), current("db"), source.Version{})
		mentions(t, err, "aws/secretsmanager")
	})
}

func TestADisabledKeyIsSaidToBe(t *testing.T) {
	w := newWorld(t)
	w.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db"), KmsKeyId: aws.String(kmsKey)})
	w.DisableKey(kmsKey, true)
	if _, err := w.source.Fetch(t.Context(), current("db"), source.Version{}); source.KindOf(err) != source.DecryptionFailed {
		t.Errorf("got %v", err)
	}
}

func TestASecretThatIsNotThere(t *testing.T) {
	w := newWorld(t)
	_, observed := w.source.Observe(t.Context(), source.Question{Ref: current("none")})
	_, fetched := w.source.Fetch(t.Context(), current("none"), source.Version{})
	for question, err := range map[string]error{"observing": observed, "fetching": fetched} {
		if source.KindOf(err) != source.SecretNotFound {
			t.Errorf("%s gives %v", question, err)
		}
	}
}
