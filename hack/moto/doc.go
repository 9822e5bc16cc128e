// Package moto runs moto (https://docs.getmoto.org), a mock of AWS that others wrote in Python, and compares
// hack/localaws with it. The local AWS and this project's tests share the same assumptions about AWS. A mock that
// shares none of them finds what both have wrong.
//
// Neither mock is AWS. Where they differ, a list says which one is right, and by which page of AWS or which part of its
// service model (knowndifferences_list_test.go). A difference that is not in the list fails the test, and so does an
// entry that is no longer needed.
//
// The tests run where moto is installed and are skipped elsewhere; .ci/run prints which of the two was the case.
// hack/story runs the operator itself against moto.
package moto
