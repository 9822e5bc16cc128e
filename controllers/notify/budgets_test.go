package notify

import (
	"fmt"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
)

// finding is a SecretSync with a find that has a pattern.
func finding(namespace, text string) *v1alpha1.SecretSync {
	secretSync := &v1alpha1.SecretSync{}
	secretSync.Namespace = namespace
	secretSync.Spec.DataFrom = []v1alpha1.DataFrom{{Find: &v1alpha1.Find{NamePattern: text}}}
	return secretSync
}

// One event, and 5,000 SecretSyncs of a namespace with expensive patterns: they take no more than the budget of their
// namespace, and the SecretSyncs of other namespaces are matched as before.
func TestExpensivePatternsTakeTheBudgetOfTheirNamespaceOnly(t *testing.T) {
	var attack []*v1alpha1.SecretSync
	for n := range 5000 {
		attack = append(attack, finding("mallory", strings.Repeat(`.{0,9}`, 10)+fmt.Sprintf("Z%d", n)))
	}
	victim, other := finding("payments", "/prod/.*"), finding("payments", "/test/.*")
	matcher := &Matcher{Region: region, Patterns: pattern.NewCache()}
	change := Change{SecretID: "/prod/" + strings.Repeat("a", 500), Region: region}
	for event := range 5 {
		limits := newBudgets(t.Context(), matcher.Patterns)
		for _, secretSync := range attack {
			matcher.concerns(change, secretSync, limits)
		}
		if !matcher.concerns(change, victim, limits) || matcher.concerns(change, other, limits) {
			t.Fatalf("event %d: the victim is not matched as it should be", event)
		}
		mallory, payments := limits.byNamespace["mallory"], limits.byNamespace["payments"]
		if spent := mallory.budget.Spent(); spent > 1_000_000 || len(mallory.used) > 64 {
			t.Errorf("event %d: %d steps for %d patterns", event, spent, len(mallory.used))
		}
		t.Logf("event %d: %d steps; the victim's took %d", event, mallory.budget.Spent(), payments.budget.Spent())
	}
}

// A pattern is compiled for the first event, and not again for later events or other SecretSyncs.
func TestPatternsOfNamesAreCompiledOnce(t *testing.T) {
	matcher := &Matcher{Region: region, Patterns: pattern.NewCache()}
	change := Change{SecretID: "/prod/db", Region: region}
	spent := func(syncs int) int64 {
		limits := newBudgets(t.Context(), matcher.Patterns)
		for range syncs {
			if !matcher.concerns(change, finding("payments", "/prod/[a-z]{1,100}"), limits) {
				t.Fatal("it is not matched")
			}
		}
		return limits.byNamespace["payments"].budget.Spent()
	}
	first, second, third, hundred := spent(1), spent(1), spent(1), spent(100)
	if first <= second || second != third || hundred > 100*second {
		t.Errorf("%d steps for the first event, %d and %d for the next ones, %d for a hundred SecretSyncs", first, second, third, hundred)
	}
}

func TestWhatAPatternOfNamesFinds(t *testing.T) {
	limits := newBudgets(t.Context(), pattern.NewCache())
	for text, want := range map[string]bool{"(": false, "": true, ".*": true, "x": false} {
		if got := limits.mayFind("a", &v1alpha1.Find{NamePattern: text}, "db"); got != want {
			t.Errorf("%q finds db: %v", text, got)
		}
	}
}
