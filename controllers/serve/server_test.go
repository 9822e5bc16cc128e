package serve

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	certutil "k8s.io/client-go/util/cert"
)

// start runs a server until the test ends, or until stop is called. stop returns the error of Start.
func start(t *testing.T, options Options) (address string, stop func() error) {
	t.Helper()
	options.Name, options.Address = "tests", "127.0.0.1:0"
	server, err := Listen(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	go func() { ended <- server.Start(ctx) }()
	return server.Listener.Addr().String(), func() error {
		cancel()
		return <-ended
	}
}

func greeting(writer http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(writer, "hello") }

// dial connects from an address of this machine.
func dial(t *testing.T, from, to string) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	connection, err := dialer.DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// ask sends a request on a connection, and returns the status and the text of the answer.
func ask(connection net.Conn, headers string) (int, string, error) {
	if _, err := fmt.Fprintf(connection, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", headers); err != nil {
		return 0, "", err
	}
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

// awaitClosed waits until the server has closed a connection.
func awaitClosed(t *testing.T, connection net.Conn) {
	t.Helper()
	if err := connection.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	_, err := io.Copy(io.Discard, connection)
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatal("the connection is still open")
	}
}

func TestHeadersAreBounded(t *testing.T) {
	address, _ := start(t, Options{Handler: http.HandlerFunc(greeting), Timeout: time.Minute})
	for size, want := range map[int]int{6 << 10: http.StatusOK, 64 << 10: http.StatusRequestHeaderFieldsTooLarge} {
		got, _, err := ask(dial(t, "127.0.0.1", address), "X: "+strings.Repeat("x", size)+"\r\n")
		// A server that closes a connection before all is read may reset it.
		if got != want && (err == nil || want == http.StatusOK) {
			t.Errorf("%d bytes of headers: %d, %v, want %d", size, got, err, want)
		}
	}
}

// A flood from one address takes no memory, and does not close the connections of others.
func TestAFloodShutsOutItselfAlone(t *testing.T) {
	address, _ := start(t, Options{Handler: http.HandlerFunc(greeting), Timeout: 2 * time.Minute})
	kept := dial(t, "127.0.0.1", address)
	if status, text, err := ask(kept, ""); status != http.StatusOK || text != "hello" {
		t.Fatalf("before the flood: %d, %q, %v", status, text, err)
	}
	var flood []net.Conn
	for range 3 * maxConnections {
		connection := dial(t, "127.0.0.2", address)
		fmt.Fprint(connection, "GET / HTTP/1.1\r\n")
		flood = append(flood, connection)
	}
	for n, connection := range flood[:2*maxConnections] {
		if awaitClosed(t, connection); t.Failed() {
			t.Fatalf("connection %d of the flood", n)
		}
	}
	for what, connection := range map[string]net.Conn{"the connection from before": kept, "a new connection": dial(t, "127.0.0.3", address)} {
		if status, text, err := ask(connection, ""); status != http.StatusOK || text != "hello" {
			t.Errorf("%s: %d, %q, %v", what, status, text, err)
		}
	}
}

func TestSlowRequestsEnd(t *testing.T) {
	address, _ := start(t, Options{Handler: http.HandlerFunc(greeting), Timeout: 100 * time.Millisecond})
	slow := dial(t, "127.0.0.1", address)
	fmt.Fprint(slow, "GET / HTTP/1.1\r\n")
	awaitClosed(t, slow)
}

// For net/http, zero is no bound.
func TestEveryWaitOfAServerIsBounded(t *testing.T) {
	for within, header := range map[time.Duration]time.Duration{time.Minute: 5 * time.Second, time.Second: time.Second} {
		server, err := Listen(t.Context(), Options{Name: "tests", Address: "127.0.0.1:0", Handler: http.HandlerFunc(greeting), Timeout: within})
		if err != nil {
			t.Fatal(err)
		}
		if err := server.Listener.Close(); err != nil {
			t.Error(err)
		}
		got := server.Server
		if got.ReadHeaderTimeout != header || got.ReadTimeout != within || got.WriteTimeout != within || got.IdleTimeout != 2*time.Minute {
			t.Errorf("timeout %s: %s for headers, %s to read, %s to write, %s idle", within, got.ReadHeaderTimeout, got.ReadTimeout, got.WriteTimeout, got.IdleTimeout)
		}
	}
	if _, err := Listen(t.Context(), Options{Name: "tests", Address: "127.0.0.1:0", Handler: http.HandlerFunc(greeting)}); err == nil || !strings.Contains(err.Error(), "no bound in time") {
		t.Errorf("a server without a bound: %v", err)
	}
}

func TestTLSIsServedByHTTP1Alone(t *testing.T) {
	certificate, key, err := certutil.GenerateSelfSignedCertKey("localhost", []net.IP{{127, 0, 0, 1}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	address, stop := start(t, Options{
		Handler: http.HandlerFunc(greeting), Timeout: time.Minute,
		Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil },
	})
	roots, err := certutil.NewPoolFromBytes(certificate)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	connection := tls.Client(dial(t, "127.0.0.1", address), config)
	if status, text, err := ask(connection, ""); status != http.StatusOK || text != "hello" || connection.ConnectionState().NegotiatedProtocol == "h2" {
		t.Errorf("%d, %q, %v, by %q", status, text, err, connection.ConnectionState().NegotiatedProtocol)
	}
	former := config.Clone()
	former.MinVersion, former.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if err := tls.Client(dial(t, "127.0.0.1", address), former).HandshakeContext(t.Context()); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	if err := stop(); err != nil {
		t.Errorf("stopped: %v", err)
	}
}

func TestAnAddressThatIsTaken(t *testing.T) {
	address, _ := start(t, Options{Handler: http.HandlerFunc(greeting), Timeout: time.Minute})
	_, err := Listen(t.Context(), Options{Name: "probes", Address: address, Timeout: time.Minute})
	if err == nil || !strings.Contains(err.Error(), "listening for probes") {
		t.Errorf("got %v", err)
	}
}

func TestAnAddressThatSendsTooManyRequestsIsRefused(t *testing.T) {
	handler := PerAddress(http.HandlerFunc(greeting), 0.001, 3)
	address, _ := start(t, Options{Handler: handler, Timeout: time.Minute})
	counts := map[int]int{}
	for range 5 {
		status, _, err := ask(dial(t, "127.0.0.1", address), "")
		if err != nil {
			t.Fatal(err)
		}
		counts[status]++
	}
	if counts[http.StatusOK] != 3 || counts[http.StatusTooManyRequests] != 2 {
		t.Errorf("answers: %v", counts)
	}
	if status, _, err := ask(dial(t, "127.0.0.2", address), ""); status != http.StatusOK {
		t.Errorf("another address: %d, %v", status, err)
	}
	if limiter := handler.(*rateLimiter); len(limiter.limiters) != 2 {
		t.Errorf("%d addresses are counted", len(limiter.limiters))
	}
}

func TestTheAddressesThatAreCountedAreBounded(t *testing.T) {
	handler := PerAddress(http.HandlerFunc(greeting), 1, 1).(*rateLimiter)
	for n := range 3 * maxAddresses {
		handler.limiter(fmt.Sprintf("10.0.%d.%d:443", n/250, n%250))
	}
	if len(handler.limiters) > maxAddresses {
		t.Errorf("%d addresses are counted", len(handler.limiters))
	}
}
