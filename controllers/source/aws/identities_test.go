package aws

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/hack/localaws"
)

const (
	hubRole, payRole, webRole = "arn:aws:iam::111122223333:role/hub", "arn:aws:iam::111122223333:role/teams/pay", "arn:aws:iam::111122223333:role/web"
	allowAll                  = `{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`
)

// accounts stands for the API server: every ServiceAccount has a role, and tokens that are valid.
type accounts struct {
	*testing.T
	roles map[string]string
	uids  map[string]string
	// away is what the API server answers instead; nil where it answers well.
	away  error
	mutex sync.Mutex
	// looked and asked count looks and tokens.
	looked, asked int
}

// Look looks a ServiceAccount up.
func (a *accounts) Get(_ context.Context, namespace, name string) (source.ServiceAccount, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.looked++
	role, known := a.roles[namespace+"/"+name]
	switch {
	case a.away != nil:
		return source.ServiceAccount{}, a.away
	case !known:
		return source.ServiceAccount{}, &source.Error{Kind: source.CredentialsUnavailable, Explanation: "there is no ServiceAccount " + name, Cause: source.ErrNoServiceAccount}
	}
	audience := stsAudience
	if namespace == "vault" {
		audience = "vault"
	}
	return source.ServiceAccount{UID: "uid of " + namespace + a.uids[namespace+"/"+name], RoleARN: role, Audience: audience}, nil
}

// Token makes a token.
func (a *accounts) Token(_ context.Context, namespace, name string, account source.ServiceAccount) (source.Value, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.asked++
	if want := "uid of " + namespace + a.uids[namespace+"/"+name]; account.UID != want {
		return source.Value{}, &source.Error{Kind: source.CredentialsUnavailable, Explanation: "it is another one by now"}
	}
	return source.TextValue(token(a.T, account.Audience, time.Now().Add(time.Hour))), nil
}

const stsAudience = "sts.amazonaws.com"

func (env *environment) withAccounts(t *testing.T, options Options) (*Source, *accounts) {
	t.Helper()
	known := &accounts{T: t, roles: map[string]string{"pay/app": payRole, "web/app": webRole, "vault/app": payRole}, uids: map[string]string{}}
	options.ServiceAccounts = known
	return env.again(t, options), known
}

func account(namespace string) source.Identity {
	return source.Identity{Namespace: namespace, ServiceAccount: "app"}
}

// as asks about the secret db.
func as(who source.Identity) source.VersionQuery {
	ref := current("db")
	ref.Identity = who
	return source.VersionQuery{Ref: ref}
}

func TestAServiceAccountsRoleReads(t *testing.T) {
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	s, _ := env.withAccounts(t, Options{})
	if _, err := s.Resolve(t.Context(), as(account("pay"))); err != nil {
		t.Fatal(err)
	}
	calls := env.Calls()
	if len(calls) != 2 || calls[0].Operation != "AssumeRoleWithWebIdentity" || calls[1].Principal != "arn:aws:sts::111122223333:assumed-role/pay/prod-eu-1.pay.app" {
		t.Errorf("calls are %+v", calls)
	}
	if got := env.counted(t, "AssumeRoleWithWebIdentity", "ok", localaws.DefaultRegion); got != 1 {
		t.Errorf("the metrics count %v", got)
	}
}

func TestCredentialsAreSharedByAllWhoHaveTheIdentityAndByNobodyElse(t *testing.T) {
	env := newEnvironment(t)
	created := env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	s, known := env.withAccounts(t, Options{ValueCacheBytes: 1 << 20})
	version := source.Version{ARN: *created.ARN, ID: *created.VersionId}
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			query := as(account([]string{"pay", "web"}[i%2]))
			if _, err := s.Fetch(t.Context(), query.Ref, version); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := env.Count("AssumeRoleWithWebIdentity"); got != 2 || known.asked != 2 {
		t.Errorf("%d roles were assumed with %d tokens, want 2 of each", got, known.asked)
	}
	if got := env.Count("GetSecretValue"); got != 2 {
		t.Errorf("the value was read %d times, want once for each identity", got)
	}
}

// strict makes the local AWS check everything, with the operator as a user who may assume any role.
func (env *environment) strict(t *testing.T) {
	t.Helper()
	if _, err := env.AddUser(localaws.User{Name: "operator", AccessKeyID: testKeyID, SecretAccessKey: "not-a-secret", Policies: []string{allowAll}}); err != nil {
		t.Fatal(err)
	}
}

func (env *environment) role(t *testing.T, name, principal, actions, condition string) {
	t.Helper()
	trust := fmt.Sprintf(`{"Statement": {"Effect": "Allow", "Principal": {"AWS": %q}, "Action": [%s], "Condition": {%s}}}`, principal, actions, condition)
	if _, err := env.AddRole(localaws.Role{Name: name, TrustPolicy: trust, Policies: []string{allowAll}}); err != nil {
		t.Fatal(err)
	}
}

const assumeAndTag = `"sts:AssumeRole", "sts:TagSession"`

func onTop(role string) source.Identity { return source.Identity{Namespace: "pay", RoleARN: role} }

func TestAChainOfRolesIsToldTheNamespaceAndTheLastOneTheExternalID(t *testing.T) {
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	env.strict(t)
	env.role(t, "hub", testReader, assumeAndTag, `"StringEquals": {"aws:RequestTag/kubernetes-namespace": "pay", "aws:RequestTag/kubernetes-cluster": "prod/eu 1"}`)
	env.role(t, "teams/pay", hubRole, assumeAndTag, `"StringEquals": {"sts:ExternalId": "e-1", "aws:PrincipalTag/kubernetes-namespace": "pay"}`)
	s := env.again(t, Options{SessionTags: true})
	who := onTop(payRole)
	who.Via, who.ExternalID = hubRole, "e-1"
	if _, err := s.Resolve(t.Context(), as(who)); err != nil {
		t.Fatal(err)
	}
	if got := env.Calls()[2].Principal; !strings.HasSuffix(got, ":assumed-role/pay/prod-eu-1.pay.pay") {
		t.Errorf("%s has read", got)
	}
	who.ExternalID = "e-2"
	_, err := s.Resolve(t.Context(), as(who))
	mustMention(t, err, source.AssumeRoleDenied, "assumed-role/hub/", payRole, "spec.auth.externalID")
	who = onTop(hubRole)
	who.Namespace = "web"
	_, err = s.Resolve(t.Context(), as(who))
	mustMention(t, err, source.AssumeRoleDenied, testReader, hubRole, "kubernetes-namespace = web")
}

func mustMention(t *testing.T, err error, kind source.Kind, mentions ...string) {
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

func TestRolesThatMayNotBeAssumedAreExplained(t *testing.T) {
	for name, test := range map[string]struct {
		trust   string
		options Options
		mention []string
	}{
		"no trust":                     {`"sts:GetCallerIdentity"`, Options{}, []string{testReader + " may not assume role " + hubRole, "trust policy name the principal"}},
		"tags that are not allowed":    {`"sts:AssumeRole"`, Options{SessionTags: true}, []string{"sts:TagSession", "--session-tags=false"}},
		"a source identity that isn't": {`"sts:AssumeRole"`, Options{SourceIdentity: true}, []string{"sts:SetSourceIdentity", "--source-identity=false"}},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnvironment(t)
			env.strict(t)
			env.role(t, "hub", testReader, test.trust, "")
			_, err := env.again(t, test.options).Resolve(t.Context(), as(onTop(hubRole)))
			mustMention(t, err, source.AssumeRoleDenied, test.mention...)
		})
	}
}

func TestASourceIdentityIsTheSessionsName(t *testing.T) {
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	env.strict(t)
	env.role(t, "hub", testReader, `"sts:AssumeRole", "sts:SetSourceIdentity"`, `"StringEquals": {"sts:SourceIdentity": "prod-eu-1.pay.hub"}`)
	if _, err := env.again(t, Options{SourceIdentity: true}).Resolve(t.Context(), as(onTop(hubRole))); err != nil {
		t.Error(err)
	}
}

func TestServiceAccountsThatCannotBeUsedAreExplained(t *testing.T) {
	for name, test := range map[string]struct {
		account string
		rule    localaws.Rule
		fault   localaws.Fault
		kind    source.Kind
		mention []string
	}{
		"a role that does not trust it": {"pay", localaws.Rule{Deny: true, Action: "sts:*"}, localaws.Fault{}, source.AssumeRoleDenied,
			[]string{payRole, "ServiceAccount pay/app", "system:serviceaccount:pay:app", "OIDC provider"}},
		"an audience that IAM does not take": {"vault", localaws.Rule{}, localaws.Fault{},
			source.CredentialsUnavailable, []string{payRole, "eks.amazonaws.com/audience of ServiceAccount vault/app"}},
		"a token that has expired": {"pay", localaws.Rule{}, localaws.Fault{Operation: "AssumeRoleWithWebIdentity", Every: 1, Code: "ExpiredTokenException"},
			source.CredentialsUnavailable, []string{"compare the clocks"}},
		"an STS that does not answer": {"pay", localaws.Rule{}, localaws.Fault{Operation: "AssumeRoleWithWebIdentity", Every: 1, Cut: true},
			source.CredentialsUnavailable, []string{"could not be reached for AssumeRoleWithWebIdentity"}},
		"one that is not there": {"nowhere", localaws.Rule{}, localaws.Fault{}, source.CredentialsUnavailable, []string{"there is no ServiceAccount app"}},
		"a secret that its role may not read": {"pay", localaws.Rule{Deny: true, Action: "secretsmanager:*"}, localaws.Fault{}, source.AccessDenied,
			[]string{"assumed-role/pay/prod-eu-1.pay.app", "secretsmanager:GetSecretValue"}},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnvironment(t)
			env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
			if test.rule.Deny {
				env.SetRules(test.rule)
			}
			if test.fault.Operation != "" {
				env.SetFaults(test.fault)
			}
			s, _ := env.withAccounts(t, Options{})
			_, err := s.Resolve(t.Context(), as(account(test.account)))
			mustMention(t, err, test.kind, test.mention...)
		})
	}
}

func TestTheOperatorsOwnTroubleIsNotTakenForThatOfTheRoleOnTop(t *testing.T) {
	env := newEnvironment(t)
	env.SetRules(localaws.Rule{Deny: true, Action: "sts:AssumeRoleWithWebIdentity"})
	_, err := env.irsa(t, valid(t)).Resolve(t.Context(), as(onTop(hubRole)))
	mustMention(t, err, source.AssumeRoleDenied, testRole, "the operator's ServiceAccount")
}

func TestWithoutAWayToGetTokensServiceAccountsAreRefused(t *testing.T) {
	_, err := newEnvironment(t).source.Resolve(t.Context(), as(account("pay")))
	mustMention(t, err, source.CredentialsUnavailable, "spec.auth.serviceAccountRef")
}

func TestARoleThatIsDeletedOrRevokedIsNoticedAndHealsByItself(t *testing.T) {
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	env.strict(t)
	env.role(t, "hub", testReader, `"sts:AssumeRole"`, "")
	s := env.again(t, Options{})
	ask := func() error {
		_, err := s.Resolve(t.Context(), as(onTop(hubRole)))
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	env.DeleteRole(hubRole)
	mustMention(t, ask(), source.AssumeRoleDenied, hubRole)
	env.role(t, "hub", testReader, `"sts:AssumeRole"`, "")
	if err := ask(); err != nil {
		t.Errorf("the role is back: %v", err)
	}
	if err := env.RevokeSessions(hubRole); err != nil {
		t.Fatal(err)
	}
	mustMention(t, ask(), source.AccessDenied, "explicit Deny")
	env.now = env.now.Add(31 * time.Second)
	if err := ask(); err != nil {
		t.Errorf("a new session is not concerned: %v", err)
	}
}

func TestStaticKeysThatAreRefusedAreNotTriedTwice(t *testing.T) {
	env := newEnvironment(t)
	env.SetFaults(localaws.Fault{Operation: "DescribeSecret", Every: 1, Code: "UnrecognizedClientException"})
	_, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
	mustMention(t, err, source.CredentialsUnavailable, "access key")
	if got := env.Count("DescribeSecret"); got != 1 {
		t.Errorf("%d calls", got)
	}
}

func TestIdentitiesThatNobodyUsesAreForgotten(t *testing.T) {
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	s, _ := env.withAccounts(t, Options{})
	ask := func(who source.Identity) {
		t.Helper()
		if _, err := s.Resolve(t.Context(), as(who)); err != nil {
			t.Fatal(err)
		}
	}
	ask(account("pay"))
	ask(account("web"))
	env.now = env.now.Add(idleLasts / 2)
	ask(account("web"))
	env.now = env.now.Add(idleLasts/2 + time.Minute)
	ask(source.Identity{})
	var left []string
	for namespace := range s.tenants.known {
		left = append(left, namespace)
	}
	slices.Sort(left)
	if !slices.Equal(left, []string{"", "web"}) || endpointsOf(s) != 2 {
		t.Errorf("left are those of %q and %d endpoints", left, endpointsOf(s))
	}
}

// An identity that hangs keeps few of the operator's workers, once that is known.
func TestAnEndpointThatDoesNotAnswerGetsLittleRoom(t *testing.T) {
	env := newEnvironment(t)
	s := env.again(t, Options{CallTimeout: 100 * time.Millisecond})
	env.SetFaults(localaws.Fault{Operation: "DescribeSecret", Latency: time.Minute})
	ask := func(id string) error {
		_, err := s.Resolve(t.Context(), source.VersionQuery{Ref: current(id)})
		return err
	}
	if kind := source.KindOf(ask("first")); kind != source.RegionUnavailable {
		t.Fatal(kind)
	}
	s.options.CallTimeout = 2 * time.Second
	var all sync.WaitGroup
	kinds := make([]source.Kind, 10)
	for i := range kinds {
		all.Go(func() { kinds[i] = source.KindOf(ask(fmt.Sprint(i))) })
	}
	all.Wait()
	slices.Sort(kinds)
	if busy := slices.Index(kinds, source.RegionUnavailable); busy != len(kinds)-2 {
		t.Errorf("%d of %d waited for nothing: %v", len(kinds)-busy, len(kinds), kinds)
	}
	env.SetFaults()
	if kind := source.KindOf(ask("after")); kind != source.SecretNotFound || !ownEndpoint(s).bulkhead.Healthy() {
		t.Errorf("it answers again, with %s, and still gets little room", kind)
	}
}

// Credentials that end within the next minutes are renewed while AWS still takes them: no call is refused. Those that last
// longer are kept.
func TestCredentialsAreRenewedBeforeTheyEnd(t *testing.T) {
	for name, test := range map[string]struct {
		lifetime time.Duration
		want     int
	}{"they end soon": {time.Minute, 3}, "they last": {10 * time.Minute, 1}} {
		t.Run(name, func(t *testing.T) {
			env := newEnvironment(t)
			short, err := localaws.Start(&localaws.Server{SessionLifetime: test.lifetime}, "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = short.Close() })
			t.Setenv("AWS_ENDPOINT_URL", short.URL())
			s, known := env.withAccounts(t, Options{})
			for range 3 {
				if _, err := s.Resolve(t.Context(), as(account("pay"))); source.KindOf(err) != source.SecretNotFound {
					t.Fatal(err)
				}
			}
			if got := short.Count("AssumeRoleWithWebIdentity"); got != test.want || known.asked != test.want {
				t.Errorf("credentials were got %d times with %d tokens for three calls, want %d", got, known.asked, test.want)
			}
		})
	}
}

// STS is not asked a second time by who is refused for want of credentials.
func TestARefusalOfSTSIsNoRefusalOfTheSession(t *testing.T) {
	env := newEnvironment(t)
	env.SetFaults(localaws.Fault{Operation: "AssumeRole", Every: 1, Code: "ExpiredTokenException"})
	_, err := env.again(t, Options{}).Resolve(t.Context(), as(onTop(hubRole)))
	mustMention(t, err, source.CredentialsUnavailable, hubRole)
	if got := env.Count("AssumeRole"); got != 1 {
		t.Errorf("STS was asked %d times", got)
	}
}
