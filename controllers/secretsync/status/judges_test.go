package status

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestEachConditionHasAJudge: those that the API declares, each once.
func TestEachConditionHasAJudge(t *testing.T) {
	var judged []string
	for _, judge := range judges() {
		judged = append(judged, judge.condition)
	}
	slices.Sort(judged)
	if declared := declaredConditions(t); !slices.Equal(judged, declared) {
		t.Errorf("judged are %q, and the API declares %q", judged, declared)
	}
}

// declaredConditions are the constants of the API whose name begins with Condition, sorted.
func declaredConditions(t *testing.T) (conditions []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../../api/v1alpha1/conditions.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Condition") {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			t.Fatalf("%s is no literal", spec.Names[0].Name)
		}
		text, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		conditions = append(conditions, text)
		return true
	})
	slices.Sort(conditions)
	return conditions
}
