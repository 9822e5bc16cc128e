package identity

import "github.com/secretsync/secretsync/controllers/source"

const (
	outerRole = "arn:aws:iam::111122223333:role/hub"
	innerRole = "arn:aws:iam::111122223333:role/teams/pay"
)

// ofAccount is the identity of a ServiceAccount.
func ofAccount(namespace string) source.Identity {
	return source.Identity{Namespace: namespace, ServiceAccount: "app"}
}

// ofRole is the identity of a role that the operator assumes for a namespace.
func ofRole(role string) source.Identity { return source.Identity{Namespace: "pay", RoleARN: role} }
