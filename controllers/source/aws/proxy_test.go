package aws

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/hack/localaws"
)

const (
	proxyPassword = "hunter2-proxy-password"
	secretsHost   = "secretsmanager.eu-west-1.amazonaws.com"
	stsHost       = "sts.eu-west-1.amazonaws.com"
)

// tunnels is a proxy that answers CONNECT with a status, and notes what it is asked for. No tunnel is ever opened.
type tunnels struct {
	*httptest.Server
	status int
	mutex  sync.Mutex
	asked  []string
}

func newTunnels(t *testing.T, status int) *tunnels {
	t.Helper()
	p := &tunnels{status: status}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *tunnels) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.asked = append(p.asked, r.Host)
	w.WriteHeader(p.status)
}

// closedPort is an address that refuses connections: a socket that does not listen holds its port, so that no other test
// gets it.
func closedPort(t *testing.T) string {
	t.Helper()
	held, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(held) })
	if err := syscall.Bind(held, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(held)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
}

// behind is a source that asks AWS itself, by its real names, through a proxy.
func behind(t *testing.T, scheme, address string) *Source {
	t.Helper()
	proxy := &url.URL{Scheme: scheme, User: url.UserPassword("user", proxyPassword), Host: address}
	unset(t, "AWS_ENDPOINT_URL")
	t.Setenv("HTTPS_PROXY", proxy.String())
	s, err := New(t.Context(), Options{Region: localaws.DefaultRegion, CallTimeout: 2 * time.Second, Proxy: http.ProxyURL(proxy)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// refuseLeaks looks for secrets in a refusal and in its cause.
func refuseLeaks(t *testing.T, err error, secrets ...string) {
	t.Helper()
	said := err.Error()
	if refused, ok := errors.AsType[*source.Error](err); ok && refused.Cause != nil {
		said += " " + refused.Cause.Error()
	}
	for _, secret := range append(secrets, proxyPassword) {
		if strings.Contains(said, strings.TrimSpace(secret)) {
			t.Errorf("%q is shown", secret)
		}
	}
}

// proxyTroubles are proxies that let nothing through, each with its address and what is said of it.
func proxyTroubles(t *testing.T) map[string]struct{ scheme, address, mention string } {
	t.Helper()
	plain, secure := newTunnels(t, http.StatusOK), httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // It complains of the handshake that is meant to fail.
	secure.StartTLS()
	t.Cleanup(secure.Close)
	nowhere := strings.Repeat("x", 64) + ".example:3128" // No name has a label of more than 63 characters, so that no server is asked for it.
	answers := func(status int) string { return newTunnels(t, status).Listener.Addr().String() }
	return map[string]struct{ scheme, address, mention string }{
		"a closed one":                        {"http", closedPort(t), "refuses the connection"},
		"one that does not allow it":          {"http", answers(http.StatusForbidden), "does not allow the connection (HTTP status 403)"},
		"one that wants a password":           {"http", answers(http.StatusProxyAuthRequired), "(HTTP status 407)): it is tried again by itself; if it lasts, give user and password in HTTPS_PROXY"},
		"one that does not reach AWS":         {"http", answers(http.StatusBadGateway), "opens no connection (HTTP status 502)"},
		"HTTPS to one that speaks HTTP":       {"https", plain.Listener.Addr().String(), "does not speak HTTPS"},
		"one whose name is not known":         {"http", nowhere, "no address is known for the name of proxy " + nowhere},
		"one that only answers":               {"http", answers(http.StatusMethodNotAllowed), "does not allow the connection (HTTP status 405)"},
		"one with a certificate that is none": {"https", secure.Listener.Addr().String(), "the TLS certificate of proxy " + secure.Listener.Addr().String() + " is signed by an unknown authority"},
	}
}

func TestAProxyInTroubleIsNamedForWhatItIs(t *testing.T) {
	isolate(t, "")
	for name, test := range proxyTroubles(t) {
		t.Run(name, func(t *testing.T) {
			_, err := behind(t, test.scheme, test.address).Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
			mustMention(t, err, source.RegionUnavailable, "Secrets Manager in eu-west-1 at "+secretsHost, "proxy "+test.address, test.mention)
			if strings.Contains(err.Error(), "Health Dashboard") || strings.Contains(err.Error(), "VPC endpoint") {
				t.Errorf("AWS is suspected: %v", err)
			}
			refuseLeaks(t, err)
		})
	}
}

func TestAProxyInTroubleIsNamedForSTSToo(t *testing.T) {
	env := newEnvironment(t)
	env.irsa(t, valid(t))
	for name, test := range proxyTroubles(t) {
		t.Run(name, func(t *testing.T) {
			_, err := behind(t, test.scheme, test.address).Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
			mustMention(t, err, source.CredentialsUnavailable, "AWS STS at "+stsHost, "proxy "+test.address)
			if strings.Contains(err.Error(), "VPC endpoint") {
				t.Errorf("AWS is suspected: %v", err)
			}
			refuseLeaks(t, err)
		})
	}
}

// A proxy for plain HTTP answers in place of the server.
func TestAProxyThatAnswersForAnHTTPEndpointIsNamed(t *testing.T) {
	for status, want := range map[int]source.Kind{
		http.StatusProxyAuthRequired: source.RegionUnavailable, http.StatusForbidden: source.Failed, http.StatusBadGateway: source.RegionUnavailable,
	} {
		isolate(t, "http://secretsmanager.example.com")
		proxy := newTunnels(t, status)
		address, err := url.Parse(proxy.URL)
		if err != nil {
			t.Fatal(err)
		}
		s, err := New(t.Context(), Options{Region: localaws.DefaultRegion, Proxy: http.ProxyURL(address)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
		mustMention(t, err, want, "proxy "+address.Host, fmt.Sprintf("HTTP status %d", status))
	}
}

func TestACertificateThatAProxyShowsIsBlamedOnTheProxy(t *testing.T) {
	// A proxy that opens tunnels to itself, as one that inspects TLS does.
	inspector := httptest.NewUnstartedServer(http.NotFoundHandler())
	inspector.Config.ErrorLog = log.New(io.Discard, "", 0)
	inspector.StartTLS()
	defer inspector.Close()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		client, read, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		server, err := net.Dial("tcp", inspector.Listener.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		go func() { _, _ = io.Copy(server, read) }() // The handshake may have begun. Both end with it.
		_, _ = io.Copy(client, server)
		_, _ = client.Close(), server.Close()
	}))
	defer proxy.Close()
	isolate(t, "")
	address := proxy.Listener.Addr().String()
	_, err := behind(t, "http", address).Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
	mustMention(t, err, source.RegionUnavailable, "its TLS certificate is for example.com, *.example.com, 127.0.0.1 and 1 more and not for "+secretsHost, "through proxy "+address)
}

func TestHTTPSToAPortThatSpeaksHTTPIsSaid(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	isolate(t, "https://"+server.Listener.Addr().String())
	_, err := freshSource(t).Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
	mustMention(t, err, source.RegionUnavailable, "it speaks HTTP, and HTTPS was spoken to it", "AWS_ENDPOINT_URL")
}

func TestAHandshakeThatTheServerRefusesIsSaid(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	defer server.Close()
	isolate(t, server.URL)
	trust(t, server.Certificate().Raw)
	_, err := freshSource(t).Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
	mustMention(t, err, source.RegionUnavailable, "TLS did not come about: tls: certificate required")
}

// net/http passes over a variable that is no address. It reads the environment once in the life of a process, so that
// another process has to be asked.
func TestAProxyVariableThatIsNoAddressIsSaid(t *testing.T) {
	const inside = "SECRETSYNC_TEST_INSIDE"
	if os.Getenv(inside) == "" {
		again := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		again.Env = append(os.Environ(), inside+"=1", "HTTPS_PROXY=http://user:"+proxyPassword+"@127.0.0.1:3128\n")
		if said, err := again.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, said)
		}
		return
	}
	isolate(t, "https://"+closedPort(t))
	_, err := freshSource(t).Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
	mustMention(t, err, source.RegionUnavailable, "connection refused", "correct HTTPS_PROXY: it is no address")
	refuseLeaks(t, err)
}
