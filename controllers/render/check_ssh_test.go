package render

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"
	"strings"
	"testing"
)

// openSSH is a private key in the form of OpenSSH (its file PROTOCOL.key).
func openSSH(cipher string, change func(public, private []byte) ([]byte, []byte)) string {
	text := func(parts ...string) (all []byte) {
		for _, part := range parts {
			all = append(binary.BigEndian.AppendUint32(all, uint32(len(part))), part...)
		}
		return all
	}
	public := text("ssh-ed25519", strings.Repeat("p", 32))
	private := append([]byte("\x01\x02\x03\x04\x01\x02\x03\x04"), text("ssh-ed25519", strings.Repeat("p", 32), strings.Repeat("s", 64), "a comment")...)
	if change != nil {
		public, private = change(public, private)
	}
	content := append([]byte(magicOpenSSH), text(cipher, "none", "")...)
	content = append(binary.BigEndian.AppendUint32(content, 1), text(string(public), string(private))...)
	return inPEM(blockOpenSSH, content)
}

func TestCheckSSH(t *testing.T) {
	rsaKey, ecKey, sec1 := newKeys(t)
	whole := openSSH("none", nil)
	const old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\naGk=\n-----END RSA PRIVATE KEY-----\n"
	for name, test := range map[string]struct{ value, refused, warning string }{
		"OpenSSH":                     {value: whole},
		"OpenSSH, encrypted":          {value: openSSH("aes256-ctr", nil), warning: "is encrypted"},
		"PKCS #8":                     {value: inPEM("PRIVATE KEY", pkcs8(t, rsaKey))},
		"PKCS #1":                     {value: inPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey))},
		"SEC 1":                       {value: inPEM("EC PRIVATE KEY", sec1)},
		"DSA":                         {value: inPEM("DSA PRIVATE KEY", []byte{0x30, 0x03, 0x02, 0x01, 0x00})},
		"PKCS #8, encrypted":          {value: inPEM("ENCRYPTED PRIVATE KEY", []byte(marker)), warning: "is encrypted"},
		"PKCS #1, encrypted":          {value: old, warning: "is encrypted"},
		"without a line break behind": {value: strings.TrimSpace(whole), warning: "line break"},
		"with CRLF":                   {value: strings.ReplaceAll(whole, "\n", "\r\n"), warning: "CRLF"},
		"literal line breaks":         {value: strings.ReplaceAll(whole, "\n", `\n`), refused: `the two characters \n`},
		"spaces for line breaks":      {value: strings.ReplaceAll(strings.TrimSpace(whole), "\n", " "), refused: "became spaces"},
		"a text":                      {value: marker, refused: "no PEM block"},
		"a certificate":               {value: newPair(t, ecKey).certificate, refused: "is a private key"},
		"a public key":                {value: "ssh-ed25519 hunter2", refused: "public key"},
		"a key of PuTTY":              {value: "PuTTY-User-Key-File-3: hunter2", refused: "puttygen"},
		"a damaged key":               {value: inPEM("PRIVATE KEY", []byte(marker)), refused: "neither PKCS #8"},
		"a damaged key of OpenSSH":    {value: inPEM(blockOpenSSH, []byte(magicOpenSSH+marker)), refused: "damaged"},
		"a damaged key of DSA":        {value: inPEM("DSA PRIVATE KEY", []byte(marker)), refused: "damaged"},
		"numbers that differ": {value: openSSH("none", func(public, private []byte) ([]byte, []byte) {
			return public, append([]byte{9}, private[1:]...)
		}), refused: "damaged"},
		"halves of two keys": {value: openSSH("none", func(public, private []byte) ([]byte, []byte) {
			return bytes.Replace(public, []byte("ed25519"), []byte("rsa-xyz"), 1), private
		}), refused: "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			notes, err := checkSSH([]byte(test.value))
			if test.refused != "" {
				wantRefusal(t, err, "InvalidValue", test.refused)
				return
			}
			warnings := strings.Join(notes.Warnings, "; ")
			if err != nil || !strings.Contains(warnings, test.warning) || (test.warning == "") != (warnings == "") {
				t.Errorf("got %v and the warnings %q, want %q", err, warnings, test.warning)
			}
		})
	}
}

func FuzzCheckSSH(f *testing.F) {
	f.Add([]byte(openSSH("none", nil)))
	f.Fuzz(func(_ *testing.T, value []byte) {
		_, _ = checkSSH(value)
		_, _ = openSSHKey(value)
	})
}
