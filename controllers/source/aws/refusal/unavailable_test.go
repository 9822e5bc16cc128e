package refusal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/secretsync/secretsync/controllers/source"
)

// system is an error of the operating system, as a connection gives it.
func system(op string, number syscall.Errno) error {
	return &net.OpError{Op: op, Net: "tcp", Err: os.NewSyscallError(op, number)}
}

// sentTo is what the transport says of a request that failed.
func sentTo(address string, err error) error { return &url.Error{Op: "Post", URL: address, Err: err} }

const someProxy = "proxy.example:3128"

// proxied is a question that is asked through a proxy.
func proxied() Call {
	return Call{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: someProxy}), Region: "eu-west-1", Timeout: 15 * time.Second}
}

// noProxies takes the variables away that name proxies.
func noProxies(t *testing.T) {
	t.Helper()
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"} {
		unsetVariable(t, name)
	}
}

// The words are the same for each try, so that a condition does not change with every try.
func TestWhatFailedOnTheWayIsSaidInFewWords(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"a name that is not known":         {&net.DNSError{Name: "aws.example", IsNotFound: true}, "no address is known for the name aws.example"},
		"a name server that is silent":     {&net.DNSError{Name: "aws.example", IsTimeout: true}, "no answer within 15s"},
		"a call that takes too long":       {context.DeadlineExceeded, "no answer within 15s"},
		"a connection that times out":      {system("dial", syscall.ETIMEDOUT), "no answer within 15s"},
		"a port that is closed":            {system("dial", syscall.ECONNREFUSED), "connection refused"},
		"a host without a route":           {system("dial", syscall.EHOSTUNREACH), "no route to it"},
		"a network without a route":        {system("dial", syscall.ENETUNREACH), "no route to it"},
		"an answer that does not come":     {io.EOF, "the connection was cut"},
		"an answer that breaks off":        {io.ErrUnexpectedEOF, "the connection was cut"},
		"a reset":                          {system("read", syscall.ECONNRESET), "the connection was cut"},
		"a pipe that is broken":            {system("write", syscall.EPIPE), "the connection was cut"},
		"one that was closed here":         {net.ErrClosed, "the connection was cut"},
		"an answer without end":            {ErrTooLong, "its answer is longer than any answer of AWS"},
		"an answer of another form":        {&smithy.DeserializationError{Err: errors.New("x")}, "its answer could not be understood"},
		"whatever else there is":           {errors.New("read tcp 10.0.0.1:1234->10.0.0.2:443: x"), "the connection failed"},
		"two things, the cause last":       {fmt.Errorf("x: %w", &smithy.DeserializationError{Err: io.ErrUnexpectedEOF}), "the connection was cut"},
		"a full disk, of which is no word": {system("write", syscall.ENOSPC), "the connection failed"},
	} {
		if got := howUnreachable(test.err, 15*time.Second); got != test.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestARegionIsNamedWithItsHostWhereOneWasAsked(t *testing.T) {
	const last = "; if it lasts, look at the network path, the VPC endpoint, the region's name and the AWS Health Dashboard"
	for host, want := range map[string]string{"": "Secrets Manager in eu-west-1 could not be reached", "a.example": "Secrets Manager in eu-west-1 at a.example could not be reached"} {
		got := Call{Region: "eu-west-1", Host: host}.unavailable(outage{how: "silence"}).Explanation
		if want += " (silence): it is tried again by itself" + last; got != want {
			t.Errorf("got %s", got)
		}
	}
}

// A proxy is named wherever there is one, and suspected where the advice is not about something else.
func TestAWayThroughAProxyIsNamed(t *testing.T) {
	noProxies(t)
	const address, proxy = "https://aws.example/", someProxy
	lookAtIt := "look at the proxy, which HTTPS_PROXY names, and at the way from there to AWS"
	for name, test := range map[string]struct {
		err  error
		want outage
	}{
		"an end":           {sentTo(address, io.EOF), outage{"the connection was cut, through proxy " + proxy, lookAtIt}},
		"a reset":          {sentTo(address, system("read", syscall.ECONNRESET)), outage{"the connection was cut, through proxy " + proxy, lookAtIt}},
		"another scheme":   {sentTo(address, http.ErrSchemeMismatch), outage{"it speaks HTTP, and HTTPS was spoken to it, through proxy " + proxy, "correct the scheme or the port of the endpoint (AWS_ENDPOINT_URL)"}},
		"in plain HTTP":    {sentTo("http://aws.example/", io.EOF), outage{"the connection was cut, through proxy " + proxy, strings.Replace(lookAtIt, "HTTPS", "HTTP", 1)}},
		"nothing was sent": {io.EOF, outage{how: "the connection was cut"}},
	} {
		if got := proxied().outageOf(test.err); got != test.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := (Call{}).answeredWith("HTTP status 502", sentTo(address, io.EOF)).how; got != "it answered with HTTP status 502" {
		t.Errorf("without a proxy: %s", got)
	}
	if got := proxied().answeredWith("HTTP status 502", sentTo(address, io.EOF)).how; got != "it answered with HTTP status 502, through proxy "+proxy {
		t.Errorf("with a proxy: %s", got)
	}
}

// What fails on the way to a proxy is the proxy's, and what fails behind it is not.
func TestTheWayToAProxyIsNotTakenForTheWayBehindIt(t *testing.T) {
	noProxies(t)
	const proxy = someProxy
	to := func(op string, err error) error {
		return sentTo("https://aws.example/", &net.OpError{Op: op, Net: "tcp", Err: err})
	}
	const check = "look at the proxy, or correct HTTPS_PROXY, or list the host in NO_PROXY"
	for name, test := range map[string]struct {
		err  error
		want outage
	}{
		"anything":               {to("proxyconnect", errors.New("x")), outage{"proxy " + proxy + ": the connection failed", check}},
		"a proxy of SOCKS":       {to("socks connect", errors.New("x")), outage{"proxy " + proxy + ": the connection failed", check}},
		"a silent name server":   {to("proxyconnect", &net.DNSError{Name: "proxy.example", IsTimeout: true}), outage{"proxy " + proxy + ": no answer within 15s", check}},
		"a proxy of plain HTTP":  {to("proxyconnect", http.ErrSchemeMismatch), outage{"proxy " + proxy + " does not speak HTTPS", "begin HTTPS_PROXY with http://, or name the port of the proxy that takes HTTPS"}},
		"what is behind a proxy": {to("read", errors.New("x")), outage{}},
	} {
		got, is := proxied().proxyOutage(test.err, proxy)
		if got != test.want || is != (test.want != outage{}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got, is := (Call{}).proxyOutage(to("proxyconnect", io.EOF), ""); is {
		t.Errorf("without a proxy: %+v", got)
	}
	wantError(t, proxied().unavailable(refusedByProxy("", http.StatusBadGateway, "HTTPS_PROXY")), source.RegionUnavailable, "(a proxy opens no connection (HTTP status 502))")
}

func TestWhatWasAskedIsReadFromAnErrorAndTheProxyFromThat(t *testing.T) {
	const proxy = someProxy
	target := &url.URL{Scheme: "https", Host: "aws.example"}
	answered := &smithyhttp.Response{Response: &http.Response{Request: &http.Request{URL: target}}}
	for name, test := range map[string]struct {
		err          error
		asked, proxy string
	}{
		"a request that failed":             {sentTo("https://aws.example", io.EOF), "https://aws.example", proxy},
		"a request that was answered":       {&smithyhttp.ResponseError{Response: answered}, "https://aws.example", proxy},
		"an answer of unknown request":      {&smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{}}}, "", ""},
		"an answer without one of net/http": {&smithyhttp.ResponseError{Response: &smithyhttp.Response{}}, "", ""},
		"no answer":                         {&smithyhttp.ResponseError{}, "", ""},
		"an address that is none":           {sentTo("https://aws.example/%zz", io.EOF), "", ""},
		"a proxy that names itself":         {&proxyRefusal{proxy: "other.example:1"}, "", "other.example:1"},
	} {
		asked := ""
		if target := targetOf(test.err); target != nil {
			asked = target.String()
		}
		if got := proxied().proxyFor(test.err); asked != test.asked || got != test.proxy {
			t.Errorf("%s: %q was asked through %q", name, asked, got)
		}
	}
	unsure := Call{Proxy: func(*http.Request) (*url.URL, error) { return target, errors.New("x") }}
	if got := unsure.proxyFor(sentTo("https://aws.example", io.EOF)); got != "" {
		t.Errorf("of a proxy that is not known is said %q", got)
	}
}

func TestTheVariableThatNamesTheProxyIsTheOneThatIsSet(t *testing.T) {
	for scheme, names := range map[string][]string{"https": {"HTTPS_PROXY", "https_proxy"}, "http": {"HTTP_PROXY", "http_proxy"}} {
		for _, set := range names {
			noProxies(t)
			target := &url.URL{Scheme: scheme, Host: "aws.example"}
			if got := proxyVariable(target); got != names[0] {
				t.Errorf("for %s, where none is set: %s", scheme, got)
			}
			for value, want := range map[string]string{"": "", "127.0.0.1:3128": "", "http://proxy.example:3128": "", "proxy.example 3128": "", "http://proxy.example:3128\n": set} {
				t.Setenv(set, value)
				if got := ignoredProxy(target); got != want {
					t.Errorf("%s=%q is passed over: %q", set, value, got)
				}
			}
			t.Setenv(set, "proxy.example")
			if got := proxyVariable(target); got != set {
				t.Errorf("for %s, where %s is set: %s", scheme, set, got)
			}
		}
	}
	noProxies(t)
	if got := proxyVariable(nil); got != "HTTPS_PROXY" {
		t.Errorf("for no address: %s", got)
	}
}
