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
	// headerMost bounds the headers of a request, in bytes, to which net/http adds 4 KiB. A token of a ServiceAccount has
	// some 1,500.
	headerMost = 8 << 10
	// connectionsMost bounds the connections that are open at once: some 30 KiB each, so 2 MiB for a server.
	connectionsMost = 64
	// headerWithin is how long a client may take for a TLS handshake, and for the headers of a request.
	headerWithin = 5 * time.Second
	// idleMost is how long a connection stays open between two requests. Prometheus asks once a minute, by default.
	idleMost = 2 * time.Minute
	// endWithin is how long requests that are under way may take to end, once the server stops.
	endWithin = 5 * time.Second
)

// Options say what is served, and where. All are required unless a default is named.
type Options struct {
	// Name says in logs what is served.
	Name string
	// Address to listen on.
	Address string
	// Handler answers.
	Handler http.Handler
	// Certificate is asked for one at each handshake. Default: plain HTTP.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Within bounds a request, from its first byte to the last one of the answer.
	Within time.Duration
}

// Listen makes a server with bounds, which listens already: every replica serves, whether it leads or not, and before
// its caches are filled. It fails where the address is not free.
func Listen(ctx context.Context, o Options) (*manager.Server, error) {
	if o.Within <= 0 {
		return nil, fmt.Errorf("listening for %s: requests have no bound in time", o.Name) // net/http takes zero for none.
	}
	bound, err := new(net.ListenConfig).Listen(ctx, "tcp", o.Address)
	if err != nil {
		return nil, fmt.Errorf("listening for %s: %w", o.Name, err)
	}
	var listener net.Listener = newFair(bound, connectionsMost)
	if o.Certificate != nil {
		// HTTP/2 would let one connection have any number of requests.
		listener = tls.NewListener(listener, &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: o.Certificate})
	}
	endWithin := endWithin
	return &manager.Server{Name: o.Name, Listener: listener, ShutdownTimeout: &endWithin, Server: &http.Server{
		Handler:           o.Handler,
		MaxHeaderBytes:    headerMost,
		ReadHeaderTimeout: min(headerWithin, o.Within),
		ReadTimeout:       o.Within,
		WriteTimeout:      o.Within,
		IdleTimeout:       idleMost,
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		// Every client that reaches the port can fail a handshake: at debug it is there for those who look for it.
		ErrorLog: slog.NewLogLogger(logr.ToSlogHandler(log.FromContext(ctx).V(1)), slog.LevelInfo),
	}}, nil
}
