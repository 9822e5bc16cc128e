package localaws

import (
	"time"

	"github.com/secretsync/secretsync/controllers/iam"
)

// session is the session of temporary credentials.
type session struct {
	role                                *role
	name, sourceIdentity                string
	accessKeyID, secretAccessKey, token string
	issued, expires                     time.Time
	// tags are the session tags, including inherited ones; transitive are the keys of those that the next session
	// inherits.
	tags       map[string]string
	transitive []string
	// bound is the session policy; nil if there is none.
	bound *iam.Policy
}

// arn is the ARN of the assumed role, which lacks the role's path.
func (h *session) arn() string {
	return assumedARN(partitionIn(h.role.arn), h.role.Account, h.role.Name, h.name)
}

func (h *session) principal(now *role) iam.Principal {
	return iam.Principal{
		Account: h.role.Account, ARN: h.arn(), RoleARN: h.role.arn, UserID: h.role.id + ":" + h.name, Type: "AssumedRole",
		Tags: merged(now.Tags, h.tags), SourceIdentity: h.sourceIdentity,
	}
}

// begin sets a session's credentials and times. The mutex must be held.
func (s *Server) begin(h *session, lasts time.Duration) *session {
	if s.SessionLifetime > 0 {
		lasts = s.SessionLifetime
	}
	h.issued, h.expires = s.now(), s.expiry(lasts)
	h.accessKeyID = sessionKeyPrefix + randomPassword(uppercase, 11)
	h.secretAccessKey, h.token = randomPassword(lowercase+uppercase, 40), randomPassword(lowercase+uppercase, 64)
	put(&s.iam.sessions, h.accessKeyID, h)
	return h
}

// expiry is when a session that begins now ends, in whole seconds as in AWS.
func (s *Server) expiry(lasts time.Duration) time.Time {
	return s.now().Add(lasts + time.Second - 1).Truncate(time.Second)
}

func (h *session) credentials() credentials {
	return credentials{
		AccessKeyId: h.accessKeyID, SecretAccessKey: h.secretAccessKey, SessionToken: h.token,
		Expiration: h.expires.UTC().Format(time.RFC3339),
	}
}
