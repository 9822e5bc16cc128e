package secretsync

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// inputsMost is how many versions a Secret is made of at most. Status has room for that many, twice.
const inputsMost = 256

// find adds the secrets that the entries with find choose. Where none is there, the Secret keeps what it
// has: an empty answer is more often a mistake than a wish.
func (c *Controller) find(ctx context.Context, p *pass) error {
	for n := range p.sync.Spec.DataFrom {
		from := &p.sync.Spec.DataFrom[n]
		if from.Find == nil {
			continue
		}
		found, err := c.findOne(ctx, p, int32(n))
		if err != nil {
			return err
		}
		if len(found) == 0 && !from.Optional {
			return foundNone(n)
		}
		p.take(found, int32(n))
	}
	if len(p.inputs) > inputsMost {
		return &source.Error{Kind: source.Failed, Explanation: fmt.Sprintf(
			"the Secret would be made of %d secrets, and %d are the most: name fewer under spec.data and spec.dataFrom, or narrow spec.dataFrom[].find", len(p.inputs), inputsMost)}
	}
	return nil
}

// findOne asks for one entry. What it takes to match names is of the budget of the pass, beside that of the list, which
// is for all who ask the same; it waits for calls, so that no heavy work waits for it.
func (c *Controller) findOne(ctx context.Context, p *pass, entry int32) ([]source.Found, error) {
	query := c.findQuestion(p, entry)
	query.Budget = p.steps(ctx)
	return c.Source.Find(ctx, query)
}

func foundNone(entry int) error {
	return &source.Error{Kind: source.SecretNotFound, Explanation: fmt.Sprintf(
		"spec.dataFrom[%d].find matches no secret: correct it, or set optional on the entry", entry)}
}

// stillFound holds the same against what has gone since it was found: lists lag, and have what was deleted for
// minutes more.
func stillFound(p *pass) error {
	for n, many := range p.entries.dataFrom {
		from := &p.sync.Spec.DataFrom[n]
		if from.Find == nil || from.Optional {
			continue
		}
		if !slices.ContainsFunc(many, func(one *input) bool { return !one.absent }) {
			return foundNone(n)
		}
	}
	return nil
}

// findQuestion is what an entry with find asks.
func (c *Controller) findQuestion(p *pass, entry int32) source.FindQuery {
	find, how := p.sync.Spec.DataFrom[entry].Find, c.question(p)
	query := source.FindQuery{
		NamePrefix: find.NamePrefix, NamePattern: find.NamePattern, Tags: find.Tags, Region: find.Region,
		Identity: p.identity, Reader: p.reader(),
		MaxAge: how.MaxAge, Routine: how.Routine,
	}
	if query.Region == "" {
		query.Region = regionOf(&p.sync.Spec.Source)
	}
	for i := range p.before.Status.Sources {
		if status := &p.before.Status.Sources[i]; status.FoundBy != nil && *status.FoundBy == entry && status.ARN != "" {
			query.Known = append(query.Known, versionIn(status))
		}
	}
	return query
}

// regionOf is the region that a source names, by itself or by its ARN; empty for the operator's.
func regionOf(from *v1alpha1.SecretSource) string {
	if from.Region != "" {
		return from.Region
	}
	if parts := strings.Split(from.SecretID, ":"); len(parts) > 3 && parts[0] == "arn" {
		return parts[3]
	}
	return ""
}

// take makes inputs of what was found.
func (p *pass) take(found []source.Found, entry int32) {
	for _, secret := range found {
		named := len(p.inputs)
		one := p.input(source.Ref{
			SecretID: secret.ARN, VersionStage: v1alpha1.DefaultVersionStage, Region: secret.Region,
			Identity: p.identity, Reader: p.reader(),
		}, true)
		one.name = secret.Name
		if len(p.inputs) > named { // The spec does not name it too.
			one.foundBy = &entry
		}
		p.entries.dataFrom[entry] = append(p.entries.dataFrom[entry], one)
	}
}
