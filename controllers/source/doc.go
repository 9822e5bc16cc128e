// Package source says what a secret, a version of it, a value and a refusal are, in terms that
// belong to no client library. The reconciler speaks these terms; source/aws answers in them.
//
// It answers three questions, kept apart because only the second decrypts: which version does a
// staging label point at (Resolve), what is the value there (Fetch), and which secrets match a name or tags
// (Find).
//
// It imports the standard library alone, and knows nothing of Kubernetes objects.
package source
