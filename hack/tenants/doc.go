// Package tenants tests who may read what: two tenants, each with a namespace, a ServiceAccount
// and an IAM role, an operator with rules for its own identity, a real API server that makes the tokens, and a
// local AWS that checks signatures, tokens, trust and policies.
//
// It holds tests alone, which may import everything but the packages of controllers: the operator runs as its own
// process.
package tenants
