// Package aws answers the questions of package source from AWS Secrets Manager, with the AWS SDK for
// Go. It is the only room that knows the SDK.
//
// It may import source, the AWS SDK and the Prometheus client. It knows nothing of Kubernetes. It
// does not retry: the reconciler's queue does, and retries of retries would multiply.
package aws
