// Package render makes the keys of a Kubernetes Secret from the values of AWS secrets, and checks whether they may be
// published. It is pure: the same inputs give the same keys, and nothing else is read.
//
// Render makes the keys, and WithPrevious adds those of before a rotation. CheckKeysRemain, CheckGuards, CheckType and
// CheckSize check the result.
//
// The package may import api/v1alpha1, the types of package source, and the packages below it. It knows no client of
// any kind. Its errors name keys, fields and offsets, never a part of a value.
package render
