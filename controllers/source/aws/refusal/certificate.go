package refusal

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"
)

// certificateNames is how many names of a certificate are shown.
const certificateNames = 3

// certificateOutage says why TLS did not come about: what is wrong with the certificate, or with the handshake.
func certificateOutage(err error) (outage, bool) {
	var other x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var noRoots x509.SystemRootsError
	var untrusted *tls.CertificateVerificationError
	var handshake *net.OpError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return outOfDate(invalid.Cert, err), true
	case errors.As(err, &other):
		return outage{fmt.Sprintf("its TLS certificate is for %s and not for %s", namesOf(other.Certificate), printable(other.Host)),
			"correct the endpoint's settings (AWS_ENDPOINT_URL) or what the name resolves to, as of a VPC endpoint: something else answers for AWS"}, true
	case errors.As(err, &unknown):
		return unknownAuthority(unknown.Cert), true
	case errors.As(err, &noRoots):
		return outage{"no certificate of any authority is here to check its TLS certificate with", "set AWS_CA_BUNDLE to a file of them, in PEM"}, true
	case errors.As(err, &invalid):
		return outage{"its TLS certificate cannot be used: " + Shortened(printable(strings.TrimPrefix(invalid.Error(), "x509: "))), "have it replaced"}, true
	case errors.As(err, &untrusted):
		return outage{"its TLS certificate is not trusted", "set AWS_CA_BUNDLE to a file with the certificate of its authority, in PEM"}, true
	case errors.As(err, &handshake) && (handshake.Op == "remote error" || handshake.Op == "local error"):
		return outage{"TLS did not come about: " + handshake.Err.Error(), "look for a proxy or firewall in between that ends TLS, and at the versions of TLS that it takes"}, true
	}
	return outage{}, false
}

// outOfDate is for a certificate outside of its time, or one of its authority's.
func outOfDate(certificate *x509.Certificate, err error) outage {
	whose := "its TLS certificate"
	var failed *tls.CertificateVerificationError
	if errors.As(err, &failed) && len(failed.UnverifiedCertificates) > 0 && !certificate.Equal(failed.UnverifiedCertificates[0]) {
		whose += fmt.Sprintf(" is signed by an authority (%s) whose own certificate", subjectOf(certificate))
	}
	if time.Now().Before(certificate.NotBefore) {
		return outage{fmt.Sprintf("%s is not valid before %s", whose, certificate.NotBefore.UTC().Format(time.RFC3339)),
			"compare the node's clock with the real time, or have the certificate replaced"}
	}
	return outage{fmt.Sprintf("%s has expired on %s", whose, certificate.NotAfter.UTC().Format(time.RFC3339)),
		"have it renewed, or compare the node's clock with the real time"}
}

// unknownAuthority is for a certificate that no known authority vouches for.
func unknownAuthority(certificate *x509.Certificate) outage {
	advice := "set AWS_CA_BUNDLE to a file with the certificate of that authority, in PEM"
	if os.Getenv("AWS_CA_BUNDLE") != "" {
		advice = "add the certificate of that authority to the file that AWS_CA_BUNDLE names, in PEM: no others are trusted"
	}
	if bytes.Equal(certificate.RawIssuer, certificate.RawSubject) && !certificate.IsCA {
		return outage{fmt.Sprintf("its TLS certificate is signed by itself (%s), and by no known authority", subjectOf(certificate)), advice}
	}
	return outage{fmt.Sprintf("its TLS certificate is signed by an unknown authority (%s)", Shortened(printable(certificate.Issuer.String()))), advice}
}

func subjectOf(certificate *x509.Certificate) string {
	return Shortened(printable(certificate.Subject.String()))
}

// namesOf are the hosts that a certificate is for.
func namesOf(certificate *x509.Certificate) string {
	names := slices.Clone(certificate.DNSNames)
	for _, address := range certificate.IPAddresses {
		names = append(names, address.String())
	}
	more := ""
	switch {
	case len(names) == 0:
		return "no host"
	case len(names) > certificateNames:
		more = fmt.Sprintf(" and %d more", len(names)-certificateNames)
		names = names[:certificateNames]
	}
	return Shortened(printable(strings.Join(names, ", "))) + more
}

// printable makes a text that came over the network fit for a message.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}
