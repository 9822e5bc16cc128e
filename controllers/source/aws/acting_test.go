package aws

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/controllers/source"
)

// acting is an environment in which the role of ServiceAccount pay/app has read the secret db.
type acting struct {
	*environment
	source *Source
	known  *accounts
	synced source.Version
}

func newActing(t *testing.T) *acting {
	t.Helper()
	a := &acting{environment: newEnvironment(t)}
	created := a.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db"), SecretString: aws.String("x")})
	a.synced = source.Version{ARN: *created.ARN, ID: *created.VersionId}
	a.source, a.known = a.withAccounts(t, Options{ValueCacheBytes: 1 << 20})
	a.reads(t, nil, source.Reader{})
	return a
}

// reads wants a SecretSync to have the value, or the error, whichever way it asks.
func (a *acting) reads(t *testing.T, want error, reader source.Reader) {
	t.Helper()
	query := as(account("pay"))
	query.Reader, query.MaxAge = reader, time.Hour
	_, observed := a.source.Resolve(t.Context(), query)
	_, fetched := a.source.Fetch(t.Context(), query.Ref, a.synced)
	_, found := a.source.Find(t.Context(), source.FindQuery{NamePrefix: "d", Identity: query.Identity, Reader: reader, MaxAge: time.Hour})
	for what, err := range map[string]error{"observed": observed, "fetched": fetched, "found": found} {
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
}

// What a ServiceAccount could read, its sessions, values and lists, is not for another one of its name. Each line is what
// happens to it, and what those who ask then get: a SecretSync that has come since, and one that was there before, at once and
// a minute later.
func TestAnotherServiceAccountOfTheNameGetsNothing(t *testing.T) {
	gone := source.ErrNoServiceAccount
	down := &source.Error{Kind: source.CredentialsUnavailable, Explanation: "the API server is away"}
	for name, test := range map[string]struct {
		change            func(a *acting)
		comes, was, later error
		// roles is how often a role is assumed after that.
		roles int
	}{
		"nothing":                  {func(*acting) {}, nil, nil, nil, 0},
		"it is deleted":            {func(a *acting) { delete(a.known.roles, "pay/app") }, gone, gone, gone, 0},
		"it is made again":         {func(a *acting) { a.known.uids["pay/app"] = " 2" }, nil, nil, nil, 1},
		"it names another role":    {func(a *acting) { a.known.roles["pay/app"] = webRole }, nil, nil, nil, 1},
		"the API server goes away": {func(a *acting) { a.known.away = down }, down, nil, down, 0},
	} {
		t.Run(name, func(t *testing.T) {
			a := newActing(t)
			before := a.Count("AssumeRoleWithWebIdentity")
			a.now = a.now.Add(time.Second)
			test.change(a)
			a.reads(t, test.comes, source.Reader{Namespace: "pay", Name: "new", Since: a.now})
			a.reads(t, test.was, source.Reader{Namespace: "pay", Name: "old"})
			a.now = a.now.Add(accountLasts + time.Second)
			a.reads(t, test.later, source.Reader{Namespace: "pay", Name: "old"})
			if got := a.Count("AssumeRoleWithWebIdentity") - before; got != test.roles {
				t.Errorf("a role was assumed %d times, want %d", got, test.roles)
			}
		})
	}
}

// Who was there before another ServiceAccount had the name learns of it within a minute.
func TestADeletedServiceAccountReadsForAMinuteAtMost(t *testing.T) {
	a := newActing(t)
	delete(a.known.roles, "pay/app")
	a.now = a.now.Add(accountLasts - time.Second)
	a.reads(t, nil, source.Reader{})
	a.now = a.now.Add(2 * time.Second)
	a.reads(t, source.ErrNoServiceAccount, source.Reader{})
	a.source.tenants.mutex.Lock()
	defer a.source.tenants.mutex.Unlock()
	if kept := a.source.tenants.known["pay"]; len(kept.endpoints)+len(kept.acting)+len(kept.identities) > 0 {
		t.Errorf("%d endpoints and %d identities are kept", len(kept.endpoints), len(kept.identities))
	}
}

// A ServiceAccount is looked up about once a minute, however many use it and however often.
func TestServiceAccountsAreLookedUpOnceAMinute(t *testing.T) {
	a := newActing(t)
	for second := range 600 {
		a.now = a.now.Add(time.Second)
		a.reads(t, nil, source.Reader{Namespace: "pay", Name: string(rune('a' + second%20))})
	}
	if a.known.looked > 11 {
		t.Errorf("it is looked up %d times in ten minutes", a.known.looked)
	}
	if got := a.Count("AssumeRoleWithWebIdentity"); got != 1 {
		t.Errorf("its role is assumed %d times", got)
	}
}

// A ServiceAccount that was not there, and is by now, acts within seconds; for one who wants to know now it does at once.
func TestAServiceAccountThatComesActsSoon(t *testing.T) {
	for name, test := range map[string]struct {
		later, maxAge time.Duration
		want          error
	}{
		"a moment later":               {time.Second, time.Hour, source.ErrNoServiceAccount},
		"a moment later, by an edit":   {time.Second, 0, nil},
		"a moment later, to a refresh": {2 * time.Second, time.Second, nil},
		"some seconds later":           {noAccountLasts, time.Hour, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := newActing(t)
			ask := func(maxAge time.Duration) error {
				query := as(account("new"))
				query.MaxAge = maxAge
				_, err := a.source.Resolve(t.Context(), query)
				return err
			}
			if err := ask(time.Hour); !errors.Is(err, source.ErrNoServiceAccount) {
				t.Fatal(err)
			}
			a.known.roles["new/app"] = payRole
			a.now = a.now.Add(test.later)
			if err := ask(test.maxAge); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}
