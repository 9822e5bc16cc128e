package template

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
)

// maxRounds is how many rounds all keys of an archive may take together. OpenSSL writes 2048 for each, Java 10000.
const maxRounds = 1_000_000

var errManyRounds = errors.New("more rounds than an archive may want")

// encryptedData is a part that is encrypted as a whole (RFC 5652, section 8).
type encryptedData struct {
	Version int
	Content struct {
		Type      asn1.ObjectIdentifier
		Algorithm pkix.AlgorithmIdentifier
		Encrypted []byte `asn1:"tag:0,optional"`
	}
}

// shroudedKey is an encrypted private key (RFC 5958, section 3).
type shroudedKey struct {
	Algorithm pkix.AlgorithmIdentifier
	Encrypted []byte
}

// schemes are the parameters of PBES2 and PBMAC1: how to derive a key, and what to do with it (RFC 8018, appendix A).
type schemes struct {
	Derivation pkix.AlgorithmIdentifier
	Use        pkix.AlgorithmIdentifier
}

// pbkdf2 are the parameters of PBKDF2.
type pbkdf2 struct {
	Salt      asn1.RawValue
	Rounds    int
	KeyLength int                      `asn1:"optional"`
	Function  pkix.AlgorithmIdentifier `asn1:"optional"`
}

// pbe are the parameters of the older algorithms (RFC 7292, appendix C).
type pbe struct {
	Salt   []byte
	Rounds int
}

// rounds adds the rounds for deriving the keys: of the signature, of each encrypted part, and of each visible encrypted
// key. Nothing else in an archive is derived from the password; numbers in a plain certificate or key are not rounds.
func rounds(archive pfx, parts []contentInfo) (int, error) {
	counts := []int{archive.Mac.Iterations}
	if archive.Mac.Mac.Algorithm.Algorithm.String() == oidPBMAC1 {
		count, err := roundsOf(archive.Mac.Mac.Algorithm)
		if err != nil {
			return 0, err
		}
		counts = append(counts, count)
	}
	for _, part := range parts {
		algorithms, err := algorithmsOf(part)
		if err != nil {
			return 0, err
		}
		for _, algorithm := range algorithms {
			count, err := roundsOf(algorithm)
			if err != nil {
				return 0, err
			}
			counts = append(counts, count)
		}
	}
	sum := 0
	for _, count := range counts {
		if count < 0 || count > maxRounds || sum > maxRounds-count {
			return 0, errManyRounds
		}
		sum += count
	}
	return sum, nil
}

// algorithmsOf are those by which the content of a part is encrypted.
func algorithmsOf(part contentInfo) ([]pkix.AlgorithmIdentifier, error) {
	if part.Type.String() != oidData {
		var encrypted encryptedData
		if _, err := asn1.Unmarshal(part.Content.Bytes, &encrypted); err != nil {
			return nil, err
		}
		return []pkix.AlgorithmIdentifier{encrypted.Content.Algorithm}, nil
	}
	bags, err := bagsOf(part)
	if err != nil {
		return nil, err
	}
	var algorithms []pkix.AlgorithmIdentifier
	for _, bag := range bags {
		if bag.ID.String() != oidShroudedKeyBag {
			continue
		}
		var key shroudedKey
		if _, err := asn1.Unmarshal(bag.Value.Bytes, &key); err != nil {
			return nil, err
		}
		algorithms = append(algorithms, key.Algorithm)
	}
	return algorithms, nil
}

// roundsOf is how many rounds an algorithm takes. The library refuses algorithms that it does not know.
func roundsOf(algorithm pkix.AlgorithmIdentifier) (int, error) {
	if algorithm.Algorithm.String() == oidPBES2 || algorithm.Algorithm.String() == oidPBMAC1 {
		var both schemes
		if _, err := asn1.Unmarshal(algorithm.Parameters.FullBytes, &both); err != nil {
			return 0, err
		}
		var derivation pbkdf2
		_, err := asn1.Unmarshal(both.Derivation.Parameters.FullBytes, &derivation)
		return derivation.Rounds, err
	}
	var parameters pbe
	_, err := asn1.Unmarshal(algorithm.Parameters.FullBytes, &parameters)
	return parameters.Rounds, err
}
