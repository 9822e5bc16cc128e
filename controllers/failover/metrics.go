package failover

import (
	"errors"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// maxRegions bounds the values of the label: AWS has about forty regions, and what a manifest names beyond this
// number is counted as other.
const maxRegions, otherRegion = 64, "other"

// Metrics counts what was read from replicas. A nil Metrics does nothing.
type Metrics struct {
	reads   *prometheus.CounterVec
	avoided *prometheus.GaugeVec

	mutex   sync.Mutex
	regions map[string]bool
}

// NewMetrics registers the metrics.
func NewMetrics(registerer prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		regions: map[string]bool{},
		reads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secretsync_failover_reads_total",
			Help: "Answers that were taken from a replica because the secret's own region did not answer, by the replica's region.",
		}, []string{"region"}),
		avoided: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "secretsync_failover_avoided_regions",
			Help: "Identities for which a region is not asked at present, because it did not answer several times in a row, by region.",
		}, []string{"region"}),
	}
	return m, errors.Join(registerer.Register(m.reads), registerer.Register(m.avoided))
}

// read counts an answer of a replica.
func (m *Metrics) read(region string) {
	if m != nil {
		m.reads.WithLabelValues(m.label(region)).Inc()
	}
}

// avoid counts one identity more, or less, that does not ask a region.
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
