package aws

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
)

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// issue makes a certificate, by the authority, or by itself where there is none.
func (a *authority) issue(t *testing.T, template *x509.Certificate) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotBefore.IsZero() {
		template.NotBefore = time.Now().Add(-time.Hour)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	template.BasicConstraintsValid = true
	by := a
	if by == nil {
		by = &authority{template, key}
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, by.certificate, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{certificate, key}
}

// trust makes AWS_CA_BUNDLE name a certificate.
func trust(t *testing.T, raw []byte) {
	t.Helper()
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
}

// serveTLS answers with a certificate and those that it comes with.
func serveTLS(t *testing.T, chain ...*authority) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // It complains of the handshake that is meant to fail.
	shown := tls.Certificate{PrivateKey: chain[0].key}
	for _, one := range chain {
		shown.Certificate = append(shown.Certificate, one.certificate.Raw)
	}
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{shown}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func TestEachFaultOfACertificateIsSaid(t *testing.T) {
	here := []net.IP{net.IPv4(127, 0, 0, 1)}
	longAgo, soon := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC), time.Date(2090, 2, 3, 4, 5, 6, 0, time.UTC)
	var unsigned *authority
	known := unsigned.issue(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Known"}, IsCA: true, KeyUsage: x509.KeyUsageCertSign})
	unknown := unsigned.issue(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Corporate Root"}, IsCA: true, KeyUsage: x509.KeyUsageCertSign})
	between := known.issue(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Between"}, IsCA: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: longAgo.Add(-time.Hour), NotAfter: longAgo})
	leaf := func(change func(*x509.Certificate)) *x509.Certificate {
		made := &x509.Certificate{Subject: pkix.Name{CommonName: "leaf"}, IPAddresses: here}
		change(made)
		return made
	}
	good := func(*x509.Certificate) {}
	for name, test := range map[string]struct {
		chain   []*authority
		bundle  bool
		mention []string
	}{
		"expired": {[]*authority{known.issue(t, leaf(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = longAgo.Add(-time.Hour), longAgo }))}, true,
			[]string{"its TLS certificate has expired on 2020-02-03T04:05:06Z", "have it renewed"}},
		"not valid yet": {[]*authority{known.issue(t, leaf(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = soon, soon.Add(time.Hour) }))}, true,
			[]string{"its TLS certificate is not valid before 2090-02-03T04:05:06Z", "compare the node's clock"}},
		"of an authority that has expired": {[]*authority{between.issue(t, leaf(good)), between}, true,
			[]string{"signed by an authority (CN=Between) whose own certificate has expired on 2020-02-03T04:05:06Z"}},
		"for another host": {[]*authority{known.issue(t, leaf(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"other.example.com"} }))}, true,
			[]string{"its TLS certificate is for other.example.com and not for 127.0.0.1", "AWS_ENDPOINT_URL"}},
		"for many other hosts": {[]*authority{known.issue(t, leaf(func(c *x509.Certificate) {
			c.IPAddresses, c.DNSNames = nil, []string{"a.example.com", "b.example.com", "c.example.com", "d.example.com", "e.example.com"}
		}))}, true, []string{"for a.example.com, b.example.com, c.example.com and 2 more and not for 127.0.0.1"}},
		"for no host": {[]*authority{known.issue(t, leaf(func(c *x509.Certificate) { c.IPAddresses = nil }))}, true, []string{"its TLS certificate is for no host and not for"}},
		"of an unknown authority": {[]*authority{unknown.issue(t, leaf(good))}, false,
			[]string{"its TLS certificate is signed by an unknown authority (CN=Corporate Root)", "set AWS_CA_BUNDLE to a file"}},
		"of an authority that is not in the bundle": {[]*authority{unknown.issue(t, leaf(good))}, true,
			[]string{"signed by an unknown authority (CN=Corporate Root)", "add the certificate of that authority to the file that AWS_CA_BUNDLE names"}},
		"signed by itself": {[]*authority{unsigned.issue(t, leaf(good))}, true, []string{"its TLS certificate is signed by itself (CN=leaf)"}},
		"not for servers": {[]*authority{known.issue(t, leaf(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }))}, true,
			[]string{"its TLS certificate cannot be used: certificate specifies an incompatible key usage", "have it replaced"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := serveTLS(t, test.chain...)
			isolate(t, server.URL)
			if test.bundle {
				trust(t, known.certificate.Raw)
			}
			_, err := freshSource(t).Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
			mustMention(t, err, source.RegionUnavailable, test.mention...)
			if strings.Contains(err.Error(), "Health Dashboard") {
				t.Errorf("the advice is that of an outage: %v", err)
			}
			s := (&world{}).irsa(t, valid(t))
			_, err = s.Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
			mustMention(t, err, source.CredentialsUnavailable, append(test.mention, "AWS STS at 127.0.0.1")...)
		})
	}
}

// What a server shows comes over the network, of any length and with any character.
func TestCertificatesAreShownCutAndPrintable(t *testing.T) {
	long := "evil\n\x1b" + strings.Repeat("x", 1000)
	shown := "evil??" + strings.Repeat("x", 1000)
	spare := append(make([]string, 0, 8), long)
	certificate := &x509.Certificate{RawIssuer: []byte{1}, Subject: pkix.Name{CommonName: long}, Issuer: pkix.Name{CommonName: long}, DNSNames: spare, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	short := &x509.Certificate{DNSNames: []string{"a.example", "b.example", "c.example"}}
	untrusted := func(err error) string {
		t.Helper()
		got, is := certificateOutage(&tls.CertificateVerificationError{Err: err})
		if !is {
			t.Errorf("%T is no trouble with a certificate", err)
		}
		return got.how
	}
	for name, test := range map[string]struct{ got, want string }{
		"a subject":    {subjectOf(certificate), shortened("CN=" + shown)},
		"an issuer":    {untrusted(x509.UnknownAuthorityError{Cert: certificate}), "its TLS certificate is signed by an unknown authority (" + shortened("CN="+shown) + ")"},
		"a fault":      {untrusted(x509.CertificateInvalidError{Reason: x509.CANotAuthorizedForThisName, Detail: long}), "its TLS certificate cannot be used: " + shortened("a root or intermediate certificate is not authorized to sign for this name: "+shown)},
		"many names":   {untrusted(x509.HostnameError{Certificate: certificate, Host: "aws\n"}), "its TLS certificate is for " + shortened(shown) + " and not for aws?"},
		"some names":   {untrusted(x509.HostnameError{Certificate: short, Host: "aws"}), "its TLS certificate is for a.example, b.example, c.example and not for aws"},
		"no authority": {untrusted(x509.SystemRootsError{}), "no certificate of any authority is here to check its TLS certificate with"},
		"all else":     {untrusted(errors.New("x509: something new")), "its TLS certificate is not trusted"},
	} {
		if test.got != test.want {
			t.Errorf("%s: %q", name, test.got)
		}
	}
	if left := spare[:2]; left[1] != "" {
		t.Errorf("%q was written into the certificate's own names", left[1])
	}
}

func TestAnExpiredCertificateIsSaidToBeWithoutTheOnesThatWereShown(t *testing.T) {
	expired := x509.CertificateInvalidError{Reason: x509.Expired, Cert: &x509.Certificate{NotAfter: time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)}}
	for _, err := range []error{expired, &tls.CertificateVerificationError{Err: expired}} {
		if got, is := certificateOutage(err); !is || got.how != "its TLS certificate has expired on 2020-02-03T04:05:06Z" {
			t.Errorf("of %T is said: %s", err, got.how)
		}
	}
}

// Either side may end a handshake.
func TestAHandshakeThatEndsIsSaidByEitherSide(t *testing.T) {
	for op, want := range map[string]bool{"remote error": true, "local error": true, "read": false} {
		got, is := certificateOutage(&net.OpError{Op: op, Err: errors.New("tls: protocol version not supported")})
		if is != want || want && got.how != "TLS did not come about: tls: protocol version not supported" {
			t.Errorf("%s: %+v", op, got)
		}
	}
}
