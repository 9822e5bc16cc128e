package render

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"time"
)

// certified is a certificate with its key.
type certified struct {
	*x509.Certificate
	key crypto.Signer
}

func (c *certified) pem() string { return inPEM(certificateBlock, c.Raw) }

func certify(t *testing.T, name string, by *certified, until time.Time) *certified {
	t.Helper()
	key := ed25519Key(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: until, IsCA: true, BasicConstraintsValid: true}
	if by == nil {
		by = &certified{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.Certificate, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &certified{parsed, key}
}

func TestChainNotes(t *testing.T) {
	soon, late := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), time.Date(2036, 3, 1, 12, 0, 0, 0, time.UTC)
	root := certify(t, "root", nil, late)
	namesake := certify(t, "root", nil, late)
	middle := certify(t, "middle", root, late)
	leaf := certify(t, "leaf", middle, soon)
	for name, test := range map[string]struct {
		chain   []*certified
		warning string
	}{
		"the leaf alone":        {[]*certified{leaf}, ""},
		"in order":              {[]*certified{leaf, middle, root}, ""},
		"without the root":      {[]*certified{leaf, middle}, ""},
		"the root too early":    {[]*certified{leaf, root, middle}, "certificate 2 under \"tls.crt\" did not issue certificate 1"},
		"the middle missing":    {[]*certified{leaf, root}, "did not issue certificate 1"},
		"the leaf twice":        {[]*certified{leaf, leaf, middle}, "did not issue certificate 1"},
		"another of that name":  {[]*certified{leaf, middle, namesake}, "certificate 3 under \"tls.crt\" did not issue certificate 2"},
		"something else behind": {[]*certified{leaf, middle, root, leaf}, "certificate 4 under"},
	} {
		t.Run(name, func(t *testing.T) {
			var bundle strings.Builder
			for _, certificate := range test.chain {
				bundle.WriteString(certificate.pem())
			}
			notes, err := checkTLS(map[string][]byte{"tls.crt": []byte(bundle.String()), "tls.key": []byte(inPEM("PRIVATE KEY", pkcs8(t, leaf.key)))})
			if err != nil {
				t.Fatal(err)
			}
			warnings := strings.Join(notes.Warnings, "; ")
			if !strings.Contains(warnings, test.warning) || (test.warning == "") != (warnings == "") {
				t.Errorf("got %q, want %q", warnings, test.warning)
			}
			if !notes.Expires.Equal(soon) {
				t.Errorf("expires %s, want %s", notes.Expires, soon)
			}
		})
	}
}

func TestExpiryWarning(t *testing.T) {
	expires := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for now, want := range map[time.Time]string{
		expires.Add(-time.Second): "",
		expires:                   `a certificate under "tls.crt" expired on 2026-03-01T12:00:00Z: renew it in AWS`,
	} {
		if got := ExpiryWarning(expires, now); got != want {
			t.Errorf("at %s: %q", now, got)
		}
	}
	if got := ExpiryWarning(time.Time{}, expires); got != "" {
		t.Errorf("without a certificate: %q", got)
	}
}
