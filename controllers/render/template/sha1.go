//nolint:gosec // formats require SHA-1: Java's key stores, PKCS#12 that all programs can read, and the function sha1sum
package template

import (
	"crypto/sha1"
	"hash"
)

// newSHA1 is for formats without another digest. No security depends on it; docs/templates.md says so.
func newSHA1() hash.Hash {
	return sha1.New()
}

func sha1Of(parts ...[]byte) []byte {
	digest := newSHA1()
	for _, part := range parts {
		digest.Write(part)
	}
	return digest.Sum(nil)
}
