// Package controllers is the map of the packages below it. It holds no code but the tests that keep the layout
// (layout_test.go: package comments, who may import whom, how long files and functions may be, how many files may touch a
// state, and which words may not come back).
//
// A reconcile reads like a sentence: resolve which version a staging label points at, fetch it only when that is new,
// render it into keys, apply the Secret, report what changed.
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
// The packages, from the top down; each knows only what stands below it:
//
//   - secretsync: the reconciler. It conducts the other packages, owns the status, and sends events. Its doc.go says in
//     which order, and has a line for each of its own packages: failure, resolve, assemble, schedule, ownwrites, status,
//     queue.
//   - notify: learns from change events of AWS which SecretSyncs to reconcile now; it knows nothing of the reconciler.
//   - notify/sqs: the queue of these events in Amazon SQS.
//   - rollout: restarts the workloads that use a Secret when its content has changed.
//   - target: writes the Secret by server-side apply, and never changes one that the SecretSync does not manage.
//   - render: makes the keys of a Secret from values, and checks them. Pure: no client, no clock.
//   - render/rawjson: reads JSON as it is written, and finds what programs read in different ways.
//   - render/jmespath: evaluates JMESPath without changing what it selects.
//   - render/template: Go templates over those keys, by functions that are bounded and deterministic.
//   - serve: HTTP servers that a flood of requests neither fills nor stops.
//   - accesspolicy: wraps a source, and refuses what a namespace may not read.
//   - failover: wraps a source, and reads replicas while a region does not answer.
//   - serviceaccount: requests the tokens by which a ServiceAccount assumes its role.
//   - source: what a secret, a version, a value and a refusal are, in words of no client library.
//   - pattern: regular expressions of users, within bounds of memory and of processor time for each reconcile.
//   - references: says which secrets a spec reads, and in which regions.
//   - iam: evaluates policies as AWS IAM does. The plugin of kubectl checks policies by it, and the local AWS its callers.
//   - arns: reads the ARNs of secrets and roles, and the names in them.
//   - source/aws: answers source's queries from AWS Secrets Manager; beside notify/sqs the only package that knows the SDK.
//   - source/aws/refusal: explains why AWS was not reached or refuses; an error code is a line in its table.
//   - source/aws/identity: gets credentials for the identities of namespaces, by roles and the tokens of ServiceAccounts.
//   - source/aws/sharing: lets callers share a call and its answer, and bounds what is cached for each namespace.
//   - source/aws/pacing: bounds how many queries wait for AWS at once, and how many calls are sent in a second.
//   - source/aws/partitions: knows the partitions of AWS.
//
// Only cmd/manager sees them all: it gives source/aws to secretsync as a source.Source. The contract with users,
// api/v1alpha1, stands below everything and imports none of it.
package controllers
