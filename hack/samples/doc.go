// Package samples creates what the manifests in config/samples need: secrets in AWS Secrets Manager and a namespace. It
// applies the manifests, waits until each SecretSync is Ready, and removes everything again.
//
// It may import the API, the AWS SDK and Kubernetes clients; it does not import the packages of controllers.
package samples
