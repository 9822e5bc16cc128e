// Package sqs implements the queue of package notify in Amazon SQS, with the AWS SDK for Go. It does not retry:
// package notify does.
//
// It may import package notify and the AWS SDK.
package sqs
