package webtoken

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func encoded(t *testing.T, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// signer signs what a token's first two parts are.
type signer func(signed string) []byte

func token(t *testing.T, algorithm, keyID string, claims map[string]any, sign signer) string {
	t.Helper()
	signed := encoded(t, map[string]string{"alg": algorithm, "kid": keyID}) + "." + encoded(t, claims)
	return signed + "." + base64.RawURLEncoding.EncodeToString(sign(signed))
}

func rsaSigner(t *testing.T, key *rsa.PrivateKey) signer {
	return func(signed string) []byte {
		sum := sha256.Sum256([]byte(signed))
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return signature
	}
}

func ecSigner(t *testing.T, key *ecdsa.PrivateKey) signer {
	return func(signed string) []byte {
		sum := sha256.Sum256([]byte(signed))
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		size := (key.Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
	}
}

// keys are one of each kind, and their public halves.
type keys struct {
	rsa, other *rsa.PrivateKey
	p256, p384 *ecdsa.PrivateKey
	jwks       []byte
	public     *Keys
}

func newKeys(t *testing.T) *keys {
	t.Helper()
	k := &keys{}
	var errs [4]error
	k.rsa, errs[0] = rsa.GenerateKey(rand.Reader, 2048)
	k.other, errs[1] = rsa.GenerateKey(rand.Reader, 2048)
	k.p256, errs[2] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	k.p384, errs[3] = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	number := base64.RawURLEncoding.EncodeToString
	ec := func(id, curve string, key *ecdsa.PrivateKey) map[string]string {
		point, err := key.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		half := len(point) / 2
		return map[string]string{"kty": "EC", "kid": id, "crv": curve, "use": "sig", "x": number(point[1 : 1+half]), "y": number(point[1+half:])}
	}
	var err error
	k.jwks, err = json.Marshal(map[string]any{"keys": []map[string]string{
		{"kty": "RSA", "kid": "rsa", "use": "sig", "alg": "RS256", "n": number(k.rsa.N.Bytes()), "e": number([]byte{1, 0, 1})},
		ec("p256", "P-256", k.p256), ec("p384", "P-384", k.p384),
		{"kty": "oct", "kid": "shared", "k": "c2VjcmV0"},
		{"kty": "RSA", "kid": "enc", "use": "enc", "n": number(k.other.N.Bytes()), "e": "AQAB"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if k.public, err = ReadKeys(k.jwks); err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSignatures(t *testing.T) {
	k := newKeys(t)
	claims := map[string]any{"sub": "system:serviceaccount:payments:app"}
	shared := func(secret []byte) signer {
		return func(signed string) []byte {
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(signed))
			return mac.Sum(nil)
		}
	}
	nothing := func(string) []byte { return nil }
	for name, c := range map[string]struct {
		algorithm, keyID string
		sign             signer
		want             error
	}{
		"RSA":                                  {"RS256", "rsa", rsaSigner(t, k.rsa), nil},
		"ECDSA":                                {"ES256", "p256", ecSigner(t, k.p256), nil},
		"another key under the id":             {"RS256", "rsa", rsaSigner(t, k.other), ErrSignature},
		"another curve's key under the id":     {"ES256", "p256", ecSigner(t, k.p384), ErrSignature},
		"an algorithm of another curve":        {"ES256", "p384", ecSigner(t, k.p384), ErrSignature},
		"an unknown key":                       {"RS256", "none", rsaSigner(t, k.rsa), ErrUnknownKey},
		"a key for encryption":                 {"RS256", "enc", rsaSigner(t, k.other), ErrUnknownKey},
		"a shared key of the set":              {"HS256", "shared", shared([]byte("secret")), ErrUnknownKey},
		"the public key as a shared secret":    {"HS256", "rsa", shared(k.rsa.N.Bytes()), ErrSignature},
		"no algorithm":                         {"none", "rsa", nothing, ErrSignature},
		"no signature":                         {"RS256", "rsa", nothing, ErrSignature},
		"another hash than the algorithm says": {"RS512", "rsa", rsaSigner(t, k.rsa), ErrSignature},
		"an RSA key under the name of ECDSA":   {"ES256", "rsa", rsaSigner(t, k.rsa), ErrSignature},
		"an ECDSA key under the name of RSA":   {"RS256", "p256", ecSigner(t, k.p256), ErrSignature},
		"padding of the other kind":            {"PS256", "rsa", rsaSigner(t, k.rsa), ErrSignature},
		"zeros for an ECDSA signature":         {"ES256", "p256", func(string) []byte { return make([]byte, 64) }, ErrSignature},
	} {
		read, err := Read(token(t, c.algorithm, c.keyID, claims, c.sign))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := k.public.Verify(read); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestOtherClaimsThanSigned(t *testing.T) {
	k := newKeys(t)
	payments := token(t, "RS256", "rsa", map[string]any{"sub": "payments"}, rsaSigner(t, k.rsa))
	orders := token(t, "RS256", "rsa", map[string]any{"sub": "orders"}, rsaSigner(t, k.rsa))
	end := strings.LastIndex
	mixed := orders[:end(orders, ".")] + payments[end(payments, "."):]
	read, err := Read(mixed)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.public.Verify(read); !errors.Is(err, ErrSignature) {
		t.Errorf("the claims of one token with the signature of another: %v", err)
	}
}

func TestClaims(t *testing.T) {
	read, err := Read(token(t, "RS256", "k", map[string]any{
		"iss": "https://issuer", "sub": "s", "aud": "one", "exp": 1.7e9, "nbf": 1699999999.5,
		"kubernetes.io": map[string]any{"namespace": "payments", "serviceaccount": map[string]string{"name": "app", "uid": "1"}, "pod": map[string]string{"name": "app-0", "uid": "2"}},
	}, func(string) []byte { return []byte{1} }))
	if err != nil {
		t.Fatal(err)
	}
	if read.Issuer != "https://issuer" || len(read.Audience) != 1 || read.Expires.Unix() != 1700000000 || read.NotBefore.UnixMilli() != 1699999999500 || !read.Issued.IsZero() {
		t.Errorf("got %+v", read.Claims)
	}
	if read.Cluster.Namespace != "payments" || read.Cluster.ServiceAccount.Name != "app" || read.Cluster.Pod != (Object{Name: "app-0", UID: "2"}) {
		t.Errorf("got %+v", read.Cluster)
	}
}

func TestWhatIsNoToken(t *testing.T) {
	head, claims := encoded(t, map[string]string{"alg": "RS256"}), encoded(t, map[string]string{"sub": "s"})
	for name, text := range map[string]string{
		"nothing":                     "",
		"two parts":                   head + "." + claims,
		"four parts":                  head + "." + claims + "..",
		"a header that is no base64":  "%." + claims + ".c2ln",
		"claims that are no JSON":     head + ".c2ln.c2ln",
		"a signature with padding":    head + "." + claims + ".c2lnbg==",
		"extensions to be understood": encoded(t, map[string]any{"alg": "RS256", "crit": []string{"b64"}}) + "." + claims + ".c2ln",
		"an expiry that is a text":    head + "." + encoded(t, map[string]string{"exp": "never"}) + ".c2ln",
	} {
		if _, err := Read(text); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func TestWhatIsNoKeySet(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":                    "{",
		"an RSA key without modulus": `{"keys": [{"kty": "RSA", "e": "AQAB"}]}`,
		"a point off its curve":      `{"keys": [{"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}]}`,
	} {
		if _, err := ReadKeys([]byte(text)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}
