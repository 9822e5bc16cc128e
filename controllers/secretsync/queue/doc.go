// Package queue says which SecretSyncs have a worker, and when: it shares the workers between namespaces, lets large
// SecretSyncs and heavy work have their turns, and knows which reconciles are running. It knows nothing of what a
// reconcile does.
//
// It may import controller-runtime, and source and pattern for the error and the budget of heavy work.
package queue
