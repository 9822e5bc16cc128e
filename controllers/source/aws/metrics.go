package aws

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/secretsync/secretsync/controllers/source"
)

// Outcomes beside the kinds of source.Error.
const (
	outcomeOK = "ok"
	// outcomeCancelled is a call that its caller gave up.
	outcomeCancelled = "Cancelled"
)

// Metrics counts calls to Secrets Manager and measures how long they take. A nil Metrics does nothing.
type Metrics struct {
	calls    *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// NewMetrics registers the metrics.
func NewMetrics(registerer prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secretsync_aws_calls_total",
			Help: "Calls to AWS Secrets Manager and STS, by operation, outcome (ok, or the reason of the refusal) and region.",
		}, []string{"operation", "outcome", "region"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "secretsync_aws_call_duration_seconds",
			Help:    "Duration of calls to AWS Secrets Manager and STS, by operation; refused calls count too.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15},
		}, []string{"operation"}),
	}
	return m, errors.Join(registerer.Register(m.calls), registerer.Register(m.duration))
}

func (m *Metrics) observe(operation, region string, took time.Duration, err error) {
	if m == nil {
		return
	}
	outcome := outcomeOK
	if err != nil {
		if outcome = string(source.KindOf(err)); outcome == "" {
			outcome = outcomeCancelled
		}
	}
	m.calls.WithLabelValues(operation, outcome, region).Inc()
	m.duration.WithLabelValues(operation).Observe(took.Seconds())
}
