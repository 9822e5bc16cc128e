package model

import "strings"

// Staging labels in use: those of AWS, and two custom ones.
const (
	current, previous, pending = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"
	live, blue                 = "LIVE", "BLUE"
)

// content is the value of a version.
type content struct {
	text   string
	binary bool
	// fields are the fields of a JSON object by name, each as the text in a Secret; nil for any other content.
	fields map[string]string
	// broken says that the text begins like a JSON object but is not valid.
	broken bool
}

// version is one version of a secret, of the present life or a former one.
type version struct {
	content
	number, life int
	id           string
}

// condition says whether a secret exists, is being deleted, or is gone.
type condition int

const (
	present condition = iota
	marked
	gone
)

// state is the state of a secret at one moment.
type state struct {
	arn string
	is  condition
	// life counts how often the secret was created: a recreated secret has another ARN and no old versions.
	life   int
	labels map[string]*version
}

// moment is the state of all secrets at one time. Values that are published together must be of the same moment.
type moment map[*awsSecret]state

// awsSecret is one secret in AWS, as it is now.
type awsSecret struct {
	name string
	state
	versions []*version
}

// begin starts a life of the secret.
func (s *awsSecret) begin(arn string) {
	s.life++
	s.arn, s.is, s.versions, s.labels = arn, present, nil, map[string]*version{}
}

// put adds a version under its labels.
func (s *awsSecret) put(v *version, labels ...string) {
	s.versions = append(s.versions, v)
	before := s.labels[current]
	for _, label := range labels {
		s.move(label, v)
	}
	if s.labels[current] != before && s.labels[pending] == before { // It loses AWSPENDING with AWSCURRENT.
		delete(s.labels, pending)
	}
}

// move puts a label on a version, or takes it off all. AWSPREVIOUS goes to where AWSCURRENT comes from.
func (s *awsSecret) move(label string, to *version) {
	from := s.labels[label]
	if from == to {
		return
	}
	delete(s.labels, label)
	if to != nil {
		s.labels[label] = to
	}
	if label == current && from != nil {
		s.move(previous, from)
	}
}

// slot is a SecretSync that is deleted and recreated at times.
type slot struct {
	namespace, name string
	merge           bool
	exists          bool
	spec            spec
	// lately are the specs that it had since the last settling.
	lately []spec
	// moved says that it was deleted, or got another target, since the last settling.
	moved bool
	// editedInShared says that the foreign hand has written one of its keys in a shared Secret.
	editedInShared bool
	// calm says that no step has changed it since it was last in sync.
	calm bool
	// late says that since the last settling the operator first reconciled it, or a new spec of it, while reads of its
	// secrets could be stale.
	late bool
	// reached is the progress of the operator's writes since the last settling, by each of its latest specs; nil if
	// nothing was written, or if no write can be by that spec any more.
	reached []progress
}

// setSpec gives the slot a spec.
func (s *slot) setSpec(next spec) {
	s.moved = s.moved || s.exists && next.target != s.spec.target
	next.first = !s.exists
	s.exists, s.calm, s.spec = true, false, next
	s.lately = append(s.lately, next)
}

// recordDeletion records that the SecretSync was deleted.
func (s *slot) recordDeletion() { s.exists, s.calm, s.moved = false, false, true }

// settled records that the operator has done all its work.
func (s *slot) settled(ready bool) {
	s.calm, s.late, s.reached = ready, false, nil
	if s.exists && s.spec.observes && !s.spec.suspended {
		s.lately = []spec{s.spec} // What is left to clean up stays until it writes again.
		return
	}
	if s.exists && !ready {
		return // What the operator cannot do now, it does later.
	}
	s.moved, s.editedInShared, s.lately = false, false, nil
	if s.exists {
		s.lately = []spec{s.spec}
	}
}

// deletes says whether one of the latest specs deletes the Secret with the SecretSync; retains whether one retains it.
func (s *slot) deletes() bool { return s.some(func(by *spec) bool { return !by.retain }) }
func (s *slot) retains() bool { return s.some(func(by *spec) bool { return by.retain }) }

// replaces says whether one of the latest specs recreates the Secret to change it.
func (s *slot) replaces() bool { return s.some(func(by *spec) bool { return by.immutable }) }

func (s *slot) some(holds func(*spec) bool) bool {
	for i := range s.lately {
		if holds(&s.lately[i]) {
			return true
		}
	}
	return false
}

// names are the names of the Secrets that the slot may write.
func (s *slot) names() []string {
	if s.merge {
		return []string{sharedName}
	}
	return []string{s.name, s.name + "-too"}
}

// part are the slot's keys in a Secret.
func (s *slot) part(keys map[string]string) map[string]string {
	if !s.merge {
		return keys
	}
	part := map[string]string{}
	for key, value := range keys {
		if strings.HasPrefix(key, s.name+"-") {
			part[key] = value
		}
	}
	return part
}

// sharedName is the Secret in each namespace that SecretSyncs merge into.
const sharedName = "shared"

func (s *slot) String() string { return s.namespace + "/" + s.name }
