package localaws

import (
	"slices"
	"time"

	"github.com/secretsync/secretsync/hack/localaws/iam"
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

// AddPrincipal makes an access key belong to a principal. Nothing checks its signatures, and no
// identity-based policy bounds it: it is how a test has an administrator.
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

// allow says whether a call may be done, with AWS's own words where not: rules first, then policies. The
// mutex must be held.
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

// ruledOut gives why the rules deny, or nothing. The mutex must be held.
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

// like compares with a pattern, of which an empty one matches all.
func like(pattern, text string) bool {
	return pattern == "" || pattern == "*" || iam.Like(pattern, text)
}

// tolerated is for callers without policies of their own: one of another account has to be allowed by
// the secret's policy, and that policy may deny anybody.
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

// with adds a resource's policy to the actor's own.
func (a *actor) with(resource *iam.Policy) iam.Policies {
	all := iam.Policies{Identity: a.policies, Resource: resource}
	if a.session != nil {
		all.Session = a.session.bound
	}
	return all
}

// denial words a refusal as Secrets Manager does; actions on no resource in particular name none.
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
