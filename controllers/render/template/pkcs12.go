package template

import (
	"crypto/x509"

	"software.sslmate.com/src/go-pkcs12"
)

// pkcs12Functions have the names that users of the External Secrets Operator know. The archive is binary: where
// it comes from a text field, b64dec goes before.
func pkcs12Functions() map[string]function {
	const decrypting = 200_000
	return map[string]function{
		"pkcs12key":      {1, 1, decrypting, func(c *call) any { return pkcs12Key(c, "", 0) }},
		"pkcs12keyPass":  {2, 2, decrypting, func(c *call) any { return pkcs12Key(c, c.text(0), 1) }},
		"pkcs12cert":     {1, 1, decrypting, func(c *call) any { return pkcs12Certificates(c, "", 0) }},
		"pkcs12certPass": {2, 2, decrypting, func(c *call) any { return pkcs12Certificates(c, c.text(0), 1) }},
	}
}

func (c *call) archive(password string, i int) (any, []*x509.Certificate) {
	key, leaf, others, err := pkcs12.DecodeChain([]byte(c.text(i)), password)
	if err != nil {
		c.refuse("the archive cannot be opened: the password is wrong, or it is not PKCS#12 with one private key and its certificates")
	}
	return key, append([]*x509.Certificate{leaf}, others...)
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
