// Package sharing lets many callers share one call and its answer, and bounds what is cached for each namespace.
//
// It may import the standard library and package source, of which it asks what follows from a refusal. It knows no client
// library.
package sharing
