package aws

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/source"
)

// matchSteps is what matching the names of one list may take: five thousand names of sixty bytes take 12 million with
// a pattern of forty instructions.
const matchSteps = pattern.PassSteps / 2

// criteria are those of a find, ready to be compared with secrets.
type criteria struct {
	key     findKey
	pattern *pattern.Pattern
	tags    map[string]string
	// begins is what a name that matches begins with, by the prefix or the pattern.
	begins string
	// budget is that of one list. A list is for all who ask the same, and no one's pass may be what it fails by.
	budget *pattern.Budget
	// due are the steps of lists that this asker has made for all.
	due *atomic.Int64
}

func criteriaOf(patterns *pattern.Cache, asked source.FindQuery) (criteria, error) {
	wanted := criteria{
		key:  findKey{prefix: asked.NamePrefix, pattern: asked.NamePattern},
		tags: asked.Tags, begins: asked.NamePrefix, due: &atomic.Int64{},
	}
	for _, key := range slices.Sorted(maps.Keys(asked.Tags)) {
		wanted.key.tags += fmt.Sprintf("%q=%q ", key, asked.Tags[key])
	}
	if asked.NamePattern == "" {
		return wanted, nil
	}
	compiled, err := patterns.CompileWhole(asked.Budget, asked.NamePattern)
	if err != nil {
		return criteria{}, patternRefused(err)
	}
	wanted.pattern = compiled
	if literal := compiled.Prefix(); len(literal) > len(wanted.begins) {
		wanted.begins = literal
	}
	return wanted, nil
}

// patternRefused says why a pattern of names can't be used; errors of the context are themselves.
func patternRefused(err error) error {
	const field = "spec.dataFrom[].find.namePattern"
	if wrong, ok := errors.AsType[*pattern.Error](err); ok {
		return &source.Error{Kind: source.Failed, Explanation: field + " " + wrong.Problem, Cause: err}
	}
	if dear, ok := errors.AsType[*pattern.Exceeded](err); ok {
		return &source.Error{Kind: source.Failed, Explanation: field + ": " + dear.Error(), Cause: err}
	}
	return err
}

// within are the criteria for one list, with a budget of its own.
func (c criteria) within(ctx context.Context) criteria {
	c.budget = pattern.NewBudget(ctx, matchSteps)
	return c
}

// pay takes the steps of lists that were made from the budget of the pass that made them.
func (c criteria) pay(pass *pattern.Budget) error {
	due := c.due.Swap(0)
	if due == 0 {
		return nil
	}
	return patternRefused(pass.Spend("matching the names of all secrets", due))
}

// filters leave to AWS what it can leave out, by prefixes and case-sensitively (page "Filter"). They let too
// much through: a tag's key and its value may be of different tags. A text that begins with "!" would mean
// the opposite, and one of other characters than these is refused.
func (c criteria) filters() []types.Filter {
	var all []types.Filter
	add := func(key types.FilterNameStringType, text string) {
		if len(all) < findFilters && sendable(text) {
			all = append(all, types.Filter{Key: key, Values: []string{text}})
		}
	}
	add(types.FilterNameStringTypeName, c.begins)
	for _, key := range slices.Sorted(maps.Keys(c.tags)) {
		add(types.FilterNameStringTypeTagKey, key)
		add(types.FilterNameStringTypeTagValue, c.tags[key])
	}
	return all
}

// match holds a secret against all criteria, exactly.
func (c criteria) match(entry *types.SecretListEntry) (bool, error) {
	name := aws.ToString(entry.Name)
	if entry.DeletedDate != nil || !strings.HasPrefix(name, c.key.prefix) {
		return false, nil
	}
	if c.pattern != nil {
		before := c.budget.Spent()
		matches, err := c.pattern.MatchString(c.budget, name)
		c.due.Add(c.budget.Spent() - before)
		if err != nil || !matches {
			return false, patternRefused(err)
		}
	}
	for key, value := range c.tags {
		if !slices.ContainsFunc(entry.Tags, func(tag types.Tag) bool {
			return aws.ToString(tag.Key) == key && aws.ToString(tag.Value) == value
		}) {
			return false, nil
		}
	}
	return true, nil
}
