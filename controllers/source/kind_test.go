package source

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"
)

// Each kind has an answer of its own to each question: a kind without a row fails, and so does one that Kinds lacks.
func TestEveryKindHasAnAnswerToEverything(t *testing.T) {
	type answers struct {
		reason                                                                   string
		transient, missing, answered, unresponsive, ofCaller, cacheable, revokes bool
	}
	table := map[Kind]answers{
		SecretNotFound:         {reason: "SecretNotFound", missing: true, answered: true, cacheable: true, revokes: true},
		VersionNotFound:        {reason: "VersionNotFound", missing: true, answered: true, cacheable: true},
		SecretPendingDeletion:  {reason: "SecretPendingDeletion", missing: true, answered: true, cacheable: true},
		AccessDenied:           {reason: "AccessDenied", answered: true, cacheable: true, revokes: true},
		KMSAccessDenied:        {reason: "KMSAccessDenied", answered: true, cacheable: true},
		DecryptionFailed:       {reason: "DecryptionFailed", answered: true, cacheable: true},
		Throttled:              {reason: "Throttled", transient: true, answered: true, ofCaller: true},
		CredentialsUnavailable: {reason: "CredentialsUnavailable", transient: true, unresponsive: true, ofCaller: true},
		AssumeRoleDenied:       {reason: "AssumeRoleDenied", ofCaller: true},
		RegionUnavailable:      {reason: "RegionUnavailable", transient: true, unresponsive: true},
		PolicyDenied:           {reason: "PolicyDenied"},
		Busy:                   {ofCaller: true},
		FindTooBroad:           {reason: "FindTooBroad", answered: true},
		Failed:                 {reason: "SourceFailed", answered: true, cacheable: true},
	}
	declared := declaredKinds(t)
	for _, kind := range declared {
		want, ok := table[kind]
		if !ok {
			t.Errorf("the table has no row for %s", kind)
		}
		if got := (answers{
			reason: kind.Reason(), transient: kind.Transient(), missing: kind.Missing(), answered: kind.Answered(),
			unresponsive: kind.Unresponsive(), ofCaller: kind.OfCaller(), cacheable: kind.Cacheable(), revokes: kind.Revokes(),
		}); got != want {
			t.Errorf("%s answers %+v, want %+v", kind, got, want)
		}
	}
	if kinds := Kinds(); !slices.Equal(slices.Sorted(slices.Values(kinds)), slices.Sorted(slices.Values(declared))) {
		t.Errorf("Kinds() is %v, and declared are %v", kinds, declared)
	}
	var none Kind
	if none.Transient() || none.Missing() || none.Answered() || none.Unresponsive() || none.OfCaller() || none.Cacheable() || none.Revokes() {
		t.Error("the empty kind, of an error that is no refusal, says something")
	}
}

// declaredKinds are the constants of type Kind that kind.go has.
func declaredKinds(t *testing.T) (kinds []Kind) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "kind.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if named, ok := spec.Type.(*ast.Ident); ok && named.Name == "Kind" {
			for _, value := range spec.Values {
				text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				kinds = append(kinds, Kind(text))
			}
		}
		return true
	})
	if len(kinds) == 0 {
		t.Fatal("kind.go declares no kinds")
	}
	return kinds
}
