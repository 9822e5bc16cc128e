package model

import "strings"

// Staging labels that are played with: AWS's own, and two of somebody's.
const (
	current, previous, pending = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"
	live, blue                 = "LIVE", "BLUE"
)

// content is what a version holds.
type content struct {
	text   string
	binary bool
	// fields are those of a JSON object, by name, each as the text that it becomes in a Secret; nil for
	// any other content.
	fields map[string]string
	// broken says that the text begins like a JSON object and is none.
	broken bool
}

// version is one version of a secret, of the present life or a former one.
type version struct {
	content
	number, life int
	id           string
}

// condition is what has become of a secret.
type condition int

const (
	there condition = iota
	marked
	gone
)

// state is what a secret is like at one moment.
type state struct {
	arn string
	is  condition
	// life counts how often the secret was created: one made anew has another ARN and no old version.
	life   int
	labels map[string]*version
}

// moment is what all secrets are like at one time. What is published together stood side by side at one.
type moment map[*secret]state

// secret is one secret in AWS, as it is now.
type secret struct {
	name string
	state
	versions []*version
}

// begin starts a life of the secret.
func (s *secret) begin(arn string) {
	s.life++
	s.arn, s.is, s.versions, s.labels = arn, there, nil, map[string]*version{}
}

// put adds a version under its labels.
func (s *secret) put(v *version, labels ...string) {
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
func (s *secret) move(label string, to *version) {
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

// slot is a SecretSync that comes and goes.
type slot struct {
	namespace, name string
	merge           bool
	exists          bool
	spec            spec
	// lately are the specs that it had since it was last settled.
	lately []spec
	// moved says that it was deleted, or given another target, since it was last settled.
	moved bool
	// fingered says that a foreign hand holds one of its keys in somebody else's Secret.
	fingered bool
	// calm says that nothing was done to it since it was last seen in sync.
	calm bool
	// late says that since all was last settled the operator began to look at it, or at another spec of it, while
	// reads of its secrets may have been stale.
	late bool
	// reached says how far the writes of the operator have come since all was last settled, by each of its latest
	// specs; nil where nothing was written, or where no write can be by that spec any more.
	reached []progress
}

// takes gives the slot a spec.
func (s *slot) takes(next spec) {
	s.moved = s.moved || s.exists && next.target != s.spec.target
	next.first = !s.exists
	s.exists, s.calm, s.spec = true, false, next
	s.lately = append(s.lately, next)
}

// goes ends the life of the SecretSync.
func (s *slot) goes() { s.exists, s.calm, s.moved = false, false, true }

// settled says that the operator has done all that there was to do.
func (s *slot) settled(ready bool) {
	s.calm, s.late, s.reached = ready, false, nil
	if s.exists && s.spec.observes && !s.spec.suspended {
		s.lately = []spec{s.spec} // What is left to tidy is left until it writes again.
		return
	}
	if s.exists && !ready {
		return // What the operator can't do now it does later.
	}
	s.moved, s.fingered, s.lately = false, false, nil
	if s.exists {
		s.lately = []spec{s.spec}
	}
}

// deletes says whether one of the latest specs lets the Secret go, retains whether one keeps it.
func (s *slot) deletes() bool { return s.some(func(by *spec) bool { return !by.retain }) }
func (s *slot) retains() bool { return s.some(func(by *spec) bool { return by.retain }) }

// replaces says whether one of the latest specs has the Secret deleted and made anew to change it.
func (s *slot) replaces() bool { return s.some(func(by *spec) bool { return by.immutable }) }

func (s *slot) some(holds func(*spec) bool) bool {
	for i := range s.lately {
		if holds(&s.lately[i]) {
			return true
		}
	}
	return false
}

// names are those of the Secrets that the slot may write.
func (s *slot) names() []string {
	if s.merge {
		return []string{sharedName}
	}
	return []string{s.name, s.name + "-too"}
}

// part is what of a Secret's keys is the slot's.
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
