package tenancy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
)

const byToken = "AssumeRoleWithWebIdentity"

// irsa are the environment variables that EKS's webhook sets in a pod.
func irsa(tokenFile string) []string {
	return []string{noInstance, "AWS_STS_REGIONAL_ENDPOINTS=regional", "AWS_ROLE_ARN=" + roleARN, "AWS_WEB_IDENTITY_TOKEN_FILE=" + tokenFile}
}

// trustCluster makes the account trust the cluster's tokens.
func (s *setup) trustCluster() {
	s.Helper()
	if _, err := s.env.AWS.AddOIDCProvider(cluster); err != nil {
		s.Fatal(err)
	}
}

// synced makes a setup with IRSA and short sessions, so that their renewal can be seen. It mounts a token with a
// lifetime and waits until the Secret holds the secret's content.
func synced(t *testing.T, lifetime time.Duration) (s *setup, mounted *volume, id, content string) {
	t.Helper()
	s = newSetup(t, 3*time.Second)
	s.trustCluster()
	s.role(trustAccount(testenv.OperatorAccount))
	mounted = s.volume()
	mounted.write(s.token(stsAudience, lifetime, nil))
	id, content = s.createSecret()
	s.start(irsa(mounted.file()))
	s.sync(id)
	s.awaitSynced(content)
	return s, mounted, id, content
}

// TestIRSA: the operator assumes a role with a token of the cluster. Its sessions are short, so that their renewal is
// seen; CloudTrail shows who read what.
func TestIRSA(t *testing.T) {
	s, _, _, content := synced(t, longToken)
	s.awaitCalls(byToken, 3)
	s.awaitSynced(content)

	assumed, read := s.calls(byToken)[0], s.calls("GetSecretValue")
	if want := "system:serviceaccount:" + testenv.OperatorNamespace + ":" + testenv.OperatorAccount; assumed.Principal != want || assumed.Role != roleARN {
		t.Errorf("%s was assumed by %s", assumed.Role, assumed.Principal)
	}
	if !strings.Contains(assumed.UserAgent, "SecretSync/") {
		t.Errorf("the role was assumed with the user agent %q", assumed.UserAgent)
	}
	if len(read) != 1 || read[0].SessionName != "secretsync-tests" || read[0].Principal != assumedRole+"secretsync-tests" {
		t.Fatalf("the value was read by %+v", read)
	}
	for _, want := range []string{"SecretSync/", "kubernetes-cluster/tests", "kubernetes-namespace/" + s.namespace, "kubernetes-secretsync/db"} {
		if !strings.Contains(read[0].UserAgent, want) {
			t.Errorf("the user agent %q has no %q", read[0].UserAgent, want)
		}
	}
}

// TestIRSATokenIsRenewed: the kubelet replaces the token while the operator runs. The new one is used as
// soon as credentials are renewed, and no call fails because the old one has expired.
func TestIRSATokenIsRenewed(t *testing.T) {
	s, mounted, id, _ := synced(t, shortToken)
	mounted.write(s.token(stsAudience, longToken, nil))
	// The next call may have read the first token before, and is not to be refused for that.
	s.awaitCalls(byToken, len(s.calls(byToken))+2)
	s.env.AWS.Shift(shortToken + time.Second) // The first token has expired, and all credentials with it.
	before := len(s.calls(byToken))
	content := s.putValue(id)
	s.awaitSynced(content)
	s.awaitCalls(byToken, before+2)
	s.awaitSynced(content)
}

// TestIRSATokenIsNotRenewed: the Secret stays, the condition says which token has expired, and a new one fixes it.
func TestIRSATokenIsNotRenewed(t *testing.T) {
	s, mounted, id, content := synced(t, shortToken)
	s.env.AWS.Shift(shortToken + time.Second)
	next := s.putValue(id)
	s.awaitRefusal(v1alpha1.ReasonCredentialsUnavailable, roleARN, "ExpiredTokenException", "the token")
	if held := s.values(); held["value"] != content {
		t.Error("the Secret lost what it had")
	}
	mounted.write(s.token(stsAudience, longToken, nil))
	s.awaitSynced(next)
}

// TestIRSAIsRefused: the condition says what is wrong in each case, and fixing that is enough.
func TestIRSAIsRefused(t *testing.T) {
	const unavailable = v1alpha1.ReasonCredentialsUnavailable
	issuer := strings.TrimPrefix(cluster.Issuer, "https://")
	for name, test := range map[string]struct {
		// token is mounted, unless it is empty.
		token func(s *setup) string
		// trusted is the ServiceAccount that may assume the role, provider the cluster in IAM.
		trusted  string
		provider bool
		reason   string
		mentions []string
	}{
		"a token for another audience": {
			token:   func(s *setup) string { return s.token("https://kubernetes.default.svc", longToken, nil) },
			trusted: testenv.OperatorAccount, provider: true,
			reason: unavailable, mentions: []string{byToken, roleARN, "InvalidIdentityToken", "audience", "sts.amazonaws.com", "projected volume"},
		},
		"a trust policy for another ServiceAccount": {
			token:   func(s *setup) string { return s.token(stsAudience, longToken, nil) },
			trusted: "another", provider: true,
			reason: v1alpha1.ReasonAssumeRoleDenied, mentions: []string{roleARN, "trust policy", "sts:AssumeRoleWithWebIdentity", ":sub = system:serviceaccount:", ":aud = sts.amazonaws.com"},
		},
		"a token that has expired": {
			token: func(s *setup) string {
				old := s.token(stsAudience, shortToken, nil)
				s.env.AWS.Shift(shortToken + time.Second)
				return old
			},
			trusted: testenv.OperatorAccount, provider: true,
			reason: unavailable, mentions: []string{byToken, roleARN, "ExpiredTokenException", "the token"},
		},
		"a token that is not mounted": {
			token:   func(*setup) string { return "" },
			trusted: testenv.OperatorAccount, provider: true,
			reason: unavailable, mentions: []string{roleARN, "cannot be read from", "/token", "mounted"},
		},
		"something else than a token": {
			token:   func(s *setup) string { return s.hide("not-a-token-at-all") },
			trusted: testenv.OperatorAccount, provider: true,
			reason: unavailable, mentions: []string{byToken, roleARN, "InvalidIdentityToken", "AWS_WEB_IDENTITY_TOKEN_FILE", "is not a token of a ServiceAccount", "projected volume"},
		},
		"a token that another has signed": {
			token: func(s *setup) string {
				token := s.token(stsAudience, longToken, nil)
				signed := strings.LastIndexByte(token, '.') + 1
				return s.hide(token[:signed] + strings.Repeat("A", len(token)-signed))
			},
			trusted: testenv.OperatorAccount, provider: true,
			reason: unavailable, mentions: []string{byToken, roleARN, "InvalidIdentityToken", "not signed by a key that its issuer publishes"},
		},
		"an account that does not know the cluster": {
			token:   func(s *setup) string { return s.token(stsAudience, longToken, nil) },
			trusted: testenv.OperatorAccount,
			reason:  unavailable, mentions: []string{byToken, roleARN, "InvalidIdentityToken", "OIDC provider " + issuer},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t, 0)
			if test.provider {
				s.trustCluster()
			}
			s.role(trustAccount(test.trusted))
			mounted := s.volume()
			if token := test.token(s); token != "" {
				mounted.write(token)
			}
			id, content := s.createSecret()
			s.start(irsa(mounted.file()))
			s.sync(id)
			s.awaitRefusal(test.reason, test.mentions...)
			if s.values() != nil {
				t.Error("the Secret was written")
			}
			if slices.ContainsFunc(s.env.AWS.Calls(), readSomething) {
				t.Error("a value was read")
			}
			s.trustCluster()
			s.role(trustAccount(testenv.OperatorAccount))
			mounted.write(s.token(stsAudience, longToken, nil))
			s.awaitSynced(content)
		})
	}
}

// readSomething says whether a call was answered with a value.
func readSomething(call localaws.Call) bool { return len(call.Read) > 0 }
