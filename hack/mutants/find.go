package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// finder collects the mutants of a package, file by file.
type finder struct {
	*code
	mutants []mutant
	// keys counts mutants of the same key, to number them.
	keys map[string]int

	file     sourceFile
	wraps    []*wrap
	function string
	// above are the nodes around the visited node, the outermost first.
	above []ast.Node
}

// find gives all mutants of a package, and the files rewritten to contain them.
func find(loaded *code) (mutants []mutant, files map[string]string) {
	f := &finder{code: loaded, keys: map[string]int{}}
	files = map[string]string{}
	for _, file := range loaded.files {
		if ast.IsGenerated(file.syntax) {
			continue
		}
		f.file, f.wraps = file, nil
		for _, declaration := range file.syntax.Decls {
			f.function = name(declaration)
			f.walk(declaration)
		}
		files[file.path] = rewrite(file, f.wraps)
	}
	return f.mutants, files
}

// name is the name that a declaration declares: Type.Method, Function, or the first name of others.
func name(declaration ast.Decl) string {
	switch declaration := declaration.(type) {
	case *ast.FuncDecl:
		if declaration.Recv == nil {
			return declaration.Name.Name
		}
		receiver := types.ExprString(declaration.Recv.List[0].Type)
		receiver, _, _ = strings.Cut(strings.TrimPrefix(receiver, "*"), "[")
		return receiver + "." + declaration.Name.Name
	case *ast.GenDecl:
		for _, spec := range declaration.Specs {
			if value, ok := spec.(*ast.ValueSpec); ok {
				return value.Names[0].Name
			}
		}
	}
	return "-"
}

// add adds a mutant, which rewrites the code between two positions by write.
func (f *finder) add(operator string, of ast.Node, write func(n int, inner func(from, to token.Pos) string) string) {
	n := f.number(operator, of.Pos(), of.End())
	f.wrap(of, func(inner func(from, to token.Pos) string) string { return write(n, inner) })
}

func (f *finder) wrap(of ast.Node, write func(inner func(from, to token.Pos) string) string) {
	f.wraps = append(f.wraps, &wrap{from: of.Pos(), to: of.End(), write: write})
}

// number gives the next mutant its number and its key.
func (f *finder) number(operator string, from, to token.Pos) int {
	base := f.file.syntax.FileStart
	text := strings.Join(strings.Fields(string(f.file.content[from-base:to-base])), " ")
	if runes := []rune(text); len(runes) > 100 {
		text = string(runes[:99]) + "…"
	}
	path := f.relative(f.file.path)
	key := fmt.Sprintf("%s %s %s: %s", path, f.function, operator, text)
	f.keys[key]++
	if same := f.keys[key]; same > 1 {
		key += fmt.Sprintf(" (%d)", same)
	}
	n := len(f.mutants) + 1
	f.mutants = append(f.mutants, mutant{number: n, key: key, file: path, line: f.set.Position(from).Line, what: operator + ": " + text})
	return n
}

// walk visits what is below a node, without constants of the compiler, types, and what is not mutated.
func (f *finder) walk(root ast.Node) {
	ast.Inspect(root, func(node ast.Node) bool {
		if node == nil {
			f.above = f.above[:len(f.above)-1]
			return true
		}
		if !f.visit(node) {
			return false
		}
		f.above = append(f.above, node)
		return true
	})
}

// visit finds the mutants of one node, and says whether to go on below it.
func (f *finder) visit(node ast.Node) bool {
	switch node := node.(type) {
	case *ast.GenDecl:
		return node.Tok == token.VAR
	case *ast.FieldList, *ast.ArrayType, *ast.MapType, *ast.ImportSpec, *ast.CommentGroup:
		return false
	case *ast.CaseClause:
		return f.caseClause(node)
	case *ast.CommClause:
		return true
	case ast.Stmt:
		return f.statement(node)
	case ast.Expr:
		return f.expression(node)
	}
	return true
}

// up is the node n levels above the visited node, or nil.
func (f *finder) up(levels int) ast.Node {
	if levels > len(f.above) {
		return nil
	}
	return f.above[len(f.above)-levels]
}

// expression finds the mutants of an expression.
func (f *finder) expression(node ast.Expr) bool {
	found := f.info.Types[node]
	if found.IsType() {
		return false
	}
	if found.Value != nil {
		f.constant(node, found.Type)
		return false
	}
	if f.asConditions(node) {
		// Every test fails with a loop that never ends, and leaving a field out makes it false.
		_, loop := f.up(1).(*ast.ForStmt)
		_, field := f.up(1).(*ast.KeyValueExpr)
		f.condition(node, !loop, !field)
	}
	switch node := node.(type) {
	case *ast.BinaryExpr:
		f.binary(node)
	case *ast.CallExpr:
		return f.call(node)
	case *ast.CompositeLit:
		f.literal(node)
	}
	return true
}

// asConditions says whether an expression is a condition: not a part of another condition, and not just a name for one.
func (f *finder) asConditions(node ast.Expr) bool {
	if found := f.info.Types[node]; !found.IsValue() || !isBool(found.Type) {
		return false
	}
	switch above := f.up(1).(type) {
	case *ast.IfStmt, *ast.ForStmt, *ast.ReturnStmt, *ast.CaseClause:
		return true
	case *ast.BinaryExpr:
		if above.Op == token.LAND || above.Op == token.LOR {
			return false
		}
	case *ast.ParenExpr, *ast.UnaryExpr, *ast.ExprStmt, *ast.DeferStmt, *ast.GoStmt:
		return false
	case *ast.AssignStmt:
		if slices.Contains(above.Lhs, node) {
			return false
		}
	}
	switch node := node.(type) {
	case *ast.BinaryExpr, *ast.CallExpr:
		return true
	case *ast.UnaryExpr:
		return node.Op == token.NOT
	}
	return false
}

func isBool(of types.Type) bool {
	basic, ok := of.(*types.Basic)
	return ok && (basic.Kind() == types.Bool || basic.Kind() == types.UntypedBool)
}

// condition makes a condition always true or always false, and leaves out each operand of && and ||.
func (f *finder) condition(node ast.Expr, always, never bool) {
	switch node := node.(type) {
	case *ast.ParenExpr:
		f.condition(node.X, always, never)
		return
	case *ast.UnaryExpr:
		if node.Op == token.NOT {
			f.condition(node.X, never, always)
			return
		}
	case *ast.BinaryExpr:
		if node.Op == token.LAND {
			f.decide(node, false, never)
			f.condition(node.X, true, false)
			f.condition(node.Y, true, false)
			return
		}
		if node.Op == token.LOR {
			f.decide(node, always, false)
			f.condition(node.X, false, true)
			f.condition(node.Y, false, true)
			return
		}
	}
	f.decide(node, always, never)
}

// decide makes an expression true or false. If it has that value already, the mutant makes no difference and does not
// count as reached.
func (f *finder) decide(node ast.Expr, always, never bool) {
	if f.info.Types[node].Value != nil || !isBool(f.info.Types[node].Type) {
		return
	}
	if always {
		f.add("always", node, func(n int, inner func(from, to token.Pos) string) string {
			return fmt.Sprintf("((%s) || mutantsIs(%d))", inner(node.Pos(), node.End()), n)
		})
	}
	if never {
		f.add("never", node, func(n int, inner func(from, to token.Pos) string) string {
			return fmt.Sprintf("((%s) && !mutantsIs(%d))", inner(node.Pos(), node.End()), n)
		})
	}
}
