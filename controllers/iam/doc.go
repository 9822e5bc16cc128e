// Package iam evaluates policies as AWS Identity and Access Management does: their conditions, and the combination of
// several policies within an account and across accounts. The local AWS (hack/localaws) and the plugin of kubectl decide
// by it.
//
// It has no state and no knowledge of services: its caller passes it the principal, the action, the resource and the
// condition keys. It refuses to parse a policy that it does not understand, so that no statement is ignored silently.
// It imports the standard library alone.
package iam
