// Package notify learns from change events of AWS Secrets Manager which SecretSyncs to look at now. Events
// come from a queue that an EventBridge rule feeds, or by HTTP; package notify/sqs is the queue.
//
// An event is a hint and no more: it may be lost, come late, twice, or after one that is newer (page "Amazon
// EventBridge event delivery" and "At-least-once delivery" of Amazon SQS). So nothing of an event but the
// secret's name is believed: whoever follows it asks AWS how things are. A message is deleted only after
// all whom it concerns are in the reconciler's queue; what the operator holds when it is killed comes again.
//
// It may import the API, package pattern, Kubernetes' and controller-runtime's packages and the Prometheus client. It knows
// nothing of the AWS SDK, which notify/sqs does, nor of the reconciler, to which cmd/manager introduces it.
package notify
