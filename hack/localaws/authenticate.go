package localaws

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/secretsync/secretsync/controllers/iam"
	"github.com/secretsync/secretsync/hack/localaws/sigv4"
)

// actor is a caller that IAM knows.
type actor struct {
	iam.Principal
	policies []*iam.Policy
	// session of a role; nil for a user.
	session *session
}

// protocol has a service's codes for errors of authentication.
type protocol struct {
	service                                         string
	missing, incomplete, unknown, mismatch, expired string
	status                                          int
}

// jsonProtocol and queryProtocol have the codes of page "Common Error Types" of each service, as the
// services were seen to answer. Most codes differ between the protocols.
func jsonProtocol() protocol {
	return protocol{
		service: "secretsmanager", missing: "MissingAuthenticationTokenException", incomplete: "IncompleteSignatureException",
		unknown: "UnrecognizedClientException", mismatch: "InvalidSignatureException", expired: "ExpiredTokenException",
		status: http.StatusBadRequest,
	}
}

func queryProtocol() protocol {
	return protocol{
		service: "sts", missing: "MissingAuthenticationToken", incomplete: "IncompleteSignature",
		unknown: "InvalidClientTokenId", mismatch: "SignatureDoesNotMatch", expired: "ExpiredToken",
		status: http.StatusForbidden,
	}
}

func (p protocol) refuse(code, text string) error {
	return &awsError{code: code, message: text, status: p.status}
}

const (
	textUnknown  = "The security token included in the request is invalid."
	textExpired  = "The security token included in the request is expired"
	textMismatch = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)

// regionPattern is what AWS's regions look like.
var regionPattern = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-\d$`)

// authenticate finds the caller. Before there are identities, the access key ID is enough; after that the signature is
// checked.
func (s *Server) authenticate(r *http.Request, call *request, p protocol) error {
	if s.identify(r.Header.Get("Authorization"), call) {
		return nil
	}
	// No principal yet: a refusal is not recorded as a call of the account.
	call.caller = Principal{}
	signature, err := sigv4.Read(r)
	if incomplete, is := errors.AsType[*sigv4.IncompleteError](err); is {
		return p.refuse(p.incomplete, incomplete.Error())
	}
	if err != nil {
		return p.refuse(p.missing, "Request is missing Authentication Token")
	}
	who, secretAccessKey, err := s.holder(signature.AccessKeyID, r.Header.Get("X-Amz-Security-Token"), p)
	if err != nil {
		return err
	}
	if partitionIn(who.ARN) != Partition(signature.Region) {
		return p.refuse(p.unknown, textUnknown) // Access keys are unknown in other partitions.
	}
	if problem := signature.Scope(p.service); problem != "" {
		return p.refuse(p.mismatch, problem)
	}
	if !regionPattern.MatchString(signature.Region) {
		return p.refuse(p.mismatch, "Credential should be scoped to a valid region. ")
	}
	if problem := signature.Skew(s.unshifted()); problem != "" {
		return p.refuse(p.mismatch, problem)
	}
	if !signature.Verify(r, call.body, secretAccessKey) {
		return p.refuse(p.mismatch, textMismatch)
	}
	call.as = who
	call.caller = Principal{Account: who.Account, ARN: who.ARN}
	call.at = place{account: who.Account, region: signature.Region}
	return nil
}

// holder finds the holder of an access key, and its secret access key.
func (s *Server) holder(accessKeyID, token string, p protocol) (who *actor, secretAccessKey string, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if u := s.iam.users[accessKeyID]; u != nil && token == "" {
		return &actor{policies: u.policies, Principal: iam.Principal{
			Account: u.Account, ARN: u.arn, UserID: "AIDA" + accessKeyID, Type: "User", Tags: u.Tags,
		}}, u.SecretAccessKey, nil
	}
	held := s.iam.sessions[accessKeyID]
	if held == nil || held.token != token || s.iam.roles[held.role.arn] == nil || s.iam.roles[held.role.arn].id != held.role.id {
		return nil, "", p.refuse(p.unknown, textUnknown)
	}
	if !s.now().Before(held.expires) {
		return nil, "", p.refuse(p.expired, textExpired)
	}
	now := s.iam.roles[held.role.arn] // Its policies may have changed since the session began.
	return &actor{policies: slices.Concat(now.policies, now.revocations), session: held, Principal: held.principal(now)}, held.secretAccessKey, nil
}

// unshifted is the callers' time: Shift moves only the server's.
func (s *Server) unshifted() time.Time { return s.now().Add(-time.Duration(s.ahead.Load())) }
