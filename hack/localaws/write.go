package localaws

import "slices"

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
	Tags                        []tag
	AddReplicaRegions           []replicaRegion
	ForceOverwriteReplicaSecret bool
}

type versionAnswer struct {
	ARN, Name     string
	VersionId     string   `json:",omitempty"`
	VersionStages []string `json:",omitempty"`
}

func (s *Server) createSecret(call *request, input *createInput) (any, error) {
	if !namePattern.MatchString(input.Name) {
		return nil, refuse("ValidationException", "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
	}
	if err := s.allow(call, "secretsmanager:CreateSecret", secretARN(call.at, input.Name), nil); err != nil {
		return nil, err
	}
	if old := s.secrets[call.at][input.Name]; old != nil && (old.forgetAt.IsZero() || s.now().Before(old.forgetAt)) {
		return nil, s.existing(old, input)
	}
	made := s.add(call.at, input.Name)
	made.description, made.kmsKey = input.Description, input.KmsKeyId
	for _, t := range input.Tags {
		made.tags[t.Key] = t.Value
	}
	answer := versionAnswer{ARN: made.arn, Name: made.name}
	if input.SecretString != nil || input.SecretBinary != nil {
		v, err := s.addVersion(made, &input.valueInput, []string{stageCurrent})
		if err != nil {
			delete(s.secrets[call.at], input.Name)
			return nil, err
		}
		answer.VersionId = v.id
	}
	call.on = made
	s.labelled(made, nil)
	s.replicate(call.at, made, input.AddReplicaRegions, input.ForceOverwriteReplicaSecret)
	return answer, nil
}

// existing refuses a name that is taken.
func (s *Server) existing(old *secret, input *createInput) error {
	if !old.deleted.IsZero() {
		return refuse("InvalidRequestException", "You can't create this secret because a secret with this name is already scheduled for deletion.")
	}
	return refuse("ResourceExistsException", "The operation failed because the secret %s already exists.", input.Name)
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
		versions: map[string]*version{}, tags: map[string]string{},
	}
	s.secrets[at][name] = made
	return made
}

// addVersion adds a version under its labels. A token that is known with the same value changes
// nothing; with another it is refused (operation PutSecretValue, parameter ClientRequestToken).
func (s *Server) addVersion(to *secret, input *valueInput, stages []string) (*version, error) {
	if err := input.fits(); err != nil {
		return nil, err
	}
	if len(stages) > maxStages {
		return nil, refuse("LimitExceededException", "A version can't have more than %d staging labels.", maxStages)
	}
	id := input.ClientRequestToken
	if id == "" {
		id = newUUID()
	}
	if len(id) < tokenLeast || len(id) > tokenMost {
		return nil, refuse("InvalidParameterException", "ClientRequestToken must be %d-%d characters long.", tokenLeast, tokenMost)
	}
	v, known := to.versions[id]
	if known && v.empty {
		v.text, v.binary, v.created, v.empty = input.SecretString, input.SecretBinary, s.now(), false
	}
	if known && !v.same(input.SecretString, input.SecretBinary) {
		return nil, refuse("ResourceExistsException", "You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", id, to.arn)
	}
	if !known {
		v = &version{id: id, text: input.SecretString, binary: input.SecretBinary, created: s.now()}
		to.versions[id] = v
	}
	if len(to.versions) == 1 && !slices.Contains(stages, stageCurrent) {
		stages = append(stages, stageCurrent)
	}
	for _, stage := range stages {
		to.move(stage, v)
	}
	to.changed = s.now()
	s.abandon(to, v)
	return v, nil
}

// fits says why a value may not be one.
func (i *valueInput) fits() error {
	if i.SecretString != nil && i.SecretBinary != nil {
		return refuse("InvalidParameterException", "You can't specify both a binary secret value and a string secret value in the same secret.")
	}
	size := len(i.SecretBinary)
	if i.SecretString != nil {
		size = len(*i.SecretString)
	}
	if size > maxValue {
		return refuse("ValidationException", "Member must have length less than or equal to %d", maxValue)
	}
	return nil
}

func (s *Server) putSecretValue(_ *request, found *secret, input *valueInput) (any, error) {
	if input.SecretString == nil && input.SecretBinary == nil {
		return nil, refuse("InvalidRequestException", "You must provide either SecretString or SecretBinary.")
	}
	stages := input.VersionStages
	if len(stages) == 0 {
		stages = []string{stageCurrent}
	}
	v, err := s.addVersion(found, input, stages)
	if err != nil {
		return nil, err
	}
	return versionAnswer{ARN: found.arn, Name: found.name, VersionId: v.id, VersionStages: v.stages}, nil
}

type updateInput struct {
	valueInput
	Description, KmsKeyId *string
}

func (s *Server) updateSecret(_ *request, found *secret, input *updateInput) (any, error) {
	answer := versionAnswer{ARN: found.arn, Name: found.name}
	if input.SecretString != nil || input.SecretBinary != nil {
		v, err := s.addVersion(found, &input.valueInput, []string{stageCurrent})
		if err != nil {
			return nil, err
		}
		answer.VersionId = v.id
	}
	if input.Description != nil {
		found.description = *input.Description
	}
	if input.KmsKeyId != nil {
		found.kmsKey = *input.KmsKeyId
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
	if found.primary != "" && call.operation != "GetSecretValue" {
		return nil, refuse("InvalidRequestException", "You can't perform this operation on a replica secret.")
	}
	return found, nil
}

// findAllowed finds a secret if the caller may use it; whether a secret exists is not told to others.
func (s *Server) findAllowed(call *request, id string) (*secret, error) {
	action := "secretsmanager:" + call.operation
	found, err := s.find(call.at, id)
	if err != nil {
		if refusal := s.allow(call, action, id, nil); refusal != nil {
			return nil, refusal
		}
		return nil, err
	}
	call.on = found
	return found, s.allow(call, action, found.arn, found)
}
