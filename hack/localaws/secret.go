package localaws

import (
	"bytes"
	"crypto/rand"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/secretsync/secretsync/hack/localaws/iam"
)

const (
	stageCurrent  = "AWSCURRENT"
	stagePrevious = "AWSPREVIOUS"
	stagePending  = "AWSPENDING"

	// maxValue and maxStages are limits of the page "AWS Secrets Manager quotas".
	maxValue, maxStages = 65536, 20
	// tokenLeast and tokenMost bound ClientRequestToken (its description in page "PutSecretValue").
	tokenLeast, tokenMost = 32, 64
)

// secret is one secret with its versions.
type secret struct {
	name, arn, description, kmsKey, owningService    string
	created, changed, deleted, lastRotated, accessed time.Time
	// forgetAt is when a deleted secret is gone for good.
	forgetAt time.Time
	versions map[string]*version
	tags     map[string]string
	// policy is the resource policy, as it was written and parsed.
	policyText string
	policy     *iam.Policy
	rotation   rotation
	// primary is set on a replica: the region it copies.
	primary  string
	replicas []*replicaStatus
}

// version is one version of a secret; its value never changes.
type version struct {
	id      string
	text    *string
	binary  []byte
	created time.Time
	stages  []string
	// empty is a version that a rotation has begun, and that has no value yet.
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

func (s *secret) tagList() []tag {
	list := make([]tag, 0, len(s.tags))
	for _, key := range slices.Sorted(maps.Keys(s.tags)) {
		list = append(list, tag{Key: key, Value: s.tags[key]})
	}
	return list
}

type tag struct{ Key, Value string }

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
	return "arn:aws:secretsmanager:" + at.region + ":" + at.account + ":secret:" + name
}

// find looks a secret up by name, ARN, or ARN without its suffix. The mutex must be held.
func (s *Server) find(at place, id string) (*secret, error) {
	missing := refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	name := id
	if strings.HasPrefix(id, "arn:") {
		parts := strings.SplitN(id, ":", 7)
		if len(parts) < 7 || parts[3] != at.region {
			return nil, refuse("InvalidParameterException", "Invalid ARN or region.")
		}
		at.account, name = parts[4], parts[6]
	}
	here := s.secrets[at]
	found := here[name]
	if found == nil && len(name) > 7 && name[len(name)-7] == '-' && name != id {
		found = here[name[:len(name)-7]]
		if found != nil && found.arn != id {
			found = nil
		}
	}
	if found == nil || !found.forgetAt.IsZero() && !s.now().Before(found.forgetAt) {
		return nil, missing
	}
	return found, nil
}

// usable refuses what can't be done with a secret that is marked for deletion.
func usable(found *secret) error {
	if !found.deleted.IsZero() {
		return refuse("InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.")
	}
	return nil
}
