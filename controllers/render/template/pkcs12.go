package template

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"

	"software.sslmate.com/src/go-pkcs12"
)

// pkcs12Functions have the names that users of the External Secrets Operator know. The archive is binary: where
// it comes from a text field, b64dec goes before.
func pkcs12Functions() map[string]function {
	const parsing = 20_000 // steps, besides those of deriving keys
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

// archive opens an archive without the trust that the library has in it: an archive says itself how many rounds
// deriving a key from the password takes, and 2^62 would hold the operator up for ever. The rounds that can be
// seen are bounded. A second key could hide in the encrypted part with rounds of its own: the part with the
// key that can be seen goes first, as the library refuses a second key before it decrypts it.
func (c *call) archive(password string, i int) (any, []*x509.Certificate) {
	const closed = "the archive cannot be opened: the password is wrong, or it is not PKCS#12 with one private key and its certificates"
	content := []byte(c.text(i))
	c.budget.spend(c.rounds(content, 0) / 4)
	// Of two parts this checks the password against the archive's signature, and no more.
	if _, err := pkcs12.DecodeTrustStore(content, password); errors.Is(err, pkcs12.ErrIncorrectPassword) {
		c.refuse(closed)
	}
	for _, encoded := range encodings(password) {
		ordered, err := keyFirst(content, encoded)
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

// maxRounds is for all keys that an archive has derived together. OpenSSL writes 2048 for each, Java 10000.
const maxRounds = 1_000_000

// rounds adds the numbers that stand behind a salt, in all of the archive that is not encrypted.
func (c *call) rounds(der []byte, depth int) int {
	sum, salted := 0, false
	for len(der) > 0 && depth < 30 {
		var value asn1.RawValue
		rest, err := asn1.Unmarshal(der, &value)
		if err != nil {
			return sum
		}
		der = rest
		switch {
		case value.IsCompound || value.Class == asn1.ClassUniversal && value.Tag == asn1.TagOctetString:
			sum += c.rounds(value.Bytes, depth+1)
		case salted && value.Class == asn1.ClassUniversal && value.Tag == asn1.TagInteger:
			count := 0
			if _, err := asn1.Unmarshal(value.FullBytes, &count); err != nil || count < 0 || count > maxRounds {
				c.refuse("the archive wants more than %d rounds to derive keys", maxRounds)
			}
			sum += count
		}
		salted = value.Tag == asn1.TagOctetString || value.IsCompound
		if sum > maxRounds {
			c.refuse("the archive wants more than %d rounds to derive keys", maxRounds)
		}
	}
	return sum
}
