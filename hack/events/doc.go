// Package events tries what change events are for: the real manager takes them from a queue of a local AWS, or by
// HTTP, and SecretSyncs that would not be polled for a day follow within a moment. Each test has an AWS, a
// queue and a manager of its own.
//
// It holds tests alone, and may import anything.
package events
