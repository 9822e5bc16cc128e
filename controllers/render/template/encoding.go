package template

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
)

func encodingFunctions() map[string]function {
	return map[string]function{
		"b64enc":        {1, 1, 0, func(c *call) any { return base64.StdEncoding.EncodeToString([]byte(c.text(0))) }},
		"b64dec":        {1, 1, 0, func(c *call) any { return decode64(c, base64.RawStdEncoding) }},
		"b64urlenc":     {1, 1, 0, func(c *call) any { return base64.RawURLEncoding.EncodeToString([]byte(c.text(0))) }},
		"b64urldec":     {1, 1, 0, func(c *call) any { return decode64(c, base64.RawURLEncoding) }},
		"hexenc":        {1, 1, 0, func(c *call) any { return hex.EncodeToString([]byte(c.text(0))) }},
		"hexdec":        {1, 1, 0, decodeHex},
		"urlPathEscape": {1, 1, 0, func(c *call) any { return percent(c.text(0)) }},
		"urlUnescape":   {1, 1, 0, unescapeURL},
		"sha1sum":       {1, 1, 0, func(c *call) any { return hex.EncodeToString(sha1Of([]byte(c.text(0)))) }},
		"sha256sum": {1, 1, 0, func(c *call) any {
			sum := sha256.Sum256([]byte(c.text(0)))
			return hex.EncodeToString(sum[:])
		}},
		"sha512sum": {1, 1, 0, func(c *call) any {
			sum := sha512.Sum512([]byte(c.text(0)))
			return hex.EncodeToString(sum[:])
		}},
	}
}

// decode64 accepts a text with or without padding, and line breaks.
func decode64(c *call, encoding *base64.Encoding) string {
	text := strings.TrimRight(strings.NewReplacer("\r", "", "\n", "").Replace(c.text(0)), "=")
	content, err := encoding.DecodeString(text)
	if err != nil {
		c.refuse("the value is not base64 of this alphabet")
	}
	return string(content)
}

func decodeHex(c *call) any {
	content, err := hex.DecodeString(c.text(0))
	if err != nil {
		c.refuse("the value is not hexadecimal")
	}
	return string(content)
}

func unescapeURL(c *call) any {
	text, err := url.PathUnescape(c.text(0))
	if err != nil {
		c.refuse("the value has a %% that two hexadecimal digits do not follow")
	}
	return text
}

// percent encodes all but RFC 3986's unreserved characters, so that the result is valid in every part of a URL: spaces
// outside of forms, unlike those of url.QueryEscape, and colons and at signs before the host, unlike those of
// url.PathEscape.
func percent(text string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		at := text[i]
		if 'a' <= at && at <= 'z' || 'A' <= at && at <= 'Z' || '0' <= at && at <= '9' || strings.IndexByte("-._~", at) >= 0 {
			b.WriteByte(at)
			continue
		}
		b.Write([]byte{'%', digits[at>>4], digits[at&15]})
	}
	return b.String()
}
