// Package events tests change events: the real manager receives them from a queue of a local AWS, or by HTTP, and
// SecretSyncs with a poll interval of a day follow within a moment. Each test has an AWS, a queue and a manager of its
// own.
//
// It holds tests alone, and may import anything.
package events
