package aws

import (
	"time"

	"github.com/secretsync/secretsync/controllers/source"
)

// refusedLasts is how long a refusal is kept for others who ask the same, as answers are: that AWS does not have a secret, or may
// not give it. Those who want an answer that is not as old have AWS asked.
const refusedLasts = 30 * time.Second

// refusedFor is how long an error is kept for others who ask AWS the same: what only an edit ends. All else has its own
// measure: paces, bulkheads, and the refusals of credentials.
func refusedFor(err error) time.Duration {
	if source.KindOf(err).Cacheable() {
		return refusedLasts
	}
	return 0
}
