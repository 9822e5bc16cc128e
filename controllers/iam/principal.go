package iam

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Principal is the caller of a request.
type Principal struct {
	// Account of the principal.
	Account string
	// ARN of the user, or of the role's session; empty for a web identity or a service.
	ARN string
	// RoleARN is the role of a session.
	RoleARN string
	// UserID is the unique id; of a session with its name after a colon.
	UserID string
	// Type is User, AssumedRole or Account (page "AWS global condition context keys", aws:PrincipalType).
	Type string
	// Tags of the user, or of the role and its session.
	Tags map[string]string
	// SourceIdentity of a session.
	SourceIdentity string
	// Federated is the ARN of the identity provider that vouches for a web identity.
	Federated string
	// Service is the name of an AWS service that calls for itself.
	Service string
}

// Identity is the ARN that policies name: of a session, its role.
func (p *Principal) Identity() string {
	if p.RoleARN != "" {
		return p.RoleARN
	}
	return p.ARN
}

// values are the condition keys that describe the principal, by their names in lower case.
func (p *Principal) values(key string) []string {
	text := ""
	switch key {
	case "aws:principalarn":
		text = p.Identity()
	case "aws:principalaccount":
		text = p.Account
	case "aws:principaltype":
		text = p.Type
	case "aws:userid":
		text = p.UserID
	case "aws:username":
		if _, name, is := strings.Cut(p.ARN, ":user/"); is {
			text = name[strings.LastIndex(name, "/")+1:]
		}
	case "aws:sourceidentity":
		text = p.SourceIdentity
	case "aws:federatedprovider":
		text = p.Federated
	default:
		if tag, is := strings.CutPrefix(key, "aws:principaltag/"); is {
			return p.tag(tag)
		}
	}
	if text == "" {
		return nil
	}
	return []string{text}
}

// tag finds a tag by its key, ignoring case.
func (p *Principal) tag(name string) []string {
	for key, value := range p.Tags {
		if strings.EqualFold(key, name) {
			return []string{value}
		}
	}
	return nil
}

// principals is the Principal element of a statement.
type principals struct {
	anyone                  bool
	aws, federated, service []string
}

// UnmarshalJSON reads "*", or lists by their type.
func (p *principals) UnmarshalJSON(raw []byte) error {
	var all string
	if json.Unmarshal(raw, &all) == nil {
		if p.anyone = all == "*"; !p.anyone {
			return fmt.Errorf("the principal is %q", all)
		}
		return nil
	}
	var byType struct{ AWS, Federated, Service texts }
	if err := strict(raw, &byType); err != nil {
		return err
	}
	p.aws, p.federated, p.service = byType.AWS, byType.Federated, byType.Service
	p.anyone = slices.Contains(p.aws, "*")
	return nil
}

// match says how a statement's principal matches a caller.
type match int

const (
	noMatch match = iota
	// account means that the caller's whole account is named, so that its own policies must allow too.
	account
	// directly means that the user, the role, the session, or * is named.
	directly
)

func (p *principals) names(who *Principal) match {
	switch {
	case who.Service != "":
		return directIf(slices.Contains(p.service, who.Service))
	case who.Federated != "":
		return directIf(slices.Contains(p.federated, who.Federated))
	case p.anyone || slices.Contains(p.aws, who.ARN) || who.RoleARN != "" && slices.Contains(p.aws, who.RoleARN):
		return directly
	case slices.Contains(p.aws, who.Account) || slices.Contains(p.aws, "arn:"+partitionIn(who.ARN)+":iam::"+who.Account+":root"):
		return account
	}
	return noMatch
}

// partitionIn is the partition in an ARN.
func partitionIn(arn string) string {
	if parts := strings.SplitN(arn, ":", 3); len(parts) == 3 {
		return parts[1]
	}
	return "aws"
}

func directIf(is bool) match {
	if is {
		return directly
	}
	return noMatch
}
