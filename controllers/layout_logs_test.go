package controllers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var keyOfLog = regexp.MustCompile(`^\w+$`)

// logKeys are the keys of log lines in a file: each second argument of a logging call, from its place on.
func logKeys(t *testing.T, file string) map[string]bool {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	// first is the place of the first key, by the name of the method.
	first := map[string]int{"Info": 1, "Error": 2, "WithValues": 0, "logged": 1}
	keys := map[string]bool{}
	add := func(node ast.Expr) {
		if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if key, err := strconv.Unquote(literal.Value); err == nil && keyOfLog.MatchString(key) {
				keys[key] = true
			}
		}
	}
	ast.Inspect(parsed, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.CallExpr:
			method, ok := node.Fun.(*ast.SelectorExpr)
			if !ok {
				break
			}
			if at, logs := first[method.Sel.Name]; logs {
				for ; at < len(node.Args); at += 2 {
					add(node.Args[at])
				}
			}
		case *ast.FuncDecl:
			if node.Name.Name == "failedPairs" {
				ast.Inspect(node, func(inner ast.Node) bool {
					if literal, ok := inner.(*ast.BasicLit); ok {
						add(literal)
					}
					return true
				})
			}
		}
		return true
	})
	return keys
}

// TestEveryKeyOfTheLogIsDocumented: docs/operations.md has a row for each key, and none that no line has.
func TestEveryKeyOfTheLogIsDocumented(t *testing.T) {
	used := map[string]bool{"ts": true, "level": true, "logger": true, "msg": true, "reconcileID": true} // Of zap and controller-runtime.
	for _, folder := range []string{".", "../cmd"} {
		err := filepath.WalkDir(folder, func(at string, _ fs.DirEntry, err error) error {
			if err == nil && filepath.Ext(at) == ".go" && !strings.HasSuffix(at, "_test.go") {
				for key := range logKeys(t, at) {
					used[key] = true
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	_, section, found := strings.Cut(read(t, "docs/operations.md"), "\n## Logs\n")
	if !found {
		t.Fatal("docs/operations.md has no section Logs")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	documented := map[string]bool{}
	for line := range strings.Lines(section) {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			for _, key := range matches("`(\\w+)`", cells[1]) {
				documented[key] = true
			}
		}
	}
	for key := range used {
		if !documented[key] {
			t.Errorf("the key %q of the log is not documented", key)
		}
		delete(documented, key)
	}
	for key := range documented {
		t.Errorf("the key %q is documented, but no line has it", key)
	}
}
