// Package witness holds hack/localaws against moto (https://docs.getmoto.org), a mock of AWS that others wrote, in
// Python. What this project believes of AWS is in its local AWS and in its tests alike; a witness that shares none of
// it finds what they have wrong together.
//
// Neither is AWS. Where they differ, a list says who is right, and by which page of AWS or which part of its service
// model (judgements_test.go). A difference that is not in the list fails the test, and so does an entry that nothing
// needs any more.
//
// Its tests run where moto is installed, and say so where it is not; .ci/run says which of the two was the case.
// hack/story has the operator itself work against moto.
package witness
