// Package controllers is the map of the house; it holds no code but the test that keeps the house in
// order (layout_test.go: package comments, who may import whom, and how long things may be).
//
// A pass of the reconciler reads like a sentence: observe which version a staging label points at,
// fetch it only when that is new, render it into keys, apply the Secret, report what changed.
//
//	AWS Secrets Manager                                          Kubernetes
//
//	DescribeSecret ──► source ──► render ──► target ──────────► Secret
//	GetSecretValue       ▲           ▲          ▲                  │ edited, deleted
//	                     └───────────┼──────────┘                  │
//	events ──► notify ──────►   secretsync ◄───────────────────────┘
//	                                 ├──► rollout ──► Deployments, StatefulSets, DaemonSets
//	                                 └──► conditions, events, metrics
//
// The rooms, from the top down; each knows only what stands below it:
//
//   - secretsync: the reconciler. It conducts the other rooms, owns the status, and sends events.
//   - notify: learns from change events of AWS which SecretSyncs to look at now; no logic of the reconciler's.
//   - notify/sqs: the queue of these events in Amazon SQS.
//   - rollout: restarts the workloads that use a Secret when its content has changed.
//   - target: writes the Secret by server-side apply, and never touches somebody else's.
//   - render: makes the keys of a Secret from values, and judges them. Pure: no client, no clock.
//   - render/rawjson: reads JSON as it is written, and finds what programs read in different ways.
//   - render/jmespath: evaluates JMESPath without changing what it selects.
//   - render/template: Go templates over those keys, by functions that are bounded and always give the same.
//   - serve: HTTP servers that a flood of requests neither fills nor stops.
//   - accesspolicy: wraps a source, and refuses what a namespace may not read.
//   - failover: stands before a source too, and reads replicas while a region does not answer.
//   - serviceaccount: has Kubernetes make the tokens by which a ServiceAccount assumes its role.
//   - source: what a secret, a version, a value and a refusal are, in words of no client library.
//   - pattern: regular expressions of users, within bounds of memory and of processor time for each pass.
//   - arns: reads the ARNs of secrets and roles, and the names in them.
//   - source/aws/sharing: lets callers share a call and its answer, and bounds what is cached for each namespace.
//   - source/aws/pacing: bounds how many queries wait for AWS at once, and how many calls leave in a second.
//   - source/aws/partitions: knows the partitions of AWS.
//   - source/aws/refusal: explains why AWS was not reached or refuses; a new error code is a line in its table.
//   - source/aws/identity: gets credentials for the identities of namespaces, by roles and the tokens of ServiceAccounts.
//   - source/aws: answers source's questions from AWS Secrets Manager; beside notify/sqs the only room that knows the SDK.
//
// Only cmd/manager sees them all: it gives source/aws to secretsync as a source.Source. The contract
// with users, api/v1alpha1, stands below everything and imports none of it.
package controllers
