// Package serviceaccount acts as a ServiceAccount towards AWS: it looks up the role that the ServiceAccount
// names, as EKS's IRSA has it (page "Assign IAM roles to Kubernetes service accounts"), and has the API
// server make a token for it.
//
// It may import package source, and the Kubernetes API's types and client. It knows nothing of SecretSyncs
// and of the AWS SDK.
package serviceaccount
