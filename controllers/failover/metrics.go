package failover

import (
	"errors"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// maxRegions bounds the values of the label region. AWS has about forty regions; further names that manifests have are
// counted as otherRegion.
const maxRegions, otherRegion = 64, "other"

// Metrics counts reads of replicas. A nil Metrics counts nothing. Safe for concurrent use.
type Metrics struct {
	reads   *prometheus.CounterVec
	avoided *prometheus.GaugeVec

	mutex   sync.Mutex
	regions map[string]bool
}

// NewMetrics creates the metrics and registers them.
func NewMetrics(registerer prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		regions: map[string]bool{},
		reads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secretsync_failover_reads_total",
			Help: "Answers read from a replica because the secret's own region did not answer, by the replica's region.",
		}, []string{"region"}),
		avoided: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "secretsync_failover_avoided_regions",
			Help: "Identities for which calls to a region are suspended because several calls in a row were not answered, by region.",
		}, []string{"region"}),
	}
	return m, errors.Join(registerer.Register(m.reads), registerer.Register(m.avoided))
}

// read counts an answer that came from a replica.
func (m *Metrics) read(region string) {
	if m != nil {
		m.reads.WithLabelValues(m.label(region)).Inc()
	}
}

// avoid adds to the number of identities whose breaker of a region is open.
func (m *Metrics) avoid(region string, by float64) {
	if m != nil {
		m.avoided.WithLabelValues(m.label(region)).Add(by)
	}
}

func (m *Metrics) label(region string) string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if !m.regions[region] && len(m.regions) >= maxRegions {
		return otherRegion
	}
	m.regions[region] = true
	return region
}
