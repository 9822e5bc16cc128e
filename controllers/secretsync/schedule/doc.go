// Package schedule says when a SecretSync is reconciled next, and whether AWS is asked then: at its poll, after a change
// event, after a failure, around a planned rotation. It reads no clock: the time is passed in.
//
// Polls places the polls of all SecretSyncs; a State is what is remembered of one.
//
// It may import api/v1alpha1, source, and the packages failure and resolve beside it.
package schedule
