package template

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"software.sslmate.com/src/go-pkcs12"
)

// TestArchivesOfOtherPrograms opens what testdata/pkcs12/generate.sh had OpenSSL and keytool write.
func TestArchivesOfOtherPrograms(t *testing.T) {
	const folder = "testdata/pkcs12"
	read := func(name string) string {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	archives, err := filepath.Glob(folder + "/*.p12")
	if err != nil || len(archives) < 37 {
		t.Fatalf("%d archives, %v", len(archives), err)
	}
	key, certificates := read("key.pem"), read("leaf.pem")+read("root.pem")
	for _, path := range archives {
		name := strings.TrimSuffix(filepath.Base(path), ".p12")
		t.Run(name, func(t *testing.T) {
			password := "changeit"
			if strings.HasSuffix(name, "empty-password") {
				password = ""
			}
			data := map[string]string{"p12": read(name + ".p12"), "password": password}
			renders(t, data, map[string]string{
				`{{ pkcs12keyPass .password .p12 }}`:  key,
				`{{ pkcs12certPass .password .p12 }}`: certificates,
			})
			if !strings.Contains(name, "plain-no-mac") { // In those nothing asks for the password.
				refuses(t, data, map[string]string{`{{ pkcs12keyPass "wrong" .p12 }}`: "cannot be opened: the password is wrong"})
			}
		})
	}
}

// plainArchive has everything in plain bags, and no signature.
func plainArchive(t *testing.T, key []byte, certificates ...[]byte) []byte {
	t.Helper()
	der := func(value any) []byte {
		encoded, err := asn1.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return encoded
	}
	part := func(bags ...safeBag) contentInfo {
		return contentInfo{Type: identifier(t, oidData), Content: explicit(der(der(bags)))}
	}
	var bags []safeBag
	for _, certificate := range certificates {
		bag := struct {
			ID    asn1.ObjectIdentifier
			Value []byte `asn1:"tag:0,explicit"`
		}{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 22, 1}, certificate}
		bags = append(bags, safeBag{ID: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 3}, Value: explicit(der(bag))})
	}
	parts := []contentInfo{part(bags...), part(safeBag{ID: identifier(t, oidKeyBag), Value: explicit(key)})}
	outer := struct {
		Version  int
		AuthSafe contentInfo
	}{3, contentInfo{Type: identifier(t, oidData), Content: explicit(der(der(parts)))}}
	return der(outer)
}

// identifier is an object identifier of its text.
func identifier(t *testing.T, text string) (identifier asn1.ObjectIdentifier) {
	t.Helper()
	for part := range strings.SplitSeq(text, ".") {
		number, err := strconv.Atoi(part)
		if err != nil {
			t.Fatal(err)
		}
		identifier = append(identifier, number)
	}
	return identifier
}

// TestSerialNumbersAreNoRounds: whatever stands in a plain bag is not what deriving a key takes.
func TestSerialNumbersAreNoRounds(t *testing.T) {
	key := curve(t)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 159))
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "leaf"}}
		certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		renders(t, map[string]string{"p12": string(plainArchive(t, pkcs8, certificate))}, map[string]string{
			`{{ pkcs12key .p12 }}`:            encode("PRIVATE KEY", pkcs8),
			`{{ pkcs12certPass "any" .p12 }}`: encode("CERTIFICATE", certificate),
		})
	}
}

func TestArchivesWithManyCertificates(t *testing.T) {
	key := curve(t)
	leaf := issue(t, "leaf", nil, key, "example.com")
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	all, raw := encode("CERTIFICATE", leaf.certificate.Raw), [][]byte{leaf.certificate.Raw}
	var others []*x509.Certificate
	for i := range 100 {
		other := issue(t, fmt.Sprintf("authority %d", i), nil, key)
		others, raw = append(others, other.certificate), append(raw, other.certificate.Raw)
		all += encode("CERTIFICATE", other.certificate.Raw)
	}
	encrypted, err := pkcs12.Modern2023.Encode(key, leaf.certificate, others, "x")
	if err != nil {
		t.Fatal(err)
	}
	renders(t, map[string]string{"encrypted": string(encrypted), "plain": string(plainArchive(t, pkcs8, raw...))}, map[string]string{
		`{{ pkcs12certPass "x" .encrypted }}`: all,
		`{{ pkcs12cert .plain }}`:             all,
	})
}

// manyRounds changes how many rounds the parts of an archive of this package's library say that they take.
func manyRounds(t *testing.T, encoder *pkcs12.Encoder, change func(archive *pfx, parts []contentInfo)) string {
	t.Helper()
	key := curve(t)
	content, err := encoder.Encode(key, issue(t, "leaf", nil, key, "example.com").certificate, nil, "x")
	if err != nil {
		t.Fatal(err)
	}
	archive, parts, err := parseArchive(content)
	if err != nil {
		t.Fatal(err)
	}
	change(&archive, parts)
	changed, err := joined(archive, parts)
	if err != nil {
		t.Fatal(err)
	}
	return string(changed)
}

// withRounds replaces a number of rounds in DER by another one with as many bytes.
func withRounds(t *testing.T, content []byte, rounds int) []byte {
	t.Helper()
	const was = "\x02\x02\x08\x00" // 2048
	if strings.Count(string(content), was) != 1 {
		t.Fatalf("2048 is there %d times", strings.Count(string(content), was))
	}
	return []byte(strings.Replace(string(content), was, string([]byte{2, 2, byte(rounds >> 8), byte(rounds)}), 1))
}

func TestArchivesWithManyRoundsAreRefused(t *testing.T) {
	whole := func(rounds int) string {
		return manyRounds(t, pkcs12.Modern2023, func(archive *pfx, _ []contentInfo) { archive.Mac.Iterations = rounds })
	}
	// A number of two bytes is 32767 at most: parts add up with what the signature takes.
	part := func(encoder *pkcs12.Encoder, rounds int) string {
		return manyRounds(t, encoder, func(archive *pfx, parts []contentInfo) {
			archive.Mac.Iterations = maxRounds - 3000
			for i := range parts {
				parts[i].Content = explicit(withRounds(t, parts[i].Content.Bytes, rounds))
			}
		})
	}
	// The library's own signature by PBMAC1 has its rounds among the parameters.
	mac := func(rounds int) string {
		return manyRounds(t, pkcs12.Modern2026.WithIterations(1), func(archive *pfx, _ []contentInfo) {
			var both schemes
			var derivation pbkdf2
			parameters := &archive.Mac.Mac.Algorithm.Parameters
			if _, err := asn1.Unmarshal(parameters.FullBytes, &both); err != nil {
				t.Fatal(err)
			}
			if _, err := asn1.Unmarshal(both.Derivation.Parameters.FullBytes, &derivation); err != nil {
				t.Fatal(err)
			}
			derivation.Rounds = rounds
			inner, err := asn1.Marshal(derivation)
			if err != nil {
				t.Fatal(err)
			}
			both.Derivation.Parameters = asn1.RawValue{FullBytes: inner}
			outer, err := asn1.Marshal(both)
			if err != nil {
				t.Fatal(err)
			}
			*parameters = asn1.RawValue{FullBytes: outer}
		})
	}
	const many = "more than 1000000 rounds"
	data := map[string]string{
		"largest": whole(1 << 62), "over": whole(maxRounds + 1), "minus": whole(-1), "few": whole(2048),
		"modern": part(pkcs12.Modern2023, 1501), "legacy": part(pkcs12.LegacyRC2, 1501), "tripleDES": part(pkcs12.LegacyDES, 1501), "mac": mac(maxRounds), "below": part(pkcs12.Modern2023, 1500),
	}
	refuses(t, data, map[string]string{
		`{{ pkcs12key .largest }}`: many, `{{ pkcs12cert .over }}`: many, `{{ pkcs12key .minus }}`: many,
		`{{ pkcs12key .modern }}`: many, `{{ pkcs12key .legacy }}`: many, `{{ pkcs12key .tripleDES }}`: many, `{{ pkcs12key .mac }}`: many,
		`{{ pkcs12key .below }}`: "cannot be opened",
		`{{ pkcs12key .few }}`:   "cannot be opened",
		`{{ pkcs12cert "" }}`:    "cannot be opened",
	})
}
