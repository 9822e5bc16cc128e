package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
)

// statement finds the mutants of a statement, and says whether to go on below it.
func (f *finder) statement(node ast.Stmt) bool {
	switch node := node.(type) {
	case *ast.ExprStmt:
		call, ok := node.X.(*ast.CallExpr)
		if ok && f.ignored(call) {
			return false
		}
		if ok && !f.isBuiltin(call, "panic") {
			f.skip(node)
		}
	case *ast.DeferStmt:
		if f.ignored(node.Call) {
			return false
		}
		f.skip(node)
	case *ast.GoStmt, *ast.IncDecStmt, *ast.SendStmt:
		f.skip(node)
	case *ast.AssignStmt:
		f.assignment(node)
	case *ast.ReturnStmt:
		f.returned(node)
		f.skipAfterOthers(node)
	case *ast.BranchStmt:
		if node.Tok == token.CONTINUE || node.Tok == token.BREAK {
			f.skipAfterOthers(node)
		}
	case *ast.RangeStmt:
		f.loop(node)
	}
	return true
}

// skip leaves out a statement of a list of statements.
func (f *finder) skip(node ast.Stmt) {
	switch above := f.up(1).(type) {
	case *ast.BlockStmt, *ast.CaseClause:
	case *ast.CommClause:
		if above.Comm == node {
			return
		}
	default:
		return
	}
	f.add("skipped", node, func(n int, inner func(from, to token.Pos) string) string {
		return fmt.Sprintf("if !mutantsIs(%d) { %s }", n, inner(node.Pos(), node.End()))
	})
}

// skipAfterOthers leaves out the terminating statement of an if without else whose body has other statements too.
// Without others, the condition that is never true has the same effect. The compiler does not need the termination of
// such an if.
func (f *finder) skipAfterOthers(node ast.Stmt) {
	block, ok := f.up(1).(*ast.BlockStmt)
	if !ok || len(block.List) < 2 {
		return
	}
	if above, ok := f.up(2).(*ast.IfStmt); ok && above.Body == block && above.Else == nil {
		f.skip(node)
	}
}

func (f *finder) assignment(node *ast.AssignStmt) {
	if node.Tok == token.DEFINE {
		return
	}
	blank := func(left ast.Expr) bool { ident, ok := left.(*ast.Ident); return ok && ident.Name == "_" }
	if !slices.ContainsFunc(node.Lhs, func(left ast.Expr) bool { return !blank(left) }) {
		return
	}
	f.skip(node)
}

// returned makes a function return nil instead of an error.
func (f *finder) returned(node *ast.ReturnStmt) {
	results := f.results()
	if results == nil || results.Len() != len(node.Results) {
		return
	}
	for n, value := range node.Results {
		wanted := results.At(n).Type()
		if types.Identical(wanted, types.Universe.Lookup("error").Type()) && !f.info.Types[value].IsNil() {
			f.add("nil-error", value, func(n int, inner func(from, to token.Pos) string) string {
				return fmt.Sprintf("mutantsNil(%d, %s)", n, inner(value.Pos(), value.End()))
			})
		}
	}
}

// results are the results of the function around the visited node.
func (f *finder) results() *types.Tuple {
	for _, above := range slices.Backward(f.above) {
		switch above := above.(type) {
		case *ast.FuncLit:
			return f.info.Types[above].Type.(*types.Signature).Results()
		case *ast.FuncDecl:
			return f.info.Defs[above.Name].Type().(*types.Signature).Results()
		}
	}
	return nil
}

// loop makes a loop have no iterations.
func (f *finder) loop(node *ast.RangeStmt) {
	over := f.info.Types[node.X]
	switch over.Type.Underlying().(type) {
	case *types.Slice, *types.Map, *types.Array:
	case *types.Basic:
		if over.Value != nil {
			return
		}
	default:
		return
	}
	of := node.X
	f.add("no-loop", of, func(n int, inner func(from, to token.Pos) string) string {
		return fmt.Sprintf("mutantsZero(%d, %s)", n, inner(of.Pos(), of.End()))
	})
}

// caseClause changes each constant or condition of a case, and visits its statements.
func (f *finder) caseClause(node *ast.CaseClause) bool {
	f.above = append(f.above, node)
	defer func() { f.above = f.above[:len(f.above)-1] }()
	_, onTypes := f.up(3).(*ast.TypeSwitchStmt)
	for _, of := range node.List {
		found := f.info.Types[of]
		switch {
		case onTypes || found.IsNil():
		case found.Value != nil:
			f.caseConstant(of, found.Type)
		default:
			f.walk(of)
		}
	}
	for _, statement := range node.Body {
		f.walk(statement)
	}
	return false
}

func (f *finder) caseConstant(of ast.Expr, is types.Type) {
	basic, ok := is.Underlying().(*types.Basic)
	text := f.text(is, of.Pos())
	if !ok || text == "" || basic.Info()&(types.IsString|types.IsInteger) == 0 {
		return
	}
	f.add("no-case", of, func(n int, inner func(from, to token.Pos) string) string {
		return fmt.Sprintf("mutantsOther[%s](%d, %s)", text, n, inner(of.Pos(), of.End()))
	})
}
