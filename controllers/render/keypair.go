package render

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// pairMismatch says why a certificate and a private key are no pair.
type pairMismatch struct {
	// certificate says that the certificate is wrong; otherwise the private key is.
	certificate bool
	problem     string
}

// spendPair takes the steps for comparing a certificate with a private key.
func (w Work) spendPair(field string, certificate, privateKey []byte) error {
	squared := min(len(privateKey), 2*privateKeyMost)
	return w.spend(field, fmt.Sprintf("comparing a certificate of %d bytes with a private key of %d", len(certificate), len(privateKey)),
		(len(certificate)+len(privateKey))*certificatePrice+squared*squared/privateKeyPrice)
}

// checkPair says why a certificate in PEM, the leaf first, and a private key in PEM do not belong together; nil if they
// do.
func checkPair(certificate, privateKey []byte) *pairMismatch {
	leaf, err := leafOf(certificate)
	if err != nil {
		return &pairMismatch{certificate: true, problem: "the certificate can't be read (" + err.Error() + ")"}
	}
	public, err := publicKeyOf(privateKey)
	if err != nil {
		return &pairMismatch{problem: "the private key can't be read (" + err.Error() + ")"}
	}
	certified, ok := leaf.PublicKey.(interface {
		Equal(other crypto.PublicKey) bool
	})
	if !ok || !certified.Equal(public) {
		return &pairMismatch{problem: "the certificate is for another key"}
	}
	return nil
}

func leafOf(certificate []byte) (*x509.Certificate, error) {
	found, err := blocks(certificate)
	if err != nil {
		return nil, err
	}
	first := slices.IndexFunc(found, func(block *pem.Block) bool { return block.Type == certificateBlock })
	if first < 0 {
		return nil, errors.New("none of its PEM blocks is a certificate")
	}
	leaf, err := x509.ParseCertificate(found[first].Bytes)
	if err != nil {
		return nil, errors.New("its first PEM block holds no certificate that can be read")
	}
	return leaf, nil
}

// publicKeyOf is the public half of the first private key. Parameters of curves, which openssl writes before it, are
// ignored.
func publicKeyOf(privateKey []byte) (crypto.PublicKey, error) {
	found, err := blocks(privateKey)
	if err != nil {
		return nil, err
	}
	first := slices.IndexFunc(found, func(block *pem.Block) bool { return strings.HasSuffix(block.Type, "PRIVATE KEY") })
	if first < 0 {
		return nil, errors.New("none of its PEM blocks is a private key")
	}
	block := found[first]
	if strings.HasPrefix(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "" {
		return nil, errors.New("it is encrypted")
	}
	parsed, err := parsePrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	private, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, errors.New("it is no key for signatures")
	}
	return private.Public(), nil
}

// parsePrivateKey reads PKCS #8, PKCS #1 and SEC 1, whatever the block is called, as TLS servers do.
func parsePrivateKey(content []byte) (any, error) {
	if len(content) > privateKeyMost { // A key of RSA takes time with the square of its length.
		return nil, fmt.Errorf("it has %d bytes, and %d are the most", len(content), privateKeyMost)
	}
	if key, err := x509.ParsePKCS8PrivateKey(content); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(content); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(content); err == nil {
		return key, nil
	}
	return nil, errors.New("it is neither PKCS #8 nor PKCS #1 nor SEC 1")
}
