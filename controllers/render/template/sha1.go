//nolint:gosec // SHA-1 is what formats fix: Java's key stores, PKCS#12 that every reader knows, and whoever asks for sha1sum
package template

import (
	"crypto/sha1"
	"hash"
)

// newSHA1 is for formats that know no other digest. Nothing rests on it here: docs/templates.md says what it is worth.
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
