package refusal

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/controllers/source"
)

// Operations of Secrets Manager and of STS.
const (
	describeOperation = "DescribeSecret"
	getOperation      = "GetSecretValue"
	batchOperation    = "BatchGetSecretValue"
	assumeOperation   = "AssumeRole"
	webOperation      = "AssumeRoleWithWebIdentity"
)

const (
	someReader = "arn:aws:iam::111122223333:user/operator"
	outerRole  = "arn:aws:iam::111122223333:role/hub"
	innerRole  = "arn:aws:iam::111122223333:role/teams/pay"
	// someKey is a value that must not be shown.
	someKey = "hunter2MARKERhunter2MARKERhunter2MARKER"
)

// ofAccount is the identity of a ServiceAccount.
func ofAccount() source.Identity { return source.Identity{Namespace: "pay", ServiceAccount: "app"} }

// wantError wants an error of a kind, with such text in it.
func wantError(t *testing.T, err error, kind source.Kind, mentions ...string) {
	t.Helper()
	if source.KindOf(err) != kind {
		t.Fatalf("got %v, want %s", err, kind)
	}
	for _, mention := range mentions {
		if !strings.Contains(err.Error(), mention) {
			t.Errorf("%v does not mention %q", err, mention)
		}
	}
}

// wantNoSecrets looks for secrets in a refusal and in its cause.
func wantNoSecrets(t *testing.T, err error, secrets ...string) {
	t.Helper()
	said := err.Error()
	if refused, ok := errors.AsType[*source.Error](err); ok && refused.Cause != nil {
		said += " " + refused.Cause.Error()
	}
	for _, secret := range secrets {
		if strings.Contains(said, strings.TrimSpace(secret)) {
			t.Errorf("%q is shown", secret)
		}
	}
}

// unsetVariable takes a variable away until the test ends; to some of the SDK an empty one is one.
func unsetVariable(t testing.TB, name string) {
	t.Helper()
	t.Setenv(name, "")
	if err := os.Unsetenv(name); err != nil {
		t.Fatal(err)
	}
}
