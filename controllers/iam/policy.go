package iam

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Policy is a parsed policy document.
type Policy struct{ statements []statement }

// statement is one statement of a policy. Of each pair of an element and its Not form one is used.
type statement struct {
	deny                    bool
	principals              *principals
	notPrincipals           *principals
	actions, notActions     []string
	resources, notResources []string
	conditions              []condition
}

// document is a statement's JSON (page "IAM JSON policy elements reference").
type document struct {
	Sid, Effect             string
	Principal, NotPrincipal *principals
	Action, NotAction       texts
	Resource, NotResource   texts
	Condition               map[string]map[string]texts
}

// ParseIdentity reads a policy of a user, a role or a session, which names resources and no principal.
func ParseIdentity(text string) (*Policy, error) {
	return parse(text, func(d document) error {
		switch {
		case d.Principal != nil || d.NotPrincipal != nil:
			return errors.New("an identity-based policy names no principal")
		case (len(d.Resource) == 0) == (len(d.NotResource) == 0):
			return errors.New("one of Resource and NotResource is wanted")
		}
		return nil
	})
}

// ParseResource reads a policy of a secret or a key, or a role's trust policy, which names principals.
func ParseResource(text string) (*Policy, error) {
	return parse(text, func(d document) error {
		if (d.Principal == nil) == (d.NotPrincipal == nil) {
			return errors.New("one of Principal and NotPrincipal is wanted")
		}
		return nil
	})
}

// parse refuses what it does not know.
func parse(text string, check func(document) error) (*Policy, error) {
	var whole struct {
		Version   string
		ID        string `json:"Id"`
		Statement json.RawMessage
	}
	if err := strict([]byte(text), &whole); err != nil {
		return nil, fmt.Errorf("parsing a policy: %w", err)
	}
	var documents []document
	if list := bytes.TrimSpace(whole.Statement); len(list) > 0 && list[0] == '{' {
		documents = make([]document, 1)
		if err := strict(list, &documents[0]); err != nil {
			return nil, fmt.Errorf("parsing a policy: %w", err)
		}
	} else if err := strict(list, &documents); err != nil {
		return nil, fmt.Errorf("parsing a policy: %w", err)
	}
	policy := &Policy{}
	for i, d := range documents {
		parsed, err := d.statement()
		if err == nil {
			err = check(d)
		}
		if err != nil {
			return nil, fmt.Errorf("parsing statement %d of a policy: %w", i+1, err)
		}
		policy.statements = append(policy.statements, parsed)
	}
	return policy, nil
}

func strict(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

func (d document) statement() (statement, error) {
	s := statement{
		deny: d.Effect == "Deny", principals: d.Principal, notPrincipals: d.NotPrincipal,
		actions: d.Action, notActions: d.NotAction, resources: d.Resource, notResources: d.NotResource,
	}
	if d.Effect != "Allow" && d.Effect != "Deny" {
		return s, fmt.Errorf("the effect is %q", d.Effect)
	}
	if (len(d.Action) == 0) == (len(d.NotAction) == 0) {
		return s, errors.New("one of Action and NotAction is wanted")
	}
	for operator, keys := range d.Condition {
		for key, values := range keys {
			parsed, err := newCondition(operator, key, values)
			if err != nil {
				return s, err
			}
			s.conditions = append(s.conditions, parsed)
		}
	}
	return s, nil
}

// texts is a list, which JSON may write as a single text. Numbers and booleans become texts.
type texts []string

// UnmarshalJSON reads a text, a number, a boolean or a list of them.
func (t *texts) UnmarshalJSON(raw []byte) error {
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return err
	}
	list, several := value.([]any)
	if !several {
		list = []any{value}
	}
	for _, element := range list {
		switch v := element.(type) {
		case string:
			*t = append(*t, v)
		case bool, float64:
			*t = append(*t, fmt.Sprint(v))
		default:
			return fmt.Errorf("%s is neither a text nor a list of texts", raw)
		}
	}
	return nil
}

// covers says whether a statement applies to an action on a resource, for any principal.
func (s *statement) covers(r *Request) bool {
	like := func(text string) func(string) bool {
		return func(wanted string) bool { return Like(strings.ToLower(wanted), strings.ToLower(text)) }
	}
	if len(s.actions) > 0 && !slices.ContainsFunc(s.actions, like(r.Action)) || slices.ContainsFunc(s.notActions, like(r.Action)) {
		return false
	}
	names := func(wanted string) bool {
		resource, defined := r.expand(wanted)
		return defined && resource.like(r.Resource)
	}
	if len(s.resources) > 0 && !slices.ContainsFunc(s.resources, names) || slices.ContainsFunc(s.notResources, names) {
		return false
	}
	return true
}
