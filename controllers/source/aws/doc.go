// Package aws answers the questions of package source from AWS Secrets Manager, with the AWS SDK for
// Go. It is the only room that knows the SDK, and the only one that reads AWS's error codes.
//
// It may import source, the AWS SDK and the Prometheus client. It knows nothing of Kubernetes objects
// and of the API. It does not retry: the reconciler's queue does, once, for every kind of trouble;
// retries in here would multiply with those.
package aws
