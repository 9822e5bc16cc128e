package identity

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/refusal"
)

// Of one who gave up nothing is learned for others.
func TestARefusalIsKeptUnlessItsAskerGaveUp(t *testing.T) {
	failed := errors.New("no credentials")
	for _, ended := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		if ended {
			cancel()
		}
		marked := markedCredentials{aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{}, failed
		}), &refusals{now: time.Now}}
		_, err := marked.Retrieve(ctx)
		if _, is := errors.AsType[*refusal.CredentialsError](err); !is || !errors.Is(err, failed) {
			t.Errorf("got %v", err)
		}
		if kept := marked.refusals.recall() != nil; kept == ended {
			t.Errorf("the asker gave up: %v, and the refusal is kept: %v", ended, kept)
		}
		cancel()
	}
}

// A token that is got in another way than from a file stays so.
func TestOnlyTokensInFilesAreReadHere(t *testing.T) {
	options := stscreds.WebIdentityRoleOptions{TokenRetriever: heldToken(source.TextValue("held"))}
	NewProvider(Options{}).webIdentity(&options)
	if _, held := options.TokenRetriever.(heldToken); !held {
		t.Errorf("the token is read by %T", options.TokenRetriever)
	}
}

func TestATokenFileIsReadWithoutWhatEditorsLeave(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if _, err := tokenFile(file).GetIdentityToken(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(fmt.Sprint(err), file) {
		t.Errorf("a file that is not there gives %v", err)
	}
	if err := os.WriteFile(file, []byte(" a.b.c\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := tokenFile(file).GetIdentityToken(); err != nil || string(got) != "a.b.c" {
		t.Errorf("%q, %v", got, err)
	}
}
