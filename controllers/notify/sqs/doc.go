// Package sqs is the queue of package notify in Amazon SQS, with the AWS SDK for Go.
//
// It may import notify and the AWS SDK. It does not retry: notify does, and it knows of nothing else.
package sqs
