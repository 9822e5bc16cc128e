package webtoken

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // RS256 and ES256.
	_ "crypto/sha512" // The others of algorithms.
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
)

// Keys are an issuer's public keys by their ids.
type Keys struct{ byID map[string]crypto.PublicKey }

// ErrUnknownKey says that a token was signed by a key that the issuer does not publish, or not yet.
var ErrUnknownKey = errors.New("the issuer has no such key")

// ErrSignature says that a token was not signed by the key that it names.
var ErrSignature = errors.New("the signature is not by that key")

// jwk is one key of a JWKS (RFC 7517), of the kinds that sign tokens.
type jwk struct {
	KeyID string `json:"kid"`
	Type  string `json:"kty"`
	Use   string `json:"use"`
	N     string `json:"n"`
	E     string `json:"e"`
	Curve string `json:"crv"`
	X     string `json:"x"`
	Y     string `json:"y"`
}

// ReadKeys reads a JSON Web Key Set, such as an API server's /openid/v1/jwks. Keys of other kinds, or for
// other uses, are ignored.
func ReadKeys(jwks []byte) (*Keys, error) {
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if err := json.Unmarshal(jwks, &set); err != nil {
		return nil, fmt.Errorf("reading a key set: %w", err)
	}
	keys := &Keys{byID: map[string]crypto.PublicKey{}}
	for _, key := range set.Keys {
		if key.Use != "" && key.Use != "sig" {
			continue
		}
		public, err := key.public()
		if err != nil {
			return nil, fmt.Errorf("reading key %q: %w", key.KeyID, err)
		}
		if public != nil {
			keys.byID[key.KeyID] = public
		}
	}
	return keys, nil
}

func (k jwk) public() (crypto.PublicKey, error) {
	switch k.Type {
	case "RSA":
		n, err := number(k.N)
		if err != nil {
			return nil, err
		}
		e, err := number(k.E)
		if err != nil || !e.IsInt64() {
			return nil, errors.New("its exponent is no number")
		}
		return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
	case "EC":
		curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[k.Curve]
		if curve == nil {
			return nil, nil
		}
		x, err := base64.RawURLEncoding.DecodeString(k.X)
		if err != nil {
			return nil, err
		}
		y, err := base64.RawURLEncoding.DecodeString(k.Y)
		if err != nil {
			return nil, err
		}
		return ecdsa.ParseUncompressedPublicKey(curve, append(append([]byte{4}, x...), y...))
	}
	return nil, nil
}

func number(text string) (*big.Int, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) == 0 {
		return nil, errors.New("a part of it is no number")
	}
	return new(big.Int).SetBytes(raw), nil
}

// Verify says whether a token was signed by one of the keys. Its errors are ErrUnknownKey and ErrSignature.
func (k *Keys) Verify(token *Token) error {
	public, known := k.byID[token.KeyID]
	if !known {
		return ErrUnknownKey
	}
	family, hash := algorithm(token.algorithm)
	if hash == 0 {
		return ErrSignature
	}
	sum := hash.New()
	sum.Write([]byte(token.signed))
	valid := false
	switch key := public.(type) {
	case *rsa.PublicKey:
		valid = family == "RS" && rsa.VerifyPKCS1v15(key, hash, sum.Sum(nil), token.signature) == nil
	case *ecdsa.PublicKey:
		bits := key.Curve.Params().BitSize
		size := (bits + 7) / 8
		valid = family == "ES" && hash.Size()*8 == min(bits, 512) && len(token.signature) == 2*size && ecdsa.Verify(key, sum.Sum(nil),
			new(big.Int).SetBytes(token.signature[:size]), new(big.Int).SetBytes(token.signature[size:]))
	}
	if !valid {
		return ErrSignature
	}
	return nil
}

// algorithm gives the signature algorithms that AWS accepts (page "Create an OpenID Connect identity provider in IAM").
func algorithm(name string) (family string, hash crypto.Hash) {
	switch name {
	case "RS256", "ES256":
		return name[:2], crypto.SHA256
	case "RS384", "ES384":
		return name[:2], crypto.SHA384
	case "RS512", "ES512":
		return name[:2], crypto.SHA512
	}
	return "", 0
}
