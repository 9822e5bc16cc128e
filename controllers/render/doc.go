// Package render makes the keys of a Kubernetes Secret from the value of an AWS secret. It is pure:
// the same input gives the same keys, and nothing is read from anywhere else.
//
// It may import api/v1alpha1 and the types of package source. It knows no client of any kind. Its
// errors name keys, fields and offsets, never a part of a value.
package render
