// Package e2e tests the operator as its users run it: the real manager as a process of its own,
// with the permissions of its own role, against a real control plane and a local AWS over HTTP.
//
// It holds tests alone, and may import anything.
package e2e
