// Package assemble makes a Secret out of a spec and the values of a resolve.Set: its keys, which are checked, and the
// object with its type, labels and annotations. It is pure: it asks neither AWS nor Kubernetes. The operator writes what
// it makes, and the plugin of kubectl shows it.
//
// It may import api/v1alpha1, render, resolve, source, target and pattern.
package assemble
