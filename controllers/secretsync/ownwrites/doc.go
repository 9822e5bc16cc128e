// Package ownwrites remembers what this process has written to Secrets, and tells what others do to them: its own
// writes from those of others in the watch, drift, fights with another field manager, and which keys a write changes.
//
// Each type is the state of one SecretSync with a lock of its own. All of it may be lost: it saves work.
//
// It may import api/v1alpha1, target, and the packages failure and schedule beside it.
package ownwrites
