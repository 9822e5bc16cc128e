// Package target writes Kubernetes Secrets: it creates, updates, merges and releases them, and
// tells ours from everybody else's.
//
// What makes it safe: a Secret is created with a plain create, which fails where one exists, and
// updated by server-side apply with the UID and the resourceVersion that it was found with before the values were read,
// so that a race never touches a Secret of another owner, nor newer values of the own one. Nothing is read to write:
// metadata comes from the caller's cache.
//
// It may import api/v1alpha1 and Kubernetes clients. It knows nothing of AWS, nor of where the
// values come from.
package target
