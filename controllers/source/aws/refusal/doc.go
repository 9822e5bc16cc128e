// Package refusal explains why AWS was not reached, or refuses a call: it turns errors of the AWS SDK into a source.Error with a
// kind, what was refused, to whom, and what to do next.
//
// A new error code of AWS is one line in the table of codes.go. It may import the standard library, the AWS SDK, and the packages
// source, arns and partitions. It makes no calls, and keeps nothing.
package refusal
