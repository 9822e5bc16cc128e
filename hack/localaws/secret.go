package localaws

import (
	"bytes"
	"crypto/rand"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/secretsync/secretsync/controllers/iam"
)

const (
	stageCurrent  = "AWSCURRENT"
	stagePrevious = "AWSPREVIOUS"
	stagePending  = "AWSPENDING"

	// maxValue and maxStages are limits of the page "AWS Secrets Manager quotas".
	maxValue, maxStages = 65536, 20
	// tokenLeast and tokenMost limit the length of ClientRequestToken (page "PutSecretValue").
	tokenLeast, tokenMost = 32, 64

	// defaultKey is the key ID in ListSecretVersionIds of a version under the key aws/secretsmanager.
	defaultKey = "DefaultEncryptionKey"
)

// secret is one secret with its versions.
type secret struct {
	name, arn, description, kmsKey, owningService    string
	created, changed, deleted, lastRotated, accessed time.Time
	// partner is the type of a managed external secret.
	partner string
	// forgetAt is when a deleted secret is gone for good.
	forgetAt time.Time
	// forced says that the deletion cannot be undone.
	forced   bool
	versions map[string]*version
	// tags is nil for a secret that never had one.
	tags map[string]string
	// policy is the resource policy, as written and parsed.
	policyText string
	policy     *iam.Policy
	rotation   rotation
	// primary is set on a replica: the region it copies.
	primary  string
	replicas []*replicaStatus
}

// version is one version of a secret; its value never changes.
type version struct {
	id                string
	text              *string
	binary            []byte
	created, accessed time.Time
	stages            []string
	// kmsKey is the key that the version is encrypted with; empty is the key aws/secretsmanager.
	kmsKey string
	// empty says that a rotation has created the version, and that it has no value yet.
	empty bool
}

func (v *version) same(text *string, binary []byte) bool {
	if (v.text == nil) != (text == nil) || v.text != nil && *v.text != *text {
		return false
	}
	return bytes.Equal(v.binary, binary)
}

func (s *secret) carrier(stage string) *version {
	for _, v := range s.versions {
		if slices.Contains(v.stages, stage) {
			return v
		}
	}
	return nil
}

// move puts a staging label on a version, or on none, and takes AWSPREVIOUS along with AWSCURRENT
// (page "What's in a Secrets Manager secret?", section "Version").
func (s *secret) move(stage string, to *version) {
	from := s.carrier(stage)
	if from == to {
		return
	}
	if from != nil {
		from.stages = slices.DeleteFunc(from.stages, func(label string) bool { return label == stage })
	}
	if to != nil {
		to.stages = append(to.stages, stage)
	}
	if stage == stageCurrent && from != nil {
		s.move(stagePrevious, from)
	}
}

func (s *secret) stagesByVersion() map[string][]string {
	all := map[string][]string{}
	for id, v := range s.versions {
		if len(v.stages) > 0 {
			all[id] = slices.Sorted(slices.Values(v.stages))
		}
	}
	return all
}

// access records the day on which the value of a version was read.
func (s *secret) access(versionID string, at time.Time) {
	s.accessed = at.UTC().Truncate(day)
	if v := s.versions[versionID]; v != nil {
		v.accessed = s.accessed
	}
}

// tagList is nil for a secret that never had a tag, for which the real service leaves the field out. It is empty, and
// written, if all tags were removed.
func (s *secret) tagList() []tag {
	if s.tags == nil {
		return nil
	}
	list := make([]tag, 0, len(s.tags))
	for _, key := range slices.Sorted(maps.Keys(s.tags)) {
		list = append(list, tag{Key: key, Value: s.tags[key]})
	}
	return list
}

type tag struct{ Key, Value string }

func (s *secret) tag(with []tag) {
	for _, t := range with {
		put(&s.tags, t.Key, t.Value)
	}
}

// encrypt changes the key of the secret and of the versions with AWS's staging labels; other versions keep their key
// (operation UpdateSecret, parameter KmsKeyId).
func (s *secret) encrypt(key string) {
	s.kmsKey = key
	for _, stage := range []string{stageCurrent, stagePending, stagePrevious} {
		if v := s.carrier(stage); v != nil {
			v.kmsKey = key
		}
	}
}

var namePattern = regexp.MustCompile(`^[A-Za-z0-9/_+=.@!-]{1,512}$`)

// suffix is the six random characters at the end of an ARN.
func suffix() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	random := make([]byte, 6)
	_, _ = rand.Read(random) // Never fails (package crypto/rand).
	for i := range random {
		random[i] = alphabet[int(random[i])%len(alphabet)]
	}
	return string(random)
}

func secretARN(at place, name string) string {
	return newARN(Partition(at.region), "secretsmanager", at.region, at.account, "secret:"+name)
}

// suffixed matches a name that ends like a full ARN.
var suffixed = regexp.MustCompile(`^(.+)-[A-Za-z0-9]{6}$`)

// find looks a secret up by name, ARN, or ARN without its suffix. The mutex must be held.
//
// An ARN that ends in a hyphen and six characters counts as a full one: a partial ARN of a name with such an end finds
// nothing (page "Finding a secret from a partial ARN").
func (s *Server) find(at place, id string) (*secret, error) {
	found := find(at, id, s.latest)
	if found == nil || s.removed(found) {
		return nil, notFound()
	}
	return found, nil
}

func notFound() error {
	return refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

// latest is the latest state of a secret.
func (s *Server) latest(of secretName) *secret { return s.secrets[of.at][of.name] }

// find finds a secret like Server.find. get gives a state of it, or nil if there is none.
func find(at place, id string, get func(secretName) *secret) *secret {
	arn, is := splitARN(id)
	switch {
	case !is:
		return get(secretName{at, id})
	case arn.at.region != at.region:
		return nil
	}
	full := suffixed.FindStringSubmatch(arn.name)
	if full == nil {
		return get(arn)
	}
	if found := get(secretName{arn.at, full[1]}); found != nil && strings.HasSuffix(found.arn, arn.name) {
		return found
	}
	return nil
}

// removed says whether a secret's deletion has ended.
func (s *Server) removed(found *secret) bool {
	return !found.forgetAt.IsZero() && !s.now().Before(found.forgetAt)
}

// usable returns an error for a secret that is marked for deletion.
func usable(found *secret) error {
	if !found.deleted.IsZero() {
		return refuse("InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.")
	}
	return nil
}
