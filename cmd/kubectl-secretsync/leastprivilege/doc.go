// Package leastprivilege says which IAM permissions the identities of SecretSyncs need, and no more: a policy for each
// identity, in two tiers. Without a permission of the tier Required a SecretSync is not Ready. Without one of the tier
// Cheaper the operator uses dearer calls.
//
// It is pure: KMS keys come from a function. It may import the API, and the packages arns, iam, references and resolve.
package leastprivilege
