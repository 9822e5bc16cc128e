// Package doctor finds out why SecretSyncs do not work: one check for each thing that may be wrong, in the order in which
// one causes the other. A check says what it has seen, its status, and what fixes it.
//
// A condition of the operator that is up to date decides what is broken; look-ups in the cluster and in AWS only explain
// it. What the caller may not look at is unknown, and never guessed. A check is a function in the file of its subject, and
// a line in checks (checks.go).
//
// It may import the API, clients of Kubernetes, and the packages that say how the operator reads and decides; AWS is an
// interface. It reads no value of a secret.
package doctor
