package refusal

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"

	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// proxyRefusal is a proxy's answer to CONNECT that opens no tunnel. Without it net/http gives the text of the status
// line alone.
type proxyRefusal struct {
	proxy  string
	status int
}

func (e *proxyRefusal) Error() string {
	return fmt.Sprintf("proxy %s answered CONNECT with HTTP status %d", e.proxy, e.status)
}

// TunnelOpened is for http.Transport.OnProxyConnectResponse.
func TunnelOpened(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyRefusal{proxy: proxy.Host, status: answer.StatusCode}
}

// targetOf is the URL that was asked, as far as an error tells it; nil where no request was sent.
func targetOf(err error) *url.URL {
	if sent, ok := errors.AsType[*url.Error](err); ok {
		if target, err := url.Parse(sent.URL); err == nil {
			return target
		}
	}
	answer, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if ok && answer.Response != nil && answer.Response.Response != nil && answer.Response.Request != nil {
		return answer.Response.Request.URL
	}
	return nil
}

// proxyFor is host and port of the proxy that the request of an error went through; empty for none. The URL of a
// proxy may hold a password, so that nothing else of it is ever shown.
func (c Call) proxyFor(err error) string {
	if refused, ok := errors.AsType[*proxyRefusal](err); ok {
		return refused.proxy
	}
	target := targetOf(err)
	if c.Proxy == nil || target == nil {
		return ""
	}
	proxy, err := c.Proxy(&http.Request{URL: target})
	if err != nil || proxy == nil {
		return ""
	}
	return proxy.Host
}

// proxyVariable is the environment variable that names the proxy for a target (package net/http,
// ProxyFromEnvironment).
func proxyVariable(target *url.URL) string {
	names := []string{"HTTPS_PROXY", "https_proxy"}
	if target != nil && target.Scheme == "http" {
		names = []string{"HTTP_PROXY", "http_proxy"}
	}
	for _, name := range names {
		if os.Getenv(name) != "" {
			return name
		}
	}
	return names[0]
}

// ignoredProxy is the variable whose value net/http passes over, as it is no address; empty where there is none.
func ignoredProxy(target *url.URL) string {
	variable := proxyVariable(target)
	value := os.Getenv(variable) // One that is empty is an address to url.Parse.
	if _, err := url.Parse(value); err == nil {
		return ""
	}
	if _, err := url.Parse("http://" + value); err == nil {
		return ""
	}
	return variable
}

// proxyOutage says what is wrong between here and a proxy, or between it and AWS where it says so.
func (c Call) proxyOutage(err error, proxy string) (outage, bool) {
	variable := proxyVariable(targetOf(err))
	if refused, ok := errors.AsType[*proxyRefusal](err); ok {
		return refusedByProxy(proxy, refused.status, variable), true
	}
	failed, ok := errors.AsType[*net.OpError](err)
	if proxy == "" || !ok || failed.Op != "proxyconnect" && !strings.HasPrefix(failed.Op, "socks") {
		return outage{}, false
	}
	advice := fmt.Sprintf("look at the proxy, or correct %s, or list the host in NO_PROXY", variable)
	var name *net.DNSError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &name) && !name.IsTimeout:
		return outage{"no address is known for the name of proxy " + proxy, advice}, true
	case errors.Is(err, syscall.ECONNREFUSED):
		return outage{"proxy " + proxy + " refuses the connection", advice}, true
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return outage{"proxy " + proxy + " does not speak HTTPS",
			fmt.Sprintf("begin %s with http://, or name the port of the proxy that takes HTTPS", variable)}, true
	}
	if untrusted, ok := certificateOutage(err); ok {
		return outage{strings.Replace(untrusted.how, "its TLS certificate", "the TLS certificate of proxy "+proxy, 1), untrusted.advice}, true
	}
	return outage{"proxy " + proxy + ": " + howUnreachable(err, c.Timeout), advice}, true
}

// refusedByProxy is for a proxy that answers in place of AWS.
func refusedByProxy(proxy string, status int, variable string) outage {
	which := "a proxy"
	if proxy != "" {
		which = "proxy " + proxy
	}
	switch status {
	case http.StatusProxyAuthRequired:
		return outage{which + " does not accept the user and password, or wants some (HTTP status 407)",
			fmt.Sprintf("give user and password in %s, as http://user:password@host:port", variable)}
	case http.StatusForbidden, http.StatusMethodNotAllowed:
		return outage{fmt.Sprintf("%s does not allow the connection (HTTP status %d)", which, status),
			"let the proxy allow CONNECT to this host and port, or list the host in NO_PROXY"}
	}
	return outage{fmt.Sprintf("%s opens no connection (HTTP status %d)", which, status), "look at the log of the proxy: it may not reach AWS"}
}
