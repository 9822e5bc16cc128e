package template

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"slices"
)

// maxCertificates is how many certificates a bundle may have.
const maxCertificates = 200

func certificateFunctions() map[string]function {
	const parsing = 2_000 // steps that parsing a bundle takes
	return map[string]function{
		"pemChain":        {1, 1, parsing, func(c *call) any { return encodeCertificates(c.chain(c.certificates(0))) }},
		"filterCertChain": {2, 2, parsing, filterCertChain},
		"certSANs":        {1, 1, parsing, certSANs},
	}
}

func (c *call) certificates(i int) []*x509.Certificate {
	blocks := c.certificateBlocks(i)
	if len(blocks) > maxCertificates {
		c.refuse("argument %d has more than %d certificates", i+1, maxCertificates)
	}
	var all []*x509.Certificate
	for number, block := range blocks {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			c.refuse("certificate %d of the bundle is damaged", number+1)
		}
		all = append(all, certificate)
	}
	return all
}

func encodeCertificates(certificates []*x509.Certificate) string {
	var b bytes.Buffer
	for _, certificate := range certificates {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: certificate.Raw}))
	}
	return b.String()
}

// chain orders certificates from the leaf, which issued none of the others, to the root. Signatures are not checked:
// the server that uses the certificate does that.
func (c *call) chain(certificates []*x509.Certificate) []*x509.Certificate {
	var ordered []*x509.Certificate
	for _, candidate := range certificates {
		issuer := false
		for _, other := range certificates {
			issuer = issuer || other != candidate && issuedBy(other, candidate)
		}
		if !issuer {
			ordered = append(ordered, candidate)
		}
	}
	if len(ordered) != 1 {
		c.refuse("the certificates are not one chain: %d of them issued none of the others", len(ordered))
	}
	for len(ordered) < len(certificates) {
		var next *x509.Certificate
		for _, candidate := range certificates {
			if !slices.Contains(ordered, candidate) && issuedBy(ordered[len(ordered)-1], candidate) {
				next = candidate
				break
			}
		}
		if next == nil {
			c.refuse("the certificates are not one chain: the issuer of certificate %d from the leaf is missing", len(ordered))
		}
		ordered = append(ordered, next)
	}
	return ordered
}

func issuedBy(certificate, issuer *x509.Certificate) bool {
	if !bytes.Equal(certificate.RawIssuer, issuer.RawSubject) {
		return false
	}
	return len(certificate.AuthorityKeyId) == 0 || len(issuer.SubjectKeyId) == 0 || bytes.Equal(certificate.AuthorityKeyId, issuer.SubjectKeyId)
}

// filterCertChain is a part of a chain, which may be empty.
func filterCertChain(c *call) any {
	ordered := c.chain(c.certificates(1))
	last := len(ordered)
	if root := ordered[last-1]; bytes.Equal(root.RawIssuer, root.RawSubject) {
		last--
	}
	switch c.text(0) {
	case "leaf":
		return encodeCertificates(ordered[:min(1, last)])
	case "intermediate":
		return encodeCertificates(ordered[min(1, last):last])
	case "root":
		return encodeCertificates(ordered[last:])
	}
	c.refuse("argument 1 must be leaf, intermediate or root")
	return nil
}

// certSANs are the subject alternative names of the first certificate.
func certSANs(c *call) any {
	certificate := c.certificates(0)[0]
	names := append([]string{}, certificate.DNSNames...)
	for _, ip := range certificate.IPAddresses {
		names = append(names, ip.String())
	}
	names = append(names, certificate.EmailAddresses...)
	for _, uri := range certificate.URIs {
		names = append(names, uri.String())
	}
	return listOf(names)
}

// pemPublicKey is the public key of the first certificate, or, without one, of the private key.
func pemPublicKey(c *call) any {
	var public any
	if blocks := c.blocksOf(0, blockCertificate); len(blocks) > 0 {
		certificate, err := x509.ParseCertificate(blocks[0].Bytes)
		if err != nil {
			c.refuse("certificate 1 of the bundle is damaged")
		}
		public = certificate.PublicKey
	} else if private, ok := c.key().(interface{ Public() crypto.PublicKey }); ok {
		public = private.Public()
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	return encodeDER(c, blockPublic, der, err)
}
