package template

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"math/big"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// authority signs certificates for tests.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

func issue(t *testing.T, name string, by *authority, key crypto.Signer, names ...string) *authority {
	t.Helper()
	certificate := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		DNSNames: names, BasicConstraintsValid: true, IsCA: len(names) == 0, SubjectKeyId: []byte(name)}
	if len(names) > 0 {
		certificate.IPAddresses = []net.IP{net.ParseIP("2001:db8::1")}
	}
	parent, signer := certificate, key
	if by != nil {
		parent, signer = by.certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, certificate, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{certificate: parsed, key: key}
}

func curve(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// chainOf makes a root, an intermediate and a leaf.
func chainOf(t *testing.T, key crypto.Signer) (leaf, intermediate, root *authority) {
	t.Helper()
	root = issue(t, "root", nil, curve(t))
	intermediate = issue(t, "intermediate", root, curve(t))
	return issue(t, "leaf", intermediate, key, "example.com", "www.example.com"), intermediate, root
}

func TestBundlesAreTakenApart(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	leaf, intermediate, root := chainOf(t, key)
	l, i, r := encode("CERTIFICATE", leaf.certificate.Raw), encode("CERTIFICATE", intermediate.certificate.Raw), encode("CERTIFICATE", root.certificate.Raw)
	private := encode("PRIVATE KEY", pkcs8)
	pkcs1 := encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
	data := map[string]string{"bundle": "Bag Attributes\n  friendlyName: x\n" + r + private + "text between\n" + l + i, "chain": l + i, "leaf": l, "two": l + r, "cut": l + i[:100], "pkcs1": pkcs1}
	renders(t, data, map[string]string{
		`{{ filterPEM "CERTIFICATE" .bundle }}`:        r + l + i,
		`{{ .bundle | filterPEM "private key" }}`:      private,
		`{{ pemPrivateKey .bundle }}`:                  private,
		`{{ pemCertificate .bundle }}`:                 r,
		`{{ pemChain .bundle }}`:                       l + i + r,
		`{{ pemChain .bundle | pemCertificate }}`:      l,
		`{{ filterCertChain "leaf" .bundle }}`:         l,
		`{{ filterCertChain "intermediate" .bundle }}`: i,
		`{{ filterCertChain "root" .bundle }}`:         r,
		`{{ filterCertChain "root" .chain }}`:          "",
		`{{ filterCertChain "intermediate" .leaf }}`:   "",
		`{{ pemPKCS8 .pkcs1 }}`:                        private,
		`{{ pemPKCS1 .bundle }}`:                       pkcs1,
		`{{ pemPublicKey .pkcs1 }}`:                    encode("PUBLIC KEY", public),
		`{{ pemPublicKey .leaf }}`:                     encode("PUBLIC KEY", public),
		`{{ certSANs .leaf | join "," }}`:              "example.com,www.example.com,2001:db8::1",
	})
	refuses(t, data, map[string]string{
		`{{ pemChain .two }}`:             "pemChain: the certificates are not one chain",
		`{{ pemPrivateKey .leaf }}`:       "pemPrivateKey: argument 1 has no PEM block of a private key",
		`{{ filterPEM "X" .leaf }}`:       "filterPEM: argument 2 has no PEM block of that type",
		`{{ pemSEC1 .bundle }}`:           "SEC 1",
		`{{ filterCertChain "x" .leaf }}`: "leaf, intermediate or root",
		`{{ pemChain "MARK" }}`:           "no PEM block CERTIFICATE",
	})
}

func TestKeysOfCurvesAreReEncoded(t *testing.T) {
	key := curve(t)
	sec1, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	data := map[string]string{"sec1": encode("EC PRIVATE KEY", sec1), "pkcs8": encode("PRIVATE KEY", pkcs8),
		"encrypted": encode("ENCRYPTED PRIVATE KEY", pkcs8), "damaged": encode("PRIVATE KEY", pkcs8[:40]), "long": encode("PRIVATE KEY", make([]byte, 11<<10))}
	renders(t, data, map[string]string{`{{ pemSEC1 .pkcs8 }}`: data["sec1"], `{{ pemPKCS8 .sec1 }}`: data["pkcs8"], `{{ pemPKCS8 .pkcs8 }}`: data["pkcs8"],
		`{{ pemPrivateKey .encrypted }}`: data["encrypted"]})
	refuses(t, data, map[string]string{`{{ pemPKCS1 .sec1 }}`: "RSA alone", `{{ pemPKCS8 .encrypted }}`: "encrypted", `{{ pemPKCS8 .damaged }}`: "damaged",
		`{{ pemPKCS8 .long }}`: "more than 10240"})
}

func TestArchivesAreOpened(t *testing.T) {
	key := curve(t)
	leaf, intermediate, root := chainOf(t, key)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificates := encode("CERTIFICATE", leaf.certificate.Raw) + encode("CERTIFICATE", intermediate.certificate.Raw) + encode("CERTIFICATE", root.certificate.Raw)
	for name, encoder := range map[string]*pkcs12.Encoder{"legacy": pkcs12.LegacyRC2, "3DES": pkcs12.LegacyDES, "modern": pkcs12.Modern2023} {
		for _, password := range []string{"", "pä$$ 字"} {
			archive, err := encoder.Encode(key, leaf.certificate, []*x509.Certificate{intermediate.certificate, root.certificate}, password)
			if err != nil {
				t.Fatal(err)
			}
			data := map[string]string{"p12": string(archive), "password": password}
			t.Run(name+" "+password, func(t *testing.T) {
				renders(t, data, map[string]string{
					`{{ pkcs12keyPass .password .p12 }}`:                      encode("PRIVATE KEY", pkcs8),
					`{{ .p12 | b64enc | b64dec | pkcs12certPass .password }}`: certificates,
				})
				refuses(t, data, map[string]string{`{{ pkcs12keyPass "wrong" .p12 }}`: "pkcs12keyPass: the archive cannot be opened: the password is wrong"})
			})
		}
	}
}

// TestTheVisibleKeyIsDecryptedFirst: another key could hide in an encrypted part, with rounds that are not visible.
func TestTheVisibleKeyIsDecryptedFirst(t *testing.T) {
	key := curve(t)
	leaf := issue(t, "leaf", nil, key, "example.com")
	archive, err := pkcs12.Modern2023.Encode(key, leaf.certificate, nil, "x")
	if err != nil {
		t.Fatal(err)
	}
	parts := func(archive []byte) []contentInfo {
		_, parts, err := parseArchive(archive)
		if err != nil || len(parts) != 2 {
			t.Fatalf("%d parts, %v", len(parts), err)
		}
		return parts
	}
	if holdsKey(parts(archive)[0]) {
		t.Fatal("the library writes the key first: the test shows nothing")
	}
	outer, before, err := parseArchive(archive)
	if err != nil {
		t.Fatal(err)
	}
	ordered, err := keyFirst(outer, before, encodings("x")[0])
	if err != nil {
		t.Fatal(err)
	}
	if after := parts(ordered); !holdsKey(after[0]) || holdsKey(after[1]) {
		t.Errorf("the key is in the first part: %t, in the second: %t", holdsKey(after[0]), holdsKey(after[1]))
	}
}

// TestTrustStoresAreReadBack reads the format as OpenJDK's JavaKeyStore does.
func TestTrustStoresAreReadBack(t *testing.T) {
	leaf, _, root := chainOf(t, curve(t))
	data := map[string]string{"bundle": encode("CERTIFICATE", leaf.certificate.Raw) + encode("CERTIFICATE", root.certificate.Raw)}
	got, err := render(`{{ jksTruststore "chängeit" .bundle }}`, data)
	if err != nil {
		t.Fatal(err)
	}
	body, digest := got[:len(got)-sha1.Size], got[len(got)-sha1.Size:]
	sum := sha1.Sum([]byte("\x00c\x00h\x00\xe4\x00n\x00g\x00e\x00i\x00tMighty Aphrodite" + body))
	if digest != string(sum[:]) {
		t.Error("the digest is not that of the password and the content")
	}
	want := "\xfe\xed\xfe\xed\x00\x00\x00\x02\x00\x00\x00\x02"
	for i, certificate := range []*x509.Certificate{leaf.certificate, root.certificate} {
		want += "\x00\x00\x00\x02\x00\x0fcertificate-00" + strconv.Itoa(i+1) + strings.Repeat("\x00", 8) + "\x00\x05X.509" +
			string(binary.BigEndian.AppendUint32(nil, uint32(len(certificate.Raw)))) + string(certificate.Raw)
	}
	if body != want {
		t.Error("the content is not two trusted certificates")
	}
	refuses(t, data, map[string]string{`{{ jksTruststore "short" .bundle }}`: "6 characters or more", `{{ jksTruststore "changeit" "x" }}`: "no PEM block CERTIFICATE"})
}
