// Package accesspolicy refuses reads that AWS would allow the operator and that a namespace may not have. It wraps a
// source.Source, applies the rules of the administrator who installed the operator, and refuses with the reason
// PolicyDenied.
//
// Find does not refuse: it leaves out the secrets that the namespace may not have.
//
// The rules apply to the operator's own identity, with or without a role assumed on top, because that identity reads
// for every namespace. A SecretSync that names a ServiceAccount reads what AWS allows that ServiceAccount.
//
// It may import the packages source and pattern, and the standard library.
package accesspolicy
