// Package model plays at random with all that the operator meets, and holds what comes of it against a
// model that is too plain to be wrong: rotations, rollbacks, deletions and refusals in AWS, change events that
// are lost, late, doubled or out of order, edits of SecretSyncs and Secrets, and ends of the operator in the
// middle of anything.
//
// The operator is the real one, as a process of its own, built with the race detector, between a real
// control plane and a local AWS over HTTP. A seed makes a run; CONTRIBUTING.md says how to run one again.
//
// It holds tests alone, and may import anything but the rooms: it knows the operator by its API.
package model
