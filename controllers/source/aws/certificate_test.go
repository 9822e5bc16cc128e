package aws

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
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
	for _, signer := range chain {
		shown.Certificate = append(shown.Certificate, signer.certificate.Raw)
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
			s := (&environment{}).irsa(t, valid(t))
			_, err = s.Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
			mustMention(t, err, source.CredentialsUnavailable, append(test.mention, "AWS STS at 127.0.0.1")...)
		})
	}
}
