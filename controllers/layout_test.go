package controllers

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/secretsync/secretsync"

// Budgets, in lines. They are the habit of code that is read with pleasure; what does not fit has
// more than one subject.
const (
	fileBudget      = 400
	testFileBudget  = 600
	functionBudget  = 80
	reconcileBudget = 60
	mainBudget      = 60
)

// goFile is a parsed file, by its path in the repository.
type goFile struct {
	path    string
	content []byte
	set     *token.FileSet
	syntax  *ast.File
}

func (f goFile) folder() string  { return path.Dir(f.path) }
func (f goFile) test() bool      { return strings.HasSuffix(f.path, "_test.go") }
func (f goFile) lines() int      { return f.set.File(f.syntax.FileStart).LineCount() }
func (f goFile) generated() bool { return ast.IsGenerated(f.syntax) }

// line is where a position stands.
func (f goFile) line(at token.Pos) int { return f.set.Position(at).Line }

func (f goFile) imports() []string {
	var paths []string
	for _, spec := range f.syntax.Imports {
		if imported, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, imported)
		}
	}
	return paths
}

func parse(name string, content []byte) (goFile, error) {
	set := token.NewFileSet()
	syntax, err := parser.ParseFile(set, name, content, parser.ParseComments|parser.SkipObjectResolution)
	return goFile{path: name, content: content, set: set, syntax: syntax}, err
}

func TestLayout(t *testing.T) {
	files, err := repository("..")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("only %d files were found: the walk misses the repository", len(files))
	}
	for _, failure := range check(files) {
		t.Error(failure)
	}
}

// repository parses every Go file below a folder, those of nested modules too.
func repository(root string) ([]goFile, error) {
	var files []goFile
	err := filepath.WalkDir(root, func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if at != root && (strings.HasPrefix(name, ".") || name == "bin" || name == "testdata" || name == "vendor") {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		content, err := os.ReadFile(at)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, at)
		if err != nil {
			return err
		}
		file, err := parse(filepath.ToSlash(relative), content)
		files = append(files, file)
		return err
	})
	return files, err
}

// check gives a line for every rule that is broken, led by the rule's name.
func check(files []goFile) []string {
	failures := checkComments(files)
	for _, file := range files {
		failures = append(failures, checkImports(file)...)
		if !file.generated() {
			failures = append(failures, checkBudgets(file)...)
			failures = append(failures, checkWords(file)...)
			failures = append(failures, checkNames(file)...)
		}
	}
	failures = append(failures, checkMeetings(files)...)
	failures = append(failures, checkState(files)...)
	failures = append(failures, checkShadowing(files)...)
	slices.Sort(failures)
	return failures
}

// checkComments wants a comment on every package.
func checkComments(files []goFile) []string {
	commented := map[string]bool{}
	for _, file := range files {
		commented[file.folder()] = commented[file.folder()] || strings.TrimSpace(file.syntax.Doc.Text()) != ""
	}
	var failures []string
	for folder, ok := range commented {
		if !ok {
			failures = append(failures, fmt.Sprintf("package-comment: no file of %s says what the package does and what it may import", folder))
		}
	}
	return failures
}

// importRule bounds what the packages of a folder import.
type importRule struct {
	name string
	// folder the rule is for; with below, the folders in it too.
	folder string
	below  bool
	// testsToo makes the rule hold for tests.
	testsToo bool
	// except is a folder, with those below it, that the rule is not for.
	except string
	// forbidden import paths and what is below them.
	forbidden []string
	// allowed, where it is not nil, are all that may be imported besides the standard library, and what is below them.
	allowed []string
}

// importRules say who may import whom; checkMeetings has one more.
func importRules() []importRule {
	const awsSDK, smithy = "github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go"
	const template, sourceAWSFolder = "controllers/render/template", "controllers/source/aws"
	api, source, sourceAWS, reconciler := module+"/api", module+"/controllers/source", module+"/controllers/source/aws", module+"/controllers/secretsync"
	render, pattern, target, arns := module+"/controllers/render", module+"/controllers/pattern", module+"/controllers/target", module+"/controllers/arns"
	references := module + "/controllers/references"
	const reconciling = "controllers/secretsync"
	return []importRule{
		{name: "api-stands-alone", folder: "api", below: true, allowed: []string{"k8s.io", module + "/api"}},
		{name: "pattern-is-std-only", folder: "controllers/pattern", below: true, testsToo: true, allowed: []string{}},
		{name: "source-knows-patterns-alone", folder: "controllers/source", allowed: []string{pattern}},
		{name: "source-aws-knows-no-kubernetes", folder: "controllers/source/aws", below: true, testsToo: true,
			forbidden: []string{"k8s.io", "sigs.k8s.io", api}},
		{name: "arns-knows-the-sdks-arn-alone", folder: "controllers/arns", below: true, allowed: []string{awsSDK + "/aws/arn"}},
		{name: "references-knows-the-api-and-arns", folder: "controllers/references", below: true, allowed: []string{api, arns}},
		{name: "pacing-knows-source-alone", folder: sourceAWSFolder + "/pacing", below: true,
			allowed: []string{"golang.org/x/time/rate", source}, forbidden: []string{sourceAWS}},
		{name: "identity-knows-no-secrets", folder: sourceAWSFolder + "/identity", below: true,
			allowed:   []string{awsSDK, smithy, source, arns, sourceAWS + "/pacing", sourceAWS + "/partitions", sourceAWS + "/refusal"},
			forbidden: []string{awsSDK + "/service/secretsmanager", sourceAWS + "/sharing"}},
		{name: "partitions-knows-the-sdk-alone", folder: sourceAWSFolder + "/partitions", below: true, allowed: []string{awsSDK}},
		{name: "refusal-knows-no-caller", folder: sourceAWSFolder + "/refusal", below: true,
			allowed:   []string{awsSDK, smithy, source, arns, sourceAWS + "/partitions"},
			forbidden: []string{sourceAWS + "/pacing", sourceAWS + "/sharing"}},
		{name: "sharing-knows-source-alone", folder: sourceAWSFolder + "/sharing", below: true, allowed: []string{source}, forbidden: []string{sourceAWS}},
		{name: "notify-knows-no-aws", folder: "controllers/notify", below: true, testsToo: true, except: "controllers/notify/sqs",
			forbidden: []string{awsSDK, smithy, source}},
		{name: "notify-sqs-knows-notify-and-the-sdk", folder: "controllers/notify/sqs", below: true, allowed: []string{awsSDK, smithy, module + "/controllers/notify"}},
		{name: "accesspolicy-knows-source-and-patterns", folder: "controllers/accesspolicy", below: true, allowed: []string{source, arns, pattern}, forbidden: []string{sourceAWS}},
		{name: "failover-knows-source-alone", folder: "controllers/failover", below: true,
			allowed: []string{"github.com/prometheus/client_golang/prometheus", source, arns}, forbidden: []string{sourceAWS}},
		{name: "serviceaccount-knows-kubernetes-and-source", folder: "controllers/serviceaccount", below: true,
			allowed: []string{"k8s.io/api", "k8s.io/apimachinery", "sigs.k8s.io/controller-runtime/pkg/client", source}, forbidden: []string{sourceAWS}},
		{name: "render-is-pure", folder: "controllers/render", below: true, except: template,
			allowed: []string{"k8s.io/api", "k8s.io/apimachinery", api, source, render, pattern, "github.com/jmespath-community/go-jmespath/pkg/parsing"}, forbidden: []string{sourceAWS}},
		{name: "template-is-pure", folder: template, below: true, allowed: []string{"go.yaml.in/yaml/v3", "software.sslmate.com/src/go-pkcs12", render + "/rawjson", pattern},
			forbidden: []string{"crypto/rand", "math/rand", "math/rand/v2", "net/http", "os", "os/exec", "syscall", "time"}},
		{name: "jmespath-knows-its-parser-alone", folder: "controllers/render/jmespath", below: true, allowed: []string{"github.com/jmespath-community/go-jmespath/pkg/parsing", render + "/rawjson", pattern}},
		{name: "rawjson-is-std-only", folder: "controllers/render/rawjson", below: true, allowed: []string{}},
		{name: "render-knows-no-aws", folder: "controllers/render", below: true, testsToo: true, forbidden: []string{awsSDK, smithy, sourceAWS}},
		{name: "target-knows-no-source", folder: "controllers/target", below: true, testsToo: true, forbidden: []string{awsSDK, smithy, source}},
		{name: "secretsync-knows-no-aws", folder: "controllers/secretsync", below: true, forbidden: []string{awsSDK, smithy, sourceAWS, module + "/controllers/notify"}},
		{name: "resolve-knows-the-source-alone", folder: reconciling + "/resolve", testsToo: true,
			allowed: []string{"golang.org/x/sync/errgroup", "k8s.io/apimachinery", "k8s.io/utils/clock", "github.com/google/go-cmp/cmp", api, pattern, references, source, reconciler + "/resolve"}},
		{name: "assemble-is-pure", folder: reconciling + "/assemble", allowed: []string{api, render, pattern, source, target, reconciler + "/resolve"}, forbidden: []string{sourceAWS}},
		{name: "failure-is-a-table", folder: reconciling + "/failure", allowed: []string{api, render, source, target, reconciler + "/resolve"}},
		{name: "schedule-is-pure", folder: reconciling + "/schedule",
			allowed: []string{"k8s.io/apimachinery/pkg/util/wait", "sigs.k8s.io/controller-runtime/pkg/handler", api, source, reconciler + "/failure", reconciler + "/resolve"}},
		{name: "ownwrites-knows-the-target", folder: reconciling + "/ownwrites",
			allowed: []string{"k8s.io/apimachinery", api, target, reconciler + "/failure", reconciler + "/schedule"}},
		{name: "status-is-pure", folder: reconciling + "/status",
			allowed:   []string{"k8s.io/api", "k8s.io/apimachinery", api, arns, render, module + "/controllers/rollout", source, target, reconciler},
			forbidden: []string{reconciler + "/queue"}},
		{name: "queue-knows-no-reconcile", folder: reconciling + "/queue",
			allowed: []string{"github.com/go-logr/logr", "k8s.io/apimachinery", "k8s.io/client-go/util/workqueue", "sigs.k8s.io/controller-runtime", pattern, source}},
		{name: "rollout-knows-kubernetes-alone", folder: "controllers/rollout", below: true,
			allowed: []string{"k8s.io/api", "k8s.io/apimachinery", "k8s.io/utils", "sigs.k8s.io/controller-runtime/pkg/client", api}},
		{name: "plugin-knows-no-reconciler", folder: "cmd/kubectl-secretsync", below: true,
			allowed: []string{awsSDK, smithy, "github.com/spf13/cobra", "k8s.io", "sigs.k8s.io/controller-runtime/pkg/client", "sigs.k8s.io/json", "sigs.k8s.io/yaml", api, module + "/cmd/kubectl-secretsync",
				module + "/controllers/accesspolicy", module + "/controllers/iam", module + "/controllers/rollout", references, render, pattern, source, target, arns, reconciler + "/assemble", reconciler + "/failure", reconciler + "/resolve"}},
		{name: "no-package-knows-the-reconciler", folder: "controllers", below: true, testsToo: true, except: "controllers/secretsync", forbidden: []string{reconciler}},
		{name: "iam-is-std-only", folder: "controllers/iam", below: true, testsToo: true, allowed: []string{}},
		{name: "localaws-is-std-only", folder: "hack/localaws", below: true, allowed: []string{module + "/hack/localaws", module + "/controllers/iam"}},
		{name: "nothing-shipped-needs-hack", folder: "controllers", below: true, forbidden: []string{module + "/hack"}},
		{name: "nothing-shipped-needs-hack", folder: "cmd", below: true, forbidden: []string{module + "/hack"}},
	}
}

func (r importRule) covers(file goFile) bool {
	if file.test() && !r.testsToo || r.except != "" && within(file.folder(), []string{r.except}) {
		return false
	}
	return file.folder() == r.folder || r.below && within(file.folder(), []string{r.folder})
}

// refuses gives why an import breaks the rule, or nothing.
func (r importRule) refuses(imported string) string {
	if within(imported, r.forbidden) {
		return "which it may not know"
	}
	if r.allowed != nil && !standard(imported) && !within(imported, r.allowed) {
		return "and may import only: " + strings.Join(append([]string{"the standard library"}, r.allowed...), ", ")
	}
	return ""
}

// within says whether a path is one of the places or below one.
func within(at string, places []string) bool {
	return slices.ContainsFunc(places, func(place string) bool { return at == place || strings.HasPrefix(at, place+"/") })
}

// standard says whether an import is of the standard library, whose paths begin with no host.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

func checkImports(file goFile) []string {
	var failures []string
	for _, rule := range importRules() {
		if !rule.covers(file) {
			continue
		}
		for _, imported := range file.imports() {
			if why := rule.refuses(imported); why != "" {
				failures = append(failures, fmt.Sprintf("%s: %s imports %s, %s", rule.name, file.path, imported, why))
			}
		}
	}
	return failures
}

// checkMeetings lets only cmd/manager bring the reconciler and AWS together.
func checkMeetings(files []goFile) []string {
	met := map[string]map[string]bool{}
	for _, file := range files {
		if file.test() {
			continue
		}
		if met[file.folder()] == nil {
			met[file.folder()] = map[string]bool{}
		}
		for _, imported := range file.imports() {
			met[file.folder()][imported] = true
		}
	}
	var failures []string
	for folder, imported := range met {
		if folder != "cmd/manager" && imported[module+"/controllers/secretsync"] && imported[module+"/controllers/source/aws"] {
			failures = append(failures, fmt.Sprintf("only-the-manager-sees-all: %s imports both the reconciler and source/aws", folder))
		}
	}
	return failures
}

func checkBudgets(file goFile) []string {
	var failures []string
	exceeds := func(rule, what string, lines, budget int) {
		if lines > budget {
			failures = append(failures, fmt.Sprintf("%s: %s has %d lines, more than %d", rule, what, lines, budget))
		}
	}
	if file.test() {
		exceeds("test-file-budget", file.path, file.lines(), testFileBudget)
	} else {
		exceeds("file-budget", file.path, file.lines(), fileBudget)
	}
	if file.path == "cmd/manager/main.go" {
		exceeds("main-budget", file.path, file.lines(), mainBudget)
	}
	for _, declaration := range file.syntax.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok {
			continue
		}
		what := file.path + ": " + function.Name.Name
		exceeds("function-budget", what, functionLines(file, function), functionBudget)
		if function.Recv != nil && function.Name.Name == "Reconcile" {
			exceeds("reconcile-budget", what, functionLines(file, function), reconcileBudget)
		}
	}
	return failures
}

// functionLines counts from func to the closing brace. In tests the lines of literals are not counted:
// a table of cases is data, and its length is no complexity.
func functionLines(file goFile, function *ast.FuncDecl) int {
	lines := file.line(function.End()) - file.line(function.Pos()) + 1
	if !file.test() {
		return lines
	}
	ast.Inspect(function, func(node ast.Node) bool {
		literal, ok := node.(*ast.CompositeLit)
		if ok {
			lines -= file.line(literal.End()) - file.line(literal.Pos())
		}
		return !ok // Literals in a literal are counted with it.
	})
	return lines
}
