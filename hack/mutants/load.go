package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// code is a package with its types.
type code struct {
	// dir is the package's folder; its files are named relative to the root of the module.
	dir, root string
	set       *token.FileSet
	files     []sourceFile
	pkg       *types.Package
	info      *types.Info
}

type sourceFile struct {
	path    string // absolute
	content []byte
	syntax  *ast.File
}

// listed is the output of go list for a package.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
	DepOnly                 bool
	Module                  *struct{ Dir string }
}

// load parses and type-checks the package of a pattern such as ./controllers/accesspolicy.
func load(pattern string) (*code, error) {
	packages, err := list(pattern)
	if err != nil {
		return nil, err
	}
	exports := map[string]string{}
	var main *listed
	for n, each := range packages {
		exports[each.ImportPath] = each.Export
		if !each.DepOnly {
			if main != nil {
				return nil, fmt.Errorf("%s: more than one package", pattern)
			}
			main = &packages[n]
		}
	}
	if main == nil || main.Module == nil {
		return nil, fmt.Errorf("%s: no package of this module", pattern)
	}
	loaded := &code{dir: main.Dir, root: main.Module.Dir, set: token.NewFileSet()}
	var syntax []*ast.File
	for _, name := range main.GoFiles {
		file, err := loaded.parse(filepath.Join(main.Dir, name))
		if err != nil {
			return nil, err
		}
		loaded.files, syntax = append(loaded.files, file), append(syntax, file.syntax)
	}
	return loaded, loaded.check(main.ImportPath, syntax, exports)
}

// list makes go list build the imports of the package, whose types are then read from the build cache.
func list(pattern string) ([]listed, error) {
	command := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,DepOnly,Module", pattern)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w", pattern, err)
	}
	var packages []listed
	decoder := json.NewDecoder(strings.NewReader(string(output)))
	for {
		var next listed
		if err := decoder.Decode(&next); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, err
		}
		packages = append(packages, next)
	}
}

func (c *code) parse(path string) (sourceFile, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return sourceFile{}, err
	}
	syntax, err := parser.ParseFile(c.set, path, content, parser.ParseComments|parser.SkipObjectResolution)
	return sourceFile{path: path, content: content, syntax: syntax}, err
}

func (c *code) check(path string, syntax []*ast.File, exports map[string]string) error {
	open := func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("no export data of %s", path)
		}
		return os.Open(exports[path])
	}
	c.info = &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{},
	}
	config := types.Config{Importer: importer.ForCompiler(c.set, "gc", open)}
	var err error
	c.pkg, err = config.Check(path, c.set, syntax, c.info)
	return err
}

// relative is the path of a file relative to the root of the module.
func (c *code) relative(path string) string {
	if relative, err := filepath.Rel(c.root, path); err == nil {
		return filepath.ToSlash(relative)
	}
	return path
}

// text is a type as it can be written at a position, or empty if its name means something else there.
func (c *code) text(of types.Type, at token.Pos) string {
	if of == nil {
		return ""
	}
	text := types.TypeString(of, func(pkg *types.Package) string {
		if pkg == c.pkg {
			return ""
		}
		return c.importedAs(pkg, at)
	})
	found, err := types.Eval(c.set, c.pkg, at, text)
	if err != nil || !found.IsType() || !types.Identical(found.Type, of) {
		return ""
	}
	return text
}

// importedAs is the name by which the file of a position imports a package.
func (c *code) importedAs(pkg *types.Package, at token.Pos) string {
	for _, file := range c.files {
		if at < file.syntax.FileStart || at > file.syntax.FileEnd {
			continue
		}
		for _, spec := range file.syntax.Imports {
			if spec.Name != nil && strings.Trim(spec.Path.Value, `"`) == pkg.Path() {
				return spec.Name.Name
			}
		}
	}
	return pkg.Name()
}
