// Package target writes Kubernetes Secrets: it creates, updates, merges and releases them, and
// tells ours from everybody else's.
//
// What makes it safe: a Secret is created with a plain create, which fails where one exists, and
// updated by server-side apply with the UID it is known by, so that a Secret of somebody else is
// never touched by a race. Nothing is read to write: metadata comes from the caller's cache.
//
// It may import api/v1alpha1 and Kubernetes clients. It knows nothing of AWS, nor of where the
// values come from.
package target
