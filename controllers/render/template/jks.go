package template

import (
	"encoding/binary"
	"fmt"
	"unicode/utf16"
)

func jksFunctions() map[string]function {
	return map[string]function{"jksTruststore": {2, 2, 2_000, jksTruststore}}
}

// Marks of the format (class sun.security.provider.JavaKeyStore of OpenJDK).
const (
	jksMagic       = 0xFEEDFEED
	jksVersion     = 2
	jksTrustedCert = 2
)

// jksTruststore is a Java key store of trusted certificates. The time of its entries is the epoch: the current time
// would give other bytes at each reconcile. The password signs the store, and hides nothing.
func jksTruststore(c *call) any {
	var password []byte
	for _, unit := range utf16.Encode([]rune(c.valid(c.text(0)))) {
		password = binary.BigEndian.AppendUint16(password, unit)
	}
	if len(password) < 12 {
		c.refuse("the password must have 6 characters or more, as keytool asks for")
	}
	certificates := c.certificates(1)
	store := binary.BigEndian.AppendUint32(nil, jksMagic)
	store = binary.BigEndian.AppendUint32(store, jksVersion)
	store = binary.BigEndian.AppendUint32(store, lengthOf(len(certificates)))
	for i, certificate := range certificates {
		store = binary.BigEndian.AppendUint32(store, jksTrustedCert)
		store = jksText(store, fmt.Sprintf("certificate-%03d", i+1))
		store = binary.BigEndian.AppendUint64(store, 0)
		store = jksText(store, "X.509")
		store = binary.BigEndian.AppendUint32(store, lengthOf(len(certificate.Raw)))
		store = append(store, certificate.Raw...)
	}
	return string(append(store, sha1Of(password, []byte("Mighty Aphrodite"), store)...))
}

// lengthOf is a length as the format writes it. Certificates and values are bounded far below.
func lengthOf(n int) uint32 {
	return uint32(n) //nolint:gosec // as said above
}

func jksText(store []byte, ascii string) []byte {
	const most = 64 // The texts above are shorter.
	store = append(store, 0, byte(min(len(ascii), most)))
	return append(store, ascii...)
}
