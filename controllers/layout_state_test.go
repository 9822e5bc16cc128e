package controllers

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

const (
	// stateFiles is how many files of a package may touch the fields of a struct with a lock, its own methods
	// included: who reads them can see at a glance how the lock is held.
	stateFiles = 2
	// wideStruct is from how many fields on a struct may be written in at most writingFiles files.
	wideStruct, writingFiles = 13, 3
)

// structure is a struct type of a package, and the files that touch and write its fields.
type structure struct {
	fields           int
	locked           bool
	touched, written map[string]bool
}

// checkState wants state in one place: a struct with a sync.Mutex or sync.RWMutex is touched by few files, and a
// struct with many fields is written by few.
//
// Each package is type-checked alone, with empty packages in place of what it imports. What goes through functions of
// other packages has no type then (a struct out of an atomic.Pointer, or out of slices.Values), and is not counted.
func checkState(files []goFile) (failures []string) {
	packages := map[string][]goFile{}
	for _, file := range files {
		shipped := within(file.folder(), []string{"api", "cmd", "controllers"})
		if shipped && !file.test() && !file.generated() {
			packages[file.folder()] = append(packages[file.folder()], file)
		}
	}
	for folder, files := range packages {
		for name, found := range structures(files) {
			if touched := slices.Sorted(maps.Keys(found.touched)); found.locked && len(touched) > stateFiles {
				failures = append(failures, fmt.Sprintf("state-in-two-files: %s: %s has a lock, and its fields are touched in %d files, more than %d: %s",
					folder, name, len(touched), stateFiles, strings.Join(touched, ", ")))
			}
			if written := slices.Sorted(maps.Keys(found.written)); found.fields >= wideStruct && len(written) > writingFiles {
				failures = append(failures, fmt.Sprintf("results-are-handed-on: %s: %s has %d fields, and they are written in %d files, more than %d: %s",
					folder, name, found.fields, len(written), writingFiles, strings.Join(written, ", ")))
			}
		}
	}
	return failures
}

// structures are the struct types that a package declares, by name.
func structures(files []goFile) map[string]*structure {
	set, all := token.NewFileSet(), map[string]*structure{}
	var syntax []*ast.File
	for _, file := range files {
		parsed, err := parser.ParseFile(set, file.path, file.content, parser.SkipObjectResolution)
		if err != nil {
			continue // It was parsed before.
		}
		syntax = append(syntax, parsed)
		ast.Inspect(parsed, func(node ast.Node) bool {
			if spec, ok := node.(*ast.TypeSpec); ok {
				if declared, ok := spec.Type.(*ast.StructType); ok {
					all[spec.Name.Name] = &structure{fields: declared.Fields.NumFields(), locked: hasLock(declared), touched: map[string]bool{}, written: map[string]bool{}}
				}
			}
			return true
		})
	}
	info := &types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}
	config := types.Config{Importer: emptyPackages{}, Error: func(error) {}}
	_, _ = config.Check(files[0].folder(), set, syntax, info) // Its errors are those of empty packages.
	for _, parsed := range syntax {
		file, written := path.Base(set.Position(parsed.Package).Filename), writtenIn(parsed)
		ast.Inspect(parsed, func(node ast.Node) bool {
			if selector, ok := node.(*ast.SelectorExpr); ok {
				if owner := all[ownerOf(info.Selections[selector])]; owner != nil {
					owner.touched[file] = true
					if written[selector] {
						owner.written[file] = true
					}
				}
			}
			return true
		})
	}
	return all
}

// hasLock says whether a struct has a field of type sync.Mutex or sync.RWMutex.
func hasLock(declared *ast.StructType) bool {
	return slices.ContainsFunc(declared.Fields.List, func(field *ast.Field) bool {
		selector, ok := field.Type.(*ast.SelectorExpr)
		if !ok {
			return false
		}
		from, ok := selector.X.(*ast.Ident)
		return ok && from.Name == "sync" && (selector.Sel.Name == "Mutex" || selector.Sel.Name == "RWMutex")
	})
}

// writtenIn are the selectors x.f that a file assigns to, increments or takes the address of, x.f[i] and x.f.g
// included.
func writtenIn(syntax *ast.File) map[*ast.SelectorExpr]bool {
	written := map[*ast.SelectorExpr]bool{}
	mark := func(expression ast.Expr) {
		for {
			switch inner := expression.(type) {
			case *ast.SelectorExpr:
				written[inner], expression = true, inner.X
			case *ast.IndexExpr:
				expression = inner.X
			case *ast.ParenExpr:
				expression = inner.X
			default:
				return
			}
		}
	}
	ast.Inspect(syntax, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.AssignStmt:
			for _, left := range node.Lhs {
				mark(left)
			}
		case *ast.RangeStmt:
			mark(node.Key)
			mark(node.Value)
		case *ast.IncDecStmt:
			mark(node.X)
		case *ast.UnaryExpr:
			if node.Op == token.AND {
				mark(node.X)
			}
		}
		return true
	})
	return written
}

// ownerOf is the name of the struct type that has the field of a selection, which may be promoted; empty for a method.
func ownerOf(selection *types.Selection) string {
	if selection == nil || selection.Kind() != types.FieldVal {
		return ""
	}
	owner := selection.Recv()
	for n, index := range selection.Index() {
		if pointer, ok := owner.Underlying().(*types.Pointer); ok {
			owner = pointer.Elem()
		}
		inner, ok := owner.Underlying().(*types.Struct)
		if !ok {
			return ""
		}
		if n < len(selection.Index())-1 {
			owner = inner.Field(index).Type()
		}
	}
	named, ok := owner.(*types.Named)
	if !ok {
		return ""
	}
	return named.Obj().Name()
}

// emptyPackages stand in for imported packages.
type emptyPackages struct{}

// Import gives an empty package.
func (emptyPackages) Import(at string) (*types.Package, error) {
	empty := types.NewPackage(at, path.Base(at))
	empty.MarkComplete()
	return empty, nil
}

func TestTheRulesOfStateCanFail(t *testing.T) {
	const head = "// Package p is a sample.\npackage p\n\n"
	const locked = head + "import \"sync\"\n\ntype state struct {\n\tmutex sync.Mutex\n\tcount int\n\tknown map[string]int\n}\n"
	const handle = head + "type outer struct{ *state }\n"
	wide := head + "type wide struct {\n" + strings.Repeat("\t_ int\n", wideStruct-1) + "\tcount int\n}\n"
	narrow := head + "type wide struct {\n" + strings.Repeat("\t_ int\n", wideStruct-2) + "\tcount int\n}\n"
	const reads, writes = head + "func f(s *state) int { return s.count }\n", head + "func f(w *wide) { w.count++ }\n"
	for name, test := range map[string]struct {
		files []string
		want  string // The rule's name; empty for a package that is as it should be.
	}{
		"a state in three files":                {[]string{locked, reads, reads, reads}, "state-in-two-files"},
		"a state in two files":                  {[]string{locked, reads, reads}, ""},
		"a state without a lock":                {[]string{strings.ReplaceAll(locked, "sync.Mutex", "int"), reads, reads, reads}, ""},
		"a state with a lock for readers":       {[]string{strings.ReplaceAll(locked, "Mutex", "RWMutex"), reads, reads, reads}, "state-in-two-files"},
		"a state with its methods in its file":  {[]string{locked + "func (s *state) get() int { return s.count }\n", reads, reads}, "state-in-two-files"},
		"methods in three files":                {[]string{locked, head + "func (s *state) a() { s.count++ }\n", head + "func (s *state) b() { s.count++ }\n", head + "func (s *state) c() { s.count++ }\n"}, "state-in-two-files"},
		"a state that is called in three files": {[]string{locked + "func (s *state) get() int { return s.count }\n", head + "func f(s *state) int { return s.get() }\n", head + "func g(s *state) int { return s.get() }\n", head + "func h(s *state) int { return s.get() }\n"}, ""},
		"a promoted field":                      {[]string{locked, handle, reads, reads, head + "func g(o outer) int { return o.count }\n"}, "state-in-two-files"},
		"a field of another struct":             {[]string{locked, head + "type other struct{ count int }\n", head + "func f(o other) int { return o.count }\n", head + "func g(o other) int { return o.count }\n", head + "func h(o other) int { return o.count }\n"}, ""},
		"beside unknown packages":               {[]string{locked, reads, reads, head + "import \"example.com/x\"\n\nfunc g(s *state) any { return x.F(s.count) }\n"}, "state-in-two-files"},
		"a wide struct in four files":           {[]string{wide, writes, writes, writes, writes}, "results-are-handed-on"},
		"a wide struct in three files":          {[]string{wide, writes, writes, writes}, ""},
		"a wide struct that is read":            {[]string{wide, writes, writes, writes, head + "func r(w *wide) int { return w.count }\n"}, ""},
		"a wide struct, by assignment":          {[]string{wide, writes, writes, writes, head + "func r(w *wide) { w.count = 1 }\n"}, "results-are-handed-on"},
		"a wide struct, by an address":          {[]string{wide, writes, writes, writes, head + "func r(w *wide) *int { return &w.count }\n"}, "results-are-handed-on"},
		"a wide struct, by a loop":              {[]string{wide, writes, writes, writes, head + "func r(w *wide) { for w.count = range 3 {} }\n"}, "results-are-handed-on"},
		"a narrow struct in four files":         {[]string{narrow, writes, writes, writes, writes}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var files []goFile
			for number, content := range test.files {
				files = append(files, sample(t, fmt.Sprintf("controllers/serve/x%d.go", number), content))
			}
			failures := check(files)
			if test.want == "" && len(failures) > 0 || test.want != "" && (len(failures) != 1 || !strings.HasPrefix(failures[0], test.want+": controllers/serve: ")) {
				t.Errorf("got %v, want %q", failures, test.want)
			}
		})
	}
}
