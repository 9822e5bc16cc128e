package main

import (
	"errors"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// registerProcessMetrics registers what the metrics say of the process: which build it is, and whether it leads. Without
// leader election the process leads once it has started. Of Go's metrics it leaves the usual ones: controller-runtime
// registers all, which are some 150 series more.
func registerProcessMetrics(registerer prometheus.Registerer, elected <-chan struct{}) error {
	registerer.Unregister(collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsAll)))
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "secretsync_build_info",
		Help: "Always 1; the labels have the version of the operator and that of Go.",
	}, []string{"version", "goversion"})
	build.WithLabelValues(version, runtime.Version()).Set(1)
	return errors.Join(registerer.Register(collectors.NewGoCollector()), registerer.Register(build), registerer.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "secretsync_leader",
		Help: "1 while this process reconciles SecretSyncs, 0 while it waits for another replica to end.",
	}, func() float64 {
		select {
		case <-elected:
			return 1
		default:
			return 0
		}
	})))
}
