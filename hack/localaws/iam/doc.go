// Package iam decides as AWS Identity and Access Management does: policies, the conditions in them, and
// what several policies come to together within an account and across accounts.
//
// It knows no service and keeps nothing: hack/localaws tells it who asks for what, and in which
// circumstances. Where it does not understand a policy it refuses to parse it, so that no statement is
// passed over in silence. It imports the standard library alone.
package iam
