// Package status says what a reconcile is reported as: the status of a SecretSync and the events that go with it. It is
// pure: an Outcome goes in, Describe gives the status, Events the events, and nothing is read or remembered.
//
// Each condition has a judge in a file of its own, listed in judges. A new condition is a file, a line in that list, its
// constants in api/v1alpha1, and a paragraph in docs/.
//
// It may import api/v1alpha1, render, rollout, source, target, and the packages failure, ownwrites, resolve and schedule
// beside it.
package status
