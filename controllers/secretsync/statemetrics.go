package secretsync

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// otherNamespaces is the value of the label secretsync_namespace for namespaces without series of their own. No
// namespace may have such a name.
const otherNamespaces = "_other"

// stateMetrics are gauges of all SecretSyncs. They are computed when they are scraped. There are none for each
// SecretSync: their number does not depend on that of SecretSyncs.
type stateMetrics struct {
	states *states
	now    func() time.Time
	// namespaces is how many namespaces have series of their own; with 0 the label of namespaces is empty.
	namespaces int

	// mutex is held while series are computed: a second scrape would reset them.
	mutex                               sync.Mutex
	ready, notReady, rotation, restarts *prometheus.GaugeVec
	oldest                              prometheus.Gauge
}

func newStateMetrics(all *states, now func() time.Time, namespaces int) *stateMetrics {
	return &stateMetrics{
		states: all, now: now, namespaces: namespaces,
		ready: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "secretsync_ready",
			Help: "SecretSyncs by status and reason of their condition Ready. The label secretsync_namespace is empty unless --metrics-namespaces is set.",
		}, []string{"status", "reason", "secretsync_namespace"}),
		notReady: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "secretsync_not_ready_seconds",
			Help: "How long the condition Ready has been False of the SecretSync for which it has been False longest, by reason.",
		}, []string{"reason", "secretsync_namespace"}),
		rotation: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "secretsync_rotation_health",
			Help: "SecretSyncs by the reason of their condition RotationHealthy.",
		}, []string{"reason"}),
		restarts: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "secretsync_workloads_restarted",
			Help: "SecretSyncs by the reason of their condition WorkloadsRestarted.",
		}, []string{"reason"}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "secretsync_oldest_version_seconds",
			Help: "How long ago the oldest version in a Secret was created, former versions aside; 0 if that is not known of any.",
		}),
	}
}

// Describe implements prometheus.Collector.
func (m *stateMetrics) Describe(descriptions chan<- *prometheus.Desc) {
	for _, metric := range m.all() {
		metric.Describe(descriptions)
	}
}

// Collect implements prometheus.Collector.
func (m *stateMetrics) Collect(series chan<- prometheus.Metric) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.compute(m.states.summaries(), m.now())
	for _, metric := range m.all() {
		metric.Collect(series)
	}
}

func (m *stateMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.ready, m.notReady, m.rotation, m.restarts, m.oldest}
}

// compute sets the gauges. Reasons that alerts name have a series from the start, so that their first SecretSync is an
// increase; a reason of Ready has one while a SecretSync has that reason.
func (m *stateMetrics) compute(summaries map[types.NamespacedName]summary, now time.Time) {
	for _, vector := range []*prometheus.GaugeVec{m.ready, m.notReady, m.rotation, m.restarts} {
		vector.Reset()
	}
	for _, reason := range rotationReasons() {
		m.rotation.WithLabelValues(reason)
	}
	for _, reason := range restartReasons() {
		m.restarts.WithLabelValues(reason)
	}
	m.ready.WithLabelValues(string(metav1.ConditionTrue), v1alpha1.ReasonSynced, "")
	var oldest time.Time
	label := m.namespaceLabels(summaries)
	longest := map[[2]string]time.Duration{}
	for name, s := range summaries {
		if s.ready != "" {
			m.ready.WithLabelValues(string(s.ready), s.reason, label(name.Namespace)).Inc()
		}
		if s.ready == metav1.ConditionFalse {
			key := [2]string{s.reason, label(name.Namespace)}
			longest[key] = max(longest[key], now.Sub(s.since))
		}
		if s.rotation != "" {
			m.rotation.WithLabelValues(s.rotation).Inc()
		}
		if s.restarts != "" {
			m.restarts.WithLabelValues(s.restarts).Inc()
		}
		if !s.oldest.IsZero() && (oldest.IsZero() || s.oldest.Before(oldest)) {
			oldest = s.oldest
		}
	}
	for key, since := range longest {
		m.notReady.WithLabelValues(key[:]...).Set(since.Seconds())
	}
	m.oldest.Set(0)
	if !oldest.IsZero() {
		m.oldest.Set(max(0, now.Sub(oldest).Seconds())) // AWS's clock is not the operator's.
	}
}

// namespaceLabels gives the label of a namespace. Namespaces with the most SecretSyncs that are not ready have series of
// their own, then those that come first in the alphabet.
func (m *stateMetrics) namespaceLabels(summaries map[types.NamespacedName]summary) func(string) string {
	if m.namespaces <= 0 {
		return func(string) string { return "" }
	}
	failing := map[string]int{}
	for name, s := range summaries {
		count := failing[name.Namespace]
		if s.ready == metav1.ConditionFalse {
			count++
		}
		failing[name.Namespace] = count
	}
	names := slices.SortedFunc(maps.Keys(failing), func(a, b string) int {
		return cmp.Or(cmp.Compare(failing[b], failing[a]), cmp.Compare(a, b))
	})
	own := map[string]bool{}
	for _, name := range names[:min(len(names), m.namespaces)] {
		own[name] = true
	}
	return func(namespace string) string {
		if own[namespace] {
			return namespace
		}
		return otherNamespaces
	}
}

// rotationReasons are those of the condition RotationHealthy.
func rotationReasons() []string {
	return []string{
		v1alpha1.ReasonRotationOnSchedule, v1alpha1.ReasonRotationInProgress, v1alpha1.ReasonRotationOverdue, v1alpha1.ReasonRotationDisabled,
		v1alpha1.ReasonRotationStuck, v1alpha1.ReasonRotationFailed, v1alpha1.ReasonRotationNever, v1alpha1.ReasonRotationTooOld,
	}
}

// restartReasons are those of the condition WorkloadsRestarted.
func restartReasons() []string {
	return []string{
		v1alpha1.ReasonRolledOut, v1alpha1.ReasonRollingOut, v1alpha1.ReasonRolloutPaused, v1alpha1.ReasonRolloutFailed,
		v1alpha1.ReasonRolloutForbidden, v1alpha1.ReasonRestartNever,
	}
}
