// Package webtoken reads the JSON Web Tokens that an OIDC issuer signs, a cluster's API server foremost,
// and checks their signatures by the issuer's public keys (RFC 7515, 7517, 7518).
//
// It supports the signatures that AWS accepts, RSA with PKCS #1 v1.5 and ECDSA, and no others: a token cannot choose a
// weaker one, or none. The caller checks the claims. It imports the
// standard library alone.
package webtoken

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Token is a parsed token. Nothing in it is trustworthy before Keys.Verify.
type Token struct {
	Claims
	// KeyID names the key that signed it.
	KeyID string

	algorithm string
	signed    string
	signature []byte
}

// Claims are the supported claims of a token.
type Claims struct {
	Issuer    string     `json:"iss"`
	Subject   string     `json:"sub"`
	Audience  Audience   `json:"aud"`
	Expires   Time       `json:"exp"`
	NotBefore Time       `json:"nbf"`
	Issued    Time       `json:"iat"`
	Cluster   Kubernetes `json:"kubernetes.io"`
}

// Kubernetes says which ServiceAccount a cluster's token was made for, and which Pod it is bound to.
type Kubernetes struct {
	Namespace      string `json:"namespace"`
	ServiceAccount Object `json:"serviceaccount"`
	Pod            Object `json:"pod"`
}

// Object is a Kubernetes object by name and UID; empty if a token is not bound to one.
type Object struct {
	Name string `json:"name"`
	UID  string `json:"uid"`
}

// Audience is one text or a list of them.
type Audience []string

// UnmarshalJSON reads either form.
func (a *Audience) UnmarshalJSON(raw []byte) error {
	var single string
	if json.Unmarshal(raw, &single) == nil {
		*a = Audience{single}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(a))
}

// Time is a claim's time, in seconds since 1970, possibly with a fraction; zero if it is absent.
type Time struct{ time.Time }

// UnmarshalJSON reads the number.
func (t *Time) UnmarshalJSON(raw []byte) error {
	var seconds float64
	if err := json.Unmarshal(raw, &seconds); err != nil {
		return err
	}
	t.Time = time.UnixMilli(int64(seconds * 1000))
	return nil
}

// Read parses a token.
func Read(compact string) (*Token, error) {
	parts := strings.Split(compact, ".")
	if len(parts) != 3 {
		return nil, errors.New("a token has three parts")
	}
	var head struct {
		Algorithm string          `json:"alg"`
		KeyID     string          `json:"kid"`
		Critical  json.RawMessage `json:"crit"`
	}
	if err := part(parts[0], &head); err != nil {
		return nil, fmt.Errorf("reading a token's header: %w", err)
	}
	if head.Critical != nil {
		return nil, errors.New("a token's header has extensions that are not understood")
	}
	token := &Token{KeyID: head.KeyID, algorithm: head.Algorithm, signed: parts[0] + "." + parts[1]}
	if err := part(parts[1], &token.Claims); err != nil {
		return nil, fmt.Errorf("reading a token's claims: %w", err)
	}
	var err error
	if token.signature, err = base64.RawURLEncoding.DecodeString(parts[2]); err != nil {
		return nil, errors.New("a token's signature is no base64")
	}
	return token, nil
}

func part(text string, into any) error {
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return errors.New("it is no base64")
	}
	if json.Unmarshal(decoded, into) != nil {
		return errors.New("it is not the JSON that is wanted") // The text of the error could quote the token.
	}
	return nil
}
