package notify

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Outcomes of events and requests, as values of the label outcome.
const (
	// outcomeNotified is a change of a secret that a SecretSync reads.
	outcomeNotified = "notified"
	// outcomeUnmatched is a change of a secret that no SecretSync of this operator reads.
	outcomeUnmatched = "unmatched"
	// outcomeIgnored is an event of something else, or of a call that changed nothing.
	outcomeIgnored = "ignored"
	// outcomeMalformed is a message that cannot be parsed. It stays in the queue, which moves it to its dead-letter
	// queue.
	outcomeMalformed = "malformed"
	// outcomeFailed is a message that could not be handed on. It is delivered again.
	outcomeFailed = "failed"
	// outcomeUnauthorized and outcomeLimited are requests that the hook refused: without the token, and too many.
	outcomeUnauthorized = "unauthorized"
	outcomeLimited      = "limited"
)

// Metrics counts change events. Safe for concurrent use.
type Metrics struct {
	registerer prometheus.Registerer
	events     *prometheus.CounterVec
	age        prometheus.Histogram
}

// NewMetrics creates the metrics and registers them.
func NewMetrics(registerer prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		registerer: registerer,
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secretsync_change_events_total",
			Help: "Change events received, by outcome (notified, unmatched, ignored, malformed, failed, unauthorized, limited).",
		}, []string{"outcome"}),
		age: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:                        "secretsync_change_event_age_seconds",
			Help:                        "Age of change events when they were received, from when the change happened.",
			Buckets:                     []float64{1, 2, 5, 10, 20, 30, 60, 120, 300, 900, 3600, 14400, 86400},
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
		}),
	}
	for _, outcome := range []string{outcomeNotified, outcomeUnmatched, outcomeIgnored, outcomeMalformed, outcomeFailed} {
		m.events.WithLabelValues(outcome) // Zero from the start, so that the first of them is an increase.
	}
	return m, errors.Join(registerer.Register(m.events), registerer.Register(m.age))
}

// watch registers the gauge that shows whether the queue answers.
func (m *Metrics) watch(c *Consumer) error {
	return m.registerer.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "secretsync_change_queue_up",
		Help: "1 while the queue of change events answers, 0 while it does not, or while another replica leads.",
	}, func() float64 {
		if c.answers.Load() {
			return 1
		}
		return 0
	}))
}
