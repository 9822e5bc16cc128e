// Package main is a tool for mutation testing: it breaks a package in one place at a time and checks whether one of the
// package's own unit tests fails. A mutant survives if no test fails: either a test is missing, or accepted.txt says
// why none is possible or needed.
//
// One build per mutant would take hours. So all mutants of a package are compiled into one test binary, and an
// environment variable chooses which of them is active: the condition c becomes ((c) || mutantsIs(17)), the statement s
// becomes if !mutantsIs(18) { s }. The mutated copies reach the compiler by go test -overlay; the work tree is not
// touched. Each test runs once by itself to learn which mutants it reaches, and a mutant is run with those tests alone.
// A mutant counts as reached only if it makes a difference: a < b that becomes a <= b is reached only when a == b.
//
// Not mutated are calls of loggers and the formatting of texts (no promise depends on them), locks and the cancelling
// of contexts (the race detector and vet check those), and code that only matters through another mutant.
//
// It may import the standard library alone.
package main
