package render

import (
	"bytes"
	"encoding/asn1"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

const (
	blockOpenSSH = "OPENSSH PRIVATE KEY"
	blockDSA     = "DSA PRIVATE KEY"
	// magicOpenSSH begins a private key of OpenSSH (its file PROTOCOL.key).
	magicOpenSSH = "openssh-key-v1\x00"
)

// checkSSH refuses a value that is no private key. It accepts two kinds with a warning: encrypted keys, as programs may
// have the passphrase from elsewhere, and keys that only some programs can read.
func checkSSH(value []byte) (Notes, error) {
	encrypted, err := sshKey(value)
	if err != nil {
		return Notes{}, unusable(corev1.SecretTypeSSHAuth, corev1.SSHAuthPrivateKey, err)
	}
	var notes Notes
	if encrypted {
		notes.Warnings = append(notes.Warnings, fmt.Sprintf("the key %q is encrypted, so that programs need its passphrase from elsewhere", corev1.SSHAuthPrivateKey))
	}
	if !bytes.HasSuffix(value, []byte("-----\n")) || bytes.Contains(value, []byte("\r\n")) {
		// ssh fails with "error in libcrypto"; libraries read the key.
		notes.Warnings = append(notes.Warnings, fmt.Sprintf("the key %q does not end in one plain line break or has lines that end in CRLF, "+
			"which the programs of OpenSSH refuse: fix the value in AWS", corev1.SSHAuthPrivateKey))
	}
	return notes, nil
}

// sshKey says whether a private key is encrypted; the error says why a value is none.
func sshKey(value []byte) (encrypted bool, err error) {
	switch {
	case bytes.HasPrefix(value, []byte("PuTTY-User-Key-File-")):
		return false, errors.New("it is a key of PuTTY, which SSH programs do not read: export it by puttygen in the form of OpenSSH")
	case bytes.HasPrefix(value, []byte("ssh-")), bytes.HasPrefix(value, []byte("ecdsa-")), bytes.HasPrefix(value, []byte("sk-")),
		bytes.HasPrefix(value, []byte("---- BEGIN SSH2 PUBLIC KEY")):
		return false, errors.New("it is a public key")
	}
	found, err := blocks(value)
	if err != nil {
		return false, err
	}
	at := slices.IndexFunc(found, func(block *pem.Block) bool { return strings.HasSuffix(block.Type, "PRIVATE KEY") })
	if at < 0 {
		return false, errors.New("none of its PEM blocks is a private key")
	}
	block := found[at]
	switch {
	case block.Type == blockOpenSSH:
		return openSSHKey(block.Bytes)
	case strings.HasPrefix(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "":
		return true, nil
	case block.Type == blockDSA:
		var whole asn1.RawValue
		if rest, err := asn1.Unmarshal(block.Bytes, &whole); err != nil || len(rest) > 0 || whole.Tag != asn1.TagSequence {
			return false, errors.New("its private key is damaged")
		}
		return false, nil
	}
	_, err = parsePrivateKey(block.Bytes)
	return false, err
}

// openSSHKey checks the outer form. If the key is not encrypted, it also checks the two numbers by which OpenSSH
// detects damage.
func openSSHKey(content []byte) (encrypted bool, err error) {
	damaged := errors.New("its private key of OpenSSH is damaged")
	rest, ok := bytes.CutPrefix(content, []byte(magicOpenSSH))
	if !ok {
		return false, damaged
	}
	var parts [3][]byte // Cipher, derivation and its options.
	for i := range parts {
		if parts[i], rest, ok = sshString(rest); !ok {
			return false, damaged
		}
	}
	if len(rest) < 4 || binary.BigEndian.Uint32(rest) != 1 {
		return false, errors.New("it does not hold one private key of OpenSSH")
	}
	public, rest, ok := sshString(rest[4:])
	if !ok || len(public) == 0 {
		return false, damaged
	}
	private, _, ok := sshString(rest)
	if !ok || len(private) < 8 {
		return false, damaged
	}
	if string(parts[0]) != "none" {
		return true, nil
	}
	kind, _, ok := sshString(private[8:])
	kindOfPublic, _, too := sshString(public)
	if !bytes.Equal(private[:4], private[4:8]) || !ok || !too || !bytes.Equal(kind, kindOfPublic) {
		return false, damaged
	}
	return false, nil
}

// sshString reads a string that follows its length (RFC 4251, section 5).
func sshString(content []byte) (text, rest []byte, ok bool) {
	if len(content) < 4 {
		return nil, nil, false
	}
	length := binary.BigEndian.Uint32(content)
	if int64(length) > int64(len(content)-4) {
		return nil, nil, false
	}
	return content[4 : 4+length], content[4+length:], true
}
