// Package readme follows a page of the documentation, such as README.md, as a newcomer does: it runs the commands of its
// sections, in their order and in one shell, and compares what the page prints with what they print.
//
// It may import the standard library alone. The cluster and AWS are those of the environment that the caller gives.
package readme
