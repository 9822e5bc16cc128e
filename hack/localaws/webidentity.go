package localaws

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/secretsync/secretsync/controllers/iam"
	"github.com/secretsync/secretsync/hack/localaws/sigv4"
	"github.com/secretsync/secretsync/hack/localaws/webtoken"
)

// provider is an OIDC provider with its known keys.
type provider struct {
	OIDCProvider
	arn   string
	mutex sync.Mutex
	keys  *webtoken.Keys
}

func (s *Server) assumeRoleWithWebIdentity(ctx context.Context, call *request, form url.Values) (any, error) {
	input, err := readAssumeInput(form)
	if err != nil {
		return nil, err
	}
	call.assumed = input.arn
	token, err := webtoken.Read(form.Get("WebIdentityToken"))
	if err != nil {
		return nil, refuse("InvalidIdentityToken", "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
	}
	call.at.account = input.account
	trusted, strict := s.provider(input, token.Issuer)
	if !strict {
		return s.believed(call, input, token)
	}
	call.caller = Principal{ARN: token.Subject}
	if trusted == nil {
		return nil, refuse("InvalidIdentityToken", "No OpenIDConnect provider found in your account for %s", token.Issuer)
	}
	if err := trusted.verify(ctx, token); err != nil {
		return nil, err
	}
	if err := s.timely(token); err != nil {
		return nil, err
	}
	audience := slices.IndexFunc(token.Audience, func(asked string) bool { return slices.Contains(trusted.Audiences, asked) })
	if audience < 0 {
		return nil, refuse("InvalidIdentityToken", "Incorrect token audience")
	}
	return s.vouched(call, input, token, trusted, token.Audience[audience])
}

func (s *Server) provider(input *assumeInput, issuer string) (trusted *provider, strict bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.iam.providers[providerARN(partitionIn(input.arn), input.account, issuer)], s.iam.strict
}

// believed accepts a token without checks, while there are no identities.
func (s *Server) believed(call *request, input *assumeInput, token *webtoken.Token) (any, error) {
	if err := s.timely(token); err != nil {
		return nil, err
	}
	if !slices.Contains(token.Audience, stsAudience) {
		return nil, refuse("InvalidIdentityToken", "Incorrect token audience")
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.ruledOut(Principal{Account: call.caller.Account, ARN: token.Subject}, assumeWebIdentityAction, input.arn) != "" {
		return nil, notAuthorized()
	}
	return s.toleratedSession(input, token.Subject), nil
}

// notAuthorized is STS's only reason for refusing a web identity.
func notAuthorized() error {
	return &awsError{code: codeAccessDenied, message: "Not authorized to perform " + assumeWebIdentityAction, status: http.StatusForbidden}
}

// timely checks a token's times by the clock.
func (s *Server) timely(token *webtoken.Token) error {
	now := s.now()
	if !token.Expires.IsZero() && now.After(token.Expires.Time) {
		return refuse("ExpiredTokenException", "Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), token.Expires.Unix())
	}
	if !token.NotBefore.IsZero() && now.Add(sigv4.Tolerance).Before(token.NotBefore.Time) {
		return refuse("InvalidIdentityToken", "Token is not yet valid: current date/time %d must be after %d", now.Unix(), token.NotBefore.Unix())
	}
	return nil
}

// verify checks a token's signature. If the key is unknown, it gets the issuer's keys once more.
func (p *provider) verify(ctx context.Context, token *webtoken.Token) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	err := webtoken.ErrUnknownKey
	if p.keys != nil {
		err = p.keys.Verify(token)
	}
	if errors.Is(err, webtoken.ErrUnknownKey) {
		raw, fetchErr := p.Keys(ctx)
		if fetchErr != nil {
			return refuse("IDPCommunicationError", "The identity provider's keys could not be read: %v", fetchErr)
		}
		if p.keys, fetchErr = webtoken.ReadKeys(raw); fetchErr != nil {
			return refuse("InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements")
		}
		err = p.keys.Verify(token)
	}
	switch {
	case errors.Is(err, webtoken.ErrUnknownKey):
		return refuse("InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements")
	case err != nil:
		return refuse("InvalidIdentityToken", "The ID Token provided is not valid: its signature does not verify")
	}
	return nil
}

// vouched checks a verified token by the role's trust policy.
func (s *Server) vouched(call *request, input *assumeInput, token *webtoken.Token, by *provider, audience string) (any, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.ruledOut(call.caller, assumeWebIdentityAction, input.arn) != "" {
		return nil, notAuthorized()
	}
	wanted := s.iam.roles[input.arn]
	if wanted == nil {
		return nil, notAuthorized()
	}
	asked := s.authorization(call, assumeWebIdentityAction, input.arn, nil)
	asked.Account, asked.Principal = input.account, iam.Principal{Account: input.account, Federated: by.arn}
	input.conditions(asked.Context)
	key := issuerKey(by.Issuer)
	asked.Context.Set(key+":sub", token.Subject)
	asked.Context.Set(key+":aud", token.Audience...)
	if !(iam.Policies{Resource: wanted.trust}).DecideOwned(asked).Allowed {
		return nil, notAuthorized()
	}
	if err := input.fits(wanted.MaxSession, false); err != nil {
		return nil, err
	}
	begun := s.begin(&session{role: wanted, name: input.session, tags: map[string]string{}, bound: input.bound}, lasting(input.lasts, wanted.MaxSession))
	answer := assumeAnswer(begun)
	answer.SubjectFromWebIdentityToken, answer.Audience, answer.Provider = token.Subject, audience, by.arn
	return answer, nil
}
