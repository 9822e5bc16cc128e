package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	certutil "k8s.io/client-go/util/cert"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	runnable "sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"

	"github.com/secretsync/secretsync/controllers/secretsync"
	"github.com/secretsync/secretsync/controllers/serve"
)

const (
	// noAddress is the address that turns a server off.
	noAddress = "0"
	// cacheTimeout is how long a readiness probe waits for the caches.
	cacheTimeout = 500 * time.Millisecond
	// probeTimeout and metricsTimeout bound a request.
	probeTimeout, metricsTimeout = 10 * time.Second, 30 * time.Second
	// maxScrapes is how many scrapes are answered at once; further ones get 503. Each answer has all metrics.
	maxScrapes = 4
	// scrapeRate is the maximum number of scrapes per second of an address, and scrapeBurst the number at once: each
	// may cost a TokenReview.
	scrapeRate, scrapeBurst = 2, 20
)

// The metrics endpoint has Kubernetes authenticate and authorize its clients: the role metrics-auth.
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

// addProbes adds the probes. The operator is alive while the process answers and the queue moves: the kubelet
// restarts it if a reconcile hangs. It is ready once the caches are synced, as leader or not, and while the queue
// moves.
func addProbes(ctx context.Context, manager ctrl.Manager, controller *secretsync.Controller, o *options) error {
	if o.healthProbeBindAddress == noAddress {
		return nil
	}
	synced := func(request *http.Request) error {
		ctx, cancel := context.WithTimeout(request.Context(), cacheTimeout)
		defer cancel()
		if !manager.GetCache().WaitForCacheSync(ctx) {
			return errors.New("caches are not synced yet")
		}
		return nil
	}
	handler := probes(alive(controller.Check), ready(synced, controller.Check, controller.CheckWatch))
	return listen(ctx, manager, serve.Options{Name: "probes", Address: o.healthProbeBindAddress, Handler: handler, Timeout: probeTimeout})
}

// alive has the checks of liveness: the kubelet restarts the operator if one fails.
func alive(queue healthz.Checker) healthz.Handler {
	return healthz.Handler{Checks: map[string]healthz.Checker{"ping": healthz.Ping, "queue": queue}}
}

// ready has the checks of readiness.
func ready(caches, queue, watch healthz.Checker) healthz.Handler {
	return healthz.Handler{Checks: map[string]healthz.Checker{"caches": caches, "queue": queue, "watch": watch}}
}

// probes serves /healthz and /readyz, and below them each check by its name.
func probes(healthy, ready healthz.Handler) http.Handler {
	mux := http.NewServeMux()
	for path, handler := range map[string]http.Handler{"/healthz": &healthy, "/readyz": &ready} {
		mux.Handle(path, http.StripPrefix(path, handler))
		mux.Handle(path+"/", http.StripPrefix(path, handler))
	}
	return mux
}

// addMetrics adds the metrics endpoint. Unless --metrics-secure is false, it is served by TLS, and only to clients
// that Kubernetes allows to get /metrics.
func addMetrics(ctx context.Context, manager ctrl.Manager, o *options) error {
	if o.metricsBindAddress == noAddress {
		return nil
	}
	serving := serve.Options{Name: "metrics", Address: o.metricsBindAddress, Timeout: metricsTimeout}
	handler := promhttp.HandlerFor(metrics.Registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError, MaxRequestsInFlight: maxScrapes})
	if o.metricsSecure {
		filter, err := filters.WithAuthenticationAndAuthorization(manager.GetConfig(), manager.GetHTTPClient())
		if err != nil {
			return fmt.Errorf("protecting the metrics: %w", err)
		}
		if handler, err = filter(ctrl.Log.WithName("metrics"), handler); err != nil {
			return fmt.Errorf("protecting the metrics: %w", err)
		}
		if serving.Certificate, err = metricsCertificate(manager, o.metricsCertDir); err != nil {
			return err
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", serve.PerAddress(handler, scrapeRate, scrapeBurst))
	serving.Handler = mux
	return listen(ctx, manager, serving)
}

// listen adds a server to a manager.
func listen(ctx context.Context, manager ctrl.Manager, serving serve.Options) error {
	server, err := serve.Listen(ctx, serving)
	if err != nil {
		return err
	}
	return manager.Add(server)
}

// certificateGetter returns the certificate for a handshake.
type certificateGetter = func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// metricsCertificate returns the certificate in a directory, which the manager reloads when it changes. An empty
// directory means a self-signed certificate.
func metricsCertificate(manager interface{ Add(runnable.Runnable) error }, directory string) (certificateGetter, error) {
	if directory == "" {
		return selfSigned()
	}
	watcher, err := certwatcher.New(filepath.Join(directory, "tls.crt"), filepath.Join(directory, "tls.key"))
	if err != nil {
		return nil, fmt.Errorf("reading the certificate for the metrics from --metrics-cert-dir: %w", err)
	}
	return watcher.GetCertificate, manager.Add(watcher)
}

// selfSigned creates a certificate for the lifetime of the process, as the components of the control plane do by
// default. It keeps the tokens of clients from being read on the network.
func selfSigned() (certificateGetter, error) {
	certificate, key, err := certutil.GenerateSelfSignedCertKey("localhost", []net.IP{{127, 0, 0, 1}}, nil)
	if err != nil {
		return nil, fmt.Errorf("creating a certificate for the metrics: %w", err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("creating a certificate for the metrics: %w", err)
	}
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil }, nil
}
