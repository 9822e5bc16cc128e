package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/refusal"
)

// fakeSTS answers the SDK in place of the network, and keeps what it was asked.
type fakeSTS struct {
	// code is the error code of each answer; empty where roles are given.
	code string
	// refuses is the role that alone is refused; empty for all.
	refuses string
	// lasts is how long credentials last.
	lasts time.Duration
	forms []url.Values
	hosts []string
	// signed are the access keys that requests were signed with.
	signed []string
}

func (f *fakeSTS) Do(request *http.Request) (*http.Response, error) {
	content, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(content))
	if err != nil {
		return nil, err
	}
	_, key, _ := strings.Cut(request.Header.Get("Authorization"), "Credential=")
	key, _, _ = strings.Cut(key, "/")
	f.forms, f.hosts, f.signed = append(f.forms, form), append(f.hosts, request.URL.Host), append(f.signed, key)
	status := http.StatusOK
	body := fmt.Sprintf(`<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%[1]sResult><Credentials><AccessKeyId>key-%[2]d</AccessKeyId>`+
		`<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%[3]s</Expiration></Credentials></%[1]sResult></%[1]sResponse>`,
		form.Get("Action"), len(f.forms), time.Now().Add(f.lasts).UTC().Format(time.RFC3339))
	if f.code != "" && (f.refuses == "" || f.refuses == form.Get("RoleArn")) {
		status = http.StatusBadRequest
		body = fmt.Sprintf(`<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Code>%s</Code><Message>no</Message></Error></ErrorResponse>`, f.code)
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Request: request, Header: http.Header{"Content-Type": {"text/xml"}}}, nil
}

// fakeAccounts stands for the API server.
type fakeAccounts struct{ err error }

func (fakeAccounts) Get(context.Context, string, string) (source.ServiceAccount, error) {
	return source.ServiceAccount{}, errors.New("is not asked here")
}

func (a fakeAccounts) Token(_ context.Context, namespace, name string, account source.ServiceAccount) (source.Value, error) {
	return source.TextValue(strings.Join([]string{namespace, name, account.UID}, "/")), a.err
}

// loaded is a provider whose operator has static keys, in eu-west-1, and the calls that it counts.
type loaded struct {
	*Provider
	sts   *fakeSTS
	paces map[string]*STSPaces
	// observed are the calls: <operation> <region> <kind of the refusal>.
	observed []string
}

func load(t *testing.T, options Options) *loaded {
	t.Helper()
	nowhere := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": nowhere, "AWS_SHARED_CREDENTIALS_FILE": nowhere, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": "operator", "AWS_SECRET_ACCESS_KEY": "not-a-secret",
	} {
		t.Setenv(name, value)
	}
	for _, name := range []string{
		"AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_SESSION_NAME", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_CA_BUNDLE",
	} {
		t.Setenv(name, "")
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	return loadEnvironment(t, options)
}

// loadEnvironment goes by the variables as they are.
func loadEnvironment(t *testing.T, options Options) *loaded {
	t.Helper()
	l := &loaded{sts: &fakeSTS{lasts: time.Hour}, paces: map[string]*STSPaces{}}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.ServiceAccounts == nil {
		options.ServiceAccounts = fakeAccounts{}
	}
	options.Paces = func(namespace string) *STSPaces {
		if l.paces[namespace] == nil {
			l.paces[namespace] = NewSTSPaces(options.Now)
		}
		return l.paces[namespace]
	}
	options.Observe = func(operation, _, region string, _ time.Duration, err error) {
		l.observed = append(l.observed, strings.TrimSpace(operation+" "+region+" "+string(source.KindOf(err))))
	}
	l.Provider = NewProvider(options)
	made, err := config.LoadDefaultConfig(t.Context(), append([]func(*config.LoadOptions) error{
		config.WithRegion("eu-west-1"), config.WithHTTPClient(l.sts), config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
	}, l.LoadOptions()...)...)
	if err != nil {
		t.Fatal(err)
	}
	l.Use(made)
	return l
}

// get gets the credentials of an identity.
func (l *loaded) get(t *testing.T, who source.Identity, role string) (*Identity, error) {
	t.Helper()
	made := l.New(Actor{Identity: who, Account: source.ServiceAccount{UID: "1", RoleARN: role}})
	_, err := made.Config().Credentials.Retrieve(t.Context())
	return made, err
}

// asked are the calls to STS: what each was for, who signed it, and how many tags, and which external id and source identity it
// had. A session of another name or length stands at its end.
func (l *loaded) asked(session string) (calls []string) {
	for n, form := range l.sts.forms {
		tags := 0
		for form.Has(fmt.Sprintf("Tags.member.%d.Key", tags+1)) {
			tags++
		}
		call := fmt.Sprintf("%s %s by %s tags %d external %q", form.Get("Action"), form.Get("RoleArn"), l.sts.signed[n], tags, form["ExternalId"])
		if name, seconds := form.Get("RoleSessionName"), form.Get("DurationSeconds"); name != session || seconds != "3600" {
			call += fmt.Sprintf(" for session %s of %s seconds", name, seconds)
		}
		if given := form.Get("SourceIdentity"); form.Get("Action") == assumeRole && given != session {
			call += fmt.Sprintf(" of source identity %q", given)
		}
		if token := form.Get("WebIdentityToken"); form.Get("Action") == assumeRoleWithWebIdentity {
			call += " token " + token
		}
		calls = append(calls, call)
	}
	return calls
}

// Each line is an identity, and the roles that are assumed for it, in order, with what each is told.
func TestRolesAreAssumedInTheirOrder(t *testing.T) {
	const last = "arn:aws:iam::111122223333:role/last"
	for name, test := range map[string]struct {
		who  source.Identity
		want []string
	}{
		"a role": {source.Identity{Namespace: "pay", RoleARN: innerRole}, []string{"AssumeRole " + innerRole + " by operator tags 2 external []"}},
		"a chain of roles": {source.Identity{Namespace: "pay", RoleARN: last, Via: outerRole + " " + innerRole, ExternalID: "e-1"}, []string{
			"AssumeRole " + outerRole + " by operator tags 2 external []", "AssumeRole " + innerRole + " by key-1 tags 0 external []",
			"AssumeRole " + last + " by key-2 tags 0 external [\"e-1\"]"}},
		"a ServiceAccount": {ofAccount("pay"), []string{"AssumeRoleWithWebIdentity " + outerRole + " by  tags 0 external [] token pay/app/1"}},
		"a ServiceAccount with a role": {source.Identity{Namespace: "pay", ServiceAccount: "app", RoleARN: innerRole}, []string{
			"AssumeRoleWithWebIdentity " + outerRole + " by  tags 0 external [] token pay/app/1", "AssumeRole " + innerRole + " by key-1 tags 3 external []"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := load(t, Options{Cluster: "prod", SessionTags: true, SourceIdentity: true})
			made, err := l.get(t, test.who, outerRole)
			if err != nil {
				t.Fatal(err)
			}
			got := l.asked(l.sessionName(test.who))
			if !slices.Equal(got, test.want) {
				t.Errorf("STS is asked\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
			if made.Namespace != test.who.Namespace || made.Refused() != nil || made.began.IsZero() || made.Config().Region != "eu-west-1" || l.paces["pay"] == nil || len(l.observed) != len(test.want) {
				t.Errorf("%v, refused: %v, calls %q", made.Actor, made.Refused(), l.observed)
			}
		})
	}
	l := load(t, Options{})
	if _, err := l.get(t, ofRole(innerRole), ""); err != nil || l.sts.forms[0].Has("SourceIdentity") || l.sts.forms[0].Has("Tags.member.1.Key") {
		t.Errorf("without tags and source identity STS is asked %v, %v", l.sts.forms, err)
	}
}

// Credentials are kept until they are about to end.
func TestCredentialsAreKeptUntilTheyEndSoon(t *testing.T) {
	for lasts, want := range map[time.Duration]int{2 * time.Minute: 3, 10 * time.Minute: 1} {
		l := load(t, Options{})
		l.sts.lasts = lasts
		made := l.New(Actor{Identity: ofRole(innerRole)})
		for range 3 {
			if _, err := made.Config().Credentials.Retrieve(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if len(l.sts.forms) != want {
			t.Errorf("of credentials that last for %s, %d are got, want %d", lasts, len(l.sts.forms), want)
		}
	}
}

// A refusal is counted, kept for the identity that has asked, named for its role, and slows down where it is throttling.
func TestARefusalOfSTS(t *testing.T) {
	l := load(t, Options{})
	l.sts.code, l.sts.refuses = "ThrottlingException", outerRole
	made, err := l.get(t, source.Identity{Namespace: "pay", RoleARN: innerRole, Via: outerRole}, "")
	failed, ok := errors.AsType[*refusal.CredentialsError](err)
	if !ok || !strings.Contains(failed.Error(), "assuming role "+outerRole) || strings.Contains(failed.Error(), innerRole) {
		t.Errorf("got %v", err)
	}
	if made.Refused() == nil || !made.began.IsZero() {
		t.Error("the refusal is not kept, or a session has begun")
	}
	if _, again := made.Config().Credentials.Retrieve(t.Context()); !errors.Is(again, failed) || len(l.sts.forms) != 1 {
		t.Errorf("STS is asked %d times: %v", len(l.sts.forms), again)
	}
	counted := "AssumeRole eu-west-1 CredentialsUnavailable" // Once for each role of the chain.
	if want := []string{counted, counted}; !slices.Equal(l.observed, want) {
		t.Errorf("counted are %q", l.observed)
	}
	if !l.paces["pay"].Of(assumeRole, "eu-west-1").Limited() {
		t.Error("STS is not paced")
	}
	made.Outdate(0)
	if made.Refused() != nil {
		t.Error("the refusal is kept for one who wants to know now")
	}
	l.sts.code, l.sts.refuses = "AccessDenied", ""
	if _, err := l.get(t, ofAccount("web"), outerRole); err == nil || !strings.Contains(err.Error(), "assuming role "+outerRole) {
		t.Errorf("got %v", err)
	}
	if l.paces["web"].Of(assumeRoleWithWebIdentity, "eu-west-1").Limited() {
		t.Error("STS is paced for a denial")
	}
}

// A ServiceAccount without a token asks STS for nothing.
func TestWithoutATokenNoRoleIsAssumed(t *testing.T) {
	none := errors.New("no token")
	l := load(t, Options{ServiceAccounts: fakeAccounts{none}})
	if _, err := l.get(t, ofAccount("pay"), outerRole); !errors.Is(err, none) || len(l.sts.forms) != 0 {
		t.Errorf("STS is asked %d times: %v", len(l.sts.forms), err)
	}
}

// STS of the role's partition is asked, in a region that is read from where there is one, and no role of another partition.
func TestRolesStayInTheirPartition(t *testing.T) {
	const china = "arn:aws-cn:iam::111122223333:role/r"
	for name, test := range map[string]struct {
		who     source.Identity
		account string
		reads   string
		host    string
		mention string
	}{
		"the operator's":            {who: ofRole(innerRole), host: "sts.eu-west-1.amazonaws.com"},
		"a ServiceAccount in China": {who: ofAccount("pay"), account: china, host: "sts.cn-northwest-1.amazonaws.com.cn"},
		"one that reads there":      {who: ofAccount("pay"), account: china, reads: "cn-north-1", host: "sts.cn-north-1.amazonaws.com.cn"},
		"a role in China":           {who: ofRole(china), mention: "role " + china + " is of partition aws-cn of AWS, and the operator's credentials are of partition aws:"},
		"a role that no ARN names":  {who: ofRole("of-no-partition"), host: "sts.eu-west-1.amazonaws.com"},
		"a role on a role in China": {who: source.Identity{Namespace: "pay", ServiceAccount: "app", RoleARN: innerRole}, account: china, mention: "and role " + china + " is of partition aws-cn"},
		"a chain that leaves":       {who: source.Identity{Namespace: "pay", RoleARN: china, Via: outerRole}, mention: "and role " + outerRole + " is of partition aws:"},
	} {
		t.Run(name, func(t *testing.T) {
			l := load(t, Options{})
			made := l.New(Actor{Identity: test.who, Account: source.ServiceAccount{RoleARN: test.account}})
			if test.reads != "" {
				made.Reads(test.reads)
			}
			_, err := made.Config().Credentials.Retrieve(t.Context())
			if refused := test.mention != ""; refused != (err != nil) || refused && !strings.Contains(err.Error(), test.mention) || refused && source.KindOf(err) != source.AssumeRoleDenied {
				t.Errorf("got %v", err)
			}
			if test.host != "" && !slices.Equal(l.sts.hosts, []string{test.host}) {
				t.Errorf("asked are %q", l.sts.hosts)
			}
		})
	}
	if got := load(t, Options{}).ownPartition(); got != "aws" {
		t.Errorf("the operator is of partition %q", got)
	}
}

// What the SDK gets for the operator is named, counted and kept as what is got for others.
func TestTheOperatorsOwnCredentials(t *testing.T) {
	webIdentity(t, outerRole)
	l := loadEnvironment(t, Options{Cluster: "prod"})
	own := l.Own()
	if _, err := own.Config().Credentials.Retrieve(t.Context()); err != nil || l.OwnRole() != outerRole || own.Config().Region != "eu-west-1" {
		t.Errorf("the role is %q, %v", l.OwnRole(), err)
	}
	form := l.sts.forms[0]
	if form.Get("RoleSessionName") != "secretsync-prod" || form.Get("WebIdentityToken") != "a.b.c" || l.paces[""] == nil {
		t.Errorf("STS is asked %v", form)
	}
	if !own.Invalidate(t.Context(), refusal400("ExpiredTokenException", "")) {
		t.Error("credentials that AWS refuses are not got again")
	}
	l.sts.code = "AccessDenied"
	if _, err := own.Config().Credentials.Retrieve(t.Context()); err == nil || own.Refused() == nil {
		t.Errorf("the refusal is not kept: %v", err)
	}
	l.sts.code = ""
	if _, err := l.get(t, ofRole(innerRole), ""); !errors.Is(err, own.Refused()) || len(l.sts.forms) != 2 {
		t.Errorf("STS is asked %d times: %v", len(l.sts.forms), err)
	}
}
