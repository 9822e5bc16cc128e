package secretsync

import (
	"errors"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// Metrics counts what passes did. Its labels are bounded: reasons and outcomes, never names.
type Metrics struct {
	registerer  prometheus.Registerer
	syncs       *prometheus.CounterVec
	propagation prometheus.Histogram
	rollouts    prometheus.Histogram
}

// NewMetrics registers the metrics.
func NewMetrics(registerer prometheus.Registerer) (*Metrics, error) {
	metrics := &Metrics{
		registerer: registerer,
		syncs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secretsync_syncs_total",
			Help: "Passes over SecretSyncs that asked AWS, by outcome (created, updated, unchanged, failed) and, where failed, reason.",
		}, []string{"outcome", "reason"}),
		propagation: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "secretsync_propagation_seconds",
			Help:    "From when AWS got a new version to when the Secret was updated with it, in seconds, where a newer version came after a former one.",
			Buckets: propagationBuckets(),
		}),
		rollouts: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "secretsync_propagation_to_workloads_seconds",
			Help:    "From when AWS got the newest version in the Secret to when the workloads that were restarted for it had rolled out, in seconds.",
			Buckets: propagationBuckets(),
		}),
	}
	return metrics, errors.Join(registerer.Register(metrics.syncs), registerer.Register(metrics.propagation), registerer.Register(metrics.rollouts))
}

// propagationBuckets reach from an event that is followed at once to a poll once a day.
func propagationBuckets() []float64 {
	return []float64{.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 3 * 3600, 24 * 3600}
}

// rolledOut measures how long the newest of these versions took from AWS to where programs run with it.
func (m *Metrics) rolledOut(sources []v1alpha1.SourceStatus, ended time.Time) {
	var newest time.Time
	for i := range sources {
		if made := madeAt(&sources[i]); made.After(newest) {
			newest = made
		}
	}
	if !newest.IsZero() {
		m.rollouts.Observe(max(0, ended.Sub(newest).Seconds())) // AWS's clock is not ours.
	}
}

// propagated measures how long a version took from AWS into the Secret, by when it and the one before it were
// made. First syncs do not count, nor do rollbacks: how long ago those versions were made tells nothing.
func (m *Metrics) propagated(made, former, written time.Time) {
	if !former.IsZero() && made.After(former) {
		m.propagation.Observe(max(0, written.Sub(made).Seconds())) // AWS's clock is not ours.
	}
}

// rotationReasons are those of the condition RotationHealthy.
func rotationReasons() []string {
	return []string{
		v1alpha1.ReasonRotationOnSchedule, v1alpha1.ReasonRotationInProgress, v1alpha1.ReasonRotationOverdue, v1alpha1.ReasonRotationDisabled,
		v1alpha1.ReasonRotationStuck, v1alpha1.ReasonRotationFailed, v1alpha1.ReasonRotationNever, v1alpha1.ReasonRotationTooOld,
	}
}

// watch registers the gauges that tell whether polling keeps up, and how rotations are. They are worked out when
// they are asked for.
func (m *Metrics) watch(c *Controller) error {
	var errs []error
	for _, reason := range rotationReasons() {
		errs = append(errs, m.registerer.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "secretsync_rotation_health",
			Help:        "SecretSyncs by the reason of their condition RotationHealthy.",
			ConstLabels: prometheus.Labels{"reason": reason},
		}, func() float64 { return float64(c.memories.rotations(reason)) })))
	}
	errs = append(errs, m.registerer.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "secretsync_stale_objects",
		Help: "SecretSyncs that the watch of the API server has shown for more than five seconds as they were before the operator's last write of them. Zero is normal.",
	}, func() float64 { return float64(c.memories.stale(c.Clock.Now())) })))
	errs = append(errs, m.registerer.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "secretsync_parked_objects",
		Help: "SecretSyncs that are due and wait until they may have a worker: a namespace has a share of them, and one for large SecretSyncs. For a moment, after a start or a change of many, that is normal.",
	}, func() float64 { return float64(c.shares.parked()) })))
	return errors.Join(append(errs, m.registerer.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "secretsync_most_overdue_seconds",
		Help: "For how long the SecretSync that waits longest has been due to be looked at. Seconds are normal; more means that polling does not keep up.",
	}, func() float64 { return c.memories.mostOverdue(c.Clock.Now()).Seconds() })))...)
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
