package secretsync

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/secretsync/secretsync/controllers/target"
)

// Metrics counts what passes did. Its labels are bounded: reasons and outcomes, never names.
type Metrics struct {
	syncs *prometheus.CounterVec
}

// NewMetrics registers the metrics.
func NewMetrics(registerer prometheus.Registerer) (*Metrics, error) {
	metrics := &Metrics{
		syncs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secretsync_syncs_total",
			Help: "Passes over SecretSyncs that asked AWS, by outcome (created, updated, unchanged, failed) and, where failed, reason.",
		}, []string{"outcome", "reason"}),
	}
	return metrics, registerer.Register(metrics.syncs)
}

func (m *Metrics) count(p *pass, f *failure) {
	switch {
	case f != nil:
		m.syncs.WithLabelValues("failed", f.reason).Inc()
	case p.applied != nil && p.applied.Outcome != target.Unchanged:
		m.syncs.WithLabelValues(strings.ToLower(string(p.applied.Outcome)), "").Inc()
	case p.observed:
		m.syncs.WithLabelValues("unchanged", "").Inc()
	}
}
