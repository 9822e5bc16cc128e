// Package pacing bounds the calls to AWS: how many queries wait for one endpoint at once (Bulkhead), and how many calls of one
// operation leave in a second (Pace).
//
// It may import the standard library, golang.org/x/time/rate and package source. It knows no client library.
package pacing
