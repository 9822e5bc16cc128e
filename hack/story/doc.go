// Package story has the operator live through the life of its secrets twice: against the local AWS, and against moto,
// which knows nothing of this project. A manager, a real API server and one SecretSync of each kind see secrets created,
// rotated, rolled back, deleted, restored and recreated, and the events of a change come by SQS.
//
// Where moto is not installed, its half is skipped, and says so. What moto does wrong (package witness has the list) the
// story goes round by the choice of its calls, with a comment at each.
package story
