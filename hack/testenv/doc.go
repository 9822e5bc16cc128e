// Package stand sets up all that the operator needs on one machine: a control plane, a local AWS, the
// CRD and the operator's own role, and the manager as a process. Tests, the demo and benchmarks run
// on it.
//
// It may import controlplane, localaws, the API and Kubernetes clients; it does not import the rooms.
package testenv
