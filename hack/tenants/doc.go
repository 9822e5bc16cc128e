// Package tenants holds the tests of who may read what: two tenants, each with a namespace, a ServiceAccount
// and an IAM role, an operator with rules for its own identity, a real API server that makes the tokens, and a
// local AWS that checks signatures, tokens, trust and policies.
//
// It has tests alone. They may import everything but the rooms of the operator, which runs as its own process.
package tenants
