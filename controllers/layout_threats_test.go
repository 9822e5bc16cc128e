package controllers

import (
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// These tests keep out what other operators of this kind had to publish advisories about; docs/security.md
// says which is against which.

// shipped are the files that run in a cluster.
func shipped(t *testing.T) []goFile {
	t.Helper()
	files, err := repository("..")
	if err != nil {
		t.Fatal(err)
	}
	files = slices.DeleteFunc(files, func(f goFile) bool {
		return f.test() || !within(f.folder(), []string{"api", "controllers", "cmd"})
	})
	if len(files) < 50 {
		t.Fatalf("only %d files are shipped: the walk misses some", len(files))
	}
	return files
}

// TestNoFieldNamesANamespace: what a SecretSync refers to is in its own namespace, because there is no way to
// say another.
func TestNoFieldNamesANamespace(t *testing.T) {
	fields := fieldsOf(reflect.TypeFor[v1alpha1.SecretSyncSpec]())
	if len(fields) < 20 || !slices.Contains(fields, "spec.auth.serviceAccountRef.name") {
		t.Fatalf("the fields are not read whole: %v", fields)
	}
	for _, field := range fields {
		if strings.Contains(strings.ToLower(field), "namespace") {
			t.Errorf("%s would let a SecretSync reach out of its namespace", field)
		}
	}
	if found := fieldsOf(reflect.TypeFor[struct {
		A []struct{ Ref *struct{ Namespace string } }
	}]()); !slices.Contains(found, "spec.A.Ref.Namespace") {
		t.Errorf("a namespace would not be found: %v", found)
	}
}

// fieldsOf are the fields of a spec by their paths, as they are written in manifests.
func fieldsOf(spec reflect.Type) (paths []string) {
	var walk func(at string, kind reflect.Type)
	walk = func(at string, kind reflect.Type) {
		for kind.Kind() == reflect.Pointer || kind.Kind() == reflect.Slice || kind.Kind() == reflect.Map {
			kind = kind.Elem()
		}
		paths = append(paths, at)
		if kind.Kind() != reflect.Struct {
			return
		}
		for field := range kind.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "" {
				name = field.Name
			}
			walk(at+"."+name, field.Type)
		}
	}
	walk("spec", spec)
	return paths
}

// TestListsStayInANamespace: every list names its namespace. Whom a change event concerns is the one question that
// has none: it is answered by the cache, with SecretSyncs.
func TestListsStayInANamespace(t *testing.T) {
	lists := 0
	for _, file := range shipped(t) {
		for call := range callsOf(file, "List") {
			lists++
			if file.path == "controllers/notify/match.go" && strings.Contains(source(t, file, call), "&syncs") {
				continue
			}
			if !slices.ContainsFunc(call.Args, func(argument ast.Expr) bool { return calls(argument, "InNamespace") }) {
				t.Errorf("%s:%d lists without client.InNamespace", file.path, file.line(call.Pos()))
			}
		}
	}
	if lists == 0 {
		t.Error("no list was found: the search misses them")
	}
}

// source is the text of a call.
func source(t *testing.T, file goFile, call *ast.CallExpr) string {
	t.Helper()
	text := read(t, file.path)
	return text[file.set.Position(call.Pos()).Offset:file.set.Position(call.End()).Offset]
}

// callsOf are the calls of a method in a file.
func callsOf(file goFile, method string) func(yield func(*ast.CallExpr) bool) {
	return func(yield func(*ast.CallExpr) bool) {
		more := true
		ast.Inspect(file.syntax, func(node ast.Node) bool {
			if call, ok := node.(*ast.CallExpr); ok && more && calls(call, method) {
				more = yield(call)
			}
			return more
		})
	}
}

func calls(expression ast.Expr, method string) bool {
	call, ok := expression.(*ast.CallExpr)
	if !ok {
		return false
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	return ok && selector.Sel.Name == method
}

// TestNothingOfTheMachineIsReachable: the packages that read what a tenant writes know no files, no
// environment and no network. The package of the AWS SDK reads the files that AWS documents, and writes none; servers
// are given what they answer with. Templates have a package of their own, which parses URLs and addresses, and whose
// functions are listed in docs/templates.md.
func TestNothingOfTheMachineIsReachable(t *testing.T) {
	machine := []string{"os", "io/ioutil", "net", "text/template", "html/template", "plugin", "syscall", "unsafe", "github.com/Masterminds"}
	outside := 0
	for _, file := range shipped(t) {
		for _, imported := range file.imports() {
			if !within(imported, machine) {
				continue
			}
			if file.folder() == "controllers/render/template" && within(imported, []string{"text/template", "net/url", "net/netip"}) {
				continue
			}
			probe := file.path == "controllers/secretsync/health.go" && imported == "net/http" // It answers probes, and sends nothing.
			hook := file.path == "controllers/notify/hook.go"                                  // It takes events, and reads the file of its token; tenants have no say in it.
			if outside++; !probe && !hook && !within(file.folder(), []string{"cmd", "controllers/serve", "controllers/source/aws", "controllers/notify/sqs"}) {
				t.Errorf("%s imports %s", file.path, imported)
			}
			if slices.Contains([]string{"os/exec", "html/template", "plugin", "unsafe"}, imported) {
				t.Errorf("%s imports %s, which nothing that is shipped may", file.path, imported)
			}
		}
		for _, line := range writesFiles(file) {
			t.Errorf("%s:%d writes a file", file.path, line)
		}
	}
	if outside == 0 {
		t.Error("not even the AWS SDK's package reads files: the search misses imports")
	}
}

// writesFiles are the lines in which a file is written, made or moved.
func writesFiles(file goFile) (lines []int) {
	for _, writes := range []string{"Create", "OpenFile", "WriteFile", "Mkdir", "MkdirAll", "Rename", "Symlink"} {
		for call := range callsOf(file, writes) {
			if from, ok := call.Fun.(*ast.SelectorExpr).X.(*ast.Ident); ok && from.Name == "os" {
				lines = append(lines, file.line(call.Pos()))
			}
		}
	}
	return lines
}

// TestNothingIsWrittenToAWS: of all that the SDK can ask for, reads are asked for, and roles; and messages are taken
// from the queue of change events, which is the operator's own. The plugin asks, with its user's credentials, for what
// holds no value; diff reads values as the operator does, by source/aws.
func TestNothingIsWrittenToAWS(t *testing.T) {
	asked := map[string]bool{
		"DescribeSecretInput": false, "GetSecretValueInput": false, "BatchGetSecretValueInput": false, "ListSecretsInput": false,
		"AssumeRoleInput": false, "AssumeRoleWithWebIdentityInput": false,
		"ReceiveMessageInput": false, "DeleteMessageBatchInput": false,
	}
	byPlugin := []string{"DescribeSecretInput", "ListSecretsInput", "ListSecretVersionIdsInput", "GetCallerIdentityInput"}
	for _, file := range shipped(t) {
		if !slices.ContainsFunc(file.imports(), func(imported string) bool { return within(imported, []string{"github.com/aws"}) }) {
			continue // It can't name an input of the SDK.
		}
		ast.Inspect(file.syntax, func(node ast.Node) bool {
			input, ok := node.(*ast.SelectorExpr)
			if !ok || !strings.HasSuffix(input.Sel.Name, "Input") {
				return true
			}
			if from, ok := input.X.(*ast.Ident); ok && from.Name == "middleware" {
				return true // What any call goes through.
			}
			if plugin := within(file.path, []string{"cmd/kubectl-secretsync"}); plugin && slices.Contains(byPlugin, input.Sel.Name) {
				return true
			} else if _, reads := asked[input.Sel.Name]; plugin || !reads {
				t.Errorf("%s:%d asks AWS for more than it needs: %s", file.path, file.line(input.Pos()), input.Sel.Name)
			}
			asked[input.Sel.Name] = true
			return true
		})
	}
	if !asked["GetSecretValueInput"] || !asked["DescribeSecretInput"] {
		t.Errorf("not even reads were found: %v", asked)
	}
}

// TestRolesHaveNoWildcards: each permission is named, and none hands on or takes over those of others.
func TestRolesHaveNoWildcards(t *testing.T) {
	files, err := filepath.Glob("../config/rbac/*role.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d roles, %v", len(files), err)
	}
	for _, file := range append(files, "../config/components/service-account-tokens/role.yaml", "../config/components/rollouts/role.yaml") {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var role rbacv1.ClusterRole
		if err := yaml.UnmarshalStrict(content, &role); err != nil || len(role.Rules) == 0 {
			t.Fatalf("%s: %d rules, %v", file, len(role.Rules), err)
		}
		for _, failure := range tooWide(role.Rules) {
			t.Errorf("%s: %s", filepath.Base(file), failure)
		}
	}
	if found := tooWide([]rbacv1.PolicyRule{{Verbs: []string{"*"}, APIGroups: []string{"rbac.authorization.k8s.io"}, Resources: []string{"roles"}}}); len(found) != 2 {
		t.Errorf("a wide role would be found as %q", found)
	}
}

// tooWide says what in the rules is more than any part of this project needs.
func tooWide(rules []rbacv1.PolicyRule) (failures []string) {
	for _, rule := range rules {
		for _, one := range slices.Concat(rule.Verbs, rule.APIGroups, rule.Resources) {
			switch {
			case strings.Contains(one, "*"):
				failures = append(failures, fmt.Sprintf("%v has a wildcard", rule))
			case slices.Contains([]string{"escalate", "bind", "impersonate", "rbac.authorization.k8s.io", "admissionregistration.k8s.io",
				"apiextensions.k8s.io", "pods", "pods/exec", "nodes", "nodes/proxy", "certificatesigningrequests"}, one):
				failures = append(failures, fmt.Sprintf("%v has %s", rule, one))
			}
		}
	}
	return failures
}

// TestThoseWhoEditMayNotWriteStatus: the operator believes what it finds in a status, such as which Secret it has
// written, so that no other program is given it.
func TestThoseWhoEditMayNotWriteStatus(t *testing.T) {
	for _, file := range []string{"config/rbac/secretsync_edit_role.yaml", "config/rbac/secretsync_view_role.yaml"} {
		_, rules, _ := strings.Cut(read(t, file), "\nrules:")
		if !strings.Contains(rules, "secretsyncs") || strings.Contains(rules, "status") {
			t.Errorf("the rules of %s:\n%s", file, rules)
		}
	}
	if chart := read(t, "config/chart/templates/rbac.yaml"); !strings.Contains(chart, "aggregate-to-edit") || strings.Contains(chart, "/status") {
		t.Error("the chart's roles for people mention a status")
	}
}

// tests are the names of all tests and fuzz targets.
func tests(t *testing.T) map[string]bool {
	t.Helper()
	files, err := repository("..")
	if err != nil {
		t.Fatal(err)
	}
	existing := map[string]bool{}
	for _, file := range files {
		for _, declared := range file.syntax.Decls {
			if function, ok := declared.(*ast.FuncDecl); ok && file.test() && function.Recv == nil {
				existing[function.Name.Name] = true
			}
		}
	}
	return existing
}

// TestTheThreatModelNamesTests: each point of docs/security.md is shown by tests that exist.
func TestTheThreatModelNamesTests(t *testing.T) {
	page, existing := read(t, "docs/security.md"), tests(t)
	named := matches("`((?:Test|Fuzz)\\w+)`", page)
	if len(named) < 30 {
		t.Fatalf("only %d tests are named", len(named))
	}
	for _, test := range named {
		if !existing[test] {
			t.Errorf("docs/security.md names %s, which there is not", test)
		}
	}
	_, model, found := strings.Cut(page, "\n## Threat model\n")
	if !found {
		t.Fatal("docs/security.md has no threat model")
	}
	model, _, _ = strings.Cut(model, "\n## ")
	columns := 0
	for _, row := range regexp.MustCompile(`(?m)^\| .*\|$`).FindAllString(model, -1) {
		switch cells := strings.Count(row, "|") - 1; {
		case strings.HasSuffix(row, "| shown by |"):
			columns = cells
		case cells != columns:
			t.Errorf("docs/security.md has a row of %d cells in a table of %d (what is tried, what holds, what remains, which tests show it): %s", cells, columns, row)
		}
		if !strings.Contains(row, "`Test") && !strings.HasSuffix(row, "| shown by |") && !strings.HasSuffix(row, "| by design |") {
			t.Errorf("docs/security.md promises without a test: %s", row)
		}
	}
}
