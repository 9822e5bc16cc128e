package resolve

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/references"
	"github.com/secretsync/secretsync/controllers/source"
)

// StagePrevious is the staging label that AWS moves to the version that AWSCURRENT leaves.
const StagePrevious = "AWSPREVIOUS"

// Input is one version of one secret that the Secret is made of.
type Input struct {
	Ref source.Ref
	// Optional says that all entries which read it can do without.
	Optional bool
	// Name is that of the secret, where find has found it.
	Name string
	// FoundBy is the entry of spec.dataFrom whose find found it; nil for a secret that the spec names.
	FoundBy *int32

	// Resolution is the version that Ref points at.
	Resolution source.Resolution
	// Absent says that AWS does not have it, and that it is optional.
	Absent bool
	// Outdated says that the answer of AWS is older than what is known, or may be.
	Outdated bool
	// Uncertain says that the version in the Secret stands in for an answer that may be out of date.
	Uncertain bool

	// Fetched is the value, with the version that it belongs to.
	Fetched source.Fetched
	// size is the number of bytes of the value that is held for it, from a resolution or a fetch.
	size int64
	// unread is why there is no value of the resolved version; nil where there is one.
	unread error

	// previous is the former version that keepPrevious keeps; nil where it keeps none.
	previous *Input
}

// Version is that of the value once it was read, before that the resolved one.
func (i *Input) Version() source.Version {
	if i.Fetched.Version.ID != "" {
		return i.Fetched.Version
	}
	return i.Resolution.Version
}

// consistent says whether the value is of the version that was resolved.
func (i *Input) consistent() bool {
	return i.unread == nil && i.Resolution.Version.ARN == i.Fetched.Version.ARN && i.Resolution.Version.ID == i.Fetched.Version.ID
}

// Entries say which inputs the entries of a spec are made from.
type Entries struct {
	// Whole is what the Secret is made of where there is neither data nor dataFrom.
	Whole    *Input
	Data     []*Input
	DataFrom [][]*Input
}

// Set is what a Secret is to be made of.
type Set struct {
	// Inputs are the versions that the spec names or finds, that of spec.source first.
	Inputs []*Input
	// Former are the previous versions that keepPrevious keeps beside them.
	Former []*Input
	// Entries sort the inputs by the entries of the spec.
	Entries Entries
	// PreviousUntil is when the former values are to be taken out; zero where there are none.
	PreviousUntil time.Time
	// Answered says that AWS has named all versions.
	Answered bool

	request Request
	budget  *pattern.Budget
	// size is the number of bytes of all values that are held. Several inputs are read at the same time.
	size atomic.Int64
}

// NewSet lists the inputs that a spec names, each once. Those that find finds come with Resolver.Versions.
func NewSet(request Request) *Set {
	set := &Set{request: request}
	spec := &request.SecretSync.Spec
	identity := identityOf(request.SecretSync)
	if len(spec.Data) == 0 && len(spec.DataFrom) == 0 {
		set.Entries.Whole = set.input(set.refOf(nil, identity), false)
		return set
	}
	// The input of spec.source comes first where any entry reads it, so that status names it first.
	if references.ReadsSource(spec) {
		set.input(set.refOf(nil, identity), true)
	}
	set.Entries.Data, set.Entries.DataFrom = make([]*Input, len(spec.Data)), make([][]*Input, len(spec.DataFrom))
	for entry := range references.Entries(spec) {
		if entry.Find != nil {
			continue
		}
		input := set.input(set.refOf(entry.Source, identity), entry.Optional)
		if entry.InDataFrom {
			set.Entries.DataFrom[entry.Index] = []*Input{input}
		} else {
			set.Entries.Data[entry.Index] = input
		}
	}
	return set
}

// input is the one with that ref, made at its first use. An input that any entry needs is not optional.
func (s *Set) input(ref source.Ref, optional bool) *Input {
	for _, known := range s.Inputs {
		if known.Ref == ref {
			known.Optional = known.Optional && optional
			return known
		}
	}
	made := &Input{Ref: ref, Optional: optional}
	s.Inputs = append(s.Inputs, made)
	return made
}

// refOf is what an entry reads: a secret of its own, or that of spec.source.
func (s *Set) refOf(own *v1alpha1.EntrySource, identity source.Identity) source.Ref {
	from := references.SecretOf(&s.request.SecretSync.Spec, own)
	return source.Ref{
		SecretID:        from.SecretID,
		VersionStage:    from.StageOrDefault(),
		VersionID:       from.VersionID,
		Region:          from.Region,
		FailoverRegions: strings.Join(from.FailoverRegions, " "),
		Identity:        identity,
		Reader:          s.request.reader(),
	}
}

// identityOf is on whose authority a SecretSync reads. The operator's own identity, with a role on top, is one for
// each namespace: the session's tags name the namespace.
func identityOf(secretSync *v1alpha1.SecretSync) source.Identity {
	auth := &secretSync.Spec.Auth
	if auth.ServiceAccountRef == nil && auth.RoleARN == "" {
		return source.Identity{}
	}
	identity := source.Identity{
		Namespace: secretSync.Namespace, RoleARN: auth.RoleARN, ExternalID: auth.ExternalID, Via: strings.Join(auth.ViaRoleARNs, " "),
	}
	if auth.ServiceAccountRef != nil {
		identity.ServiceAccount = auth.ServiceAccountRef.Name
	}
	return identity
}
