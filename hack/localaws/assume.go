package localaws

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/secretsync/secretsync/controllers/iam"
)

const (
	assumeAction            = "sts:AssumeRole"
	assumeWebIdentityAction = "sts:AssumeRoleWithWebIdentity"
	tagAction               = "sts:TagSession"
	sourceIdentityAction    = "sts:SetSourceIdentity"

	// codeAccessDenied is the code of STS; that of Secrets Manager ends in Exception.
	codeAccessDenied = "AccessDenied"
)

func (s *Server) assumeRole(call *request, form url.Values) (any, error) {
	input, err := readAssumeInput(form)
	if err != nil {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	call.assumed = input.arn
	if because := s.ruledOut(call.caller, assumeAction, input.arn); because != "" {
		return nil, assumeDenied(denial(call, assumeAction, input.arn, because))
	}
	if !s.iam.strict {
		return s.toleratedSession(input, ""), nil
	}
	into := &session{name: input.session, sourceIdentity: input.sourceIdentity, tags: maps.Clone(input.tags), transitive: input.transitive, bound: input.bound}
	if err := into.inherit(call.as, input); err != nil {
		return nil, err
	}
	if into.role, err = s.assumable(call, input); err != nil {
		return nil, err
	}
	chained := call.as != nil && call.as.session != nil
	if err := input.fits(into.role.MaxSession, chained); err != nil {
		return nil, err
	}
	s.begin(into, lasting(input.lasts, into.role.MaxSession))
	return assumeAnswer(into), nil
}

// lasting is how long a session lasts: an hour unless the caller asks for more or less.
func lasting(asked, most time.Duration) time.Duration {
	if asked == 0 {
		return min(sessionDefault, most)
	}
	return asked
}

func assumeAnswer(h *session) assumeResult {
	return assumeResult{
		Credentials: h.credentials(), SourceIdentity: h.sourceIdentity,
		AssumedRoleUser: assumedRole{Arn: h.arn(), AssumedRoleId: h.role.id + ":" + h.name},
	}
}

// inherit copies the transitive tags and the source identity of the caller's session, which a caller cannot change
// (page "Pass session tags in AWS STS", "Chaining roles").
func (h *session) inherit(from *actor, input *assumeInput) error {
	if from == nil || from.session == nil {
		return nil
	}
	before := from.session
	for _, key := range before.transitive {
		if slices.ContainsFunc(input.tagKeys, func(k string) bool { return strings.EqualFold(k, key) }) {
			return refuse("InvalidParameterValue", "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		}
		h.tags[key] = before.tags[key]
		h.transitive = append(h.transitive, key)
		input.inherited = true
	}
	if before.sourceIdentity != "" {
		if input.sourceIdentity != "" && input.sourceIdentity != before.sourceIdentity {
			return refuse("ValidationError", "The source identity cannot be changed once it is set.")
		}
		h.sourceIdentity, input.sourceIdentity = before.sourceIdentity, before.sourceIdentity
	}
	return nil
}

// assumable finds the role of a request if the caller may assume it with the requested tags and source identity. Other
// callers cannot see whether a role exists.
func (s *Server) assumable(call *request, input *assumeInput) (*role, error) {
	wanted := s.iam.roles[input.arn]
	var trust *iam.Policy
	if wanted != nil {
		trust = wanted.trust
	}
	for _, action := range input.actions(assumeAction) {
		asked := s.authorization(call, action, input.arn, nil)
		asked.Account = input.account
		input.conditions(asked.Context)
		var decision iam.Decision
		if call.as != nil {
			decision = call.as.with(trust).DecideOwned(asked)
		} else {
			allowed, denied := trust.Names(asked)
			decision.Allowed = allowed && !denied
		}
		if wanted == nil || !decision.Allowed {
			because := strings.Replace(decision.Because, "a resource-based policy", "the role trust policy", 1)
			return nil, assumeDenied(denial(call, action, input.arn, because))
		}
	}
	return wanted, nil
}

// actions are the actions of a request: to assume, and to set tags and a source identity if it has them.
func (i *assumeInput) actions(assume string) []string {
	all := []string{assume}
	if len(i.tagKeys) > 0 || i.inherited {
		all = append(all, tagAction)
	}
	if i.sourceIdentity != "" {
		all = append(all, sourceIdentityAction)
	}
	return all
}

// assumeDenied is a denial with STS's code.
func assumeDenied(err error) error {
	refusal := &awsError{code: codeAccessDenied, status: http.StatusForbidden}
	if denied, is := errors.AsType[*awsError](err); is {
		refusal.message = denied.message
	}
	return refusal
}

// toleratedSession is a session of any role, while the server has no identities.
func (s *Server) toleratedSession(input *assumeInput, subject string) assumeResult {
	assumed := assumedRole{Arn: assumedARN(partitionIn(input.arn), input.account, input.role, input.session), AssumedRoleId: "AROALOCAL:" + input.session}
	key := sessionKeyPrefix + randomPassword(uppercase, 11)
	put(&s.principals, key, Principal{Account: input.account, ARN: assumed.Arn})
	lasts := lasting(input.lasts, durationMost*time.Second)
	if s.SessionLifetime > 0 {
		lasts = s.SessionLifetime
	}
	return assumeResult{
		Credentials: credentials{
			AccessKeyId: key, SecretAccessKey: randomPassword(lowercase+uppercase, 40), SessionToken: randomPassword(lowercase+uppercase, 64),
			Expiration: s.expiry(lasts).UTC().Format(time.RFC3339),
		},
		AssumedRoleUser: assumed, SubjectFromWebIdentityToken: subject,
	}
}
