package source

import (
	"context"
	"time"
)

// Identity says on whose authority a secret is read. The zero Identity is the operator's own.
//
// It can be compared, and is part of the key of whatever is remembered or shared: what one identity may
// read is never handed to another.
type Identity struct {
	// Namespace that the identity acts for. It is empty for the operator's own identity alone.
	Namespace string
	// ServiceAccount of that namespace, by whose token AWS lets its role be assumed; empty for the
	// operator's own identity.
	ServiceAccount string
	// RoleARN is the role to assume on top, and the one that reads; empty for none.
	RoleARN string
	// ExternalID is handed to that role's trust policy; empty for none.
	ExternalID string
	// Via are the ARNs of the roles to assume on the way to RoleARN, separated by blanks.
	Via string
}

// OperatorsOwn says whether the authority is the operator's, with a role on top or without.
func (i Identity) OperatorsOwn() bool { return i.ServiceAccount == "" }

// WebIdentity is what it takes to act as a ServiceAccount towards AWS.
type WebIdentity struct {
	// RoleARN is the role that the ServiceAccount names.
	RoleARN string
	// Audience that the token is for.
	Audience string
	// Token is the ServiceAccount's, as a value: it can't be printed.
	Token Value
	// Expires is when the token does.
	Expires time.Time
}

// ServiceAccounts knows the roles of ServiceAccounts, and has tokens made for them.
type ServiceAccounts interface {
	// WebIdentity is asked for whenever credentials are to be renewed. Its errors are an *Error, or the
	// context's own.
	WebIdentity(ctx context.Context, namespace, name string) (WebIdentity, error)
}
