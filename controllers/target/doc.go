// Package target writes Kubernetes Secrets: it creates, updates, merges and releases them, and tells the Secrets of a
// SecretSync from those of other owners.
//
// Writes are safe against races. A Secret is created by a plain create, which fails if it exists. It is updated by
// server-side apply, with the UID and the resourceVersion that it had before the values were read. So a race changes
// neither a Secret of another owner, nor newer values in the SecretSync's own. A routine write reads nothing: the
// metadata comes from the caller's cache.
//
// The package may import api/v1alpha1 and Kubernetes clients. It knows nothing of AWS, nor of where the values come
// from.
package target
