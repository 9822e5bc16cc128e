package controllers

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// checkShadowing wants no variable, outside tests, that has the name of a package that its file imports, or of a type
// of its package: a reader would have to find out which of the two a name means.
func checkShadowing(files []goFile) (failures []string) {
	typesOf := map[string]map[string]bool{}
	for _, file := range files {
		if typesOf[file.folder()] == nil {
			typesOf[file.folder()] = map[string]bool{}
		}
		if !file.test() {
			for _, name := range packageTypes(file.syntax) {
				typesOf[file.folder()][name] = true
			}
		}
	}
	for _, file := range files {
		if file.test() || file.generated() {
			continue
		}
		imported := importedNames(file.syntax)
		for _, variable := range variables(file.syntax) {
			shadowed := ""
			switch {
			case variable.Name == "_":
			case imported[variable.Name]:
				shadowed = "an imported package"
			case typesOf[file.folder()][variable.Name]:
				shadowed = "a type of its package"
			}
			if shadowed != "" {
				failures = append(failures, fmt.Sprintf("no-shadowing: %s:%d declares %s, which is the name of %s: give the variable or the type another name",
					file.path, file.line(variable.Pos()), variable.Name, shadowed))
			}
		}
	}
	return failures
}

// packageTypes are the names of the types that a file declares outside functions.
func packageTypes(syntax *ast.File) (names []string) {
	for _, declaration := range syntax.Decls {
		if general, ok := declaration.(*ast.GenDecl); ok && general.Tok == token.TYPE {
			for _, spec := range general.Specs {
				if declared, ok := spec.(*ast.TypeSpec); ok {
					names = append(names, declared.Name.Name)
				}
			}
		}
	}
	return names
}

// majorVersion matches what a path ends with from version 2 of a module on, and in gopkg.in.
var majorVersion = regexp.MustCompile(`[/.]v\d+$`)

// importedNames are the names by which a file knows the packages that it imports. The name of a package is not in the
// import: by habit it is the last element of the path, without a version and without "go-".
func importedNames(syntax *ast.File) map[string]bool {
	names := map[string]bool{}
	for _, spec := range syntax.Imports {
		if spec.Name != nil {
			names[spec.Name.Name] = true
			continue
		}
		if imported, err := strconv.Unquote(spec.Path.Value); err == nil {
			names[strings.TrimPrefix(path.Base(majorVersion.ReplaceAllString(imported, "")), "go-")] = true
		}
	}
	return names
}

// variables are the identifiers of the variables and constants that a file declares: receivers, parameters and results
// too, but no fields.
func variables(syntax *ast.File) (declared []*ast.Ident) {
	add := func(expressions ...ast.Expr) {
		for _, expression := range expressions {
			if name, ok := expression.(*ast.Ident); ok {
				declared = append(declared, name)
			}
		}
	}
	addAll := func(list *ast.FieldList) {
		if list != nil {
			for _, field := range list.List {
				declared = append(declared, field.Names...)
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
		case *ast.FuncDecl:
			addAll(node.Recv)
		case *ast.FuncType:
			addAll(node.Params)
			addAll(node.Results)
		}
		return true
	})
	return declared
}

func TestTheRuleOfShadowingCanFail(t *testing.T) {
	const head = "// Package p is a sample.\npackage p\n\n"
	const imports = head + "import \"sync\"\n\nvar lock sync.Mutex\n\n"
	const declares = head + "type thing struct{ sync int }\n\n"
	for name, test := range map[string]struct {
		path, content string
		want          string // What the failure has; empty for a file that is as it should be.
	}{
		"a variable like a package":     {"controllers/serve/x.go", imports + "func f() { sync := 1; _ = sync }\n", "no-shadowing: controllers/serve/x.go:8 declares sync, which is the name of an imported package"},
		"a variable like a type":        {"controllers/serve/x.go", declares + "func f() { thing := 1; _ = thing }\n", "no-shadowing: controllers/serve/x.go:6 declares thing, which is the name of a type of its package"},
		"a declared variable":           {"controllers/serve/x.go", declares + "func f() { var thing int; _ = thing }\n", "no-shadowing"},
		"a constant":                    {"controllers/serve/x.go", declares + "func f() { const thing = 1 }\n", "no-shadowing"},
		"a parameter":                   {"controllers/serve/x.go", declares + "func f(thing int) {}\n", "no-shadowing"},
		"a result":                      {"controllers/serve/x.go", declares + "func f() (thing int) { return 0 }\n", "no-shadowing"},
		"a receiver":                    {"controllers/serve/x.go", declares + "func (thing thing) f() {}\n", "no-shadowing"},
		"a literal's parameter":         {"controllers/serve/x.go", declares + "var f = func(thing int) {}\n", "no-shadowing"},
		"an interface's parameter":      {"controllers/serve/x.go", declares + "type i interface{ f(thing int) }\n", "no-shadowing"},
		"a variable of a loop":          {"controllers/serve/x.go", declares + "func f(all []int) { for _, thing := range all { _ = thing } }\n", "no-shadowing"},
		"a key of a loop":               {"controllers/serve/x.go", declares + "func f(all []int) { for thing := range all { _ = thing } }\n", "no-shadowing"},
		"a variable of a switch":        {"controllers/serve/x.go", declares + "func f(a any) { switch thing := a.(type) { case int: _ = thing } }\n", "no-shadowing"},
		"a variable of an if":           {"controllers/serve/x.go", declares + "func f(a any) { if thing, ok := a.(int); ok { _ = thing } }\n", "no-shadowing"},
		"a type of a group":             {"controllers/serve/x.go", head + "type (\n\ta int\n\tb int\n)\n\nfunc f(b int) {}\n", "no-shadowing"},
		"a type with parameters":        {"controllers/serve/x.go", head + "type thing[T any] struct{}\n\nfunc f(thing int) {}\n", "no-shadowing"},
		"an alias":                      {"controllers/serve/x.go", head + "type thing = int\n\nfunc f(thing int) {}\n", "no-shadowing"},
		"a package by another name":     {"controllers/serve/x.go", head + "import lock \"sync\"\n\nfunc f(lock int) {}\n", "no-shadowing"},
		"a package of a version":        {"controllers/serve/x.go", head + "import \"math/rand/v2\"\n\nfunc f(rand int) {}\n", "no-shadowing"},
		"a package of gopkg.in":         {"controllers/serve/x.go", head + "import \"gopkg.in/inf.v0\"\n\nfunc f(inf int) {}\n", "no-shadowing"},
		"a package of a repository":     {"controllers/serve/x.go", head + "import \"software.sslmate.com/src/go-pkcs12\"\n\nfunc f(pkcs12 int) {}\n", "no-shadowing"},
		"a program in hack":             {"hack/bench/x.go", declares + "func f(thing int) {}\n", "no-shadowing"},
		"the path of a named package":   {"controllers/serve/x.go", head + "import lock \"sync\"\n\nfunc f(sync int) {}\n", ""},
		"a package that is not known":   {"controllers/serve/x.go", head + "func f(sync int) {}\n", ""},
		"a field":                       {"controllers/serve/x.go", imports + "type t struct{ sync, t int }\n", ""},
		"a method":                      {"controllers/serve/x.go", imports + "type t struct{}\n\nfunc (t) sync() {}\n", ""},
		"a variable that is assigned":   {"controllers/serve/x.go", declares + "func f(a thing) { a.sync = 1 }\n", ""},
		"nothing":                       {"controllers/serve/x.go", head + "import _ \"embed\"\n\nfunc f(_ int) {}\n", ""},
		"a type of a function":          {"controllers/serve/x.go", head + "func f() { type thing int }\n\nfunc g(thing int) {}\n", ""},
		"another case":                  {"controllers/serve/x.go", head + "type Thing int\n\nfunc f(thing Thing) {}\n", ""},
		"a test's variable":             {"controllers/serve/x_test.go", declares + "func f(thing int) {}\n", ""},
		"a generated file's variable":   {"controllers/serve/x.go", "// Code generated by a tool. DO NOT EDIT.\n\n" + declares + "func f(thing int) {}\n", ""},
		"a variable outside a function": {"controllers/serve/x.go", imports + "var thing = 1\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			failures := check([]goFile{sample(t, test.path, test.content)})
			wantFailure(t, failures, test.want, strings.HasPrefix)
		})
	}
}

// TestTypesShadowInTheirPackage, in whatever file they stand; imports do in their file alone.
func TestTypesShadowInTheirPackage(t *testing.T) {
	const head = "// Package p is a sample.\npackage p\n\n"
	user := sample(t, "controllers/serve/x.go", head+"func f(thing, sync int) {}\n")
	for name, test := range map[string]struct {
		path, content string
		want          bool
	}{
		"a type of another file":      {"controllers/serve/y.go", head + "type thing int\n", true},
		"a type of a generated file":  {"controllers/serve/y.go", "// Code generated by a tool. DO NOT EDIT.\n\n" + head + "type thing int\n", true},
		"a type of a test":            {"controllers/serve/y_test.go", head + "type thing int\n", false},
		"a type of another package":   {"controllers/target/y.go", head + "type thing int\n", false},
		"a type of a package below":   {"controllers/serve/below/y.go", head + "type thing int\n", false},
		"a package of another file's": {"controllers/serve/y.go", head + "import \"sync\"\n\nvar lock sync.Mutex\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			failures := check([]goFile{user, sample(t, test.path, test.content)})
			const want = "no-shadowing: controllers/serve/x.go:4 declares thing"
			switch {
			case !test.want && len(failures) > 0:
				t.Errorf("is refused: %v", failures)
			case test.want && (len(failures) != 1 || !strings.HasPrefix(failures[0], want)):
				t.Errorf("got %v, want %s", failures, want)
			}
		})
	}
}
