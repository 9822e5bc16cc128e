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

func (s *Server) replicateSecretToRegions(call *request) (any, error) {
	var input struct {
		SecretId          string
		AddReplicaRegions []replicaRegion
	}
	if err := call.decode(&input); err != nil {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found, err := s.open(call, input.SecretId)
	if err != nil {
		return nil, err
	}
	s.replicate(call.at, found, input.AddReplicaRegions)
	return replicaAnswer{ARN: found.arn, ReplicationStatus: s.describe(found).ReplicationStatus}, nil
}

func (s *Server) removeRegionsFromReplication(call *request) (any, error) {
	var input struct {
		SecretId             string
		RemoveReplicaRegions []string
	}
	if err := call.decode(&input); err != nil {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found, err := s.open(call, input.SecretId)
	if err != nil {
		return nil, err
	}
	for _, region := range input.RemoveReplicaRegions {
		delete(s.secrets[place{account: call.at.account, region: region}], found.name)
	}
	found.replicas = slices.DeleteFunc(found.replicas, func(region string) bool { return slices.Contains(input.RemoveReplicaRegions, region) })
	return replicaAnswer{ARN: found.arn, ReplicationStatus: s.describe(found).ReplicationStatus}, nil
}

// stopReplicationToReplica makes a replica a secret of its own.
func (s *Server) stopReplicationToReplica(call *request) (any, error) {
	var input struct{ SecretId string }
	if err := call.decode(&input); err != nil {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found, err := s.findAllowed(call, input.SecretId)
	if err != nil {
		return nil, err
	}
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
