// Package identity gets the AWS credentials of the operator's own identity, and of the identities that act for namespaces:
// ServiceAccounts, and roles that are assumed on top. It names their sessions, tags them, paces the calls to STS, and keeps for
// a while that there are no credentials.
//
// It may import the standard library, the AWS SDK, and the packages source, arns, pacing, partitions and refusal. What is kept
// for which namespace, and for how long, is its caller's to say.
package identity
