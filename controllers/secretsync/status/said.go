package status

import (
	"strings"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// Said is what a status says of the sync: why it failed, or which versions the Secret has. Two operators with the same
// endpoints and permissions say the same.
func Said(of *v1alpha1.SecretSync) string {
	if reason := of.FailureReason(); reason != "" {
		return reason
	}
	var said strings.Builder
	for i := range of.Status.Sources {
		said.WriteString(of.Status.Sources[i].ARN + " " + of.Status.Sources[i].VersionID + "\n")
	}
	return said.String()
}
