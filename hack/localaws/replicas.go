package localaws

import "slices"

type replicaRegion struct{ Region, KmsKeyId string }

type replicaStatus struct{ Region, Status string }

type replicaAnswer struct {
	ARN               string
	ReplicationStatus []replicaStatus `json:",omitempty"`
}

// replicate makes a secret readable in other regions, under the same name and suffix. Replicas share
// the versions of the primary, so they are never behind.
func (s *Server) replicate(at place, primary *secret, regions []replicaRegion) {
	for _, r := range regions {
		elsewhere := place{account: at.account, region: r.Region}
		replica := s.add(elsewhere, primary.name)
		replica.arn = secretARN(elsewhere, primary.name) + primary.arn[len(primary.arn)-7:]
		replica.versions, replica.tags = primary.versions, primary.tags
		replica.primary, replica.kmsKey = at.region, r.KmsKeyId
		primary.replicas = append(primary.replicas, r.Region)
	}
}

type replicateInput struct {
	bySecret
	AddReplicaRegions []replicaRegion
}

func (s *Server) replicateSecretToRegions(call *request, found *secret, input *replicateInput) (any, error) {
	s.replicate(call.at, found, input.AddReplicaRegions)
	return replicaAnswer{ARN: found.arn, ReplicationStatus: s.describe(found).ReplicationStatus}, nil
}

type removeRegionsInput struct {
	bySecret
	RemoveReplicaRegions []string
}

func (s *Server) removeRegionsFromReplication(call *request, found *secret, input *removeRegionsInput) (any, error) {
	for _, region := range input.RemoveReplicaRegions {
		delete(s.secrets[place{account: call.at.account, region: region}], found.name)
	}
	found.replicas = slices.DeleteFunc(found.replicas, func(region string) bool { return slices.Contains(input.RemoveReplicaRegions, region) })
	return replicaAnswer{ARN: found.arn, ReplicationStatus: s.describe(found).ReplicationStatus}, nil
}

// stopReplicationToReplica makes a replica a secret of its own.
func (s *Server) stopReplicationToReplica(call *request, found *secret, _ *bySecret) (any, error) {
	if found.primary == "" {
		return nil, refuse("InvalidRequestException", "The secret is not a replica.")
	}
	primary := s.secrets[place{account: call.at.account, region: found.primary}][found.name]
	if primary != nil {
		primary.replicas = slices.DeleteFunc(primary.replicas, func(region string) bool { return region == call.at.region })
	}
	own := map[string]*version{}
	for id, v := range found.versions {
		twin := *v
		twin.stages = slices.Clone(v.stages)
		own[id] = &twin
	}
	found.versions, found.primary = own, ""
	return replicaAnswer{ARN: found.arn}, nil
}
