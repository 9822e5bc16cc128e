// Package guard holds back what the operator could read and a namespace may not have: it stands before a
// source.Source and refuses by the rules of whoever installed the operator, with reason PolicyDenied.
//
// What is found by a name or tags is not refused but left out, silently.
//
// The rules are for the operator's own identity, with a role on top or without, which reads on behalf of
// every namespace. A SecretSync that names a ServiceAccount reads with what AWS gives that one.
//
// It may import package source and the standard library alone.
package guard
