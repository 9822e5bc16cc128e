package template

import (
	"crypto/x509"
	"errors"

	"software.sslmate.com/src/go-pkcs12"
)

// pkcs12Functions have the names that users of the External Secrets Operator know. The archive is binary: a text field
// has to be decoded by b64dec first.
func pkcs12Functions() map[string]function {
	const parsing = 20_000 // steps, besides those for deriving keys
	return map[string]function{
		"pkcs12key":      {1, 1, parsing, func(c *call) any { return pkcs12Key(c, "", 0) }},
		"pkcs12keyPass":  {2, 2, parsing, func(c *call) any { return pkcs12Key(c, c.text(0), 1) }},
		"pkcs12cert":     {1, 1, parsing, func(c *call) any { return pkcs12Certificates(c, "", 0) }},
		"pkcs12certPass": {2, 2, parsing, func(c *call) any { return pkcs12Certificates(c, c.text(0), 1) }},
	}
}

// pkcs12Key is the private key in PKCS#8.
func pkcs12Key(c *call, password string, i int) string {
	key, _ := c.archive(password, i)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return encodeDER(c, blockPKCS8, der, err)
}

func pkcs12Certificates(c *call, password string, i int) string {
	_, certificates := c.archive(password, i)
	return encodeCertificates(certificates)
}

// archive opens an archive, and bounds its rounds, which the library does not: an archive says itself how many rounds
// deriving a key from the password takes, and 2^62 would block the operator for ever. The visible rounds are bounded. A
// second key could hide in the encrypted part, with rounds of its own. Therefore the part with the visible key goes
// first: the library refuses a second key before it decrypts it.
func (c *call) archive(password string, i int) (any, []*x509.Certificate) {
	const closed = "the archive cannot be opened: the password is wrong, or it is not PKCS#12 with one private key and its certificates"
	content := []byte(c.text(i))
	outer, parts, err := parseArchive(content)
	if err != nil {
		c.refuse(closed)
	}
	sum, err := rounds(outer, parts)
	switch {
	case errors.Is(err, errManyRounds):
		c.refuse("the archive wants more than %d rounds to derive keys", maxRounds)
	case err != nil:
		c.refuse(closed)
	}
	c.budget.spend(sum / 4)
	// For an archive of two parts, this only checks the password by the archive's signature.
	if _, err := pkcs12.DecodeTrustStore(content, password); errors.Is(err, pkcs12.ErrIncorrectPassword) {
		c.refuse(closed)
	}
	for _, encoded := range encodings(password) {
		ordered, err := keyFirst(outer, parts, encoded)
		if err != nil {
			c.refuse(closed)
		}
		key, leaf, others, err := pkcs12.DecodeChain(ordered, password)
		if err == nil {
			return key, append([]*x509.Certificate{leaf}, others...)
		}
	}
	c.refuse(closed)
	return nil, nil
}
