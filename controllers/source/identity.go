package source

import (
	"context"
	"errors"
)

// Identity is the identity that reads a secret. The zero Identity is the operator's own.
//
// It can be compared, and is part of the key of all that is cached or shared: what one identity may read is never given to
// another.
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

// ServiceAccount is a ServiceAccount as the API server knows it.
type ServiceAccount struct {
	// UID tells it from another one that has had its name.
	UID string
	// RoleARN is the role that it names.
	RoleARN string
	// Audience is what its tokens are for.
	Audience string
}

// ErrNoServiceAccount is the cause of an error where a ServiceAccount does not exist, or may no longer be acted as: all that was
// read with it is to be evicted.
var ErrNoServiceAccount = errors.New("there is no such ServiceAccount for the operator")

// ServiceAccounts looks ServiceAccounts up, and has tokens made for them. Errors are an *Error, or the error of the context.
type ServiceAccounts interface {
	// Get looks a ServiceAccount up. It is called at the first use by each object, and about once a minute then.
	Get(ctx context.Context, namespace, name string) (ServiceAccount, error)
	// Token has a token made for a ServiceAccount that was looked up, and for no other one of its name. It is called each time
	// that credentials are renewed.
	Token(ctx context.Context, namespace, name string, account ServiceAccount) (Value, error)
}
