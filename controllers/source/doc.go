// Package source defines secrets, versions, values and refusals, in terms that belong to no client library. The reconciler uses
// these terms, and source/aws implements them.
//
// A Source has three calls, kept apart because only the second decrypts: Resolve says which version a staging label points at,
// Fetch reads the value there, and Find lists the secrets that match a name or tags.
//
// It may import the standard library and package pattern. It knows nothing of Kubernetes objects.
package source
