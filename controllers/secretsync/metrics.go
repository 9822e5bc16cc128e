package secretsync

import (
	"errors"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
)

// Histograms are served in both forms: as buckets, and as native histograms to a Prometheus that asks for them. Those have
// a resolution of nativeFactor, and at most nativeBuckets.
const nativeFactor, nativeBuckets, nativeReset = 1.1, 100, time.Hour

// Metrics counts what reconciles did. Its labels are bounded: reasons and outcomes, never names.
type Metrics struct {
	registerer  prometheus.Registerer
	syncs       *prometheus.CounterVec
	propagation prometheus.Histogram
	rollouts    prometheus.Histogram
	intervals   prometheus.Histogram
}

// NewMetrics registers the metrics.
func NewMetrics(registerer prometheus.Registerer) (*Metrics, error) {
	metrics := &Metrics{
		registerer: registerer,
		syncs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secretsync_syncs_total",
			Help: "Reconciles of SecretSyncs that asked AWS, by outcome (created, updated, unchanged, failed) and, where failed, reason.",
		}, []string{"outcome", "reason"}),
		propagation: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:                        "secretsync_propagation_seconds",
			Help:                        "From when AWS got a new version to when the Secret was updated with it, in seconds, where a newer version came after a former one.",
			Buckets:                     propagationBuckets(),
			NativeHistogramBucketFactor: nativeFactor, NativeHistogramMaxBucketNumber: nativeBuckets, NativeHistogramMinResetDuration: nativeReset,
		}),
		rollouts: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:                        "secretsync_propagation_to_workloads_seconds",
			Help:                        "From when AWS got the newest version in the Secret to when the workloads that were restarted for it had rolled out, in seconds.",
			Buckets:                     propagationBuckets(),
			NativeHistogramBucketFactor: nativeFactor, NativeHistogramMaxBucketNumber: nativeBuckets, NativeHistogramMinResetDuration: nativeReset,
		}),
		intervals: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:                        "secretsync_rotation_interval_seconds",
			Help:                        "How long after the former version AWS created the version with which a Secret was updated, in seconds.",
			Buckets:                     intervalBuckets(),
			NativeHistogramBucketFactor: nativeFactor, NativeHistogramMaxBucketNumber: nativeBuckets, NativeHistogramMinResetDuration: nativeReset,
		}),
	}
	return metrics, errors.Join(registerer.Register(metrics.syncs), registerer.Register(metrics.propagation), registerer.Register(metrics.rollouts),
		registerer.Register(metrics.intervals))
}

// propagationBuckets reach from an event that is followed at once to a poll once a day.
func propagationBuckets() []float64 {
	return []float64{.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 3 * 3600, 24 * 3600}
}

// intervalBuckets reach from a rotation once an hour to one once a year.
func intervalBuckets() []float64 {
	const hour, day = 3600, 24 * 3600
	return []float64{hour, 4 * hour, day, 7 * day, 30 * day, 60 * day, 90 * day, 180 * day, 365 * day}
}

// propagated measures how long a version took from AWS into the Secret, and how long after the one before it that was
// created. First syncs do not count, nor do rollbacks: how long ago those versions were created says nothing.
func (m *Metrics) propagated(created, former, written time.Time) {
	if !former.IsZero() && created.After(former) {
		m.propagation.Observe(max(0, written.Sub(created).Seconds())) // AWS's clock is not the operator's.
		m.intervals.Observe(created.Sub(former).Seconds())
	}
}

// watch registers the gauges that show whether polling keeps up, and the state of SecretSyncs. They are computed when they
// are scraped.
func (m *Metrics) watch(c *Controller) error {
	errs := []error{m.registerer.Register(newStateMetrics(c.states, c.options.Clock.Now, c.options.MetricsNamespaces))}
	errs = append(errs, m.registerer.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "secretsync_stale_objects",
		Help: "SecretSyncs that the watch of the API server has shown for more than five seconds as they were before the operator's last write of them. Zero is normal.",
	}, func() float64 {
		count, _ := c.states.stale(c.options.Clock.Now())
		return float64(count)
	})))
	errs = append(errs, m.registerer.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "secretsync_parked_objects",
		Help: "SecretSyncs that are due and wait until they may have a worker: a namespace has a share of them, and one for large SecretSyncs. For a moment, after a start or a change of many, that is normal.",
	}, func() float64 { return float64(c.shares.Parked()) })))
	return errors.Join(append(errs, m.registerer.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "secretsync_most_overdue_seconds",
		Help: "For how long the SecretSync that waits longest has been due to be looked at. Seconds are normal; more means that polling does not keep up.",
	}, func() float64 { return c.states.mostOverdue(c.options.Clock.Now()).Seconds() })))...)
}

// synced counts a sync, and measures how long new versions took into the Secret.
func (m *Metrics) synced(outcome *status.Outcome) {
	write := outcome.Write
	if write.Changed() {
		for n, input := range outcome.Set.Inputs {
			if synced := outcome.Set.Synced(n, input); synced != nil && synced.VersionID != input.Fetched.Version.ID {
				m.propagated(input.Fetched.Version.Created, resolve.CreatedAt(synced), write.At)
			}
		}
	}
	switch {
	case outcome.Failure != nil:
		m.syncs.WithLabelValues("failed", outcome.Failure.Reason).Inc()
	case write.Changed():
		m.syncs.WithLabelValues(strings.ToLower(string(write.Result.Outcome)), "").Inc()
	case outcome.Answered():
		m.syncs.WithLabelValues("unchanged", "").Inc()
	}
}

// rolledOut measures how long the newest version took from AWS to where programs run with it.
func (m *Metrics) rolledOut(sources []v1alpha1.SourceStatus, ended time.Time) {
	var newest time.Time
	for i := range sources {
		if created := resolve.CreatedAt(&sources[i]); created.After(newest) {
			newest = created
		}
	}
	if !newest.IsZero() {
		m.rollouts.Observe(max(0, ended.Sub(newest).Seconds())) // AWS's clock is not the operator's.
	}
}
