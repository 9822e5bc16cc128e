// Package terraform tests the Terraform module of this directory: it evaluates the module, and compares its policies,
// queue and rule with those of the documentation.
package terraform

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	root   = "../.."
	issuer = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE"
	irsa   = `"oidc_provider_arn": "arn:aws:iam::111122223333:oidc-provider/` + issuer + `"`
)

// evaluated is what hack/tools/terraform prints.
type evaluated struct {
	Resources map[string]map[string]any
	Outputs   map[string]any
}

// document is a policy or an event pattern, which arguments have as JSON in a string.
func (e evaluated) document(t *testing.T, resource, argument string) any {
	t.Helper()
	text, has := e.Resources[resource][argument].(string)
	if !has {
		t.Fatalf("%s has no %s", resource, argument)
	}
	return parse(t, text)
}

// parse parses JSON. A list of one element and the element are the same to IAM.
func parse(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return plain(value)
}

func plain(value any) any {
	switch typed := value.(type) {
	case []any:
		if len(typed) == 1 {
			return plain(typed[0])
		}
		for i := range typed {
			typed[i] = plain(typed[i])
		}
	case map[string]any:
		for name := range typed {
			typed[name] = plain(typed[name])
		}
	}
	return value
}

// build builds the evaluator.
func build(t *testing.T) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "evaluate")
	command := exec.CommandContext(t.Context(), "go", "build", "-C", filepath.Join(root, "hack/tools/terraform"), "-o", binary, ".")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("building hack/tools/terraform: %v: %s", err, output)
	}
	return binary
}

// evaluate evaluates a module. problem is what the evaluator says if it fails.
func evaluate(t *testing.T, binary, directory, variables string) (result evaluated, problem string) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), binary, directory, variables).CombinedOutput()
	if err != nil {
		return evaluated{}, string(output)
	}
	if err := json.Unmarshal(output, &result); err != nil {
		t.Fatal(err)
	}
	return result, ""
}

func read(t *testing.T, page string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// between is the text of a page between two texts.
func between(t *testing.T, page, begin, end string) string {
	t.Helper()
	_, after, begins := strings.Cut(read(t, page), begin)
	text, _, ends := strings.Cut(after, end)
	if !begins || !ends {
		t.Fatalf("%s has no text between %q and %q", page, begin, end)
	}
	return text
}

// statements are the statements of a policy.
func statements(policy any) []any {
	found := policy.(map[string]any)["Statement"]
	if list, many := found.([]any); many {
		return list
	}
	return []any{found}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s is\n%v, the documentation has\n%v", what, got, want)
	}
}

// TestModule compares the module with README.md, by which a test installs the operator, and with docs/change-events.md.
func TestModule(t *testing.T) {
	binary := build(t)
	module, problem := evaluate(t, binary, ".", `{"secrets": ["/prod/payments/*"], `+irsa+`}`)
	if problem != "" {
		t.Fatal(problem)
	}
	fill := strings.NewReplacer("${AWS_REGION}", "eu-west-1", "${ACCOUNT}", "111122223333", "${ISSUER}", issuer, "$ISSUER", issuer)
	trust := fill.Replace(between(t, "README.md", "cat > trust.json <<JSON\n", "\nJSON\n"))
	same(t, "the trust policy", module.document(t, "aws_iam_role.operator", "assume_role_policy"), parse(t, trust))

	policy := parse(t, fill.Replace(between(t, "README.md", "cat > policy.json <<JSON\n", "\nJSON\n")))
	receive := parse(t, between(t, "docs/change-events.md", "The operator's own identity needs, in addition to its permissions on secrets:\n\n```json\n", "```\n"))
	got := module.document(t, "aws_iam_role_policy.operator", "policy")
	same(t, "the role's policy", statements(got), append(statements(policy), receive))

	page := t.TempDir()
	if err := os.WriteFile(filepath.Join(page, "main.tf"), []byte(between(t, "docs/change-events.md", "```hcl\n", "```\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	printed, problem := evaluate(t, binary, page, "{}")
	if problem != "" {
		t.Fatal(problem)
	}
	if len(printed.Resources) != 5 {
		t.Errorf("docs/change-events.md has the resources %v", slices.Collect(maps.Keys(printed.Resources)))
	}
	for name, arguments := range printed.Resources {
		same(t, name, module.Resources[name], arguments)
	}
	same(t, "queue_url", module.Outputs["queue_url"], "https://sqs.eu-west-1.amazonaws.com/111122223333/secretsync-changes")
	same(t, "role_arn", module.Outputs["role_arn"], "arn:aws:iam::111122223333:role/secretsync")
}

// TestVariables: each variable has the effect that its description promises.
func TestVariables(t *testing.T) {
	binary := build(t)
	const secrets = `"secrets": ["/a"], `
	for name, test := range map[string]struct {
		variables string
		problem   string
		resources int
		contains  string
	}{
		"Pod Identity":       {`{` + secrets + `"pod_identity_cluster": "prod"}`, "", 8, `"aws_eks_pod_identity_association.operator":{"cluster_name":"prod","namespace":"secretsync-system","role_arn":"arn:aws:iam::111122223333:role/secretsync","service_account":"secretsync"}`},
		"its trust policy":   {`{` + secrets + `"pod_identity_cluster": "prod"}`, "", 8, `[{\"Action\":[\"sts:AssumeRole\",\"sts:TagSession\"],\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"pods.eks.amazonaws.com\"}}]`},
		"both":               {`{` + secrets + irsa + `, "pod_identity_cluster": "prod"}`, "", 8, `},{\"Action\":[\"sts:AssumeRole\",\"sts:TagSession\"]`},
		"neither":            {`{"secrets": ["/a"]}`, "Set oidc_provider_arn for IRSA, or pod_identity_cluster", 0, ""},
		"no events":          {`{` + secrets + irsa + `, "change_events": false}`, "", 2, `"queue_url":null`},
		"two secrets":        {`{"secrets": ["/a", "/b/*"], ` + irsa + `}`, "", 7, `secret:/a-??????\",\"arn:aws:secretsmanager:eu-west-1:111122223333:secret:/b/*-??????\"]`},
		"no secrets":         {`{"secrets": [], ` + irsa + `}`, "Name at least one secret", 0, ""},
		"secrets missing":    {`{` + irsa + `}`, "variable secrets: is required", 0, ""},
		"another name":       {`{` + secrets + irsa + `, "name": "other"}`, "", 7, `"queue_url":"https://sqs.eu-west-1.amazonaws.com/111122223333/other-changes"`},
		"another account":    {`{` + secrets + irsa + `, "namespace": "ops", "service_account": "reader"}`, "", 7, `system:serviceaccount:ops:reader`},
		"an unknown one":     {`{` + secrets + `"region": "x"}`, "there is no variable region", 0, ""},
		"a value of no type": {`{"secrets": {"a": "b"}, ` + irsa + `}`, "variable secrets", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, problem := evaluate(t, binary, ".", test.variables)
			if (problem == "") != (test.problem == "") || !strings.Contains(problem, test.problem) {
				t.Fatalf("the problem is %q, want %q", problem, test.problem)
			}
			if problem != "" {
				return
			}
			text, err := json.Marshal(map[string]any{"outputs": got.Outputs, "resources": got.Resources})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), test.contains) || len(got.Resources) != test.resources {
				t.Errorf("%d resources, want %d with %s: %s", len(got.Resources), test.resources, test.contains, text)
			}
		})
	}
}

// TestQuickStart evaluates the module with the arguments of docs/quick-start-eks.md. They are literals that JSON has, too.
func TestQuickStart(t *testing.T) {
	binary := build(t)
	argument := regexp.MustCompile(`(?m)^  (\w+) += (.+)$`)
	var variables []string
	for _, match := range argument.FindAllStringSubmatch(between(t, "docs/quick-start-eks.md", "module \"secretsync\" {\n", "\n}\n"), -1) {
		if match[1] != "source" {
			variables = append(variables, fmt.Sprintf("%q: %s", match[1], match[2]))
		}
	}
	got, problem := evaluate(t, binary, ".", "{"+strings.Join(variables, ",")+"}")
	if problem != "" {
		t.Fatal(problem)
	}
	for _, match := range regexp.MustCompile(`module\.secretsync\.(\w+)`).FindAllStringSubmatch(read(t, "docs/quick-start-eks.md"), -1) {
		if got.Outputs[match[1]] == nil {
			t.Errorf("the module has no output %s", match[1])
		}
	}
}

// TestRefusals: mistakes that Terraform would find are found without it.
func TestRefusals(t *testing.T) {
	binary := build(t)
	for name, test := range map[string]struct{ module, want string }{
		"a reference to nothing":      {`output "a" { value = aws_sqs_queue.none.arn }`, "refers to [aws_sqs_queue none]"},
		"an attribute that is absent": {"resource \"aws_sqs_queue\" \"q\" {}\noutput \"a\" {\n  value = aws_sqs_queue.q.none\n}", "none"},
		"a required argument":         {`resource "aws_sqs_queue_policy" "p" { policy = "{}" }`, "the argument queue_url is required"},
		"a misspelt argument":         {`resource "aws_sqs_queue" "q" { nam = "x" }`, "there is no argument nam"},
		"a circle":                    {"locals {\n  a = local.b\n  b = local.a\n}", "in a circle"},
		"a syntax error":              {`locals {`, "Unclosed configuration block"},
		"an unknown variable":         {`output "a" { value = var.none }`, "none"},
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			if err := os.WriteFile(filepath.Join(directory, "main.tf"), []byte(test.module), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, problem := evaluate(t, binary, directory, "{}"); !strings.Contains(problem, test.want) {
				t.Errorf("the problem is %q, want %q", problem, test.want)
			}
		})
	}
}

// TestTerraform lets Terraform itself check the module, where it is installed.
func TestTerraform(t *testing.T) {
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Skip("SKIPPED, terraform is not installed: TestModule and TestVariables evaluate the module without it")
	}
	directory := t.TempDir()
	if err := os.CopyFS(directory, os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	run := func(arguments ...string) (string, error) {
		output, err := exec.CommandContext(t.Context(), "terraform", append([]string{"-chdir=" + directory}, arguments...)...).CombinedOutput()
		return string(output), err
	}
	if output, err := run("fmt", "-check", "-diff"); err != nil {
		t.Fatalf("terraform fmt: %v: %s", err, output)
	}
	if output, err := run("init", "-backend=false", "-input=false", "-no-color"); err != nil {
		t.Skipf("SKIPPED, terraform validate: the AWS provider can't be installed: %s", output)
	}
	if output, err := run("validate", "-no-color"); err != nil {
		t.Errorf("terraform validate: %v: %s", err, output)
	}
}
