package pattern

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestMatchWildcard(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true}, {"*", "anything", true}, {"", "", true}, {"", "a", false}, {"a", "a", true}, {"a", "ab", false},
		{"db_*", "db_user", true}, {"db_*", "DB_user", false}, {"*_url", "db_url", true}, {"*_url", "db_urls", false},
		{"a*b*c", "axxbyyc", true}, {"a*b*c", "axxcyyb", false}, {"?", "é", true}, {"?", "", false}, {"??", "é", false},
		{"*é?", "aéé", true}, {"*é", "èé", true}, {"**a**", "bab", true}, {"a*", "a", true}, {"*\xc3", "é", false},
	} {
		if got, err := MatchWildcard(newBudget(), test.pattern, test.name); got != test.want || err != nil {
			t.Errorf("%q matches %q: %v, %v", test.pattern, test.name, got, err)
		}
	}
}

// Each star but the last is matched once; after the last star, each place of the name is tried.
func TestWildcardsTakeSteps(t *testing.T) {
	pattern, name := strings.Repeat("*a", 200)+"b", strings.Repeat("a", 60_000)
	budget := newBudget()
	for range 100 {
		if matched, err := MatchWildcard(budget, pattern, name); matched || err != nil {
			t.Fatal(matched, err)
		}
	}
	if spent := budget.Spent(); spent < 100*60_000 || spent > 100*60_000*201 {
		t.Errorf("it took %d steps", spent)
	}
	hard := "*" + strings.Repeat("a", 500) + "b"
	_, err := MatchWildcard(NewBudget(context.Background(), 1_000_000), hard, name)
	if refusal, ok := errors.AsType[*Exceeded](err); !ok || !strings.Contains(refusal.Error(), `"*aaaa`) || refusal.Left >= wildcardSteps {
		t.Errorf("30 million comparisons are refused with %v", err)
	}
}

func TestHeavyWorkEntersOnce(t *testing.T) {
	entered, refusal := 0, errors.New("too many")
	budget := newBudget()
	budget.WhenHeavy(1000, func(context.Context) error {
		if entered++; entered == 1 {
			return refusal
		}
		return nil
	})
	if err := budget.Spend("light", 1000); err != nil || entered != 0 {
		t.Errorf("light work entered %d times: %v", entered, err)
	}
	if err := budget.Spend("heavy", 1); !errors.Is(err, refusal) {
		t.Errorf("heavy work that may not enter gives %v", err)
	}
	for range 3 {
		if err := errors.Join(budget.Spend("heavy", 1), budget.Heavy()); err != nil {
			t.Error(err)
		}
	}
	if entered != 2 {
		t.Errorf("it entered %d times", entered)
	}
}
