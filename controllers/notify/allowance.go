package notify

import (
	"context"
	"errors"
	"strings"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
)

const (
	// eventSteps is how many steps the patterns of a namespace take for an event, compiling included: some milliseconds.
	eventSteps = 1_000_000
	// eventPatterns is how many patterns of a namespace an event is matched with, so that one namespace does not push
	// all others out of the cache.
	eventPatterns = 64
)

// allowances are what the namespaces may take to be matched with one event.
type allowances struct {
	patterns *pattern.Cache
	// budget makes that of a namespace.
	budget      func() *pattern.Budget
	byNamespace map[string]*allowance
}

func newAllowances(ctx context.Context, patterns *pattern.Cache) *allowances {
	return &allowances{
		patterns: patterns, byNamespace: map[string]*allowance{},
		budget: func() *pattern.Budget { return pattern.NewBudget(ctx, eventSteps) },
	}
}

// allowance is that of one namespace.
type allowance struct {
	budget *pattern.Budget
	used   map[string]bool
}

// mayFind says whether a secret of a name may be found. Its tags are not known, so they count for nothing. Nor does the
// pattern where the namespace has used up what it may: to look once too often does no harm, and concerns it alone.
func (a *allowances) mayFind(namespace string, find *v1alpha1.Find, name string) bool {
	if !strings.HasPrefix(name, find.NamePrefix) {
		return false
	}
	if find.NamePattern == "" {
		return true
	}
	of := a.byNamespace[namespace]
	if of == nil {
		of = &allowance{budget: a.budget(), used: map[string]bool{}}
		a.byNamespace[namespace] = of
	}
	if !of.used[find.NamePattern] && len(of.used) == eventPatterns {
		return true
	}
	of.used[find.NamePattern] = true
	made, err := a.patterns.CompileWhole(of.budget, find.NamePattern)
	if _, unusable := errors.AsType[*pattern.Error](err); unusable {
		return false // It finds nothing at all.
	}
	if err != nil {
		return true
	}
	matched, err := made.MatchString(of.budget, name)
	return matched || err != nil
}
