package localaws

import (
	"cmp"
	"slices"
)

type valueInput struct {
	bySecret
	ClientRequestToken string
	SecretString       *string
	SecretBinary       []byte
	VersionStages      []string
}

type createInput struct {
	valueInput
	Name, Description, KmsKeyId string
	// Type is that of a managed external secret.
	Type                        string
	Tags                        []tag
	AddReplicaRegions           []replicaRegion
	ForceOverwriteReplicaSecret bool
}

type versionAnswer struct {
	ARN, Name         string
	VersionId         string          `json:",omitempty"`
	VersionStages     []string        `json:",omitempty"`
	ReplicationStatus []replicaStatus `json:",omitempty"`
}

func (s *Server) createSecret(call *request, input *createInput) (any, error) {
	if err := checkName(input.Name); err != nil {
		return nil, err
	}
	if err := s.allow(call, "secretsmanager:CreateSecret", secretARN(call.at, input.Name), nil); err != nil {
		return nil, err
	}
	if err := elsewhere(call.at, input.AddReplicaRegions); err != nil {
		return nil, err
	}
	if old := s.secrets[call.at][input.Name]; old != nil && !s.removed(old) {
		return s.existing(call, old, input)
	}
	made := s.add(call.at, input.Name)
	made.description, made.kmsKey, made.partner = input.Description, input.KmsKeyId, input.Type
	made.tag(input.Tags)
	answer := versionAnswer{ARN: made.arn, Name: made.name}
	if input.SecretString != nil || input.SecretBinary != nil {
		v, _, err := s.addVersion(made, &input.valueInput, []string{stageCurrent})
		if err != nil {
			delete(s.secrets[call.at], input.Name)
			return nil, err
		}
		answer.VersionId = v.id
	}
	call.on = made
	s.labelled(made, nil)
	s.noted(call.at, made.name)
	s.replicate(call.at, made, input.AddReplicaRegions, input.ForceOverwriteReplicaSecret)
	answer.ReplicationStatus = made.statuses()
	return answer, nil
}

// existing refuses a name that is taken, and answers a repeated call like the first one
// (operation CreateSecret, parameter ClientRequestToken).
func (s *Server) existing(call *request, old *secret, input *createInput) (any, error) {
	if !old.deleted.IsZero() {
		return nil, refuse("InvalidRequestException", "You can't create this secret because a secret with this name is already scheduled for deletion.")
	}
	v, known := old.versions[input.ClientRequestToken]
	switch {
	case !known:
		return nil, refuse("ResourceExistsException", "The operation failed because the secret %s already exists.", input.Name)
	case !v.same(input.SecretString, input.SecretBinary):
		return nil, tokenTaken(old, v.id)
	}
	call.on, call.ignored = old, true
	return versionAnswer{ARN: old.arn, Name: old.name, VersionId: v.id}, nil
}

func tokenTaken(of *secret, token string) error {
	return refuse("ResourceExistsException", "You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", token, of.arn)
}

func (s *Server) add(at place, name string) *secret {
	if s.secrets == nil {
		s.secrets = map[place]map[string]*secret{}
	}
	if s.secrets[at] == nil {
		s.secrets[at] = map[string]*secret{}
	}
	made := &secret{
		name: name, arn: secretARN(at, name) + "-" + suffix(),
		created: s.now(), changed: s.now(),
		versions: map[string]*version{},
	}
	s.secrets[at][name] = made
	return made
}

// addVersion adds a version under its labels. A known token with the same value changes nothing and moves no label;
// with another value it is refused (operation PutSecretValue, parameter ClientRequestToken).
func (s *Server) addVersion(to *secret, input *valueInput, stages []string) (v *version, added bool, err error) {
	v, known := to.versions[input.ClientRequestToken]
	if known && !v.empty {
		if !v.same(input.SecretString, input.SecretBinary) {
			return nil, false, tokenTaken(to, v.id)
		}
		return v, false, nil
	}
	if !known {
		v = &version{id: input.ClientRequestToken}
		to.versions[v.id] = v
	}
	v.text, v.binary, v.created, v.kmsKey, v.empty = input.SecretString, input.SecretBinary, s.now(), to.kmsKey, false
	if len(to.versions) == 1 && !slices.Contains(stages, stageCurrent) {
		stages = append(stages, stageCurrent)
	}
	before := to.carrier(stageCurrent)
	for _, stage := range stages {
		to.move(stage, v)
	}
	if before != nil && before != v && to.carrier(stageCurrent) == v && to.carrier(stagePending) == before {
		to.move(stagePending, nil) // A version that loses AWSCURRENT by a put loses AWSPENDING too.
	}
	to.changed = s.now()
	s.abandon(to, v)
	return v, true, nil
}

func (s *Server) putSecretValue(call *request, found *secret, input *valueInput) (any, error) {
	if input.SecretString == nil && input.SecretBinary == nil {
		return nil, refuse("InvalidRequestException", "You must provide either SecretString or SecretBinary.")
	}
	stages := input.VersionStages
	if len(stages) == 0 {
		stages = []string{stageCurrent}
	}
	v, added, err := s.addVersion(found, input, stages)
	if err != nil {
		return nil, err
	}
	call.ignored = !added
	return versionAnswer{ARN: found.arn, Name: found.name, VersionId: v.id, VersionStages: slices.Sorted(slices.Values(v.stages))}, nil
}

type updateInput struct {
	valueInput
	Description, KmsKeyId *string
}

func (s *Server) updateSecret(_ *request, found *secret, input *updateInput) (any, error) {
	answer := versionAnswer{ARN: found.arn, Name: found.name}
	if input.SecretString != nil || input.SecretBinary != nil {
		v, added, err := s.addVersion(found, &input.valueInput, []string{stageCurrent})
		if err != nil {
			return nil, err
		}
		if !added { // Not ignored, as PutSecretValue does (operation UpdateSecret).
			return nil, tokenTaken(found, v.id)
		}
		answer.VersionId = v.id
	}
	if input.Description != nil {
		found.description = *input.Description
	}
	if input.KmsKeyId != nil {
		found.encrypt(*input.KmsKeyId)
	}
	found.changed = s.now()
	return answer, nil
}

type stageInput struct {
	bySecret
	VersionStage                         string
	MoveToVersionId, RemoveFromVersionId *string
}

func (s *Server) updateSecretVersionStage(_ *request, found *secret, input *stageInput) (any, error) {
	holder := found.carrier(input.VersionStage)
	if input.RemoveFromVersionId != nil && (holder == nil || holder.id != *input.RemoveFromVersionId) {
		return nil, refuse("InvalidParameterException", "The parameter RemoveFromVersionId is wrong: staging label %s is not attached to version %s.", input.VersionStage, *input.RemoveFromVersionId)
	}
	if input.MoveToVersionId == nil {
		if input.VersionStage == stageCurrent {
			return nil, refuse("InvalidParameterException", "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.")
		}
		found.move(input.VersionStage, nil)
		return versionAnswer{ARN: found.arn, Name: found.name}, nil
	}
	to, known := found.versions[*input.MoveToVersionId]
	if !known {
		return nil, refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId: %s", *input.MoveToVersionId)
	}
	if holder != nil && holder != to && input.RemoveFromVersionId == nil {
		return nil, refuse("InvalidParameterException", "The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to version %s, so you must explicitly reference that version in RemoveFromVersionId.", input.VersionStage, holder.id)
	}
	if holder != to && len(to.stages) >= maxStages {
		return nil, refuse("LimitExceededException", "A version can't have more than %d staging labels.", maxStages)
	}
	found.move(input.VersionStage, to)
	found.changed = s.now()
	return versionAnswer{ARN: found.arn, Name: found.name}, nil
}

// open finds a secret for the call's operation, if the caller may use it and it is not deleted.
func (s *Server) open(call *request, id string) (*secret, error) {
	found, err := s.findAllowed(call, id)
	if err != nil {
		return nil, err
	}
	if err := usable(found); err != nil {
		return nil, err
	}
	if found.primary != "" {
		return nil, onReplica()
	}
	return found, nil
}

// onReplica refuses changes of a replica.
func onReplica() error {
	return refuse("InvalidParameterException", "Operation not permitted on a replica secret. Call must be made in primary secret's region.")
}

// findAllowed finds a secret if the caller may use it; other callers cannot see whether it exists. Permissions of a
// stale read are decided by the latest state, if there is one.
func (s *Server) findAllowed(call *request, id string) (*secret, error) {
	action := "secretsmanager:" + call.operation
	if err := checkID(id); err != nil {
		return nil, err
	}
	latest, err := s.find(call.at, id)
	found := latest
	if call.sees != nil {
		if found, err = find(call.at, id, call.sees.get), nil; found == nil {
			err = notFound()
		}
	}
	on := cmp.Or(latest, found)
	if on == nil {
		if refusal := s.allow(call, action, id, nil); refusal != nil {
			return nil, refusal
		}
		return nil, err
	}
	call.on = on
	if refusal := s.allow(call, action, on.arn, on); refusal != nil {
		return nil, refusal
	}
	return found, err
}
