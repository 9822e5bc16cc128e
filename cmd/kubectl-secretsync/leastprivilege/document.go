package leastprivilege

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// policyVersion is the version of IAM's policy language.
const policyVersion = "2012-10-17"

// Document is a policy document of IAM.
type Document struct {
	Version   string
	Statement []Statement
}

// Statement is a statement of a policy.
type Statement struct {
	Sid       string
	Effect    string
	Principal map[string]string `json:",omitempty"`
	Action    []string
	Resource  []string  `json:",omitempty"`
	Condition Condition `json:",omitempty"`
}

// Condition has the values of each condition key, by operator.
type Condition map[string]map[string][]string

// document numbers the statements of a kind.
func document(statements []Statement) Document {
	count := map[string]int{}
	numbered := make([]Statement, len(statements))
	for n, statement := range statements {
		count[statement.Sid]++
		if nth := count[statement.Sid]; nth > 1 {
			statement.Sid = fmt.Sprint(statement.Sid, nth)
		}
		numbered[n] = statement
	}
	return Document{policyVersion, numbered}
}

// allow is a statement.
func allow(sid string, condition Condition, resource string, actions ...string) Statement {
	return Statement{Sid: sid, Effect: "Allow", Action: actions, Resource: []string{resource}, Condition: condition}
}

// merged joins statements that differ only in their resources.
func merged(statements []Statement) []Statement {
	var all []Statement
	for _, statement := range statements {
		same := slices.IndexFunc(all, func(known Statement) bool {
			return known.Sid == statement.Sid && slices.Equal(known.Action, statement.Action) && known.Condition.equal(statement.Condition)
		})
		if same < 0 {
			statement.Resource = slices.Clone(statement.Resource)
			all = append(all, statement)
			continue
		}
		all[same].Resource = append(all[same].Resource, statement.Resource...)
	}
	for n := range all {
		slices.Sort(all[n].Resource)
		all[n].Resource = slices.Compact(all[n].Resource)
	}
	return all
}

func (c Condition) equal(other Condition) bool {
	return maps.EqualFunc(c, other, func(a, b map[string][]string) bool { return maps.EqualFunc(a, b, slices.Equal[[]string]) })
}

// Terraform is a document as a data source of Terraform's AWS provider.
func (d Document) Terraform(name string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "data \"aws_iam_policy_document\" %s {\n", quoted(name))
	for n := range d.Statement {
		statement := &d.Statement[n]
		fmt.Fprintf(&text, "  statement {\n    sid     = %s\n    actions = %s\n", quoted(statement.Sid), list(statement.Action))
		if len(statement.Resource) > 0 {
			fmt.Fprintf(&text, "    resources = %s\n", list(statement.Resource))
		}
		for _, kind := range slices.Sorted(maps.Keys(statement.Principal)) {
			fmt.Fprintf(&text, "    principals {\n      type        = %s\n      identifiers = %s\n    }\n", quoted(kind), list([]string{statement.Principal[kind]}))
		}
		for _, operator := range slices.Sorted(maps.Keys(statement.Condition)) {
			for _, key := range slices.Sorted(maps.Keys(statement.Condition[operator])) {
				fmt.Fprintf(&text, "    condition {\n      test     = %s\n      variable = %s\n      values   = %s\n    }\n",
					quoted(operator), quoted(key), list(statement.Condition[operator][key]))
			}
		}
		text.WriteString("  }\n")
	}
	text.WriteString("}\n")
	return text.String()
}

// quoted is a text of Terraform's language, in which ${ and %{ would begin an expression.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "${", "$${", "%{", "%%{").Replace(text) + `"`
}

func list(texts []string) string {
	all := make([]string, len(texts))
	for n, text := range texts {
		all[n] = quoted(text)
	}
	return "[" + strings.Join(all, ", ") + "]"
}
