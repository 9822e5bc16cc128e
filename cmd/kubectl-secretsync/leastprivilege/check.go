package leastprivilege

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/iam"
)

// Finding is a difference between a policy and what a principal needs.
type Finding struct {
	// Missing says that the policy does not allow what is needed. Otherwise it allows what is not needed.
	Missing  bool   `json:"missing"`
	Action   string `json:"action"`
	Resource string `json:"resource"`
	// Detail are the condition keys that matter.
	Detail string `json:"detail,omitempty"`
}

// Check compares a policy document, in JSON, with what the principal needs. What the tier Cheaper allows is neither
// missing nor too much.
func (g *Grant) Check(text string) ([]Finding, error) {
	policy, err := iam.ParseIdentity(text)
	if err != nil {
		return nil, err
	}
	var written struct{ Statement statementList }
	if err := json.Unmarshal([]byte(text), &written); err != nil {
		return nil, fmt.Errorf("parsing a policy: %w", err)
	}
	var findings []Finding
	required := g.Required().Statement
	for n := range required {
		findings = append(findings, missing(policy, &required[n])...)
	}
	needed := slices.Concat(required, g.Cheaper().Statement)
	for n := range written.Statement {
		findings = append(findings, tooMuch(&written.Statement[n], needed)...)
	}
	return findings, nil
}

// missing asks the policy for each request that a statement is for.
func missing(policy *iam.Policy, needed *Statement) (findings []Finding) {
	for _, action := range needed.Action {
		for _, resource := range needed.Resource {
			if strings.HasSuffix(resource, UnknownKey) {
				continue
			}
			for _, context := range contexts(needed.Condition) {
				request := &iam.Request{Action: action, Resource: sample(resource), Context: iam.Context{}}
				request.Account = arns.Account(resource)
				request.Principal.Account = request.Account
				for key, value := range context {
					request.Context.Set(key, sample(value))
				}
				if !(iam.Policies{Identity: []*iam.Policy{policy}}).Decide(request).Allowed {
					findings = append(findings, Finding{true, action, resource, shown(context)})
				}
			}
		}
	}
	return findings
}

// sample is a text that a pattern matches.
func sample(pattern string) string {
	return strings.NewReplacer("?", "a", "*", "any/name").Replace(pattern)
}

// contexts are the combinations of the values of a condition.
func contexts(condition Condition) []map[string]string {
	all := []map[string]string{{}}
	for _, operator := range slices.Sorted(maps.Keys(condition)) {
		for _, key := range slices.Sorted(maps.Keys(condition[operator])) {
			var next []map[string]string
			for _, context := range all {
				for _, value := range condition[operator][key] {
					with := maps.Clone(context)
					with[key] = value
					next = append(next, with)
				}
			}
			all = next
		}
	}
	return all
}

func shown(context map[string]string) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(context)) {
		all = append(all, key+"="+context[key])
	}
	return strings.Join(all, " ")
}

// tooMuch finds what a statement allows beyond the needed ones.
func tooMuch(written *writtenStatement, needed []Statement) (findings []Finding) {
	if written.Effect != "Allow" {
		return nil
	}
	if len(written.NotAction)+len(written.NotResource) > 0 {
		return []Finding{{Action: "NotAction or NotResource", Resource: "*", Detail: "it allows all but what it names"}}
	}
	for _, action := range written.Action {
		for _, resource := range written.Resource {
			if extra, why := exceeds(action, resource, written.Condition, needed); extra {
				findings = append(findings, Finding{Action: action, Resource: resource, Detail: why})
			}
		}
	}
	return findings
}

// exceeds says whether a statement allows more of an action on a resource than each of the needed statements.
func exceeds(action, resource string, condition writtenCondition, needed []Statement) (extra bool, why string) {
	known, covered, exact := false, false, false
	for n := range needed {
		statement := &needed[n]
		if !slices.ContainsFunc(statement.Action, func(needs string) bool { return strings.EqualFold(needs, action) }) {
			continue
		}
		known = true
		for _, pattern := range statement.Resource {
			if !contains(pattern, resource) {
				continue
			}
			lacks := condition.lacks(statement.Condition)
			if lacks == "" {
				return false, ""
			}
			if !covered || pattern == resource && !exact {
				why = "without the condition " + lacks
			}
			covered, exact = true, exact || pattern == resource
		}
	}
	switch {
	case covered:
		return true, why
	case known:
		return true, "not this resource is needed"
	}
	return true, "this action is not needed"
}

// contains says whether all that one pattern of resources matches is matched by another one. It may say no where the
// answer is yes, but not the other way round.
func contains(outer, inner string) bool {
	if outer == inner {
		return true
	}
	return iam.Like(outer, inner) && (strings.Count(inner, "*") == 0 || strings.Contains(outer, "*")) && !hasStarUnderMark(outer, inner)
}

// hasStarUnderMark says whether the end of a pattern, which is six question marks, would match an asterisk.
func hasStarUnderMark(outer, inner string) bool {
	marks := len(outer) - len(strings.TrimRight(outer, "?"))
	return marks > 0 && strings.Contains(inner[max(0, len(inner)-marks):], "*")
}

// lacks is the first condition that is needed and not there; empty if all are.
func (c writtenCondition) lacks(needed Condition) string {
	for _, operator := range slices.Sorted(maps.Keys(needed)) {
		for _, key := range slices.Sorted(maps.Keys(needed[operator])) {
			if !c.bounds(operator, key, needed[operator][key]) {
				return operator + " " + key + "=" + strings.Join(needed[operator][key], ",")
			}
		}
	}
	return ""
}

// bounds says whether a condition allows no other values of a key.
func (c writtenCondition) bounds(operator, key string, values []string) bool {
	for name, keys := range c {
		if name != operator && name != equals {
			continue
		}
		for given, allowed := range keys {
			if strings.EqualFold(given, key) && !slices.ContainsFunc(allowed, func(value string) bool {
				return !slices.ContainsFunc(values, func(wanted string) bool { return wanted == value || operator == like && contains(wanted, value) })
			}) {
				return true
			}
		}
	}
	return false
}

// writtenStatement is a statement as users write it.
type writtenStatement struct {
	Effect                                   string
	Action, NotAction, Resource, NotResource textList
	Condition                                writtenCondition
}

type writtenCondition map[string]map[string]textList

// statementList is one or several.
type statementList []writtenStatement

// UnmarshalJSON reads a statement or a list of them.
func (s *statementList) UnmarshalJSON(raw []byte) error {
	if strings.HasPrefix(strings.TrimSpace(string(raw)), "[") {
		return json.Unmarshal(raw, (*[]writtenStatement)(s))
	}
	*s = make([]writtenStatement, 1)
	return json.Unmarshal(raw, &(*s)[0])
}

// textList is one text or several.
type textList []string

// UnmarshalJSON reads a text or a list of them.
func (t *textList) UnmarshalJSON(raw []byte) error {
	if strings.HasPrefix(strings.TrimSpace(string(raw)), "[") {
		return json.Unmarshal(raw, (*[]string)(t))
	}
	*t = make([]string, 1)
	return json.Unmarshal(raw, &(*t)[0])
}
