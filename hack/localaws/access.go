package localaws

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
)

// Principal is who calls.
type Principal struct {
	// Account of the principal.
	Account string
	// ARN of the user, role or assumed-role session.
	ARN string
}

// Rule allows or denies, for tests. As soon as one Allow rule is there, what no rule allows is denied;
// a Deny goes before any Allow. Patterns know * and ?.
type Rule struct {
	// Deny turns an allowance into a denial.
	Deny bool
	// Principal, Action and Resource are patterns; empty matches all. A secret's resource is its full
	// ARN where it exists, else what the caller wrote.
	Principal, Action, Resource string
	// Because is the tail of the denial's text. Default: as for an identity-based policy that lacks
	// the action, or denies it.
	Because string
}

// AddPrincipal makes an access key belong to a principal.
func (s *Server) AddPrincipal(accessKeyID string, principal Principal) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.addPrincipal(accessKeyID, principal)
}

func (s *Server) addPrincipal(accessKeyID string, principal Principal) {
	if s.principals == nil {
		s.principals = map[string]Principal{}
	}
	s.principals[accessKeyID] = principal
}

// SetRules replaces the access rules.
func (s *Server) SetRules(rules ...Rule) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.rules = slices.Clone(rules)
}

// allow says whether a call may be done, with AWS's own words where not. The mutex must be held.
func (s *Server) allow(call *request, action, resource string, found *secret) error {
	implicit := false
	allowed := false
	for _, rule := range s.rules {
		implicit = implicit || !rule.Deny
		if !rule.matches(call.caller, action, resource) {
			continue
		}
		if rule.Deny {
			return denial(call, action, resource, rule.Because, "with an explicit deny in an identity-based policy")
		}
		allowed = true
	}
	if implicit && !allowed {
		return denial(call, action, resource, "", "because no identity-based policy allows the "+action+" action")
	}
	if found == nil {
		return nil
	}
	return resourcePolicy(call, action, found)
}

func (r Rule) matches(caller Principal, action, resource string) bool {
	return like(r.Principal, caller.ARN) && like(r.Action, action) && like(r.Resource, resource)
}

// like compares with a pattern in which * and ? stand for any characters, slashes among them.
func like(pattern, text string) bool {
	if pattern == "" || pattern == "*" {
		return true
	}
	const slash = "\x00"
	matched, err := path.Match(escape(strings.ReplaceAll(pattern, "/", slash)), strings.ReplaceAll(text, "/", slash))
	return err == nil && matched
}

// escape takes from path.Match the meanings that IAM patterns don't have.
func escape(pattern string) string {
	return strings.NewReplacer(`\`, `\\`, `[`, `\[`).Replace(pattern)
}

func denial(call *request, action, resource, because, otherwise string) error {
	if because == "" {
		because = otherwise
	}
	return refuse("AccessDeniedException", "User: %s is not authorized to perform: %s on resource: %s %s", call.caller.ARN, action, resource, because)
}

// policyDocument is what of a resource policy is understood: who, what, allow or deny.
type policyDocument struct {
	Statement []struct {
		Effect    string
		Principal any
		Action    any
	}
}

// resourcePolicy wants a caller of another account to be allowed by the secret's own policy, and lets
// that policy deny anybody.
func resourcePolicy(call *request, action string, found *secret) error {
	var document policyDocument
	if found.policy != "" {
		if err := json.Unmarshal([]byte(found.policy), &document); err != nil {
			return refuse("MalformedPolicyDocumentException", "This resource policy contains invalid Json.")
		}
	}
	allowed := strings.Contains(found.arn, ":"+call.caller.Account+":")
	for _, statement := range document.Statement {
		if !names(statement.Principal, call.caller) || !slices.ContainsFunc(stringsIn(statement.Action), func(pattern string) bool { return like(pattern, action) }) {
			continue
		}
		if statement.Effect == "Deny" {
			return denial(call, action, found.arn, "", "with an explicit deny in a resource-based policy")
		}
		allowed = true
	}
	if !allowed {
		return denial(call, action, found.arn, "", "because no resource-based policy allows the "+action+" action")
	}
	return nil
}

func names(principal any, caller Principal) bool {
	for _, name := range stringsIn(principal) {
		if name == "*" || name == caller.Account || name == "arn:aws:iam::"+caller.Account+":root" || like(name, caller.ARN) {
			return true
		}
	}
	return false
}

// stringsIn collects the strings of a policy's value: one, a list, or those of a map.
func stringsIn(value any) []string {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, stringsIn(one)...)
		}
		return all
	case map[string]any:
		var all []string
		for _, one := range v {
			all = append(all, stringsIn(one)...)
		}
		return all
	}
	return nil
}
