package source

import (
	"context"
	"errors"
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

// ServiceAccount is a ServiceAccount as the API server knows it.
type ServiceAccount struct {
	// UID tells it from another one that has had its name.
	UID string
	// RoleARN is the role that it names.
	RoleARN string
	// Audience is what its tokens are for.
	Audience string
}

// ErrNoServiceAccount is the cause of an error where a ServiceAccount is not there, or may no longer be acted as:
// whatever it could read is to be forgotten.
var ErrNoServiceAccount = errors.New("there is no such ServiceAccount for the operator")

// ServiceAccounts knows ServiceAccounts, and has tokens made for them. Errors are an *Error, or the context's own.
type ServiceAccounts interface {
	// Look looks a ServiceAccount up. It is asked at the first use by each object, and about once a minute then.
	Get(ctx context.Context, namespace, name string) (ServiceAccount, error)
	// Token has a token made for a ServiceAccount that was looked up, and for no other one of its name. It is asked
	// whenever credentials are to be renewed.
	Token(ctx context.Context, namespace, name string, account ServiceAccount) (Value, error)
}
