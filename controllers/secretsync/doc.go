// Package secretsync is the reconciler. It conducts the other packages and is the only writer of a SecretSync's status.
//
// A reconcile is a chain of values, each made in one file and read by the next:
//
//	read.go     the SecretSync, from the cache or the API server
//	start.go    an attempt: why AWS is asked, and the Secret as it is before that
//	sync.go     a status.Outcome: resolve the versions and values, render (render.go, assemble), preview or apply the Secret
//	            (preview.go, apply.go), clean up what a former spec left behind (cleanup.go)
//	restart.go  how far the restarts of workloads are, which go on whatever else the reconcile finds
//	report.go   when to reconcile next, the new status, and its events, which are sent once status is written
//
// What is remembered of a SecretSync from one reconcile to the next is a state (state.go), which is put together from
// types with a lock of their own. The packages below it:
//
//   - failure: why a reconcile failed, and what can end that.
//   - resolve: which versions and values the Secret is to be made of.
//   - assemble: the Secret, out of these values. Pure; the plugin of kubectl uses it, too.
//   - schedule: when to reconcile next, and why. Pure.
//   - ownwrites: what this process has written, drift, and fights over a Secret.
//   - status: conditions and events out of an outcome. Pure; a judge for each condition.
//   - queue: which SecretSyncs have a worker.
//
// It may import api/v1alpha1, source, render, rollout, target and pattern, and controller-runtime; never source/aws, the
// AWS SDK or cmd/manager, which puts the parts together.
package secretsync
