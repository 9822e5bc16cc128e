package aws

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/source"
)

// Those who look for something else have a list of their own, however much is the same.
func TestListsOfDifferentCriteriaAreNotShared(t *testing.T) {
	env := newEnvironment(t)
	env.tagged(t, "/a", "team", "pay")
	env.tagged(t, "/b", "team", "web")
	env.tagged(t, "/c", "group", "pay")
	for _, test := range []struct {
		asked source.FindQuery
		want  []string
	}{
		{source.FindQuery{}, []string{"/a", "/b", "/c"}},
		{source.FindQuery{NamePattern: "/[ac]"}, []string{"/a", "/c"}},
		{source.FindQuery{NamePattern: "/[bc]"}, []string{"/b", "/c"}},
		{source.FindQuery{Tags: map[string]string{"team": "pay"}}, []string{"/a"}},
		{source.FindQuery{Tags: map[string]string{"team": "web"}}, []string{"/b"}},
		{source.FindQuery{Tags: map[string]string{"group": "pay"}}, []string{"/c"}},
		{source.FindQuery{Tags: map[string]string{"group": "pay", "team": "pay"}}, nil},
	} {
		test.asked.NamePrefix, test.asked.MaxAge = "/", time.Minute
		if diff := cmp.Diff(test.want, env.find(t, test.asked)); diff != "" {
			t.Errorf("%+v:\n%s", test.asked, diff)
		}
	}
}

// What was wrong with a pattern is there for logs, and who gave up gets no refusal of the pattern.
func TestRefusedPatternsKeepTheirCause(t *testing.T) {
	_, err := criteriaOf(pattern.NewCache(), budgeted(source.FindQuery{NamePattern: "(("}))
	if wrong, ok := errors.AsType[*pattern.Error](err); !ok || source.KindOf(err) != source.Failed {
		t.Errorf("got %v, by %v", err, wrong)
	}
	spent := source.FindQuery{NamePattern: "a.*", Budget: pattern.NewBudget(t.Context(), 1)}
	_, err = criteriaOf(pattern.NewCache(), spent)
	if dear, ok := errors.AsType[*pattern.Exceeded](err); !ok || source.KindOf(err) != source.Failed {
		t.Errorf("got %v, by %v", err, dear)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = criteriaOf(pattern.NewCache(), source.FindQuery{NamePattern: "a.*", Budget: pattern.NewBudget(ended, pattern.PassSteps)})
	if !errors.Is(err, context.Canceled) || source.KindOf(err) != "" {
		t.Errorf("who gave up gets %v", err)
	}
}
