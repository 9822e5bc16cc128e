package serve

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

const (
	// maxHeader bounds the headers of a request, in bytes. net/http adds 4 KiB. A token of a ServiceAccount has some
	// 1,500 bytes.
	maxHeader = 8 << 10
	// maxConnections bounds the open connections of a server: some 30 KiB each, so 2 MiB.
	maxConnections = 64
	// headerTimeout bounds a TLS handshake, and the time in which a client sends the headers of a request.
	headerTimeout = 5 * time.Second
	// idleTimeout is how long a connection stays open between two requests. Prometheus scrapes once a minute by
	// default.
	idleTimeout = 2 * time.Minute
	// shutdownTimeout is how long requests in flight may take to end once the server stops.
	shutdownTimeout = 5 * time.Second
)

// Options configure a server. A field without a default is required.
type Options struct {
	// Name of the server in logs and errors.
	Name string
	// Address to listen on.
	Address string
	// Handler answers the requests.
	Handler http.Handler
	// Certificate returns the certificate for a handshake. Default: plain HTTP.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Timeout bounds a request, from its first byte to the last byte of the answer.
	Timeout time.Duration
}

// Listen creates a server with bounds that already listens. Every replica serves, whether it leads or not, and before
// its caches are synced. Listen fails if the address is in use.
func Listen(ctx context.Context, o Options) (*manager.Server, error) {
	if o.Timeout <= 0 {
		return nil, fmt.Errorf("listening for %s: requests have no bound in time", o.Name) // For net/http, zero is no bound.
	}
	bound, err := new(net.ListenConfig).Listen(ctx, "tcp", o.Address)
	if err != nil {
		return nil, fmt.Errorf("listening for %s: %w", o.Name, err)
	}
	var listener net.Listener = newFairListener(bound, maxConnections)
	if o.Certificate != nil {
		// HTTP/2 would allow any number of requests on one connection.
		listener = tls.NewListener(listener, &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: o.Certificate})
	}
	return &manager.Server{Name: o.Name, Listener: listener, ShutdownTimeout: new(shutdownTimeout), Server: &http.Server{
		Handler:           o.Handler,
		MaxHeaderBytes:    maxHeader,
		ReadHeaderTimeout: min(headerTimeout, o.Timeout),
		ReadTimeout:       o.Timeout,
		WriteTimeout:      o.Timeout,
		IdleTimeout:       idleTimeout,
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		// Any client that reaches the port can fail a handshake, so these errors are logged at debug level.
		ErrorLog: slog.NewLogLogger(logr.ToSlogHandler(log.FromContext(ctx).V(1)), slog.LevelInfo),
	}}, nil
}
