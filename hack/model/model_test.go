package model

import (
	"fmt"
	"strings"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

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

// secret is one secret in AWS.
type secret struct {
	name, arn string
	is        condition
	// life counts how often the secret was created: one made anew has another ARN and no old version.
	life     int
	versions []*version
	labels   map[string]*version
	// lately are the versions that a label was on since all was last settled.
	lately map[string][]*version
}

// begin starts a life of the secret.
func (s *secret) begin(arn string) {
	s.life++
	s.arn, s.is, s.versions, s.labels = arn, there, nil, map[string]*version{}
}

// put adds a version under its labels.
func (s *secret) put(v *version, labels ...string) {
	s.versions = append(s.versions, v)
	for _, label := range labels {
		s.move(label, v)
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
		s.lately[label] = append(s.lately[label], to)
	}
	if label == current && from != nil {
		s.move(previous, from)
	}
}

// settled begins to note anew where labels have been lately.
func (s *secret) settled() {
	s.lately = map[string][]*version{}
	for label, v := range s.labels {
		s.lately[label] = []*version{v}
	}
}

// spec is what a SecretSync asks for.
type spec struct {
	from *secret
	// id is how the secret is called: by name, ARN or partial ARN.
	id string
	// life is the one that the ARN is of; zero where any is meant.
	life int
	// label is followed; empty where a version is pinned.
	label  string
	pinned *version
	data   []v1alpha1.DataKey
	target string
	merge  bool
	retain bool
	// suspended stops all work on it.
	suspended bool
}

// points gives the version that the spec points at, or the reason why there is none.
func (s *spec) points() (*version, string) {
	switch {
	case s.from.is == gone, s.life != 0 && s.life != s.from.life:
		return nil, v1alpha1.ReasonSecretNotFound
	case s.from.is == marked:
		return nil, v1alpha1.ReasonSecretPendingDeletion
	}
	v := s.from.labels[s.label]
	if s.pinned != nil && s.pinned.life == s.from.life {
		v = s.pinned
	}
	if v == nil {
		return nil, v1alpha1.ReasonVersionNotFound
	}
	return v, ""
}

// render gives the keys that a version becomes, or the reason why it can't.
func (s *spec) render(v *version) (map[string]string, string) {
	if len(s.data) == 0 {
		switch {
		case v.broken:
			return nil, v1alpha1.ReasonInvalidValue
		case v.fields == nil:
			return map[string]string{"value": v.text}, ""
		}
		return v.fields, ""
	}
	keys := map[string]string{}
	for _, entry := range s.data {
		field, known := v.fields[entry.Property]
		switch {
		case entry.Property == "":
			keys[entry.Key] = v.text
		case v.fields == nil:
			return nil, v1alpha1.ReasonInvalidValue
		case !known:
			return nil, v1alpha1.ReasonPropertyNotFound
		default:
			keys[entry.Key] = field
		}
	}
	return keys, ""
}

// wants gives the version and the keys that the Secret must have, or the reason why it keeps what it has.
func (s *spec) wants() (v *version, keys map[string]string, reason string) {
	if v, reason = s.points(); reason != "" {
		return nil, nil, reason
	}
	keys, reason = s.render(v)
	return v, keys, reason
}

// past gives all the keys that the spec has led to since all was last settled.
func (s *spec) past() (all []map[string]string) {
	versions := s.from.lately[s.label]
	if s.pinned != nil {
		versions = []*version{s.pinned}
	}
	for _, v := range versions {
		if s.life != 0 && v.life != s.life {
			continue
		}
		if keys, reason := s.render(v); reason == "" {
			all = append(all, keys)
		}
	}
	return all
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
}

// takes gives the slot a spec.
func (s *slot) takes(next spec) {
	s.moved = s.moved || s.exists && next.target != s.spec.target
	s.exists, s.calm, s.spec = true, false, next
	s.lately = append(s.lately, next)
}

// goes ends the life of the SecretSync.
func (s *slot) goes() { s.exists, s.calm, s.moved = false, false, true }

// settled says that the operator has done all that there was to do.
func (s *slot) settled(ready bool) {
	s.calm = ready
	if s.exists && !ready {
		return // What the operator can't do now it does later.
	}
	s.moved, s.fingered, s.lately = false, false, nil
	if s.exists {
		s.lately = []spec{s.spec}
	}
}

// past gives all the keys that the slot has wanted since all was last settled. A pass that works by a spec
// may meet a version that came after the next spec: each may go with each.
func (s *slot) past() (all []map[string]string) {
	for i := range s.lately {
		all = append(all, s.lately[i].past()...)
	}
	return all
}

// deletes says whether one of the latest specs lets the Secret go, retains whether one keeps it.
func (s *slot) deletes() bool { return s.some(func(one *spec) bool { return !one.retain }) }
func (s *slot) retains() bool { return s.some(func(one *spec) bool { return one.retain }) }

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

func (s *spec) String() string {
	which := s.label
	if s.pinned != nil {
		which = fmt.Sprintf("v%d", s.pinned.number)
	}
	called := "name"
	switch {
	case s.life != 0:
		called = fmt.Sprintf("ARN of life %d", s.life)
	case s.id != s.from.name:
		called = "partial ARN"
	}
	text := fmt.Sprintf("%s by %s at %s into %s", s.from.name, called, which, s.target)
	for _, entry := range s.data {
		text += fmt.Sprintf(" %s=%s", entry.Key, entry.Property)
	}
	if s.retain {
		text += ", retained"
	}
	if s.suspended {
		text += ", suspended"
	}
	return text
}
