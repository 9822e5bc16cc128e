package notify

import (
	"fmt"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
)

// One event, and 5,000 SecretSyncs of a namespace with patterns that are dear: each of them is compiled once at most,
// they take no more than their namespace may, and others are matched as if they were not there.
func TestDearPatternsHoldUpTheirNamespaceAlone(t *testing.T) {
	finding := func(namespace, text string) *v1alpha1.SecretSync {
		sync := &v1alpha1.SecretSync{}
		sync.Namespace = namespace
		sync.Spec.DataFrom = []v1alpha1.DataFrom{{Find: &v1alpha1.Find{NamePattern: text}}}
		return sync
	}
	var attack []*v1alpha1.SecretSync
	for n := range 5000 {
		attack = append(attack, finding("mallory", strings.Repeat(`.{0,9}`, 10)+fmt.Sprintf("Z%d", n)))
	}
	victim, other := finding("payments", "/prod/.*"), finding("payments", "/test/.*")
	matcher := &Matcher{Region: region, Patterns: pattern.NewCache()}
	change := Change{SecretID: "/prod/" + strings.Repeat("a", 500), Region: region}
	compiled := 0
	for event := range 5 {
		within := newAllowances(t.Context(), matcher.Patterns)
		for _, sync := range attack {
			matcher.concerns(change, sync, within)
		}
		if !matcher.concerns(change, victim, within) || matcher.concerns(change, other, within) {
			t.Fatalf("event %d: the victim is not matched as it should be", event)
		}
		mallory, payments := within.byNamespace["mallory"], within.byNamespace["payments"]
		if spent := mallory.budget.Spent(); spent > eventSteps || len(mallory.used) > eventPatterns {
			t.Errorf("event %d: %d steps for %d patterns", event, spent, len(mallory.used))
		}
		// What is compiled costs nothing to compile again.
		probe := pattern.NewBudget(t.Context(), eventSteps)
		known := 0
		for text := range mallory.used {
			before := probe.Spent()
			if _, err := matcher.Patterns.CompileWhole(probe, text); err == nil && probe.Spent() == before {
				known++
			}
			probe = pattern.NewBudget(t.Context(), eventSteps)
		}
		t.Logf("event %d: %d steps, %d patterns compiled; the victim's took %d steps", event, mallory.budget.Spent(), known, payments.budget.Spent())
		if event > 0 && known < compiled {
			t.Errorf("event %d: %d patterns are compiled, and %d were before", event, known, compiled)
		}
		compiled = known
	}
	if compiled != eventPatterns {
		t.Errorf("after five events %d patterns of %d are compiled", compiled, eventPatterns)
	}
	within := newAllowances(t.Context(), matcher.Patterns)
	for text, want := range map[string]bool{"(": false, "": true, ".*": true, "x": false} {
		if got := within.mayFind("a", &v1alpha1.Find{NamePattern: text}, "db"); got != want {
			t.Errorf("%q finds db: %v", text, got)
		}
	}
}
