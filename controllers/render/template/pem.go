package template

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
)

// Types of PEM blocks (RFC 7468, and the older ones that OpenSSL writes).
const (
	blockCertificate = "CERTIFICATE"
	blockPKCS8       = "PRIVATE KEY"
	blockPKCS1       = "RSA PRIVATE KEY"
	blockSEC1        = "EC PRIVATE KEY"
	blockPublic      = "PUBLIC KEY"
)

// maxKey is how many bytes of DER a private key may have. RSA with 16384 bits fits, and takes tens of milliseconds to
// parse.
const maxKey = 10 << 10

func pemFunctions() map[string]function {
	const parsing = 20_000 // steps that parsing a key takes
	return map[string]function{
		"filterPEM":      {2, 2, 0, filterPEM},
		"pemPrivateKey":  {1, 1, 0, func(c *call) any { return string(pem.EncodeToMemory(c.keyBlock(0))) }},
		"pemPublicKey":   {1, 1, parsing, pemPublicKey},
		"pemCertificate": {1, 1, 0, func(c *call) any { return encodeBlocks(c.certificateBlocks(0)[:1]) }},
		"pemPKCS8":       {1, 1, parsing, pemPKCS8},
		"pemPKCS1":       {1, 1, parsing, pemPKCS1},
		"pemSEC1":        {1, 1, parsing, pemSEC1},
	}
}

// blocks are the PEM blocks of a text; all text between them is ignored.
func (c *call) blocks(i int) []*pem.Block {
	var all []*pem.Block
	rest := []byte(c.text(i))
	c.budget.spendBytes(4 * len(rest))
	for {
		// pem.Decode needs the first block at the start of a line, and bundles may begin with a text.
		if at := bytes.Index(rest, []byte("-----BEGIN ")); at > 0 {
			rest = rest[at:]
		}
		block, after := pem.Decode(rest)
		if block == nil {
			return all
		}
		all, rest = append(all, block), after
	}
}

func (c *call) blocksOf(i int, kind string) []*pem.Block {
	var chosen []*pem.Block
	for _, block := range c.blocks(i) {
		if strings.EqualFold(block.Type, kind) {
			chosen = append(chosen, block)
		}
	}
	return chosen
}

func (c *call) certificateBlocks(i int) []*pem.Block {
	blocks := c.blocksOf(i, blockCertificate)
	if len(blocks) == 0 {
		c.refuse("argument %d has no PEM block CERTIFICATE", i+1)
	}
	return blocks
}

// keyBlock is the first private key, in any format.
func (c *call) keyBlock(i int) *pem.Block {
	for _, block := range c.blocks(i) {
		if strings.HasSuffix(block.Type, blockPKCS8) {
			return block
		}
	}
	c.refuse("argument %d has no PEM block of a private key", i+1)
	return nil
}

func encodeBlocks(blocks []*pem.Block) string {
	var b strings.Builder
	for _, block := range blocks {
		b.Write(pem.EncodeToMemory(block))
	}
	return b.String()
}

func filterPEM(c *call) any {
	blocks := c.blocksOf(1, c.text(0))
	if len(blocks) == 0 {
		c.refuse("argument 2 has no PEM block of that type")
	}
	return encodeBlocks(blocks)
}

// key parses the private key of the bundle that is the first argument.
func (c *call) key() any {
	block := c.keyBlock(0)
	if len(block.Bytes) > maxKey {
		c.refuse("the private key has %d bytes, more than %d", len(block.Bytes), maxKey)
	}
	var key any
	var err error
	switch block.Type {
	case blockPKCS8:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case blockPKCS1:
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case blockSEC1:
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		c.refuse("the private key is encrypted, or of a form that is none of PKCS#8, PKCS#1 and SEC 1")
	}
	if err != nil || len(block.Headers) > 0 {
		c.refuse("the private key is encrypted, damaged, or of an unknown kind")
	}
	return key
}

func encodeDER(c *call, kind string, der []byte, err error) string {
	if err != nil {
		c.refuse("the key has no such form")
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pemPKCS8(c *call) any {
	der, err := x509.MarshalPKCS8PrivateKey(c.key())
	return encodeDER(c, blockPKCS8, der, err)
}

func pemPKCS1(c *call) any {
	key, ok := c.key().(*rsa.PrivateKey)
	if !ok {
		c.refuse("the private key is not RSA, and PKCS#1 is for RSA alone")
	}
	return encodeDER(c, blockPKCS1, x509.MarshalPKCS1PrivateKey(key), nil)
}

func pemSEC1(c *call) any {
	key, ok := c.key().(*ecdsa.PrivateKey)
	if !ok {
		c.refuse("the private key is not of an elliptic curve, and SEC 1 is for those alone")
	}
	der, err := x509.MarshalECPrivateKey(key)
	return encodeDER(c, blockSEC1, der, err)
}
