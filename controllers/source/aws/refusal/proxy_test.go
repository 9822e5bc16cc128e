package refusal

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/secretsync/secretsync/controllers/source"
)

// Only an answer of 200 opens a tunnel. Of the proxy's URL, host and port alone are shown.
func TestATunnelIsOpenedOrTheProxyIsNamed(t *testing.T) {
	proxy := &url.URL{Scheme: "http", User: url.UserPassword("user", someKey), Host: someProxy}
	if err := TunnelOpened(t.Context(), proxy, nil, &http.Response{StatusCode: http.StatusOK}); err != nil {
		t.Error(err)
	}
	err := TunnelOpened(t.Context(), proxy, nil, &http.Response{StatusCode: http.StatusForbidden})
	if err == nil || err.Error() != "proxy "+someProxy+" answered CONNECT with HTTP status 403" {
		t.Fatalf("got %v", err)
	}
	refused := explained(t, Call{Region: "eu-west-1", Host: "aws.example"}, sentTo("https://aws.example/", err))
	wantError(t, refused, source.RegionUnavailable, "(proxy "+someProxy+" does not allow the connection (HTTP status 403)): it is", "let the proxy allow CONNECT")
}

// Each line is what happens at a proxy, and what is said of it.
func TestEachTroubleWithAProxyIsSaid(t *testing.T) {
	noProxies(t)
	connect := func(err error) error {
		return sentTo("https://aws.example/", &net.OpError{Op: "proxyconnect", Net: "tcp", Err: err})
	}
	const look = "look at the proxy, or correct HTTPS_PROXY, or list the host in NO_PROXY"
	for name, test := range map[string]struct {
		err  error
		want outage
	}{
		"a name that is not known": {connect(&net.DNSError{Name: "proxy.example", IsNotFound: true}), outage{"no address is known for the name of proxy " + someProxy, look}},
		"a closed port":            {connect(system("dial", syscall.ECONNREFUSED)), outage{"proxy " + someProxy + " refuses the connection", look}},
		"a proxy of plain HTTP":    {connect(tls.RecordHeaderError{Msg: "x"}), outage{"proxy " + someProxy + " does not speak HTTPS", "begin HTTPS_PROXY with http://, or name the port of the proxy that takes HTTPS"}},
		"a certificate": {connect(&tls.CertificateVerificationError{Err: errors.New("x")}),
			outage{"the TLS certificate of proxy " + someProxy + " is not trusted", "set AWS_CA_BUNDLE to a file with the certificate of its authority, in PEM"}},
	} {
		if got := proxied().outageOf(test.err); got != test.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for status, want := range map[int]string{
		http.StatusProxyAuthRequired: "proxy p:1 does not accept the user and password, or wants some (HTTP status 407)", http.StatusForbidden: "proxy p:1 does not allow the connection (HTTP status 403)",
		http.StatusMethodNotAllowed: "proxy p:1 does not allow the connection (HTTP status 405)", http.StatusBadGateway: "proxy p:1 opens no connection (HTTP status 502)",
	} {
		if got := refusedByProxy("p:1", status, "HTTPS_PROXY").how; got != want {
			t.Errorf("of %d is said: %s", status, got)
		}
	}
}

// A proxy is looked up by the address that was asked, and there may be none for it.
func TestTheProxyOfAnAddressIsLookedUp(t *testing.T) {
	noProxies(t)
	var asked string
	call := callBy(func(request *http.Request) (*url.URL, error) {
		asked = request.URL.String()
		return nil, nil
	})
	if got := call.proxyFor(sentTo("https://aws.example/x", errors.New("x"))); got != "" || asked != "https://aws.example/x" {
		t.Errorf("for %s it is %q", asked, got)
	}
	t.Setenv("HTTPS_PROXY", "http://proxy.example\n")
	if got := call.outageOf(sentTo("https://aws.example/x", errors.New("x"))); got.advice != "correct HTTPS_PROXY: it is no address, so that no proxy is used" {
		t.Errorf("the advice is %q", got.advice)
	}
}

// callBy is a call whose proxies are looked up in that way.
func callBy(proxy func(*http.Request) (*url.URL, error)) Call {
	call := asked()
	call.Proxy = proxy
	return call
}

// The certificate that AWS shows is looked at before the way to it.
func TestAnOutageHasItsOwnAdvice(t *testing.T) {
	noProxies(t)
	refused := asked().unavailable(asked().outageOf(sentTo("https://aws.example/", &tls.CertificateVerificationError{Err: errors.New("x")})))
	if !strings.HasSuffix(refused.Explanation, "if it lasts, set AWS_CA_BUNDLE to a file with the certificate of its authority, in PEM") {
		t.Errorf("got %s", refused.Explanation)
	}
	sts := &CredentialsError{Cause: &smithy.OperationError{ServiceID: "STS", OperationName: "AssumeRole", Err: sentTo("https://sts.example/", system("dial", syscall.ECONNREFUSED))}}
	wantError(t, explained(t, asked(), sts), source.CredentialsUnavailable, "AWS STS at sts.example could not be reached for AssumeRole (connection refused)")
	other := &CredentialsError{Cause: &smithy.OperationError{ServiceID: "SSO", OperationName: "GetRoleCredentials", Err: &smithy.GenericAPIError{Code: "AccessDenied"}}}
	wantError(t, explained(t, asked(), other), source.CredentialsUnavailable, "the operator has no AWS credentials")
	for action, want := range map[string]string{"sts:TagSession": "--session-tags=false", "sts:SetSourceIdentity": "--source-identity=false"} {
		denied := "User: " + someReader + " is not authorized to perform: " + action + " on resource: " + outerRole
		err := &CredentialsError{Cause: &smithy.OperationError{ServiceID: "STS", OperationName: assumeOperation, Err: &smithy.GenericAPIError{Code: "AccessDenied", Message: denied}}}
		wantError(t, explained(t, asked(), err), source.AssumeRoleDenied, someReader+" may not assume role "+outerRole, want)
	}
}
