package localaws_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/secretsync/secretsync/hack/localaws"
)

const issuerURL = "https://issuer.example/cluster"

// issuer signs tokens as a cluster's API server does.
type issuer struct {
	*testing.T
	key     *rsa.PrivateKey
	keyID   string
	asked   int
	failing error
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{T: t}
	i.rotate("one")
	return i
}

// rotate changes the issuer's key.
func (i *issuer) rotate(keyID string) {
	i.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	i.key, i.keyID = must(i.T, key, err), keyID
}

// jwks is the issuer's key set.
func (i *issuer) jwks(context.Context) ([]byte, error) {
	i.asked++
	number := base64.RawURLEncoding.EncodeToString
	return fmt.Appendf(nil, `{"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": %q, "n": %q, "e": %q}]}`,
		i.keyID, number(i.key.N.Bytes()), number([]byte{1, 0, 1})), i.failing
}

// token is for a ServiceAccount, with some claims changed.
func (i *issuer) token(changes map[string]any) string {
	i.Helper()
	claims := map[string]any{
		"iss": issuerURL, "sub": "system:serviceaccount:payments:app", "aud": []string{"sts.amazonaws.com"},
		"exp": time.Now().Add(time.Hour).Unix(), "nbf": time.Now().Unix(), "iat": time.Now().Unix(),
		"kubernetes.io": map[string]any{"namespace": "payments", "serviceaccount": map[string]string{"name": "app", "uid": "u-1"}, "pod": map[string]string{"name": "app-0", "uid": "u-2"}},
	}
	maps.Copy(claims, changes)
	head, err := json.Marshal(map[string]string{"alg": "RS256", "kid": i.keyID})
	body, bodyErr := json.Marshal(claims)
	must(i.T, "", errors.Join(err, bodyErr))
	signed := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(body)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(nil, i.key, crypto.SHA256, sum[:])
	return signed + "." + base64.RawURLEncoding.EncodeToString(must(i.T, signature, err))
}

// irsa is the trust policy of page "Assign IAM roles to Kubernetes service accounts", for the ServiceAccount
// that tokens are for unless they say otherwise.
const irsa = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
	"Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/issuer.example/cluster"}, "Action": "sts:AssumeRoleWithWebIdentity",
	"Condition": {"StringEquals": {"issuer.example/cluster:sub": "system:serviceaccount:payments:app", "issuer.example/cluster:aud": "sts.amazonaws.com"}}}]}`

func (s *setup) byToken(role, token string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	return s.stsBy(aws.Credentials{}).AssumeRoleWithWebIdentity(s.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &role, RoleSessionName: aws.String("prod-payments-app"), WebIdentityToken: &token})
}

func TestWebIdentities(t *testing.T) {
	s := newGuardedSetup(t)
	i, impostor := newIssuer(t), newIssuer(t)
	provider, err := s.AddOIDCProvider(localaws.OIDCProvider{Issuer: issuerURL, Keys: i.jwks})
	must(t, provider, err)
	app := s.role("app", irsa, everything)
	many := s.role("many", `{"Statement": {"Effect": "Allow", "Principal": {"Federated": "`+provider+`"}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringLike": {"issuer.example/cluster:sub": "system:serviceaccount:payments:*"}}}}`)
	byRole := s.role("by-role", accountTrust)
	elsewhere, err := s.AddRole(localaws.Role{Account: otherAccount, Name: "app", TrustPolicy: irsa})
	must(t, elsewhere, err)
	const unauthorized = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
	claims := func(key string, value any) map[string]any { return map[string]any{key: value} }
	now := time.Now()
	for name, c := range map[string]struct {
		role, token string
		code, text  string
	}{
		"the ServiceAccount of the role":  {app, i.token(nil), "", ""},
		"one of many":                     {many, i.token(claims("sub", "system:serviceaccount:payments:other")), "", ""},
		"an audience among others":        {app, i.token(claims("aud", []string{"x", "sts.amazonaws.com"})), "", ""},
		"a clock that is a little behind": {app, i.token(claims("nbf", now.Add(time.Minute).Unix())), "", ""},
		"another ServiceAccount":          {app, i.token(claims("sub", "system:serviceaccount:payments:other")), accessDenied, unauthorized},
		"another namespace":               {many, i.token(claims("sub", "system:serviceaccount:orders:app")), accessDenied, unauthorized},
		"a role that trusts no provider":  {byRole, i.token(nil), accessDenied, unauthorized},
		"a role that is not there":        {"arn:aws:iam::111122223333:role/none", i.token(nil), accessDenied, unauthorized},
		"an account without the provider": {elsewhere, i.token(nil), "InvalidIdentityToken", "No OpenIDConnect provider found in your account for " + issuerURL},
		"another issuer":                  {app, i.token(claims("iss", "https://issuer.example/other")), "InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://issuer.example/other"},
		"a signature by another issuer":   {app, impostor.token(nil), "InvalidIdentityToken", "The ID Token provided is not valid"},
		"another audience":                {app, i.token(claims("aud", []string{"https://kubernetes.default.svc"})), "InvalidIdentityToken", "Incorrect token audience"},
		"an expired token":                {app, i.token(claims("exp", now.Add(-time.Second).Unix())), "ExpiredTokenException", "Token expired: current date/time "},
		"a token for later":               {app, i.token(claims("nbf", now.Add(time.Hour).Unix())), "InvalidIdentityToken", "Token is not yet valid"},
		"no token":                        {app, "not.a", "InvalidIdentityToken", "The ID Token provided is not a valid JWT."},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := s.byToken(c.role, c.token)
			if c.code != "" {
				refused(t, err, c.code, c.text)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			who, err := s.whoami(credentialsOf(got.Credentials))
			if must(t, who, err) != aws.ToString(got.AssumedRoleUser.Arn) || aws.ToString(got.Provider) != provider || aws.ToString(got.Audience) != "sts.amazonaws.com" {
				t.Errorf("%s, of %s for %s", who, aws.ToString(got.Provider), aws.ToString(got.Audience))
			}
		})
	}
	if i.asked != 1 {
		t.Errorf("the issuer's keys were read %d times", i.asked)
	}
}

func TestIssuersThatChange(t *testing.T) {
	s := newGuardedSetup(t)
	i := newIssuer(t)
	_, err := s.AddOIDCProvider(localaws.OIDCProvider{Issuer: issuerURL, Audiences: []string{"other"}, Keys: i.jwks})
	must(t, "", err)
	app := s.role("app", `{"Statement": {"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/issuer.example/cluster"}, "Action": "*"}}`)
	other := map[string]any{"aud": "other"}
	i.failing = errors.New("connection refused")
	_, err = s.byToken(app, i.token(other))
	refused(t, err, "IDPCommunicationError", "")
	i.failing = nil
	before := i.token(other)
	if _, err := s.byToken(app, before); err != nil {
		t.Error(err)
	}
	_, err = s.byToken(app, i.token(nil))
	refused(t, err, "InvalidIdentityToken", "Incorrect token audience")
	i.rotate("two")
	if _, err := s.byToken(app, i.token(other)); err != nil {
		t.Errorf("a new key: %v", err)
	}
	_, err = s.byToken(app, before)
	refused(t, err, "InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider")
	for _, wrong := range []localaws.OIDCProvider{{Issuer: issuerURL}, {Issuer: "http://issuer.example", Keys: i.jwks}} {
		if _, err := s.AddOIDCProvider(wrong); err == nil {
			t.Errorf("a provider was created from %q", wrong.Issuer)
		}
	}
}

// tokenFile is a token that the SDK's provider reads again for each session.
type tokenFile func() string

func (f tokenFile) GetIdentityToken() ([]byte, error) { return []byte(f()), nil }

func TestTheSDKsWebIdentityProvider(t *testing.T) {
	s := newGuardedSetup(t)
	s.create("db", "x")
	i := newIssuer(t)
	_, err := s.AddOIDCProvider(localaws.OIDCProvider{Issuer: issuerURL, Keys: i.jwks})
	must(t, "", err)
	role := s.role("app", irsa, everything)
	subject := "system:serviceaccount:payments:app"
	provider := stscreds.NewWebIdentityRoleProvider(s.stsBy(aws.Credentials{}), role, tokenFile(func() string { return i.token(map[string]any{"sub": subject}) }))
	if err := s.read(s.secretsBy(aws.NewCredentialsCache(provider), localaws.DefaultRegion), "db"); err != nil {
		t.Error(err)
	}
	subject = "system:serviceaccount:orders:app"
	refused(t, s.read(s.secretsBy(provider, localaws.DefaultRegion), "db"), accessDenied, "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	if got := s.lastCall("AssumeRoleWithWebIdentity"); got.Principal != subject || got.Role != role || got.Code != accessDenied {
		t.Errorf("recorded %+v", got)
	}
}

// TestRefusalsOfTheIssuer: a fault causes them, as no issuer here revokes claims.
func TestRefusalsOfTheIssuer(t *testing.T) {
	s := newGuardedSetup(t)
	i := newIssuer(t)
	_, err := s.AddOIDCProvider(localaws.OIDCProvider{Issuer: issuerURL, Keys: i.jwks})
	must(t, "", err)
	role := s.role("app", irsa)
	s.SetFaults(localaws.Fault{Operation: "AssumeRoleWithWebIdentity", Every: 1, Code: "IDPRejectedClaim", Status: 403})
	_, err = s.byToken(role, i.token(nil))
	refused(t, err, "IDPRejectedClaim", "")
	s.SetFaults()
	if _, err := s.byToken(role, i.token(nil)); err != nil {
		t.Error(err)
	}
}
