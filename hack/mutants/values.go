package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// binary mutates the boundaries of comparisons, and sums and products.
func (f *finder) binary(node *ast.BinaryExpr) {
	basic, ok := f.info.Types[node.X].Type.Underlying().(*types.Basic)
	if !ok || basic.Info()&types.IsOrdered == 0 {
		return
	}
	names := map[token.Token]string{token.LSS: "mutantsLess", token.LEQ: "mutantsLessEqual", token.GTR: "mutantsLess", token.GEQ: "mutantsLessEqual"}
	if function := names[node.Op]; function != "" {
		f.add("boundary", node, func(n int, inner func(from, to token.Pos) string) string {
			x, y := inner(node.X.Pos(), node.X.End()), inner(node.Y.Pos(), node.Y.End())
			if node.Op == token.GTR || node.Op == token.GEQ {
				x, y = y, x
			}
			return fmt.Sprintf("%s(%d, %s, %s)", function, n, x, y)
		})
	}
	opposites := map[token.Token]string{token.ADD: "-", token.SUB: "+", token.MUL: "/", token.QUO: "*"}
	if opposite := opposites[node.Op]; opposite != "" && basic.Info()&types.IsNumeric != 0 {
		text := f.text(f.info.Types[node].Type, node.Pos())
		if text == "" {
			return
		}
		f.add("arithmetic", node, func(n int, inner func(from, to token.Pos) string) string {
			x, y := inner(node.X.Pos(), node.X.End()), inner(node.Y.Pos(), node.Y.End())
			return fmt.Sprintf("func() %s { if mutantsIs(%d) { return (%s) %s (%s) }; return (%s) %s (%s) }()", text, n, x, opposite, y, x, node.Op, y)
		})
	}
}

// constant multiplies a number or a duration by ten. It skips 0 and 1, which mutants of conditions and boundaries cover
// better, and numbers that are only an index or the size of an allocation.
func (f *finder) constant(node ast.Expr, of types.Type) {
	if isBool(of) {
		f.flip(node)
	}
	basic, ok := of.Underlying().(*types.Basic)
	if !ok || basic.Info()&types.IsNumeric == 0 || basic.Info()&types.IsUntyped != 0 || basic.Info()&types.IsComplex != 0 {
		return
	}
	if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.CHAR {
		return
	}
	value := constant.ToFloat(f.info.Types[node].Value)
	if few, _ := constant.Float64Val(value); few >= -1 && few <= 1 {
		return
	}
	if f.sizes(node) {
		return
	}
	text := f.text(of, node.Pos())
	if text == "" {
		return
	}
	f.add("times-ten", node, func(n int, inner func(from, to token.Pos) string) string {
		return fmt.Sprintf("mutantsTen[%s](%d, %s)", text, n, inner(node.Pos(), node.End()))
	})
}

// sizes says whether a number is only an index or the size of an allocation.
func (f *finder) sizes(node ast.Expr) bool {
	switch above := f.up(1).(type) {
	case *ast.IndexExpr, *ast.SliceExpr:
		return true
	case *ast.KeyValueExpr:
		return above.Key == node
	case *ast.CallExpr:
		return f.isBuiltin(above, "make")
	}
	return false
}

// flip swaps true and false where they are returned or passed to a function.
func (f *finder) flip(node ast.Expr) {
	switch f.up(1).(type) {
	case *ast.ReturnStmt, *ast.CallExpr:
		f.add("flipped", node, func(n int, inner func(from, to token.Pos) string) string {
			text := inner(node.Pos(), node.End())
			return fmt.Sprintf("mutantsEither[bool](%d, %s, !(%s))", n, text, text)
		})
	}
}

// literal leaves out each field of a struct, and each element of a list.
func (f *finder) literal(node *ast.CompositeLit) {
	of := f.info.Types[node].Type
	if pointer, ok := of.Underlying().(*types.Pointer); ok {
		of = pointer.Elem()
	}
	for _, element := range node.Elts {
		switch is := of.Underlying().(type) {
		case *types.Struct:
			if pair, ok := element.(*ast.KeyValueExpr); ok {
				f.zero("no-field", pair, pair.Value, field(is, pair.Key))
			}
		case *types.Slice:
			f.zero("no-element", element, element, is.Elem())
		}
	}
}

func field(of *types.Struct, key ast.Expr) types.Type {
	for field := range of.Fields() {
		if ident, ok := key.(*ast.Ident); ok && field.Name() == ident.Name {
			return field.Type()
		}
	}
	return nil
}

// zero replaces a value by the zero value of its type.
func (f *finder) zero(operator string, of ast.Node, value ast.Expr, wanted types.Type) {
	found := f.info.Types[value]
	if literal, ok := value.(*ast.CompositeLit); ok && literal.Type == nil || found.IsNil() || found.Type == nil {
		return
	}
	text := f.text(wanted, value.Pos())
	if text == "" {
		if found.Value != nil || wanted == nil || !types.Identical(found.Type, wanted) {
			return
		}
	} else {
		text = "[" + text + "]"
	}
	n := f.number(operator, of.Pos(), of.End())
	f.wrap(value, func(inner func(from, to token.Pos) string) string {
		return fmt.Sprintf("mutantsZero%s(%d, %s)", text, n, inner(value.Pos(), value.End()))
	})
}

// call leaves out an option of a call, or the call itself.
func (f *finder) call(node *ast.CallExpr) bool {
	if f.ignored(node) {
		return false
	}
	f.unwrapped(node)
	signature, ok := f.info.Types[node.Fun].Type.(*types.Signature)
	if !ok || !signature.Variadic() || node.Ellipsis.IsValid() || f.isBuiltin(node, "append") {
		return true
	}
	fixed := signature.Params().Len() - 1
	option := signature.Params().At(fixed).Type().(*types.Slice).Elem()
	text := f.text(option, node.Pos())
	if empty, ok := option.Underlying().(*types.Interface); len(node.Args) <= fixed || text == "" || ok && empty.Empty() {
		return true
	}
	given := node.Args[fixed:]
	first := 0
	for place, argument := range given {
		if n := f.number("no-option", argument.Pos(), argument.End()); place == 0 {
			first = n
		}
	}
	from, to := given[0].Pos(), given[len(given)-1].End()
	f.wraps = append(f.wraps, &wrap{from: from, to: to, write: func(inner func(from, to token.Pos) string) string {
		return fmt.Sprintf("mutantsWithout[%s](%d, %s)...", text, first, inner(from, to))
	}})
	return true
}

// unwrapped replaces a call by its receiver or its first argument, if that has the type of its result.
func (f *finder) unwrapped(node *ast.CallExpr) {
	switch f.up(1).(type) {
	case *ast.ExprStmt, *ast.DeferStmt, *ast.GoStmt:
		return
	}
	of := f.info.Types[node].Type
	var same ast.Expr
	if selector, ok := node.Fun.(*ast.SelectorExpr); ok {
		if selection := f.info.Selections[selector]; selection != nil && selection.Kind() == types.MethodVal && types.Identical(f.info.Types[selector.X].Type, of) {
			same = selector.X
		}
	}
	if same == nil {
		same = f.firstOf(node, of)
	}
	if same == nil {
		return
	}
	text := f.text(of, node.Pos())
	if text == "" {
		return
	}
	f.add("unwrapped", node, func(n int, inner func(from, to token.Pos) string) string {
		return fmt.Sprintf("func() %s { if mutantsIs(%d) { return %s }; return %s }()", text, n, inner(same.Pos(), same.End()), inner(node.Pos(), node.End()))
	})
}

// firstOf is the first argument of a call that has a type and is not constant.
func (f *finder) firstOf(node *ast.CallExpr, of types.Type) ast.Expr {
	if len(node.Args) == 0 || len(node.Args) == 1 && node.Ellipsis.IsValid() {
		return nil
	}
	first := f.info.Types[node.Args[0]]
	if !first.IsValue() || first.IsNil() || first.Value != nil || !types.Identical(first.Type, of) {
		return nil
	}
	return node.Args[0]
}

// ignored says whether a call and its arguments are not mutated: calls of loggers and locks, and cancelling a context.
func (f *finder) ignored(node *ast.CallExpr) bool {
	if of, ok := f.info.Types[node.Fun].Type.(*types.Named); ok && of.String() == "context.CancelFunc" {
		return true
	}
	selector, ok := node.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	called := f.info.Uses[selector.Sel]
	function, ok := called.(*types.Func)
	if !ok || function.Pkg() == nil {
		return false
	}
	switch function.Pkg().Path() {
	case "github.com/go-logr/logr", "log/slog":
		return true
	case "fmt":
		return strings.HasPrefix(function.Name(), "Sprint")
	case "sync":
		return slices.Contains([]string{"Lock", "Unlock", "RLock", "RUnlock"}, function.Name())
	}
	return false
}

func (f *finder) isBuiltin(node *ast.CallExpr, name string) bool {
	ident, ok := node.Fun.(*ast.Ident)
	if !ok {
		return false
	}
	_, ok = f.info.Uses[ident].(*types.Builtin)
	return ok && ident.Name == name
}
