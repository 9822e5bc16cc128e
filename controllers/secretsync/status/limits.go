package status

import (
	"unicode/utf8"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// Bounds of the texts that users read, in bytes. What they name comes from specs, from annotations of ServiceAccounts,
// from field managers of others and from AWS; the API server refuses a status with one text that is too long, and the
// object would stay as it was.
const (
	// maxMessage is for the message of a condition; the API server takes 32,768 (type Condition of meta/v1).
	maxMessage = 4096
	// maxText is for every other text of a status.
	maxText = 1024
	// maxNote is for the note of an event; the API server takes 1 kB (events.k8s.io/v1).
	maxNote = 1000
)

// cut shortens a text that is too long.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most - len("…")
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// fit cuts the texts of a status to their bounds. What reconciles compare (ids, names, versions) is bounded by the API
// server and by AWS, and stays as it is.
func fit(status *v1alpha1.SecretSyncStatus) {
	for i := range status.Conditions {
		status.Conditions[i].Message = cut(status.Conditions[i].Message, maxMessage)
	}
	for i := range status.Sources {
		status.Sources[i].Hint = cut(status.Sources[i].Hint, maxText)
	}
	if status.Secret != nil {
		for i := range status.Secret.Warnings {
			status.Secret.Warnings[i] = cut(status.Secret.Warnings[i], maxText)
		}
	}
	if status.Rollout != nil {
		for i := range status.Rollout.Workloads {
			status.Rollout.Workloads[i].Message = cut(status.Rollout.Workloads[i].Message, maxText)
		}
	}
}
