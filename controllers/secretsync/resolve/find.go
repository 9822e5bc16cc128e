package resolve

import (
	"context"
	"fmt"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/references"
	"github.com/secretsync/secretsync/controllers/source"
)

// MaxInputs is how many versions a Secret is made of at most. Status has room for that many, twice.
const MaxInputs = 256

// find adds the secrets that the entries with find choose. Where an entry finds none, the Secret keeps what it has:
// an empty answer is more often a mistake than an intention. It is refused here, before values are read; package
// render refuses an entry whose secrets were all deleted, but are still listed by AWS.
func (r *Resolver) find(ctx context.Context, set *Set) error {
	for entry := range references.Entries(&set.request.SecretSync.Spec) {
		if entry.Find == nil {
			continue
		}
		found, err := r.Source.Find(ctx, r.findQuery(ctx, set, entry))
		if err != nil {
			return err
		}
		if len(found) == 0 && !entry.Optional {
			return &source.Error{Kind: source.SecretNotFound, Explanation: fmt.Sprintf(
				"spec.dataFrom[%d].find matches no secret: correct it, or set optional on the entry", entry.Index)}
		}
		set.add(found, entry.Index)
	}
	if len(set.Inputs) > MaxInputs {
		return &source.Error{Kind: source.Failed, Explanation: fmt.Sprintf(
			"the Secret would be made of %d secrets, and %d are the most: name fewer under spec.data and spec.dataFrom, or narrow spec.dataFrom[].find", len(set.Inputs), MaxInputs)}
	}
	return nil
}

// findQuery is what an entry with find asks. What matching names costs is of the reconcile's budget, beside that of the
// list, which is shared by all that ask the same.
func (r *Resolver) findQuery(ctx context.Context, set *Set, entry references.Entry) source.FindQuery {
	secretSync, how, find := set.request.SecretSync, r.query(set), entry.Find
	query := source.FindQuery{
		NamePrefix: find.NamePrefix, NamePattern: find.NamePattern, Tags: find.Tags, Region: references.FindRegion(&secretSync.Spec, find),
		Identity: identityOf(secretSync), Reader: set.request.reader(),
		MaxAge: how.MaxAge, Routine: how.Routine, Budget: set.Budget(ctx),
	}
	for i := range secretSync.Status.Sources {
		if status := &secretSync.Status.Sources[i]; status.FoundBy != nil && *status.FoundBy == entry.Index && status.ARN != "" {
			query.Known = append(query.Known, VersionOf(status))
		}
	}
	return query
}

// add makes inputs of what an entry has found.
func (s *Set) add(found []source.Found, entry int32) {
	for _, secret := range found {
		named := len(s.Inputs)
		input := s.input(source.Ref{
			SecretID: secret.ARN, VersionStage: v1alpha1.DefaultVersionStage, Region: secret.Region,
			Identity: identityOf(s.request.SecretSync), Reader: s.request.reader(),
		}, true)
		input.Name = secret.Name
		if len(s.Inputs) > named { // The spec does not name it too.
			input.FoundBy = &entry
		}
		s.Entries.DataFrom[entry] = append(s.Entries.DataFrom[entry], input)
	}
}
