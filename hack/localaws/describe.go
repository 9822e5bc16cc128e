package localaws

import "slices"

type rotationRules struct {
	AutomaticallyAfterDays *int64 `json:",omitempty"`
	Duration               string `json:",omitempty"`
	ScheduleExpression     string `json:",omitempty"`
}

// description is the answer of DescribeSecret, and an entry in that of ListSecrets.
type description struct {
	ARN, Name         string
	Description       string         `json:",omitempty"`
	Type              string         `json:",omitempty"`
	KmsKeyId          string         `json:",omitempty"`
	RotationEnabled   bool           `json:",omitempty"`
	RotationLambdaARN string         `json:",omitempty"`
	RotationRules     *rotationRules `json:",omitempty"`

	ExternalSecretRotationMetadata []rotationMetadata `json:",omitempty"`
	ExternalSecretRotationRoleArn  string             `json:",omitempty"`

	LastRotatedDate        *epoch              `json:",omitempty"`
	NextRotationDate       *epoch              `json:",omitempty"`
	LastChangedDate        *epoch              `json:",omitempty"`
	LastAccessedDate       *epoch              `json:",omitempty"`
	DeletedDate            *epoch              `json:",omitempty"`
	CreatedDate            *epoch              `json:",omitempty"`
	Tags                   []tag               `json:",omitzero"`
	VersionIdsToStages     map[string][]string `json:",omitempty"`
	SecretVersionsToStages map[string][]string `json:",omitempty"`
	OwningService          string              `json:",omitempty"`
	PrimaryRegion          string              `json:",omitempty"`
	ReplicationStatus      []replicaStatus     `json:",omitempty"`
}

func (s *Server) describe(found *secret) description {
	d := description{
		ARN: found.arn, Name: found.name, Description: found.description, KmsKeyId: found.kmsKey,
		LastRotatedDate: epochOrNil(found.lastRotated), LastChangedDate: epochOrNil(found.changed),
		LastAccessedDate: epochOrNil(found.accessed), DeletedDate: epochOrNil(found.deleted), CreatedDate: epochOrNil(found.created),
		Tags: found.tagList(), OwningService: found.owningService, PrimaryRegion: found.primaryRegion(), ReplicationStatus: found.statuses(),
		RotationEnabled: found.rotation.enabled, RotationLambdaARN: found.rotation.function,
		RotationRules: found.rotation.rules, NextRotationDate: epochOrNil(found.rotation.next),
		Type: found.partner, ExternalSecretRotationMetadata: found.rotation.metadata, ExternalSecretRotationRoleArn: found.rotation.role,
	}
	if !found.rotation.enabled {
		d.LastRotatedDate, d.NextRotationDate = nil, nil // As the documentation of the fields says.
	}
	return d
}

func (s *Server) describeSecret(_ *request, found *secret, _ *bySecret) (any, error) {
	d := s.describe(found)
	d.VersionIdsToStages = found.stagesByVersion()
	return d, nil
}

type versionsInput struct {
	bySecret
	IncludeDeprecated bool
	MaxResults        *int64
	NextToken         string
}

// versionEntry is a version in the answer of ListSecretVersionIds.
type versionEntry struct {
	VersionId        string
	VersionStages    []string `json:",omitempty"`
	LastAccessedDate *epoch   `json:",omitempty"`
	CreatedDate      epoch
	KmsKeyIds        []string
}

func (v *version) entry() versionEntry {
	key := v.kmsKey
	if key == "" {
		key = defaultKey
	}
	return versionEntry{
		VersionId: v.id, VersionStages: slices.Sorted(slices.Values(v.stages)), LastAccessedDate: epochOrNil(v.accessed),
		CreatedDate: epoch(v.created), KmsKeyIds: []string{key},
	}
}

func (s *Server) listSecretVersionIDs(_ *request, found *secret, input *versionsInput) (any, error) {
	var listed []*version
	for _, v := range found.versions {
		if input.IncludeDeprecated || len(v.stages) > 0 {
			listed = append(listed, v)
		}
	}
	slices.SortFunc(listed, func(a, b *version) int { return b.created.Compare(a.created) })
	page, next, err := paginate(listed, input.NextToken, wanted(input.MaxResults, listMost))
	if err != nil {
		return nil, err
	}
	answer := struct {
		ARN, Name string
		Versions  []versionEntry
		NextToken string `json:",omitempty"`
	}{ARN: found.arn, Name: found.name, Versions: []versionEntry{}, NextToken: next}
	for _, v := range page {
		answer.Versions = append(answer.Versions, v.entry())
	}
	return answer, nil
}
