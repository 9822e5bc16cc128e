package render

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// chainMost is how many certificates of a chain are checked: a signature costs time, and no chain has as many.
const chainMost = 20

// checkTLS refuses values that Kubernetes accepts but no ingress, gateway or server can use: Kubernetes checks only
// that the keys exist (page "Secrets", section "TLS Secrets"). A chain that is out of order gives a warning, as many
// clients sort it. So does an expired certificate, as there may be no other.
func checkTLS(data map[string][]byte) (Notes, error) {
	chain := data[corev1.TLSCertKey]
	mismatch := checkPair(chain, data[corev1.TLSPrivateKeyKey])
	if mismatch == nil {
		return chainNotes(chain), nil
	}
	key := corev1.TLSPrivateKeyKey
	if mismatch.certificate {
		key = corev1.TLSCertKey
	}
	return Notes{}, invalid("the key %q of a Secret of type %s can't be used: %s; fix the value in AWS, or map other properties to %q and %q under spec.data",
		key, corev1.SecretTypeTLS, mismatch.problem, corev1.TLSCertKey, corev1.TLSPrivateKeyKey)
}

// chainNotes are the warnings about a chain whose leaf matches the private key.
func chainNotes(value []byte) Notes {
	var notes Notes
	warn := func(format string, args ...any) {
		notes.Warnings = append(notes.Warnings, fmt.Sprintf(format, args...))
	}
	found, err := blocks(value)
	if err != nil {
		return notes
	}
	var chain []*x509.Certificate
	for i, block := range found[:min(len(found), chainMost)] {
		if block.Type != certificateBlock {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			warn("PEM block %d under %q is no certificate that can be read: fix the value in AWS", i+1, corev1.TLSCertKey)
			return notes
		}
		chain = append(chain, certificate)
	}
	for i, certificate := range chain {
		if notes.Expires.IsZero() || certificate.NotAfter.Before(notes.Expires) {
			notes.Expires = certificate.NotAfter
		}
		if i > 0 && !issued(certificate, chain[i-1]) {
			warn("certificate %d under %q did not issue certificate %d: put the leaf first in AWS, and behind each certificate its issuer",
				i+1, corev1.TLSCertKey, i)
			break
		}
	}
	return notes
}

// issued says whether a certificate has signed another. A signature by an algorithm that Go does not check is assumed
// to be valid.
func issued(issuer, certificate *x509.Certificate) bool {
	if !bytes.Equal(issuer.RawSubject, certificate.RawIssuer) {
		return false
	}
	err := issuer.CheckSignature(certificate.SignatureAlgorithm, certificate.RawTBSCertificate, certificate.Signature)
	_, insecure := errors.AsType[x509.InsecureAlgorithmError](err)
	return err == nil || insecure || errors.Is(err, x509.ErrUnsupportedAlgorithm)
}

// ExpiryWarning says that a certificate in a Secret has expired; empty if none has, or the time is zero.
func ExpiryWarning(expires, now time.Time) string {
	if expires.IsZero() || now.Before(expires) {
		return ""
	}
	return fmt.Sprintf("a certificate under %q expired on %s: renew it in AWS", corev1.TLSCertKey, expires.UTC().Format(time.RFC3339))
}
