// Package notify finds the SecretSyncs that a change event of AWS Secrets Manager concerns, and queues them for a
// reconcile. Events come by HTTP, or from a queue that an EventBridge rule sends them to; package notify/sqs is that
// queue.
//
// An event is a hint and no more: it may be lost, come late, come twice, or come after a newer event (page "Amazon
// EventBridge event delivery" and "At-least-once delivery" of Amazon SQS). So only the name of the secret counts, and
// every SecretSync that follows the secret resolves its version in AWS. A message is deleted only after all
// SecretSyncs that it concerns are in the reconciler's queue. If the operator is killed before, the message is
// delivered again.
//
// It may import the API, packages arns, pattern and references, Kubernetes' and controller-runtime's packages and the
// Prometheus client. It does not know the AWS SDK, which notify/sqs does, nor the reconciler, to which cmd/manager
// connects it.
package notify
