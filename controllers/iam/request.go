package iam

import "strings"

// Request is what policies decide about: a principal's action on a resource.
type Request struct {
	// Principal is the caller.
	Principal Principal
	// Action, as "secretsmanager:GetSecretValue".
	Action string
	// Resource is an ARN, or "*" if the action has none.
	Resource string
	// Account that the resource belongs to.
	Account string
	// Context are the condition keys of the request; those of the principal are added to them.
	Context Context
}

// Context has the values of condition keys. The case of their names is ignored.
type Context map[string][]string

// Set sets the values of a key; without values it removes the key, as for an absent tag or parameter.
func (c Context) Set(key string, values ...string) {
	if len(values) == 0 {
		delete(c, strings.ToLower(key))
		return
	}
	c[strings.ToLower(key)] = values
}

// SetText gives a key one value, unless that is empty.
func (c Context) SetText(key, value string) {
	if value != "" {
		c.Set(key, value)
	}
}

// SetTags gives each tag a key, below a prefix such as "aws:ResourceTag/".
func (c Context) SetTags(prefix string, tags map[string]string) {
	for key, value := range tags {
		c.Set(prefix+key, value)
	}
}

func (r *Request) values(key string) []string {
	key = strings.ToLower(key)
	if known := r.Principal.values(key); known != nil {
		return known
	}
	return r.Context[key]
}

// expand replaces policy variables: ${key}, ${key, 'default'}, and ${*}, ${?} and ${$} for the
// characters (page "IAM policy elements: Variables and tags"). A variable that has no value makes the
// text undefined: a statement with it matches nothing.
func (r *Request) expand(text string) (pattern, bool) {
	var all pattern
	for {
		before, rest, found := strings.Cut(text, "${")
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			return append(all, piece{text: text}), true
		}
		value, defined := r.variable(name)
		if !defined {
			return nil, false
		}
		all = append(all, piece{text: before}, piece{text: value, literal: true})
		text = after
	}
}

func (r *Request) variable(name string) (value string, defined bool) {
	if name == "*" || name == "?" || name == "$" {
		return name, true
	}
	key, otherwise, hasDefault := strings.Cut(name, ",")
	if values := r.values(strings.TrimSpace(key)); len(values) == 1 {
		return values[0], true
	}
	return strings.Trim(strings.TrimSpace(otherwise), "'"), hasDefault
}
