package localaws

import (
	"fmt"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/controllers/iam"
)

// kmsKey is a customer managed key. A secret without a key, or with a key that was never set up here,
// is decrypted for all callers, as with the key aws/secretsmanager.
type kmsKey struct {
	disabled bool
	denied   []string
	// policy is the key policy; nil leaves all to the policies of the key's account, as the console's default key
	// policy does.
	policy *iam.Policy
	// granted are principals with a grant for kms:Decrypt.
	granted []string
}

// DisableKey disables or enables a KMS key.
func (s *Server) DisableKey(key string, disabled bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.key(key).disabled = disabled
}

// DenyKey denies a KMS key to principals that match one of the patterns; without patterns it allows all again.
func (s *Server) DenyKey(key string, principals ...string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.key(key).denied = principals
}

// SetKeyPolicy sets a KMS key's policy, in JSON, and grants of kms:Decrypt to principals by their ARNs. They apply to
// callers with an identity; an empty policy leaves the key to the policies of its account.
func (s *Server) SetKeyPolicy(key, policy string, grants ...string) error {
	parsed, err := (*iam.Policy)(nil), error(nil)
	if policy != "" {
		if parsed, err = iam.ParseResource(policy); err != nil {
			return fmt.Errorf("setting the policy of key %s: %w", key, err)
		}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.key(key).policy, s.key(key).granted = parsed, grants
	return nil
}

func (s *Server) key(key string) *kmsKey {
	if s.keys == nil {
		s.keys = map[string]*kmsKey{}
	}
	if s.keys[key] == nil {
		s.keys[key] = &kmsKey{}
	}
	return s.keys[key]
}

func (s *Server) decrypt(call *request, on *secret) error {
	if key := s.keys[on.kmsKey]; key != nil {
		if key.disabled {
			return refuse("DecryptionFailure", "Secrets Manager can't decrypt the protected secret text using the provided KMS key.")
		}
		if slices.ContainsFunc(key.denied, func(pattern string) bool { return like(pattern, call.caller.ARN) }) {
			return refuse("AccessDeniedException", "Access to KMS is not allowed")
		}
	}
	if call.as == nil {
		return nil
	}
	if on.kmsKey == "" || strings.HasSuffix(on.kmsKey, "alias/aws/secretsmanager") {
		if call.as.Account != accountOf(on.arn) {
			return refuse("InvalidRequestException", "You can't access a secret from a different AWS account if you encrypt the secret with the default KMS service key.")
		}
		return nil
	}
	if !s.mayDecrypt(call, on) {
		return refuse("AccessDeniedException", "Access to KMS is not allowed")
	}
	return nil
}

// mayDecrypt says whether a key's policy and grants, and the caller's policies, allow the call of kms:Decrypt that
// Secrets Manager makes for the caller (page "Secret encryption and decryption in AWS Secrets Manager").
func (s *Server) mayDecrypt(call *request, on *secret) bool {
	arn, region := on.kmsKey, strings.Split(on.arn, ":")[3]
	if !strings.HasPrefix(arn, "arn:") {
		arn = newARN(Partition(region), "kms", region, accountOf(on.arn), "key/"+arn)
	}
	asked := s.authorization(call, "kms:Decrypt", arn, nil)
	asked.Account = accountOf(arn)
	_, suffix := partitionAndSuffix(region)
	asked.Context.Set("kms:ViaService", "secretsmanager."+region+"."+suffix)
	asked.Context.Set("kms:CallerAccount", call.as.Account)
	asked.Context.Set("kms:EncryptionContext:SecretARN", on.arn)
	asked.Context.Set("kms:EncryptionContextKeys", "SecretARN", "SecretVersionId")
	key := s.keys[on.kmsKey]
	if key == nil || key.policy == nil {
		own, err := iam.ParseResource(`{"Statement": {"Effect": "Allow", "Principal": {"AWS": "` + newARN(partitionIn(arn), "iam", "", asked.Account, "root") + `"}, "Action": "kms:*", "Resource": "*"}}`)
		if err != nil {
			return false
		}
		return s.granted(call, key, call.as.with(own).DecideOwned(asked))
	}
	return s.granted(call, key, call.as.with(key.policy).DecideOwned(asked))
}

// granted says whether a grant allows what no policy allows. It never overrides a deny.
func (s *Server) granted(call *request, key *kmsKey, decision iam.Decision) bool {
	if decision.Allowed || key == nil || strings.HasPrefix(decision.Because, "with an explicit deny") {
		return decision.Allowed
	}
	return slices.Contains(key.granted, call.as.Identity()) || slices.Contains(key.granted, call.as.ARN)
}
