// Package iam evaluates policies as AWS Identity and Access Management does: their conditions, and the combination of
// several policies within an account and across accounts.
//
// It has no state and no knowledge of services: hack/localaws passes it the caller, the action, the resource and the
// condition keys. It refuses to parse a policy that it does not understand, so that no statement is ignored silently.
// It imports the standard library alone.
package iam
