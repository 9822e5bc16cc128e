package render

import (
	"strings"
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

func TestGuardLets(t *testing.T) {
	pair, chain := newPair(t, ed25519Key(t)), newPair(t, ed25519Key(t))
	data := map[string][]byte{
		"tls.crt": []byte(pair.certificate + chain.certificate), "tls.key": []byte(pair.pkcs8), "number": []byte("5432"), "json": []byte(` {"a":[1e400]} `),
		"lines": []byte("one\ntwo\r\n"), "empty": {}, "binary": everyByte(),
	}
	for name, guards := range map[string]*v1alpha1.Guards{
		"no guards":                          nil,
		"guards that ask for nothing":        {},
		"required keys":                      {RequiredKeys: []string{"number", "json"}},
		"a guard of a key that is not there": {Keys: []v1alpha1.KeyGuard{{Key: "other", Pattern: "x", MinBytes: new(int64(1)), Format: v1alpha1.ValueFormatJSON}}},
		"a pattern":                          {Keys: []v1alpha1.KeyGuard{{Key: "number", Pattern: "[0-9]+"}}},
		"a pattern with alternatives":        {Keys: []v1alpha1.KeyGuard{{Key: "number", Pattern: "1|5432"}}},
		"a pattern over lines":               {Keys: []v1alpha1.KeyGuard{{Key: "lines", Pattern: "(?s)one.*"}}},
		"sizes that are just kept":           {Keys: []v1alpha1.KeyGuard{{Key: "number", MinBytes: new(int64(4)), MaxBytes: new(int64(4))}}},
		"a wildcard":                         {Keys: []v1alpha1.KeyGuard{{Key: "tls.*", Format: v1alpha1.ValueFormatPEM}}},
		"JSON":                               {Keys: []v1alpha1.KeyGuard{{Key: "json", Format: v1alpha1.ValueFormatJSON}}},
		"certificates":                       {Keys: []v1alpha1.KeyGuard{{Key: "tls.crt", Format: v1alpha1.ValueFormatCertificate}}},
		"UTF-8":                              {Keys: []v1alpha1.KeyGuard{{Key: "lines", Format: v1alpha1.ValueFormatUTF8}, {Key: "empty", Format: v1alpha1.ValueFormatUTF8}}},
		"a pair":                             {KeyPairs: []v1alpha1.KeyPairGuard{{Certificate: "tls.crt", PrivateKey: "tls.key"}}},
		"a size that is just kept":           {MaxBytes: new(int64(sizeOf(data)))},
	} {
		if err := CheckGuards(newWork(), guards, data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGuardRefuses(t *testing.T) {
	pair, other := newPair(t, ed25519Key(t)), newPair(t, ed25519Key(t))
	data := map[string][]byte{
		"text": []byte(marker), "empty": {}, "tls.crt": []byte(pair.certificate), "tls.key": []byte(other.pkcs8), "nul": []byte("a\x00hunter2"), "binary": []byte("ü\xffhunter2"),
		"broken": []byte(pair.certificate + strings.Replace(other.certificate, "-----END", "-----", 1)),
	}
	const valueRejected, invalidValue = v1alpha1.ReasonValueRejected, v1alpha1.ReasonInvalidValue
	for name, test := range map[string]struct {
		guards   v1alpha1.Guards
		reason   string
		mentions []string
	}{
		"a required key that is not there": {v1alpha1.Guards{RequiredKeys: []string{"text", "none"}}, valueRejected, []string{"spec.guards.requiredKeys", `"none"`, "not there"}},
		"a required key that is empty":     {v1alpha1.Guards{RequiredKeys: []string{"empty"}}, valueRejected, []string{"spec.guards.requiredKeys", `"empty"`, "is empty"}},
		"a pattern in the middle":          {v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "text", Pattern: "unter"}}}, valueRejected, []string{`spec.guards.keys["text"].pattern`, `key "text", as its whole value does not match`}},
		"a pattern with alternatives":      {v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "text", Pattern: "h|2"}}}, valueRejected, []string{`spec.guards.keys["text"].pattern`, "does not match"}},
		"a pattern whose line alone fits":  {v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "tls.crt", Pattern: "(?m)^-----BEGIN CERTIFICATE-----$"}}}, valueRejected, []string{`spec.guards.keys["tls.crt"].pattern`, "does not match"}},
		"too few bytes":                    {v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "text", MinBytes: new(int64(8))}}}, valueRejected, []string{`spec.guards.keys["text"].minBytes`, "7 bytes", "at least 8"}},
		"too many bytes":                   {v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "text", MaxBytes: new(int64(6))}}}, valueRejected, []string{`spec.guards.keys["text"].maxBytes`, "7 bytes", "at most 6"}},
		"an empty one among all":           {v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "*", MinBytes: new(int64(1))}}}, valueRejected, []string{`spec.guards.keys["*"].minBytes`, `key "empty"`}},
		"what is no JSON":                  {v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "text", Format: v1alpha1.ValueFormatJSON}}}, valueRejected, []string{`spec.guards.keys["text"].format`, "JSON", "byte 1"}},
		"nothing, which is no JSON":        {v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "empty", Format: v1alpha1.ValueFormatJSON}}}, valueRejected, []string{`spec.guards.keys["empty"].format`, "is not JSON"}},
		"a NUL character":                  {v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "nul", Format: v1alpha1.ValueFormatUTF8}}}, valueRejected, []string{`spec.guards.keys["nul"].format`, "NUL character at byte 2"}},
		"what is no UTF-8":                 {v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "binary", Format: v1alpha1.ValueFormatUTF8}}}, valueRejected, []string{`spec.guards.keys["binary"].format`, "byte 3"}},
		"what is no PEM":                   {v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "text", Format: v1alpha1.ValueFormatPEM}}}, valueRejected, []string{`spec.guards.keys["text"].format`, "no PEM block"}},
		"PEM that breaks off":              {v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "broken", Format: v1alpha1.ValueFormatCertificate}}}, valueRejected, []string{`spec.guards.keys["broken"].format`, "of 2 PEM blocks only 1"}},
		"a key among certificates":         {v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "tls.key", Format: v1alpha1.ValueFormatCertificate}}}, valueRejected, []string{`spec.guards.keys["tls.key"].format`, "PEM block 1 is of another type"}},
		"a format of another time":         {v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "text", Format: "YAML"}}}, valueRejected, []string{`spec.guards.keys["text"].format`, "no such format"}},
		"no pair":                          {v1alpha1.Guards{KeyPairs: []v1alpha1.KeyPairGuard{{Certificate: "tls.crt", PrivateKey: "tls.key"}}}, valueRejected, []string{`spec.guards.keyPairs["tls.crt"]`, `"tls.key"`, "for another key"}},
		"a pair without its key":           {v1alpha1.Guards{KeyPairs: []v1alpha1.KeyPairGuard{{Certificate: "tls.crt", PrivateKey: "none"}}}, valueRejected, []string{`spec.guards.keyPairs["tls.crt"]`, `"none"`, "not there"}},
		"more bytes than all may have":     {v1alpha1.Guards{MaxBytes: new(int64(sizeOf(data)) - 1)}, valueRejected, []string{"spec.guards.maxBytes", "bytes together and may have at most"}},
		"a pattern that does not end":      {v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "text", Pattern: "a("}}}, invalidValue, []string{`spec.guards.keys["text"].pattern`}},
		"a pattern that would end another": {v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "text", Pattern: "a)(b"}}}, invalidValue, []string{`spec.guards.keys["text"].pattern`}},
	} {
		t.Run(name, func(t *testing.T) {
			for range 3 { // Always the same one.
				wantRefusal(t, CheckGuards(newWork(), &test.guards, data), test.reason, test.mentions...)
			}
		})
	}
}
