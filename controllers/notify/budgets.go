package notify

import (
	"context"
	"errors"
	"strings"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
)

const (
	// eventSteps bounds the steps that the patterns of a namespace take for one event, compiling included: some
	// milliseconds.
	eventSteps = 1_000_000
	// eventPatterns bounds the patterns of a namespace that are matched with one event, so that one namespace does not
	// evict the patterns of all others from the cache.
	eventPatterns = 64
)

// budgets bound the work that the namespaces' patterns take for one event. Not safe for concurrent use.
type budgets struct {
	patterns *pattern.Cache
	// newBudget creates the budget of a namespace.
	newBudget   func() *pattern.Budget
	byNamespace map[string]*namespaceBudget
}

func newBudgets(ctx context.Context, patterns *pattern.Cache) *budgets {
	return &budgets{
		patterns: patterns, byNamespace: map[string]*namespaceBudget{},
		newBudget: func() *pattern.Budget { return pattern.NewBudget(ctx, eventSteps) },
	}
}

// namespaceBudget bounds the work of one namespace.
type namespaceBudget struct {
	budget *pattern.Budget
	// used are the patterns that were matched.
	used map[string]bool
}

// mayFind says whether a find may select a secret of that name. The tags of the secret are not known, and are ignored.
// If the namespace has used up its budget, its patterns are ignored too: the only effect is a reconcile of that
// namespace that was not needed.
func (b *budgets) mayFind(namespace string, find *v1alpha1.Find, name string) bool {
	if !strings.HasPrefix(name, find.NamePrefix) {
		return false
	}
	if find.NamePattern == "" {
		return true
	}
	limit := b.byNamespace[namespace]
	if limit == nil {
		limit = &namespaceBudget{budget: b.newBudget(), used: map[string]bool{}}
		b.byNamespace[namespace] = limit
	}
	if !limit.used[find.NamePattern] && len(limit.used) == eventPatterns {
		return true
	}
	limit.used[find.NamePattern] = true
	compiled, err := b.patterns.CompileWhole(limit.budget, find.NamePattern)
	if _, unusable := errors.AsType[*pattern.Error](err); unusable {
		return false // An invalid pattern selects nothing.
	}
	if err != nil {
		return true
	}
	matched, err := compiled.MatchString(limit.budget, name)
	return matched || err != nil
}
