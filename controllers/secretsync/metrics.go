package secretsync

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/secretsync/secretsync/controllers/target"
)

// Metrics counts what passes did. Its labels are bounded: reasons and outcomes, never names.
type Metrics struct {
	registerer prometheus.Registerer
	syncs      *prometheus.CounterVec
}

// NewMetrics registers the metrics.
func NewMetrics(registerer prometheus.Registerer) (*Metrics, error) {
	metrics := &Metrics{
		registerer: registerer,
		syncs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secretsync_syncs_total",
			Help: "Passes over SecretSyncs that asked AWS, by outcome (created, updated, unchanged, failed) and, where failed, reason.",
		}, []string{"outcome", "reason"}),
	}
	return metrics, registerer.Register(metrics.syncs)
}

// watch registers the gauge that tells whether polling keeps up. It is worked out when it is asked for.
func (m *Metrics) watch(c *Controller) error {
	return m.registerer.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "secretsync_most_overdue_seconds",
		Help: "For how long the SecretSync that waits longest has been due to be looked at. Seconds are normal; more means that polling does not keep up.",
	}, func() float64 { return c.memories.mostOverdue(c.Clock.Now()).Seconds() }))
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
