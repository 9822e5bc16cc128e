package localaws

import (
	"slices"
	"time"

	"github.com/secretsync/secretsync/controllers/iam"
)

// Principal is a caller.
type Principal struct {
	// Account of the principal.
	Account string
	// ARN of the user, role or assumed-role session.
	ARN string
}

// Rule allows or denies calls, for tests. With at least one allowing rule, all calls that no rule allows are denied.
// Deny overrides allow. Patterns may have the wildcards * and ?.
type Rule struct {
	// Deny makes the rule deny instead of allow.
	Deny bool
	// Principal, Action and Resource are patterns; empty matches all. A secret's resource is its full
	// ARN where it exists, else what the caller wrote.
	Principal, Action, Resource string
	// Because is the end of the denial's text. Default: that of an identity-based policy which lacks
	// the action, or denies it.
	Because string
}

// AddPrincipal assigns an access key to a principal. Its signatures are not checked, and no identity-based policy
// limits it: tests use it as an administrator.
func (s *Server) AddPrincipal(accessKeyID string, principal Principal) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	put(&s.principals, accessKeyID, principal)
}

// SetRules replaces the access rules.
func (s *Server) SetRules(rules ...Rule) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.rules = slices.Clone(rules)
}

// allow returns AWS's error unless a call is allowed, by the rules first and then by policies. The mutex must be held.
func (s *Server) allow(call *request, action, resource string, on *secret) error {
	if because := s.ruledOut(call.caller, action, resource); because != "" {
		return denial(call, action, resource, because)
	}
	if call.as == nil {
		return s.tolerated(call, action, resource, on)
	}
	var own *iam.Policy
	if on != nil {
		own = on.policy
	}
	if decision := call.as.with(own).Decide(s.authorization(call, action, resource, on)); !decision.Allowed {
		return denial(call, action, resource, decision.Because)
	}
	return nil
}

// ruledOut gives why the rules deny a call; empty if they do not. The mutex must be held.
func (s *Server) ruledOut(caller Principal, action, resource string) string {
	implicit := false
	allowed := false
	for _, rule := range s.rules {
		implicit = implicit || !rule.Deny
		if !rule.matches(caller, action, resource) {
			continue
		}
		if rule.Deny && rule.Because != "" {
			return rule.Because
		}
		if rule.Deny {
			return "with an explicit deny in an identity-based policy"
		}
		allowed = true
	}
	if implicit && !allowed {
		return "because no identity-based policy allows the " + action + " action"
	}
	return ""
}

func (r Rule) matches(caller Principal, action, resource string) bool {
	return like(r.Principal, caller.ARN) && like(r.Action, action) && like(r.Resource, resource)
}

// like says whether a text matches a pattern; an empty pattern matches all.
func like(pattern, text string) bool {
	return pattern == "" || pattern == "*" || iam.Like(pattern, text)
}

// tolerated decides about callers without policies of their own: a caller of another account must be allowed by
// the secret's policy, and that policy may deny any caller.
func (s *Server) tolerated(call *request, action, resource string, on *secret) error {
	if on == nil || on.policy == nil && accountOf(on.arn) == call.caller.Account {
		return nil
	}
	allowed, denied := on.policy.Names(s.authorization(call, action, resource, on))
	if denied {
		return denial(call, action, resource, "with an explicit deny in a resource-based policy")
	}
	if !allowed && accountOf(on.arn) != call.caller.Account {
		return denial(call, action, resource, "because no resource-based policy allows the "+action+" action")
	}
	return nil
}

// authorization describes a call to policies: the caller, the action, the resource and the condition keys.
func (s *Server) authorization(call *request, action, resource string, on *secret) *iam.Request {
	asked := &iam.Request{Action: action, Resource: resource, Account: call.at.account, Context: iam.Context{}}
	asked.Context.Set("aws:RequestedRegion", call.at.region)
	asked.Context.Set("aws:CurrentTime", s.now().UTC().Format(time.RFC3339))
	if call.input != nil {
		call.input.conditions(asked.Context)
	}
	if call.as == nil {
		asked.Principal = iam.Principal{Account: call.caller.Account, ARN: call.caller.ARN, RoleARN: roleOf(call.caller.ARN)}
	} else {
		asked.Principal = call.as.Principal
		if held := call.as.session; held != nil {
			asked.Context.Set("aws:TokenIssueTime", held.issued.UTC().Format(time.RFC3339Nano))
		}
	}
	if on != nil {
		asked.Account = accountOf(on.arn)
		asked.Context.SetTags("aws:ResourceTag/", on.tags)
		asked.Context.SetTags("secretsmanager:ResourceTag/", on.tags)
	}
	asked.Context.Set("aws:ResourceAccount", asked.Account)
	return asked
}

// with gives the actor's policies together with a resource's policy.
func (a *actor) with(resource *iam.Policy) iam.Policies {
	all := iam.Policies{Identity: a.policies, Resource: resource}
	if a.session != nil {
		all.Session = a.session.bound
	}
	return all
}

// denial has the text of Secrets Manager's refusals; actions without a resource name none.
func denial(call *request, action, resource, because string) error {
	text := "User: " + call.caller.ARN + " is not authorized to perform: " + action
	if resource != "*" {
		text += " on resource: " + resource
	}
	if because != "" {
		text += " " + because
	}
	return refuse("AccessDeniedException", "%s", text)
}
