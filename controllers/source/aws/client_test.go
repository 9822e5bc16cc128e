package aws

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/secretsync/secretsync/hack/localaws"
)

func TestOptionsThatAreSetStay(t *testing.T) {
	isolate(t, "http://127.0.0.1:1")
	for _, test := range []struct {
		options Options
		timeout time.Duration
		room    int
	}{
		{Options{}, 15 * time.Second, 32},
		{Options{CallTimeout: -1, Room: -1}, 15 * time.Second, 32},
		{Options{CallTimeout: time.Second, Room: 5}, time.Second, 5},
	} {
		s, err := New(t.Context(), test.options)
		if err != nil {
			t.Fatal(err)
		}
		if s.options.CallTimeout != test.timeout || s.options.Room != test.room {
			t.Errorf("of %s and %d become %s and %d", test.options.CallTimeout, test.options.Room, s.options.CallTimeout, s.options.Room)
		}
	}
}

// A configuration that cannot be loaded ends the start, and is no source without credentials.
func TestAConfigurationThatIsWrongIsRefused(t *testing.T) {
	isolate(t, "http://127.0.0.1:1")
	failed := errors.New("no configuration")
	s, err := New(t.Context(), Options{Region: localaws.DefaultRegion, LoadOptions: []func(*config.LoadOptions) error{
		func(*config.LoadOptions) error { return failed }}})
	if !errors.Is(err, failed) || s != nil {
		t.Errorf("got %v", err)
	}
}

// A region that drops packets holds a call up for seconds, and a busy poll keeps its connections.
func TestConnectionsAreBounded(t *testing.T) {
	client := newHTTPClient(nil)
	if got := client.GetDialer().Timeout; got != 5*time.Second {
		t.Errorf("a connection may take %s", got)
	}
	transport := client.GetTransport()
	if transport.TLSHandshakeTimeout != 5*time.Second || transport.MaxIdleConnsPerHost != 64 {
		t.Errorf("a handshake may take %s, and %d connections are kept", transport.TLSHandshakeTimeout, transport.MaxIdleConnsPerHost)
	}
}

// Metrics that cannot be registered are not left out in silence, and the slowest call of the default timeout has a bucket.
func TestMetricsAreRegisteredOrRefused(t *testing.T) {
	for _, name := range []string{"secretsync_aws_calls_total", "secretsync_aws_call_duration_seconds", "secretsync_aws_calls_in_flight"} {
		registry := prometheus.NewRegistry()
		if err := registry.Register(prometheus.NewCounter(prometheus.CounterOpts{Name: name})); err != nil {
			t.Fatal(err)
		}
		if _, err := NewMetrics(registry); err == nil {
			t.Errorf("another %s is no error", name)
		}
	}
	env := newEnvironment(t)
	env.source.options.Metrics.observe(measured{operation: describeSecret, region: localaws.DefaultRegion}, time.Second, nil)
	var bounds []float64
	for _, family := range env.gather(t) {
		for _, metric := range family.GetMetric() {
			for _, bucket := range metric.GetHistogram().GetBucket() {
				bounds = append(bounds, bucket.GetUpperBound())
			}
		}
	}
	if !slices.IsSorted(bounds) || len(bounds) != 12 || bounds[0] != .005 || bounds[11] != defaultCallTimeout.Seconds() {
		t.Errorf("the buckets are %v", bounds)
	}
}
