package aws

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/secretsync/secretsync/controllers/source"
)

// Metrics counts calls to AWS, by operation, region and outcome: "ok", or the kind of the error.
type Metrics struct {
	calls    *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// NewMetrics registers the metrics.
func NewMetrics(registerer prometheus.Registerer) (*Metrics, error) {
	metrics := &Metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secretsync_aws_calls_total",
			Help: "Calls to AWS Secrets Manager, by operation, region and outcome (ok, or the kind of the error).",
		}, []string{"operation", "region", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "secretsync_aws_call_duration_seconds",
			Help:    "Duration of calls to AWS Secrets Manager, by operation and region.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15},
		}, []string{"operation", "region"}),
	}
	if err := registerer.Register(metrics.calls); err != nil {
		return nil, err
	}
	return metrics, registerer.Register(metrics.duration)
}

func (m *Metrics) observe(operation, region string, started time.Time, err error) {
	outcome := "ok"
	if err != nil {
		if outcome = string(source.KindOf(err)); outcome == "" {
			outcome = "cancelled"
		}
	}
	m.calls.WithLabelValues(operation, region, outcome).Inc()
	m.duration.WithLabelValues(operation, region).Observe(time.Since(started).Seconds())
}
