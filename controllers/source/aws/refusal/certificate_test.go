package refusal

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

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
		"a subject":    {subjectOf(certificate), Shortened("CN=" + shown)},
		"an issuer":    {untrusted(x509.UnknownAuthorityError{Cert: certificate}), "its TLS certificate is signed by an unknown authority (" + Shortened("CN="+shown) + ")"},
		"a fault":      {untrusted(x509.CertificateInvalidError{Reason: x509.CANotAuthorizedForThisName, Detail: long}), "its TLS certificate cannot be used: " + Shortened("a root or intermediate certificate is not authorized to sign for this name: "+shown)},
		"many names":   {untrusted(x509.HostnameError{Certificate: certificate, Host: "aws\n"}), "its TLS certificate is for " + Shortened(shown) + " and not for aws?"},
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

// Each line is what is wrong with a certificate that was shown, and what is said of it.
func TestEachFaultOfACertificateIsSaid(t *testing.T) {
	unsetVariable(t, "AWS_CA_BUNDLE")
	past, future := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC), time.Date(2090, 2, 3, 4, 5, 6, 0, time.UTC)
	leaf := &x509.Certificate{Raw: []byte("leaf"), Subject: pkix.Name{CommonName: "leaf"}, NotAfter: past}
	authority := &x509.Certificate{Raw: []byte("authority"), Subject: pkix.Name{CommonName: "Between"}, NotAfter: past}
	by := func(err error) error {
		return &tls.CertificateVerificationError{Err: err, UnverifiedCertificates: []*x509.Certificate{leaf}}
	}
	expired := func(certificate *x509.Certificate) error {
		return x509.CertificateInvalidError{Reason: x509.Expired, Cert: certificate}
	}
	itself := &x509.Certificate{RawIssuer: []byte("x"), RawSubject: []byte("x"), Subject: pkix.Name{CommonName: "leaf"}, Issuer: pkix.Name{CommonName: "leaf"}}
	root := &x509.Certificate{RawIssuer: []byte("x"), RawSubject: []byte("x"), IsCA: true, Issuer: pkix.Name{CommonName: "Root"}}
	for name, test := range map[string]struct {
		err         error
		how, advice string
	}{
		"its own end":           {by(expired(leaf)), "its TLS certificate has expired on 2020-02-03T04:05:06Z", "have it renewed"},
		"its authority's end":   {by(expired(authority)), "its TLS certificate is signed by an authority (CN=Between) whose own certificate has expired on 2020-02-03T04:05:06Z", "have it renewed"},
		"its beginning":         {expired(&x509.Certificate{NotBefore: future}), "its TLS certificate is not valid before 2090-02-03T04:05:06Z", "compare the node's clock"},
		"signed by itself":      {x509.UnknownAuthorityError{Cert: itself}, "its TLS certificate is signed by itself (CN=leaf), and by no known authority", "set AWS_CA_BUNDLE to a file"},
		"an unknown root":       {x509.UnknownAuthorityError{Cert: root}, "its TLS certificate is signed by an unknown authority (CN=Root)", "set AWS_CA_BUNDLE to a file"},
		"no host":               {x509.HostnameError{Certificate: &x509.Certificate{}, Host: "aws"}, "its TLS certificate is for no host and not for aws", "AWS_ENDPOINT_URL"},
		"an address":            {x509.HostnameError{Certificate: &x509.Certificate{IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)}}, Host: "aws"}, "its TLS certificate is for 10.0.0.1 and not for aws", "AWS_ENDPOINT_URL"},
		"more than three hosts": {x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"a", "b", "c", "d", "e"}}, Host: "aws"}, "its TLS certificate is for a, b, c and 2 more and not for aws", "AWS_ENDPOINT_URL"},
	} {
		got, is := certificateOutage(test.err)
		if !is || got.how != test.how || !strings.Contains(got.advice, test.advice) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	t.Setenv("AWS_CA_BUNDLE", "/ca.pem")
	if got, _ := certificateOutage(x509.UnknownAuthorityError{Cert: root}); !strings.HasPrefix(got.advice, "add the certificate of that authority to the file that AWS_CA_BUNDLE names") {
		t.Errorf("with a bundle the advice is %q", got.advice)
	}
}
