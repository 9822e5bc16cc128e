// Package story runs one end-to-end story of the operator twice: against the local AWS, and against moto, which shares
// no code with this project. With a manager, a real API server and one SecretSync of each kind, secrets are created,
// rotated, rolled back, deleted, restored and recreated, and a change event comes by SQS.
//
// Where moto is not installed, its half is skipped with a message. The story avoids what moto does wrong (package moto
// has the list) by its choice of calls, with a comment at each.
package story
