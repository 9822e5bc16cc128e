package render

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
)

// pair is a certificate with its private key, in PEM.
type pair struct{ certificate, pkcs8 string }

func ed25519Key(t *testing.T) crypto.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newPair(t *testing.T, key crypto.Signer) pair {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pair{certificate: inPEM("CERTIFICATE", certificate), pkcs8: inPEM("PRIVATE KEY", pkcs8(t, key))}
}

func pkcs8(t *testing.T, key any) []byte {
	t.Helper()
	content, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func inPEM(kind string, content []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}))
}

// newKeys makes a key of each kind, and the SEC 1 form of the second.
func newKeys(t *testing.T) (*rsa.PrivateKey, *ecdsa.PrivateKey, []byte) {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(ecKey)
	if err != nil {
		t.Fatal(err)
	}
	return rsaKey, ecKey, sec1
}

func TestCheckPair(t *testing.T) {
	rsaKey, ecKey, sec1 := newKeys(t)
	exchange, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	withRSA, withEC, withEd := newPair(t, rsaKey), newPair(t, ecKey), newPair(t, ed25519Key(t))
	parameters := "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
	for name, test := range map[string]struct {
		certificate, key string
		problem          string // empty: a pair
	}{
		"RSA, PKCS #8":                       {withRSA.certificate, withRSA.pkcs8, ""},
		"RSA, PKCS #1":                       {withRSA.certificate, inPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), ""},
		"ECDSA, PKCS #8":                     {withEC.certificate, withEC.pkcs8, ""},
		"ECDSA, SEC 1":                       {withEC.certificate, inPEM("EC PRIVATE KEY", sec1), ""},
		"ECDSA, behind its parameters":       {withEC.certificate, parameters + inPEM("EC PRIVATE KEY", sec1), ""},
		"Ed25519":                            {withEd.certificate, withEd.pkcs8, ""},
		"a chain, the leaf first":            {withEd.certificate + withRSA.certificate, withEd.pkcs8, ""},
		"lines that end in CRLF":             {strings.ReplaceAll(withEd.certificate, "\n", "\r\n"), strings.ReplaceAll(withEd.pkcs8, "\n", "\r\n"), ""},
		"text before the certificate":        {"subject=CN\n" + withEd.certificate, withEd.pkcs8, ""},
		"a key of the other kind":            {withRSA.certificate, withEC.pkcs8, "for another key"},
		"a chain, the leaf last":             {withRSA.certificate + withEd.certificate, withEd.pkcs8, "for another key"},
		"a certificate that breaks off":      {withEd.certificate[:len(withEd.certificate)/2], withEd.pkcs8, "no PEM block"},
		"a chain that breaks off":            {withEd.certificate + withRSA.certificate[:100], withEd.pkcs8, "of 2 PEM blocks only 1"},
		"a certificate that is none":         {inPEM("CERTIFICATE", []byte(marker)), withEd.pkcs8, "no certificate that can be read"},
		"a key in place of the certificate":  {withEd.pkcs8, withEd.pkcs8, "none of its PEM blocks is a certificate"},
		"a certificate in place of the key":  {withEd.certificate, withEd.certificate, "none of its PEM blocks is a private key"},
		"a key that is none":                 {withEd.certificate, inPEM("PRIVATE KEY", []byte(marker)), "neither PKCS #8 nor"},
		"a key that is encrypted":            {withEd.certificate, inPEM("ENCRYPTED PRIVATE KEY", []byte(marker)), "encrypted"},
		"a key that is encrypted as of old":  {withEd.certificate, "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\naGk=\n-----END RSA PRIVATE KEY-----\n", "encrypted"},
		"a key for exchanges, not signature": {withEd.certificate, inPEM("PRIVATE KEY", pkcs8(t, exchange)), "no key for signatures"},
		"nothing":                            {"", "", "no PEM block"},
	} {
		t.Run(name, func(t *testing.T) {
			mismatch := checkPair([]byte(test.certificate), []byte(test.key))
			if test.problem == "" {
				if mismatch != nil {
					t.Errorf("refused: %s", mismatch.problem)
				}
				return
			}
			if mismatch == nil || !strings.Contains(mismatch.problem, test.problem) || strings.Contains(mismatch.problem, marker) {
				t.Errorf("got %+v, want %q", mismatch, test.problem)
			}
		})
	}
}
