// Package aws is the source.Source that reads AWS Secrets Manager, by the AWS SDK for Go.
//
// An endpoint is one region as one identity sees it: what is cached, shared and paced is so within an endpoint. Tenants hold the
// endpoints and identities of each namespace, and evict them. The packages below know parts of it: identity gets
// credentials, refusal explains errors, sharing shares calls and answers, pacing bounds calls, arns and partitions read names.
//
// It may import source, pattern, the packages below, the AWS SDK and the Prometheus client. It knows nothing of Kubernetes objects
// and of the API. It does not retry: the reconciler's queue does, once, for every kind of trouble; retries in here would
// multiply with those.
package aws
