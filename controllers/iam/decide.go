package iam

// Decision is the result of policies for a request, with the texts of the IAM page "Troubleshoot access denied
// error messages".
type Decision struct {
	// Allowed says whether the request is allowed.
	Allowed bool
	// Because is the end of a denial's text; empty if AWS gives no reason.
	Because string
}

// Policies are all policies that apply to a request.
type Policies struct {
	// Identity are the policies of the caller's user or role.
	Identity []*Policy
	// Session limits the permissions of a session; nil does not limit them.
	Session *Policy
	// Resource is the resource's policy; nil if it has none.
	Resource *Policy
}

// verdict is the combined result of the statements of some policies.
type verdict struct {
	denied  bool
	allowed match
}

func (r *Request) verdict(policies []*Policy) verdict {
	var v verdict
	for _, policy := range policies {
		if policy == nil {
			continue
		}
		for i := range policy.statements {
			v.add(r, &policy.statements[i])
		}
	}
	return v
}

func (v *verdict) add(r *Request, s *statement) {
	reach := directly // Statements of identity-based policies have no principal: they apply to the identity they are attached to.
	if s.principals != nil {
		reach = s.principals.names(&r.Principal)
	}
	if s.notPrincipals != nil {
		reach = directIf(s.notPrincipals.names(&r.Principal) == noMatch)
	}
	if reach == noMatch || !s.covers(r) {
		return
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(r) {
			return
		}
	}
	if s.deny {
		v.denied = true
		return
	}
	v.allowed = max(v.allowed, reach)
}

// verdicts are the verdicts of all policies that apply.
type verdicts struct{ identity, resource, session verdict }

func (p Policies) verdicts(r *Request) verdicts {
	return verdicts{r.verdict(p.Identity), r.verdict([]*Policy{p.Resource}), r.verdict([]*Policy{p.Session})}
}

// denial is the text of an explicit deny, which overrides every allow; empty if there is none.
func (v verdicts) denial() string {
	switch {
	case v.identity.denied:
		return "with an explicit deny in an identity-based policy"
	case v.resource.denied:
		return "with an explicit deny in a resource-based policy"
	case v.session.denied:
		return "with an explicit deny in a session policy"
	}
	return ""
}

// Decide is for resources with an optional policy: within an account the principal's policies or the resource's must
// allow, across accounts both (page "Policy evaluation logic").
func (p Policies) Decide(r *Request) Decision {
	all := p.verdicts(r)
	across := r.Principal.Account != r.Account
	if denial := all.denial(); denial != "" {
		return Decision{Because: denial}
	}
	switch {
	case across && all.resource.allowed == noMatch:
		return r.notAllowedBy("resource-based")
	case all.identity.allowed == noMatch && (across || all.resource.allowed != directly):
		return r.notAllowedBy("identity-based")
	case p.Session != nil && all.session.allowed == noMatch:
		return r.notAllowedBy("session")
	}
	return Decision{Allowed: true}
}

// DecideOwned is for resources whose policy must always allow, such as a role's trust policy and a key's policy. If
// that names an account, and across accounts, the principal's own policies must allow too.
func (p Policies) DecideOwned(r *Request) Decision {
	all := p.verdicts(r)
	both := all.resource.allowed == account || r.Principal.Account != r.Account
	both = both && r.Principal.Federated == "" && r.Principal.Service == ""
	if denial := all.denial(); denial != "" {
		return Decision{Because: denial}
	}
	switch {
	case all.resource.allowed == noMatch:
		return Decision{}
	case both && all.identity.allowed == noMatch:
		return r.notAllowedBy("identity-based")
	case p.Session != nil && all.session.allowed == noMatch:
		return r.notAllowedBy("session")
	}
	return Decision{Allowed: true}
}

func (r *Request) notAllowedBy(kind string) Decision {
	return Decision{Because: "because no " + kind + " policy allows the " + r.Action + " action"}
}

// Names says whether the policy of a resource allows a request by a caller of any account. It decides about callers
// without policies of their own.
func (p *Policy) Names(r *Request) (allowed, denied bool) {
	v := r.verdict([]*Policy{p})
	return v.allowed != noMatch, v.denied
}
