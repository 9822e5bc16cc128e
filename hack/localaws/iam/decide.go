package iam

// Decision is what policies say of a request, in words of AWS's page "Troubleshoot access denied error
// messages".
type Decision struct {
	// Allowed is the answer.
	Allowed bool
	// Because ends the text of a denial; empty where AWS gives no reason.
	Because string
}

// Policies are all that have a say in a request.
type Policies struct {
	// Identity are those of the user or role that asks.
	Identity []*Policy
	// Session bounds what a session may do of what its role may; nil bounds nothing.
	Session *Policy
	// Resource is that of the resource; nil where it has none.
	Resource *Policy
}

// verdict is what the statements of some policies come to.
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
	reach := directly // Statements of identities name nobody: they are for whom they are attached to.
	if s.principals != nil {
		reach = s.principals.names(&r.Principal)
	}
	if s.notPrincipals != nil {
		reach = directIf(s.notPrincipals.names(&r.Principal) == nobody)
	}
	if reach == nobody || !s.covers(r) {
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

// verdicts are those of all that have a say.
type verdicts struct{ identity, resource, session verdict }

func (p Policies) verdicts(r *Request) verdicts {
	return verdicts{r.verdict(p.Identity), r.verdict([]*Policy{p.Resource}), r.verdict([]*Policy{p.Session})}
}

// denial tells of an explicit deny, which no permission outweighs; empty where there is none.
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

// Decide is for resources whose policy is optional: within an account the principal's policies or the
// resource's must allow, across accounts both (page "Policy evaluation logic").
func (p Policies) Decide(r *Request) Decision {
	all := p.verdicts(r)
	across := r.Principal.Account != r.Account
	if denial := all.denial(); denial != "" {
		return Decision{Because: denial}
	}
	switch {
	case across && all.resource.allowed == nobody:
		return r.notAllowedBy("resource-based")
	case all.identity.allowed == nobody && (across || all.resource.allowed != directly):
		return r.notAllowedBy("identity-based")
	case p.Session != nil && all.session.allowed == nobody:
		return r.notAllowedBy("session")
	}
	return Decision{Allowed: true}
}

// DecideOwned is for resources whose policy always has to allow, as a role's trust policy and a key's
// policy do. Where it names an account, and across accounts, the principal's own policies must allow too.
func (p Policies) DecideOwned(r *Request) Decision {
	all := p.verdicts(r)
	both := all.resource.allowed == account || r.Principal.Account != r.Account
	both = both && r.Principal.Federated == "" && r.Principal.Service == ""
	if denial := all.denial(); denial != "" {
		return Decision{Because: denial}
	}
	switch {
	case all.resource.allowed == nobody:
		return Decision{}
	case both && all.identity.allowed == nobody:
		return r.notAllowedBy("identity-based")
	case p.Session != nil && all.session.allowed == nobody:
		return r.notAllowedBy("session")
	}
	return Decision{Allowed: true}
}

func (r *Request) notAllowedBy(kind string) Decision {
	return Decision{Because: "because no " + kind + " policy allows the " + r.Action + " action"}
}

// Names says whether the policy of a resource allows a request to a caller of whatever account.
// It is what callers without policies of their own are held against.
func (p *Policy) Names(r *Request) (allowed, denied bool) {
	v := r.verdict([]*Policy{p})
	return v.allowed != nobody, v.denied
}
