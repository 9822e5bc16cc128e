package localaws

// kmsKey is a customer managed key. A secret without one, or with a key that was never set up here,
// is decrypted for everybody, as with the key aws/secretsmanager.
type kmsKey struct {
	disabled bool
	denied   []string
}

// DisableKey makes a KMS key unable to decrypt, or able again.
func (s *Server) DisableKey(key string, disabled bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.key(key).disabled = disabled
}

// DenyKey refuses a KMS key to principals that match one of the patterns; none allows all again.
func (s *Server) DenyKey(key string, principals ...string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.key(key).denied = principals
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

func (s *Server) decrypt(call *request, found *secret) error {
	key, known := s.keys[found.kmsKey]
	if !known {
		return nil
	}
	if key.disabled {
		return refuse("DecryptionFailure", "Secrets Manager can't decrypt the protected secret text using the provided KMS key.")
	}
	for _, pattern := range key.denied {
		if like(pattern, call.caller.ARN) {
			return refuse("AccessDeniedException", "Access to KMS is not allowed")
		}
	}
	return nil
}
