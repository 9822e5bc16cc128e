package render

import (
	"bytes"
	"encoding/pem"
	"regexp"
	"strings"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

const beginPEM = "-----BEGIN "

var (
	// pemBlock is a block, whatever became of its line breaks.
	pemBlock = regexp.MustCompile(`-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END ([A-Z0-9 ]+)-----`)
	// blankAfterHeader is a body that begins on the line of its header, after a blank.
	blankAfterHeader = regexp.MustCompile(`-----[ \t]+[A-Za-z0-9+/=]`)
)

// pemFlaw says why PEM in a value can't be read; empty if that is not known. It quotes nothing.
func pemFlaw(value []byte) string {
	if around := wrapping(value, isPEM, "the PEM"); around != "" {
		return around
	}
	if decoded, err := decode(v1alpha1.DecodingBase64, value); err == nil && bytes.Contains(decoded, []byte(beginPEM)) {
		return "it is the PEM in Base64: decode it, or put the PEM itself into AWS"
	}
	if bytes.HasPrefix(value, []byte{0x30, 0x82}) || bytes.HasPrefix(value, []byte{0x30, 0x81}) {
		return "it is DER, the binary form, and not PEM"
	}
	if !bytes.Contains(value, []byte(beginPEM)) {
		return ""
	}
	lines := reflowed(value)
	switch {
	case !isPEM(lines):
		return ""
	case bytes.ContainsAny(value, "\n\r"):
		return "blanks stand before its lines"
	case blankAfterHeader.Match(value):
		return "its line breaks became spaces"
	}
	return "its line breaks are missing"
}

func isPEM(content []byte) bool {
	found := 0
	for rest := content; ; found++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
	}
	return found > 0 && bytes.HasPrefix(bytes.TrimLeft(content, jsonBlanks), []byte(beginPEM)) && found == bytes.Count(content, []byte(beginPEM))
}

// reflowed puts the blocks of a text on lines of their own, without blanks in them.
func reflowed(value []byte) []byte {
	var lines strings.Builder
	for _, parts := range pemBlock.FindAllSubmatch(value, -1) {
		body := strings.Join(strings.Fields(string(parts[2])), "")
		lines.WriteString("-----BEGIN " + string(parts[1]) + "-----\n" + body + "\n-----END " + string(parts[3]) + "-----\n")
	}
	return []byte(lines.String())
}
