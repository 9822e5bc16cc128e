// Package serviceaccount requests tokens of ServiceAccounts, by which AWS lets the operator assume their roles. It
// reads the role that a ServiceAccount names, by the annotation of EKS's IRSA (page "Assign IAM roles to Kubernetes
// service accounts"), and requests a token from the API server.
//
// It may import package source, and the types and the client of the Kubernetes API. It does not know SecretSyncs, nor
// the AWS SDK.
package serviceaccount
