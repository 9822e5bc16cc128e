// Package model tests the operator with random steps, and compares the result with a simple model. Steps are rotations,
// rollbacks, deletions and refusals in AWS, change events that are lost, late, doubled or out of order, edits of
// SecretSyncs and Secrets, and stops of the operator at any time.
//
// The operator is the real one, as a process of its own, built with the race detector, between a real control plane and
// a local AWS over HTTP. A seed determines a run; CONTRIBUTING.md says how to repeat it.
//
// It holds tests alone, and may import anything but the packages of controllers: it uses the operator by its API.
package model
