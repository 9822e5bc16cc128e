package samples

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

const (
	// pinnedVersion is the version that pinned-version.yaml names.
	pinnedVersion = "5f3c1c5e-8a4b-4d0e-9b8e-2f7d6a1c9e44"
	// rotatedSecret has a second version, so that AWSPREVIOUS exists.
	rotatedSecret = "/samples/payments/db"
	// signingSecret is the secret that samples name by its full ARN.
	signingSecret = "/samples/signing-key"
	// lifetime of the certificates.
	lifetime = 90 * 24 * time.Hour
)

// content is a secret of the samples: its name and either a text or bytes.
type content struct {
	name, text string
	bytes      []byte
	// team is the tag that find.yaml selects by, if it is not empty.
	team string
}

// contents are the secrets of the samples. value makes the parts that are secret.
func contents(value func() string) ([]content, error) {
	certificate, key, err := keyPair()
	if err != nil {
		return nil, fmt.Errorf("making a certificate for the samples: %w", err)
	}
	return []content{
		{name: rotatedSecret, text: database(value)},
		{name: "/samples/stripe", text: value()},
		{name: signingSecret, text: value()},
		{name: "/samples/shop", text: object(map[string]any{"token": value()})},
		{name: "/samples/settings", text: object(map[string]any{"LOG_LEVEL": "info", "SMTP_PASSWORD": value()})},
		{name: "/samples/shop/settings", text: object(map[string]any{"LOG_LEVEL": "debug"})},
		{name: "/samples/features/search", text: "on"},
		{name: "/samples/plugins/search", text: value(), team: "shop"},
		{name: "/samples/plugins/sub/mail", text: value(), team: "shop"},
		{name: "/samples/orders/db", text: object(map[string]any{
			"engine": "postgres", "host": "db.example.com", "port": 5432, "username": "orders", "password": value(), "dbname": "orders"})},
		{name: "/samples/registry", text: object(map[string]any{"username": "puller", "password": value()})},
		{name: "/samples/clusters/staging", text: object(map[string]any{
			"name": "staging", "server": "https://staging.example.com", "ca": base64.StdEncoding.EncodeToString([]byte(certificate)),
			"role": "arn:aws:iam::111122223333:role/argocd", "labels": map[string]any{"environment": "staging", "tier": "2"}})},
		{name: "/samples/tls-bundle", text: key + certificate},
		{name: "/samples/web-tls", text: object(map[string]any{"certificate": certificate, "privateKey": key})},
		{name: "/samples/cluster", text: object(map[string]any{
			"hosts":    []any{map[string]any{"name": "db-0.internal", "port": 5432}, map[string]any{"name": "db-1.internal", "port": 5433}},
			"tls.ca":   certificate,
			"accounts": []any{map[string]any{"name": "admin", "password": value()}, map[string]any{"name": "app", "password": value()}},
			"license":  "AP8QIA==",
			"proxy":    nil,
		})},
		{name: "/samples/keystore", bytes: []byte{0xfe, 0xed, 0xfe, 0xed, 0}},
	}, nil
}

// database is a version of rotatedSecret.
func database(value func() string) string {
	return object(map[string]any{"username": "payments", "password": value(), "tls": map[string]any{"ca": value()}})
}

func object(fields map[string]any) string {
	encoded, err := json.Marshal(fields)
	if err != nil {
		panic(err) // Strings and numbers can be encoded.
	}
	return string(encoded)
}

// keyPair is a self-signed certificate with its private key, in PEM.
func keyPair() (certificate, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	const host = "shop.example.com"
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(lifetime),
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return "", "", err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", err
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return block("CERTIFICATE", signed), block("PRIVATE KEY", encoded), nil
}
