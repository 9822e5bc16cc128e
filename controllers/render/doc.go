// Package render makes the keys of a Kubernetes Secret from the values of AWS secrets, and says whether
// they may be published. It is pure: the same input gives the same keys, and nothing is read from anywhere else.
//
// Render makes the keys, WithPrevious adds those of before a rotation, CheckGuards, CheckType and CheckSize judge
// what came out.
//
// It may import api/v1alpha1, the types of package source, and the packages below it. It knows no client of
// any kind. Its errors name keys, fields and offsets, never a part of a value.
package render
