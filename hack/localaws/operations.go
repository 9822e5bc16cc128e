package localaws

// operationFunc runs a call, or refuses it.
type operationFunc func(*Server, *request) (any, error)

// operations are the operations of Secrets Manager, by name.
func operations() map[string]operationFunc {
	return map[string]operationFunc{
		"CreateSecret":                 onInput((*Server).createSecret),
		"PutSecretValue":               onUsable((*Server).putSecretValue),
		"UpdateSecret":                 onUsable((*Server).updateSecret),
		"UpdateSecretVersionStage":     onUsable((*Server).updateSecretVersionStage),
		"GetSecretValue":               onInput((*Server).getSecretValue),
		"BatchGetSecretValue":          onInput((*Server).batchGetSecretValue),
		"DescribeSecret":               onSecret((*Server).describeSecret),
		"ListSecrets":                  onInput((*Server).listSecrets),
		"ListSecretVersionIds":         onSecret((*Server).listSecretVersionIDs),
		"DeleteSecret":                 deletion(),
		"RestoreSecret":                onSecret((*Server).restoreSecret),
		"RotateSecret":                 onUsable((*Server).rotateSecret),
		"CancelRotateSecret":           onUsable((*Server).cancelRotateSecret),
		"TagResource":                  onUsable((*Server).tagResource),
		"UntagResource":                onUsable((*Server).untagResource),
		"PutResourcePolicy":            onUsable((*Server).putResourcePolicy),
		"GetResourcePolicy":            onSecret((*Server).getResourcePolicy),
		"DeleteResourcePolicy":         onUsable((*Server).deleteResourcePolicy),
		"ValidateResourcePolicy":       onInput((*Server).validateResourcePolicy),
		"GetRandomPassword":            onInput((*Server).getRandomPassword),
		"ReplicateSecretToRegions":     onUsable((*Server).replicateSecretToRegions),
		"RemoveRegionsFromReplication": onUsable((*Server).removeRegionsFromReplication),
		"StopReplicationToReplica":     onSecret((*Server).stopReplicationToReplica),
	}
}

// bySecret is the part of an input that names a secret.
type bySecret struct{ SecretId string }

func (b *bySecret) id() string { return b.SecretId }

// naming are inputs that contain bySecret.
type naming[I any] interface {
	*I
	id() string
}

// onInput makes an operation of a function of its input. The mutex is held meanwhile.
func onInput[I any](work func(*Server, *request, *I) (any, error)) operationFunc {
	return func(s *Server, call *request) (any, error) {
		input := new(I)
		if err := call.decode(input); err != nil {
			return nil, err
		}
		call.input, _ = any(input).(conditioned)
		if input, has := any(input).(limited); has {
			if err := input.check(); err != nil {
				return nil, err
			}
		}
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.catchUp()
		s.expire()
		call.sees = s.look(call)
		return work(s, call, input)
	}
}

// onSecret makes an operation of a function of a secret, in any state, that the caller may use for it.
func onSecret[I any, P naming[I]](work func(*Server, *request, *secret, *I) (any, error)) operationFunc {
	return finding[I, P]((*Server).findAllowed, work)
}

// onUsable is onSecret for secrets that are neither marked for deletion nor replicas.
func onUsable[I any, P naming[I]](work func(*Server, *request, *secret, *I) (any, error)) operationFunc {
	return finding[I, P]((*Server).open, work)
}

func finding[I any, P naming[I]](find func(*Server, *request, string) (*secret, error), work func(*Server, *request, *secret, *I) (any, error)) operationFunc {
	return onInput(func(s *Server, call *request, input *I) (any, error) {
		on, err := find(s, call, P(input).id())
		if err != nil {
			return nil, err
		}
		if quiet(call.operation) {
			return work(s, call, on, input)
		}
		before := on.labels()
		answer, err := work(s, call, on, input)
		if err == nil && !call.ignored {
			on.changed = s.now() // Any change counts (field LastChangedDate of DescribeSecret).
			s.labelled(on, before)
			s.noted(on.place(), on.name)
			s.spread(on)
		}
		return answer, err
	})
}
