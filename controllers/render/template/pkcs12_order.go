package template

import (
	"crypto/hmac"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"slices"
	"unicode/utf16"
)

// Object identifiers of RFC 7292 and RFC 8018, as text.
const (
	oidData           = "1.2.840.113549.1.7.1"
	oidKeyBag         = "1.2.840.113549.1.12.10.1.1"
	oidShroudedKeyBag = "1.2.840.113549.1.12.10.1.2"
	oidPBES2          = "1.2.840.113549.1.5.13"
	oidPBMAC1         = "1.2.840.113549.1.5.14"
)

// The outer structure of an archive (RFC 7292, section 4).
type pfx struct {
	Version  int
	AuthSafe contentInfo
	Mac      macData `asn1:"optional"`
}

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"tag:0,explicit,optional"`
}

type macData struct {
	Mac struct {
		Algorithm pkix.AlgorithmIdentifier
		Digest    []byte
	}
	Salt       []byte
	Iterations int `asn1:"optional,default:1"`
}

// safeBag is an item in a part of an archive.
type safeBag struct {
	ID         asn1.ObjectIdentifier
	Value      asn1.RawValue `asn1:"tag:0,explicit"`
	Attributes asn1.RawValue `asn1:"optional"`
}

// encodings are the bytes that programs use for a password: UTF-16 with a trailing zero; for no password, also no
// bytes.
func encodings(password string) [][]byte {
	var encoded []byte
	for _, unit := range utf16.Encode([]rune(password + "\x00")) {
		encoded = binary.BigEndian.AppendUint16(encoded, unit)
	}
	if password == "" {
		return [][]byte{encoded, nil}
	}
	return [][]byte{encoded}
}

// parseArchive returns the outer structure of an archive and its parts, without decrypting them.
func parseArchive(content []byte) (archive pfx, parts []contentInfo, err error) {
	var safe []byte
	if rest, err := asn1.Unmarshal(content, &archive); err != nil || len(rest) > 0 {
		return pfx{}, nil, errors.New("it is no archive")
	}
	if _, err := asn1.Unmarshal(archive.AuthSafe.Content.Bytes, &safe); err != nil {
		return pfx{}, nil, err
	}
	_, err = asn1.Unmarshal(safe, &parts)
	return archive, parts, err
}

// keyFirst moves the part with the private key to the front, and signs the archive again with a single round.
func keyFirst(archive pfx, parts []contentInfo, password []byte) ([]byte, error) {
	at := slices.IndexFunc(parts, holdsKey)
	if at < 0 {
		return nil, errors.New("no part that can be seen has a private key")
	}
	ordered := slices.Concat(parts[at:at+1], parts[:at], parts[at+1:])
	return sign(archive, ordered, password)
}

// bagsOf are the bags of a part that is not encrypted.
func bagsOf(part contentInfo) (bags []safeBag, err error) {
	var content []byte
	if _, err := asn1.Unmarshal(part.Content.Bytes, &content); err != nil {
		return nil, err
	}
	_, err = asn1.Unmarshal(content, &bags)
	return bags, err
}

// holdsKey says whether a part is not encrypted and has a private key, which may be encrypted itself.
func holdsKey(part contentInfo) bool {
	if part.Type.String() != oidData {
		return false
	}
	bags, err := bagsOf(part)
	return err == nil && slices.ContainsFunc(bags, func(bag safeBag) bool { return bag.ID.String() == oidKeyBag || bag.ID.String() == oidShroudedKeyBag })
}

func sign(archive pfx, parts []contentInfo, password []byte) ([]byte, error) {
	archive.Mac = macData{Salt: []byte("a salt"), Iterations: 1}
	archive.Mac.Mac.Algorithm = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, Parameters: asn1.NullRawValue}
	safe, err := safeOf(parts)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(newSHA1, macKey(archive.Mac.Salt, password))
	mac.Write(safe)
	archive.Mac.Mac.Digest = mac.Sum(nil)
	return joined(archive, parts)
}

// safeOf is the encoding of parts that is signed.
func safeOf(parts []contentInfo) ([]byte, error) {
	again := make([]contentInfo, len(parts))
	for i, part := range parts {
		again[i] = contentInfo{Type: part.Type, Content: explicit(part.Content.Bytes)}
	}
	return asn1.Marshal(again)
}

// joined is the archive with these parts.
func joined(archive pfx, parts []contentInfo) ([]byte, error) {
	safe, err := safeOf(parts)
	if err != nil {
		return nil, err
	}
	octets, err := asn1.Marshal(safe)
	if err != nil {
		return nil, err
	}
	archive.AuthSafe.Content = explicit(octets)
	return asn1.Marshal(archive)
}

func explicit(content []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: content}
}

// macKey is RFC 7292, appendix B.2, for SHA-1, one round and the purpose 3.
func macKey(salt, password []byte) []byte {
	const block = 64
	input := slices.Repeat([]byte{3}, block)
	for _, part := range [][]byte{salt, password} {
		length := (len(part) + block - 1) / block * block
		input = append(input, stretch(part, length)...)
	}
	return sha1Of(input)
}
