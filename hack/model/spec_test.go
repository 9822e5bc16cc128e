package model

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// reading is which version of which secret is read.
type reading struct {
	from *awsSecret
	// id names the secret: a name, an ARN or a partial ARN.
	id string
	// life is the life of the secret that the ARN belongs to; zero means any.
	life int
	// label is followed; empty if a version is pinned.
	label  string
	pinned *version
}

// spec is what a SecretSync asks for.
type spec struct {
	reading
	data []v1alpha1.DataKey
	// more are keys or whole secrets with a source of their own.
	more []specEntry
	// poll is the poll interval.
	poll   time.Duration
	target string
	merge  bool
	retain bool
	// suspended stops all work on it; observes stops writes.
	suspended, observes bool
	// immutable makes the Secret immutable, so that every change recreates it.
	immutable bool
	// guarded refuses values without a password, or with one that ends in refusedEnd.
	guarded bool
	// made is the key that a template renders from the password; alone says that it is the only key.
	made  string
	alone bool
	// former keeps the values from before a rotation.
	former bool
	// first says that the SecretSync was created with this spec.
	first bool
}

// specEntry is an entry of data or dataFrom with a source of its own.
type specEntry struct {
	reading
	// beside says that it reads another version of the secret that the spec reads.
	beside bool
	// key gets the value of property; if it is empty, all fields are taken, with prefix.
	key, property, prefix string
	optional              bool
	// overrides says that its keys override those of the entries before it.
	overrides bool
}

const (
	// refusedEnd is an ending of passwords that guards refuse.
	refusedEnd = "f"
	// madeKey is the key of templates; formerSuffix is the suffix of the keys of former values.
	madeKey, formerSuffix = "made", "_former"
)

// points gives the version that is read, or the reason why there is none.
func (r *reading) points(m moment) (*version, string) {
	is := m[r.from]
	switch {
	case is.is == gone, r.life != 0 && r.life != is.life:
		return nil, v1alpha1.ReasonSecretNotFound
	case is.is == marked:
		return nil, v1alpha1.ReasonSecretPendingDeletion
	}
	v := is.labels[r.label]
	if r.pinned != nil && r.pinned.life == is.life {
		v = r.pinned
	}
	if v == nil {
		return nil, v1alpha1.ReasonVersionNotFound
	}
	return v, ""
}

// lookup is the version that an entry reads; nil if it is missing and the entry is optional. A deleted secret that
// existed before is an error even then: a deletion in AWS removes no key.
func (s *spec) lookup(e *specEntry, m moment, was bool) (*version, string) {
	v, reason := e.points(m)
	if s.optional(&e.reading) && (reason == v1alpha1.ReasonVersionNotFound || reason == v1alpha1.ReasonSecretNotFound && !was) {
		return nil, ""
	}
	return v, reason
}

// optional says whether all entries that read a version are optional.
func (s *spec) optional(of *reading) bool {
	return !s.same(of) && !slices.ContainsFunc(s.more, func(e specEntry) bool { return !e.optional && e.same(of) })
}

// same says whether two readings are of the same version.
func (r *reading) same(other *reading) bool {
	return r.id == other.id && r.label == other.label && r.pinned == other.pinned
}

// readingAt is the reading of the spec itself at 0, and of its entries after that.
func (s *spec) readingAt(index int) *reading {
	if index == 0 {
		return &s.reading
	}
	return &s.more[index-1].reading
}

// keepsFormer says whether former values are kept after a rotation.
func (s *spec) keepsFormer() bool { return s.former && s.label == current && s.pinned == nil }

// outcome is the result of a spec at one moment.
type outcome struct {
	// versions are the versions of the spec's own secret and of the entries, nil for missing ones.
	versions []*version
	keys     map[string]string
	// reason says why the Secret keeps its values; or is another reason that is also right. A missing pinned version is
	// only noticed when it is read, which may be after all labels were resolved.
	reason, or string
}

// wants gives what the Secret must hold at a moment. was says whether an entry existed before.
func (s *spec) wants(m moment, was func(*specEntry) bool) (o outcome) {
	v, reason := s.points(m)
	o.versions, o.reason = []*version{v}, reason
	unpinned := s.pinned != nil && reason == v1alpha1.ReasonVersionNotFound
	for i := range s.more {
		v, reason := s.lookup(&s.more[i], m, was(&s.more[i]))
		switch {
		case o.reason == "":
			o.reason = reason
		case unpinned && o.or == "":
			o.or = reason
		}
		o.versions = append(o.versions, v)
	}
	if o.reason != "" {
		return o
	}
	if o.keys, o.reason = s.render(o.versions); o.reason == "" {
		o.reason = s.guard(o.keys)
	}
	return o
}

// render gives the keys of versions, or the reason why they cannot be rendered.
func (s *spec) render(versions []*version) (map[string]string, string) {
	keys := map[string]string{}
	for i, e := range s.more { // Whole secrets first, as single keys override theirs.
		v := versions[i+1]
		if e.key != "" || v == nil {
			continue
		}
		if v.fields == nil {
			return nil, v1alpha1.ReasonInvalidValue
		}
		for name, field := range v.fields {
			keys[e.prefix+name] = field
		}
	}
	reason := s.renderOwn(versions[0], keys)
	for i, e := range s.more {
		if v := versions[i+1]; reason == "" && e.key != "" && v != nil {
			reason = v.take(keys, e.key, e.property, e.optional)
		}
	}
	if reason == "" && s.made != "" {
		reason = s.template(keys)
	}
	return keys, reason
}

// renderOwn adds the keys of the spec's own secret.
func (s *spec) renderOwn(v *version, keys map[string]string) (reason string) {
	switch {
	case len(s.data) > 0:
		for _, entry := range s.data {
			if reason = v.take(keys, entry.Key, entry.Property, false); reason != "" {
				return reason
			}
		}
	case v.broken:
		return v1alpha1.ReasonInvalidValue
	case v.fields == nil:
		keys["value"] = v.text
	default:
		maps.Copy(keys, v.fields)
	}
	return ""
}

// take sets one key.
func (v *version) take(keys map[string]string, key, property string, optional bool) (reason string) {
	field, known := v.fields[property]
	switch {
	case property == "":
		keys[key] = v.text
	case v.fields == nil:
		return v1alpha1.ReasonInvalidValue
	case known:
		keys[key] = field
	case !optional:
		return v1alpha1.ReasonPropertyNotFound
	}
	return ""
}

// template renders a key from the password.
func (s *spec) template(keys map[string]string) (reason string) {
	password, there := keys["password"]
	if !there {
		return v1alpha1.ReasonTemplateFailed
	}
	if s.alone {
		clear(keys)
	}
	keys[s.made] = base64.StdEncoding.EncodeToString([]byte("pw:" + password))
	return ""
}

// guard says whether keys may be published.
func (s *spec) guard(keys map[string]string) (reason string) {
	if password, there := keys["password"]; s.guarded && (!there || strings.HasSuffix(password, refusedEnd)) {
		return v1alpha1.ReasonValueRejected
	}
	return ""
}

// withFormer adds the values from before a rotation, if there are some at this moment.
func (s *spec) withFormer(keys map[string]string, m moment) map[string]string {
	v := m[s.from].labels[previous]
	if v == nil {
		return keys
	}
	former, reason := s.render([]*version{v})
	if reason != "" || s.guarded && strings.HasSuffix(former["password"], refusedEnd) {
		return keys
	}
	both := maps.Clone(keys)
	for key, value := range former {
		both[key+formerSuffix] = value
	}
	return both
}

// past gives all results of the spec at these moments. was are the keys that existed before: an entry whose secret is
// gone cannot be left out if it had given a key.
func (s *spec) past(moments []moment, was map[string]string) (all []map[string]string) {
	for _, m := range moments {
		led := s.wants(m, func(e *specEntry) bool { return e.gave(was) })
		if led.reason != "" {
			continue
		}
		all = append(all, led.keys)
		if s.keepsFormer() {
			all = append(all, s.withFormer(led.keys, m))
		}
	}
	return all
}

// gave says whether one of the keys is from the entry.
func (e *specEntry) gave(keys map[string]string) bool {
	for key := range keys {
		if key == e.key || e.prefix != "" && strings.HasPrefix(key, e.prefix) {
			return true
		}
	}
	return false
}

func (r *reading) String() string {
	which := r.label
	if r.pinned != nil {
		which = fmt.Sprintf("v%d", r.pinned.number)
	}
	called := "name"
	switch {
	case r.life != 0:
		called = fmt.Sprintf("ARN of life %d", r.life)
	case r.id != r.from.name:
		called = "partial ARN"
	}
	return fmt.Sprintf("%s by %s at %s", r.from.name, called, which)
}

func (s *spec) String() string {
	text := fmt.Sprintf("%s into %s, polled each %s,", s.reading.String(), s.target, s.poll)
	for _, entry := range s.data {
		text += fmt.Sprintf(" %s=%s", entry.Key, entry.Property)
	}
	for i := range s.more {
		e := &s.more[i]
		text += fmt.Sprintf(" %s%s=%s(%s)", e.key, e.prefix, e.property, e.String())
		if e.optional {
			text += "?"
		}
		if e.overrides {
			text += "!"
		}
	}
	for _, feature := range []struct {
		says string
		is   bool
	}{
		{"retained", s.retain}, {"suspended", s.suspended}, {"observed", s.observes}, {"immutable", s.immutable},
		{"guarded", s.guarded}, {"with a template", s.made != ""}, {"the template alone", s.alone}, {"with former values", s.former},
	} {
		if feature.is {
			text += ", " + feature.says
		}
	}
	return text
}
