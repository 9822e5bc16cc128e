package secretsync

import (
	"slices"
	"strings"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// input is one version of one secret that the Secret is made of.
type input struct {
	ref source.Ref
	// optional says that all entries which read it can do without.
	optional bool
	// name is that of the secret, where find has found it.
	name string
	// foundBy is the entry of spec.dataFrom whose find found it; nil for a secret that the spec names.
	foundBy *int32

	observation source.Resolution
	fetched     source.Fetched
	// bytes are those of the value that the pass has of it, observed or fetched.
	bytes int64
	// unread is why there is no value of the version that was observed; nil where there is one.
	unread error
	// absent says that AWS does not have it, and that it is optional.
	absent bool
	// behind says that what AWS has answered is older than what is known, or may be.
	behind bool
	// held says that it is taken for what is in the Secret, as AWS says that it is not there, or is an older version, and
	// that may be out of date.
	held bool
	// before is the former version that keepPrevious keeps; nil where it keeps none.
	before *input
}

// entries say which inputs the entries of a spec are made from.
type entries struct {
	// whole is what the Secret is made of where there is neither data nor dataFrom.
	whole    *input
	data     []*input
	dataFrom [][]*input
}

// reader is the SecretSync, for whom AWS is read.
func (p *pass) reader() source.Reader {
	return source.Reader{Namespace: p.sync.Namespace, Name: p.sync.Name, Since: p.memory.since.get()}
}

// readBy lists the inputs of a spec, each once, that of spec.source first. What find finds comes later.
func (p *pass) readBy() {
	spec := &p.sync.Spec
	if len(spec.Data) == 0 && len(spec.DataFrom) == 0 {
		p.entries.whole = p.input(p.refOf(nil), false)
		return
	}
	// The inputs of spec.source lead where anything reads them, so that status names that one first.
	if slices.ContainsFunc(spec.Data, func(key v1alpha1.DataKey) bool { return key.Source == nil }) ||
		slices.ContainsFunc(spec.DataFrom, func(from v1alpha1.DataFrom) bool { return from.Source == nil && from.Find == nil }) {
		p.input(p.refOf(nil), true)
	}
	p.entries.data = make([]*input, len(spec.Data))
	for i := range spec.Data {
		key := &spec.Data[i]
		p.entries.data[i] = p.input(p.refOf(key.Source), key.Optional)
	}
	p.entries.dataFrom = make([][]*input, len(spec.DataFrom))
	for i := range spec.DataFrom {
		if from := &spec.DataFrom[i]; from.Find == nil {
			p.entries.dataFrom[i] = []*input{p.input(p.refOf(from.Source), from.Optional)}
		}
	}
}

// input is the one with that ref, made at its first use. One that any entry needs is not optional.
func (p *pass) input(ref source.Ref, optional bool) *input {
	for _, known := range p.inputs {
		if known.ref == ref {
			known.optional = known.optional && optional
			return known
		}
	}
	made := &input{ref: ref, optional: optional}
	p.inputs = append(p.inputs, made)
	return made
}

// refOf is what an entry reads: a secret of its own, or that of spec.source.
func (p *pass) refOf(own *v1alpha1.EntrySource) source.Ref {
	from := p.sync.Spec.Source
	switch {
	case own == nil:
	case own.SecretID == "":
		from.VersionStage, from.VersionID = own.VersionStage, own.VersionID
	default:
		from = v1alpha1.SecretSource{SecretID: own.SecretID, VersionStage: own.VersionStage, VersionID: own.VersionID, Region: own.Region}
	}
	return source.Ref{
		SecretID:        from.SecretID,
		VersionStage:    from.StageOrDefault(),
		VersionID:       from.VersionID,
		Region:          from.Region,
		FailoverRegions: strings.Join(from.FailoverRegions, " "),
		Identity:        p.identity,
		Reader:          p.reader(),
	}
}

// main is the input that status and events speak of first; nil while nothing is known to be read.
func (p *pass) main() *input {
	for _, one := range p.inputs {
		if !one.absent {
			return one
		}
	}
	if len(p.inputs) > 0 {
		return p.inputs[0]
	}
	return nil
}

// version is that of the main input: once it was fetched that of its value, before that the one observed.
func (p *pass) version() source.Version {
	one := p.main()
	switch {
	case one == nil:
		return source.Version{}
	case one.fetched.Version.ID != "":
		return one.fetched.Version
	}
	return one.observation.Version
}

// all are the inputs, and behind them the former ones that keepPrevious keeps: the order of status.
func (p *pass) all() []*input {
	if len(p.former) == 0 {
		return p.inputs
	}
	return slices.Concat(p.inputs, p.former)
}

// synced is the version of the input at a place of all that is in the Secret, or nil where none is. Where
// find has found more or less than before, places have moved.
func (p *pass) synced(place int, one *input) *v1alpha1.SourceStatus {
	same := func(status v1alpha1.SourceStatus) bool {
		return status.SecretID == one.ref.SecretID && status.VersionStage == one.ref.VersionStage
	}
	sources := p.before.Status.Sources
	if place < len(sources) && same(sources[place]) {
		return &sources[place]
	}
	if other := slices.IndexFunc(sources, same); other >= 0 {
		return &sources[other]
	}
	return nil
}
