// Package testenv sets up all that the operator needs on one machine: a control plane, a local AWS, the
// CRD and the operator's own role, and the manager as a process. Tests, the demo and benchmarks use it.
//
// It may import controlplane, localaws, the API and Kubernetes clients; it does not import the packages of controllers.
package testenv
