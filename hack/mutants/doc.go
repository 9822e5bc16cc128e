// Package main is a mutation run: it breaks a package in one place at a time and looks whether one of the package's own
// unit tests fails. A mutant that no test notices survives: either a test is missing, or accepted.txt says why none can
// or need be.
//
// One build per mutant would take hours. So all mutants of a package are compiled into one test binary, and an
// environment variable chooses which of them is active: the condition c becomes ((c) || mutantsIs(17)), the statement s
// becomes if !mutantsIs(18) { s }. The mutated copies reach the compiler by go test -overlay; the work tree is not touched.
// Each test runs once by itself to learn which mutants it reaches, and a mutant is held against those tests alone. A
// place counts as reached only where the mutant makes a difference there: a < b that becomes a <= b, where a == b.
//
// Not mutated are calls of loggers and the making of texts (their loss harms no promise), locks and the cancelling of
// contexts (the race detector and vet look for those), and what has no effect but through another mutant.
//
// It may import the standard library alone.
package main
