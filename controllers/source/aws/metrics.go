package aws

import (
	"errors"
	"sync"
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

// maxAccountLabels bounds the values of the label account, which SecretSyncs choose by the roles that they name. Further
// accounts are counted as otherAccount.
const maxAccountLabels, otherAccount = 64, "other"

// Metrics counts calls to AWS and measures how long they take. A nil Metrics does nothing. Safe for concurrent use.
type Metrics struct {
	calls    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight *prometheus.GaugeVec

	mutex    sync.Mutex
	accounts map[string]bool
}

// NewMetrics registers the metrics.
func NewMetrics(registerer prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		accounts: map[string]bool{},
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "secretsync_aws_calls_total",
			Help: "Calls to AWS Secrets Manager and STS, by operation, outcome (ok, or the reason of the refusal), account of the role that calls, and region.",
		}, []string{"operation", "outcome", "account", "region"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:                        "secretsync_aws_call_duration_seconds",
			Help:                        "Duration of calls to AWS Secrets Manager and STS, by operation and region; refused calls count too.",
			Buckets:                     []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15},
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
		}, []string{"operation", "region"}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "secretsync_aws_calls_in_flight",
			Help: "Calls to AWS Secrets Manager that have not been answered yet, by account of the role that calls, and region.",
		}, []string{"account", "region"}),
	}
	return m, errors.Join(registerer.Register(m.calls), registerer.Register(m.duration), registerer.Register(m.inFlight))
}

// measured is a call as metrics label it. The account is empty if it is not known.
type measured struct{ operation, account, region string }

// begin counts a call among those in flight. The result ends that.
func (m *Metrics) begin(call measured) (end func()) {
	if m == nil {
		return func() {}
	}
	inFlight := m.inFlight.WithLabelValues(m.account(call.account), call.region)
	inFlight.Inc()
	return inFlight.Dec
}

// observe counts a call that has ended.
func (m *Metrics) observe(call measured, took time.Duration, err error) {
	if m == nil {
		return
	}
	outcome := outcomeOK
	if err != nil {
		if outcome = string(source.KindOf(err)); outcome == "" {
			outcome = outcomeCancelled
		}
	}
	m.calls.WithLabelValues(call.operation, outcome, m.account(call.account), call.region).Inc()
	m.duration.WithLabelValues(call.operation, call.region).Observe(took.Seconds())
}

// account bounds the values of the label account.
func (m *Metrics) account(account string) string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if !m.accounts[account] && len(m.accounts) >= maxAccountLabels {
		return otherAccount
	}
	m.accounts[account] = true
	return account
}
