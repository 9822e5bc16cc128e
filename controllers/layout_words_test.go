package controllers

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// wordsFile has the words themselves.
const wordsFile = "controllers/layout_words_test.go"

// storytellers match words that do not say who is meant, or when. A comment, a message or a page names the operator,
// another field manager, the user, the tenant or AWS instead.
var storytellers = regexp.MustCompile(`(?i)\b(somebody|whoever|nobody|anybody|anew|seldom|of AWS's)\b`)

// checkWords wants none of these words in comments and strings.
func checkWords(file goFile) []string {
	if file.path == wordsFile {
		return nil
	}
	var failures []string
	ast.Inspect(file.syntax, func(node ast.Node) bool {
		if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			failures = append(failures, storytellersIn(file.path, file.line(literal.Pos()), literal.Value)...)
		}
		return true
	})
	for _, group := range file.syntax.Comments {
		for _, comment := range group.List {
			failures = append(failures, storytellersIn(file.path, file.line(comment.Pos()), comment.Text)...)
		}
	}
	return failures
}

// storytellersIn gives a line for each of the words in a text that begins at a line of a file.
func storytellersIn(file string, first int, text string) (failures []string) {
	for number, line := range strings.Split(text, "\n") {
		for _, word := range storytellers.FindAllString(line, -1) {
			failures = append(failures, fmt.Sprintf("plain-words: %s:%d says %q: name who or what, by the words of Kubernetes or AWS", file, first+number, word))
		}
	}
	return failures
}

// checkNames wants no identifier called one, outside tests: it has the name of the thing that it is.
func checkNames(file goFile) []string {
	if file.test() {
		return nil
	}
	var failures []string
	for _, declared := range declarations(file.syntax) {
		if declared.Name == "one" {
			failures = append(failures, fmt.Sprintf("names-of-things: %s:%d declares %s: call it after the thing that it is", file.path, file.line(declared.Pos()), declared.Name))
		}
	}
	return failures
}

// declarations are the identifiers that a file declares: its variables, constants, parameters, fields, types and
// functions.
func declarations(syntax *ast.File) (declared []*ast.Ident) {
	add := func(expressions ...ast.Expr) {
		for _, expression := range expressions {
			if name, ok := expression.(*ast.Ident); ok {
				declared = append(declared, name)
			}
		}
	}
	ast.Inspect(syntax, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.AssignStmt:
			if node.Tok == token.DEFINE {
				add(node.Lhs...)
			}
		case *ast.RangeStmt:
			if node.Tok == token.DEFINE {
				add(node.Key, node.Value)
			}
		case *ast.ValueSpec:
			declared = append(declared, node.Names...)
		case *ast.Field:
			declared = append(declared, node.Names...)
		case *ast.TypeSpec:
			declared = append(declared, node.Name)
		case *ast.FuncDecl:
			declared = append(declared, node.Name)
		}
		return true
	})
	return declared
}

// TestPagesUsePlainWords is checkWords for the pages and for the chart's own files. The changelog quotes what was.
func TestPagesUsePlainWords(t *testing.T) {
	texts := pages(t)
	delete(texts, "CHANGELOG.md")
	files, err := filepath.Glob("../config/chart/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files of the chart, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimPrefix(filepath.ToSlash(file), "../")
		texts[name] = read(t, name)
	}
	for _, failure := range checkPages(texts) {
		t.Error(failure)
	}
}

// checkPages wants none of the words in texts, by their path.
func checkPages(texts map[string]string) (failures []string) {
	for _, file := range slices.Sorted(maps.Keys(texts)) {
		failures = append(failures, storytellersIn(file, 1, texts[file])...)
	}
	return failures
}

func TestTheRulesOfWordsCanFail(t *testing.T) {
	const head = "// Package p is a sample.\npackage p\n\n"
	for name, test := range map[string]struct {
		path, content string
		want          string // What the failure has; empty for a file that is as it should be.
	}{
		"a comment":               {"controllers/serve/x.go", head + "// f asks nobody.\nfunc f() {}\n", `plain-words: controllers/serve/x.go:4 says "nobody"`},
		"a comment at a line":     {"controllers/serve/x.go", head + "var a int // Seldom read.\n", `x.go:4 says "Seldom"`},
		"a comment of many lines": {"controllers/serve/x.go", head + "/*\na\nis made anew\n*/\n", `x.go:6 says "anew"`},
		"the package's comment":   {"controllers/serve/x.go", "// Package p is for whoever asks.\npackage p\n", `x.go:1 says "whoever"`},
		"a word with a suffix":    {"controllers/serve/x.go", head + "// f writes somebody's Secret.\nfunc f() {}\n", `says "somebody"`},
		"several words":           {"controllers/serve/x.go", head + "// f is one of AWS's limits.\nfunc f() {}\n", `says "of AWS's"`},
		"a string":                {"controllers/serve/x.go", head + "const a = \"anybody may read it\"\n", `says "anybody"`},
		"a string of many lines":  {"controllers/serve/x.go", head + "const a = `\n\nanybody`\n", `x.go:6 says "anybody"`},
		"a test":                  {"controllers/serve/x_test.go", head + "// Nobody reads it.\n", `x_test.go:4 says "Nobody"`},
		"a part of a word":        {"controllers/serve/x.go", head + "// f makes a newer one: canewood.\nfunc f() {}\n", ""},
		"an identifier":           {"controllers/serve/x.go", head + "func nobody() {}\n", ""},
		"a variable":              {"controllers/serve/x.go", head + "func f() { one := 1; _ = one }\n", "names-of-things: controllers/serve/x.go:4 declares one"},
		"a variable of a loop":    {"controllers/serve/x.go", head + "func f(all []int) { for _, one := range all { _ = one } }\n", "names-of-things"},
		"a key of a loop":         {"controllers/serve/x.go", head + "func f(all []int) { for one := range all { _ = one } }\n", "names-of-things"},
		"a declared variable":     {"controllers/serve/x.go", head + "func f() { var one int; _ = one }\n", "names-of-things"},
		"a constant":              {"controllers/serve/x.go", head + "const one = 1\n", "names-of-things"},
		"a parameter":             {"controllers/serve/x.go", head + "var f = func(one int) {}\n", "names-of-things"},
		"a field":                 {"controllers/serve/x.go", head + "type t struct{ one int }\n", "names-of-things"},
		"a type":                  {"controllers/serve/x.go", head + "type one struct{}\n", "names-of-things"},
		"a function":              {"controllers/serve/x.go", head + "func one() {}\n", "names-of-things"},
		"a variable of a switch":  {"controllers/serve/x.go", head + "func f(a any) { switch one := a.(type) { case int: _ = one } }\n", "names-of-things"},
		"a variable of a test":    {"controllers/serve/x_test.go", head + "const one = 1\n", ""},
		"one that is assigned":    {"controllers/serve/x.go", head + "func f() { once := 1; once = 2; _ = once }\n", ""},
		"a generated file":        {"controllers/serve/x.go", "// Code generated by nobody. DO NOT EDIT.\n\n" + head + "const one = 1\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			failures := check([]goFile{sample(t, test.path, test.content)})
			wantFailure(t, failures, test.want, strings.Contains)
		})
	}
}

func TestTheRuleOfPagesCanFail(t *testing.T) {
	failures := checkPages(map[string]string{"cmd/page.md": "# A page\n\nNobody reads it.\n", "cmd/values.yaml": "# a value\na: b\n"})
	if want := `plain-words: cmd/page.md:3 says "Nobody"`; len(failures) != 1 || !strings.HasPrefix(failures[0], want) {
		t.Errorf("got %q, want %q", failures, want)
	}
}
