package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	certutil "k8s.io/client-go/util/cert"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"

	"github.com/secretsync/secretsync/controllers/secretsync"
	"github.com/secretsync/secretsync/controllers/serve"
)

const (
	// none as an address turns a server off.
	none = "0"
	// probeTimeout is how long a readiness probe waits for the caches.
	probeTimeout = 500 * time.Millisecond
	// probeWithin and metricsWithin bound a request.
	probeWithin, metricsWithin = 10 * time.Second, 30 * time.Second
	// scrapesMost is how many scrapes are answered at once; others get 503. Each of them writes all metrics.
	scrapesMost = 4
	// scrapesPerSecond are what an address may ask for, and scrapesAtOnce at once: each may cost a TokenReview.
	scrapesPerSecond, scrapesAtOnce = 2, 20
)

// The metrics endpoint asks Kubernetes who scrapes it, and whether they may: the role metrics-auth.
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

// addProbes adds the probes: alive while the process answers and the queue moves, so that the kubelet restarts it where
// a pass hangs; ready once the caches are filled, leader or not, and as long as the queue moves.
func addProbes(ctx context.Context, manager ctrl.Manager, controller *secretsync.Controller, o *options) error {
	if o.healthProbeBindAddress == none {
		return nil
	}
	synced := func(request *http.Request) error {
		ctx, cancel := context.WithTimeout(request.Context(), probeTimeout)
		defer cancel()
		if !manager.GetCache().WaitForCacheSync(ctx) {
			return errors.New("caches are not synced yet")
		}
		return nil
	}
	handler := probes(alive(controller.Check), ready(synced, controller.Check, controller.CheckWatch))
	return listen(ctx, manager, serve.Options{Name: "probes", Address: o.healthProbeBindAddress, Handler: handler, Timeout: probeWithin})
}

// alive is what the kubelet restarts the operator by.
func alive(queue healthz.Checker) healthz.Handler {
	return healthz.Handler{Checks: map[string]healthz.Checker{"ping": healthz.Ping, "queue": queue}}
}

// ready is what the operator counts as ready by.
func ready(caches, queue, watch healthz.Checker) healthz.Handler {
	return healthz.Handler{Checks: map[string]healthz.Checker{"caches": caches, "queue": queue, "watch": watch}}
}

// probes serves /healthz and /readyz, and each check below them by its name.
func probes(healthy, ready healthz.Handler) http.Handler {
	mux := http.NewServeMux()
	for path, handler := range map[string]http.Handler{"/healthz": &healthy, "/readyz": &ready} {
		mux.Handle(path, http.StripPrefix(path, handler))
		mux.Handle(path+"/", http.StripPrefix(path, handler))
	}
	return mux
}

// addMetrics adds the metrics endpoint: by TLS and for those alone whom Kubernetes lets get /metrics, unless that is
// turned off.
func addMetrics(ctx context.Context, manager ctrl.Manager, o *options) error {
	if o.metricsBindAddress == none {
		return nil
	}
	serving := serve.Options{Name: "metrics", Address: o.metricsBindAddress, Timeout: metricsWithin}
	handler := promhttp.HandlerFor(metrics.Registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError, MaxRequestsInFlight: scrapesMost})
	if o.metricsSecure {
		filter, err := filters.WithAuthenticationAndAuthorization(manager.GetConfig(), manager.GetHTTPClient())
		if err != nil {
			return fmt.Errorf("protecting the metrics: %w", err)
		}
		if handler, err = filter(ctrl.Log.WithName("metrics"), handler); err != nil {
			return fmt.Errorf("protecting the metrics: %w", err)
		}
		if serving.Certificate, err = selfSigned(); err != nil {
			return err
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", serve.PerAddress(handler, scrapesPerSecond, scrapesAtOnce))
	serving.Handler = mux
	return listen(ctx, manager, serving)
}

// listen adds a server to a manager.
func listen(ctx context.Context, manager ctrl.Manager, options serve.Options) error {
	server, err := serve.Listen(ctx, options)
	if err != nil {
		return err
	}
	return manager.Add(server)
}

// selfSigned makes a certificate for as long as the process runs, as the control plane's own components do where they
// are given none: it keeps tokens from being read on the way.
func selfSigned() (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	certificate, key, err := certutil.GenerateSelfSignedCertKey("localhost", []net.IP{{127, 0, 0, 1}}, nil)
	if err != nil {
		return nil, fmt.Errorf("making a certificate for the metrics: %w", err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("making a certificate for the metrics: %w", err)
	}
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil }, nil
}
