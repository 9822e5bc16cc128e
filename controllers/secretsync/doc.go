// Package secretsync is the reconciler: it conducts the other rooms and is the only writer of a
// SecretSync's status.
//
// A pass reads like one sentence: decide whether there is anything to do, observe which version the
// source points at, fetch it only when it is new, render it into keys, apply the Secret, tidy up
// what a former spec left behind, report. Each phase is a file. The report is the one place that
// writes status, and events are sent only after it was written. Beside all that, whatever the pass finds, the
// restarts of workloads go on that a former pass has called for.
//
// It may import api/v1alpha1, source, render, rollout and target, and controller-runtime; never source/aws,
// the AWS SDK or cmd/manager, which puts the parts together.
package secretsync
