package localaws

import (
	"errors"
	"slices"
)

type valueAnswer struct {
	ARN, Name, VersionId string
	SecretString         *string  `json:",omitempty"`
	SecretBinary         []byte   `json:",omitempty"`
	VersionStages        []string `json:",omitempty"`
	CreatedDate          epoch
}

type readInput struct {
	bySecret
	VersionId, VersionStage string
}

func (s *Server) getSecretValue(call *request, input *readInput) (any, error) {
	return s.read(call, input.SecretId, input.VersionId, input.VersionStage)
}

func (s *Server) read(call *request, secretID, versionID, stage string) (*valueAnswer, error) {
	found, err := s.findAllowed(call, secretID)
	if err != nil {
		return nil, err
	}
	if err := usable(found); err != nil {
		return nil, err
	}
	v, err := pick(found, versionID, stage)
	if err != nil {
		return nil, err
	}
	if err := s.decrypt(call, found); err != nil {
		return nil, err
	}
	call.on.access(v.id, s.now())
	call.read = append(call.read, found.arn)
	return &valueAnswer{
		ARN: found.arn, Name: found.name, VersionId: v.id, SecretString: v.text, SecretBinary: v.binary,
		VersionStages: slices.Sorted(slices.Values(v.stages)), CreatedDate: epoch(v.created),
	}, nil
}

// pick finds a version by ID, by staging label, or by both if they agree.
func pick(found *secret, versionID, stage string) (*version, error) {
	if versionID == "" {
		if stage == "" {
			stage = stageCurrent
		}
		if v := found.carrier(stage); v != nil && !v.empty {
			return v, nil
		}
		return nil, refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: %s", stage)
	}
	v, known := found.versions[versionID]
	if !known || v.empty {
		return nil, refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId: %s", versionID)
	}
	if stage != "" && !slices.Contains(v.stages, stage) {
		return nil, refuse("InvalidRequestException", "You provided a VersionStage that is not associated to the provided VersionId.")
	}
	return v, nil
}

// batchMost is how many secrets one BatchGetSecretValue reads.
const batchMost = 20

type batchInput struct {
	SecretIdList []string
	Filters      []filter
	MaxResults   *int64
	NextToken    string
}

func (s *Server) batchGetSecretValue(call *request, input *batchInput) (any, error) {
	if err := s.allow(call, "secretsmanager:BatchGetSecretValue", "*", nil); err != nil {
		return nil, err
	}
	ids, next := input.SecretIdList, ""
	if len(ids) == 0 {
		if err := s.allow(call, "secretsmanager:ListSecrets", "*", nil); err != nil {
			return nil, err
		}
		matching, err := s.matching(call, input.Filters, false)
		if err != nil {
			return nil, err
		}
		page, token, err := paginate(matching, input.NextToken, wanted(input.MaxResults, batchMost))
		if err != nil {
			return nil, err
		}
		for _, found := range page {
			ids = append(ids, found.arn)
		}
		next = token
	}
	return s.batch(call, ids, next), nil
}

type batchError struct{ SecretId, ErrorCode, Message string }

type batchAnswer struct {
	SecretValues []*valueAnswer
	Errors       []batchError
	NextToken    string `json:",omitempty"`
}

func (s *Server) batch(call *request, ids []string, next string) batchAnswer {
	answer := batchAnswer{SecretValues: []*valueAnswer{}, Errors: []batchError{}, NextToken: next}
	single := *call
	single.operation = "GetSecretValue"
	for _, id := range ids {
		single.input = &bySecret{SecretId: id} // A batch has no staging label.
		value, err := s.read(&single, id, "", stageCurrent)
		if refusal, refused := errors.AsType[*awsError](err); refused {
			answer.Errors = append(answer.Errors, batchError{SecretId: id, ErrorCode: refusal.code, Message: refusal.message})
			continue
		}
		answer.SecretValues = append(answer.SecretValues, value)
	}
	call.read = single.read
	return answer
}
