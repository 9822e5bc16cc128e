package localaws

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

type replicaRegion struct{ Region, KmsKeyId string }

// replicaStatus is the status of a replica.
type replicaStatus struct {
	Region        string
	KmsKeyId      string `json:",omitempty"`
	Status        string
	StatusMessage string `json:",omitempty"`
}

const (
	replicaInSync     = "InSync"
	replicaInProgress = "InProgress"
	replicaFailed     = "Failed"

	// managedKey is the key of a replica for which no key is given.
	managedKey = "alias/aws/secretsmanager"
)

type replicaAnswer struct {
	ARN               string
	ReplicationStatus []replicaStatus `json:",omitzero"`
}

// transfer is a state of a primary that is being copied to a region.
type transfer struct {
	primary   *secret
	at        place
	due       time.Time
	versions  map[string]*version
	tags      map[string]string
	described string
	// first says that the transfer creates the replica.
	first bool
}

// SetReplicationLag sets how late replicas follow their primary, by the server's clock. 0 finishes waiting copies at
// once, and from then on replicas never lag. A region where Secrets Manager is down gets its state when it is back.
func (s *Server) SetReplicationLag(lag time.Duration) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.lag = lag
	if lag <= 0 {
		for _, t := range s.transfers {
			t.due = time.Time{}
		}
	}
	s.catchUp()
}

// elsewhere refuses a replica in the secret's own region.
func elsewhere(at place, regions []replicaRegion) error {
	if slices.ContainsFunc(regions, func(r replicaRegion) bool { return r.Region == at.region }) {
		return refuse("InvalidParameterException", "Invalid replica region.")
	}
	return nil
}

// ownKey is a customer managed key, or empty for the key aws/secretsmanager.
func ownKey(key string) string {
	if key == managedKey {
		return ""
	}
	return key
}

// replicate starts to replicate a secret to other regions, under the same name and suffix.
func (s *Server) replicate(at place, primary *secret, regions []replicaRegion, overwrite bool) {
	for _, r := range regions {
		status := &replicaStatus{Region: r.Region, KmsKeyId: cmp.Or(r.KmsKeyId, managedKey), Status: replicaInProgress}
		primary.replicas = append(primary.replicas, status)
		s.publishServiceEvent("ReplicationStarted", primary, nil, "")
		there := s.secrets[place{account: at.account, region: r.Region}][primary.name]
		if there != nil && !overwrite {
			status.Status, status.StatusMessage = replicaFailed, "Replication failed: Secret name "+primary.name+" already exists in region "+r.Region+"."
			s.publishServiceEvent("ReplicationFailed", primary, nil, status.StatusMessage)
			continue
		}
		s.depart(primary, status, true)
	}
	s.catchUp()
}

// spread sends the present state of a primary to its replicas.
func (s *Server) spread(primary *secret) {
	for _, status := range primary.replicas {
		if status.Status != replicaFailed {
			status.Status, status.StatusMessage = replicaInProgress, ""
			s.depart(primary, status, false)
		}
	}
	s.catchUp()
}

func (s *Server) depart(primary *secret, to *replicaStatus, first bool) {
	t := &transfer{primary: primary, at: place{account: primary.place().account, region: to.Region}, due: s.now().Add(s.lag), first: first,
		versions: twins(primary.versions), tags: maps.Clone(primary.tags), described: primary.description}
	s.transfers = append(s.transfers, t)
}

// twins are copies of versions whose labels move independently.
func twins(versions map[string]*version) map[string]*version {
	own := map[string]*version{}
	for id, v := range versions {
		twin := *v
		twin.stages = slices.Clone(v.stages)
		own[id] = &twin
	}
	return own
}

// catchUp copies the states that are due to their regions, in the order in which they were sent.
func (s *Server) catchUp() {
	if len(s.transfers) == 0 {
		return
	}
	now := s.now()
	var due, later []*transfer
	for _, t := range s.transfers {
		if now.Before(t.due) || s.down("secretsmanager", t.at.region) != "" {
			later = append(later, t)
		} else {
			due = append(due, t)
		}
	}
	s.transfers = later
	for _, t := range due {
		s.arrive(t)
	}
}

func (s *Server) arrive(t *transfer) {
	status := t.primary.replica(t.at.region)
	if status == nil {
		return // The region was removed from the replication meanwhile.
	}
	replica := s.secrets[t.at][t.primary.name]
	if t.first {
		replica = s.add(t.at, t.primary.name)
		replica.arn = secretARN(t.at, t.primary.name) + t.primary.arn[len(t.primary.arn)-7:]
		replica.primary, replica.kmsKey = t.primary.place().region, ownKey(status.KmsKeyId)
	}
	if replica == nil || replica.primary == "" {
		return
	}
	for _, v := range t.versions {
		v.kmsKey = replica.kmsKey
	}
	replica.versions, replica.tags, replica.description, replica.changed = t.versions, t.tags, t.described, s.now()
	s.noted(t.at, replica.name)
	if !slices.ContainsFunc(s.transfers, func(later *transfer) bool { return later.primary == t.primary && later.at == t.at }) {
		status.Status, status.StatusMessage = replicaInSync, "Replication succeeded"
	}
	if t.first {
		s.publishServiceEvent("ReplicationSucceeded", t.primary, nil, "")
	}
}

// primaryRegion is the region of a replicated secret's primary: its own if it is the primary.
func (s *secret) primaryRegion() string {
	if s.primary == "" && len(s.replicas) > 0 {
		return s.place().region
	}
	return s.primary
}

// replica finds the status of the replica in a region; nil if there is none.
func (s *secret) replica(region string) *replicaStatus {
	for _, status := range s.replicas {
		if status.Region == region {
			return status
		}
	}
	return nil
}

// statuses are the statuses of all replicas.
func (s *secret) statuses() []replicaStatus {
	var all []replicaStatus
	for _, status := range s.replicas {
		all = append(all, *status)
	}
	return all
}

type replicateInput struct {
	bySecret
	AddReplicaRegions           []replicaRegion
	ForceOverwriteReplicaSecret bool
}

func (s *Server) replicateSecretToRegions(call *request, found *secret, input *replicateInput) (any, error) {
	if err := elsewhere(call.at, input.AddReplicaRegions); err != nil {
		return nil, err
	}
	s.replicate(call.at, found, input.AddReplicaRegions, input.ForceOverwriteReplicaSecret)
	return replicaAnswer{ARN: found.arn, ReplicationStatus: found.statuses()}, nil
}

type removeRegionsInput struct {
	bySecret
	RemoveReplicaRegions []string
}

func (s *Server) removeRegionsFromReplication(call *request, found *secret, input *removeRegionsInput) (any, error) {
	for _, region := range input.RemoveReplicaRegions {
		at := place{account: call.at.account, region: region}
		if there := s.secrets[at][found.name]; there != nil && there.primary != "" {
			delete(s.secrets[at], found.name)
			s.noted(at, found.name)
		}
	}
	found.replicas = slices.DeleteFunc(found.replicas, func(status *replicaStatus) bool { return slices.Contains(input.RemoveReplicaRegions, status.Region) })
	return replicaAnswer{ARN: found.arn, ReplicationStatus: append([]replicaStatus{}, found.statuses()...)}, nil
}

// stopReplicationToReplica promotes a replica to a standalone secret.
func (s *Server) stopReplicationToReplica(call *request, found *secret, _ *bySecret) (any, error) {
	if found.primary == "" {
		return nil, refuse("InvalidRequestException", "The secret is not a replica.")
	}
	primary := s.secrets[place{account: call.at.account, region: found.primary}][found.name]
	if primary != nil {
		primary.replicas = slices.DeleteFunc(primary.replicas, func(status *replicaStatus) bool { return status.Region == call.at.region })
		s.noted(primary.place(), primary.name)
	}
	found.primary = ""
	return replicaAnswer{ARN: found.arn}, nil
}
