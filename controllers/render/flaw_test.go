package render

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// mistakes are what people and programs make of a JSON object by mistake, with a part of the error for each.
func mistakes() map[string]struct{ content, mention string } {
	const object = `{"username":"app","password":"hunter2"}`
	twice, _ := json.Marshal(object)
	thrice, _ := json.Marshal(string(twice))
	return map[string]struct{ content, mention string }{
		"a byte order mark":          {"\uFEFF" + object, "a byte order mark (U+FEFF) stands before"},
		"a no-break space":           {"\u00A0" + object, "a no-break space (U+00A0) stands before"},
		"a no-break space behind":    {object + "\u00A0", "a no-break space (U+00A0) stands behind"},
		"a zero-width space":         {" \u200B" + object, "a zero-width space (U+200B)"},
		"an ideographic space":       {"\u3000" + object, "an invisible character (U+3000)"},
		"a NUL at the end":           {object + "\x00", "a NUL character"},
		"quotes of a shell":          {"'" + object + "'", "quotes stand around the JSON object"},
		"quotes and blanks":          {" '" + object + "'\n", "quotes stand around the JSON object"},
		"double quotes":              {`"` + object + `"`, "quotes stand around the JSON object"},
		"typographic quotes":         {"“" + object + "”", "quotes stand around the JSON object"},
		"encoded twice":              {string(twice), "encoded twice"},
		"encoded three times":        {string(thrice), "encoded twice"},
		"escaped quotes":             {strings.ReplaceAll(object, `"`, `\"`), `the two characters \"`},
		"escaped line breaks":        {`{\n  "username": "app"\n}`, `the two characters \n`},
		"Base64":                     {base64.StdEncoding.EncodeToString([]byte(object)), "the JSON object in Base64"},
		"null":                       {" null\n", "it is null"},
		"an array":                   {"[" + object + "]", "it is a JSON array"},
		"a number":                   {"-12", "it is a JSON number"},
		"a boolean":                  {"true", "it is a JSON boolean"},
		"a string":                   {`"hunter2"`, "it is a JSON string"},
		"text":                       {"hunter2", "it is plain text"},
		"blanks":                     {" \n", "it is blank"},
		"a raw line break":           {"{\"username\":\"app\",\"password\":\"hunter2\nhunter2\"}", "byte 38: a raw line break"},
		"a raw tab":                  {"{\"password\":\"hunter2\t\"}", "byte 21: a raw tab"},
		"it ends too early":          {`{"password":"hunter2"`, "byte 21: it ends too early"},
		"a comma too much":           {`{"password":"hunter2",}`, "byte 23: a comma with nothing behind it"},
		"single quotes":              {`{'password':'hunter2'}`, "byte 2: a single quote"},
		"typographic quotes within":  {`{“password”:"hunter2"}`, "byte 2: a typographic quote"},
		"a no-break space within":    {"{\u00A0\"password\":\"hunter2\"}", "byte 2: a no-break space (U+00A0)"},
		"names without quotes":       {`{password: "hunter2"}`, "byte 2: the name of a field without double quotes"},
		"two objects":                {object + object, "something follows behind"},
		"a backslash that is no one": {`{"password":"hunter2\x"}`, "byte 22: a backslash"},
	}
}

// Every mistake is named, and refused if the keys of an object were synced.
func TestSlipsKeepTheKeys(t *testing.T) {
	for name, mistake := range mistakes() {
		t.Run(name, func(t *testing.T) {
			inputs := Inputs{Source: textValue(mistake.content), SyncedKeys: []string{"password", "username"}}
			_, err := renderData(newWork(), &v1alpha1.SecretSyncSpec{}, inputs)
			reason := v1alpha1.ReasonValueRejected
			if looksLikeObject(inputs.Source) {
				reason = v1alpha1.ReasonInvalidValue // As ever, at the first sync too.
			}
			wantRefusal(t, err, reason, mistake.mention, "spec.data")
			if reason == v1alpha1.ReasonValueRejected {
				wantRefusal(t, err, reason, "the keys password, username", `{key: value}`)
			}
		})
	}
}

func TestSlipsAreNamedWhereAPropertyIsWanted(t *testing.T) {
	for name, mistake := range mistakes() {
		if name == "text" || name == "blanks" || name == "an array" { // Their errors have other texts there.
			continue
		}
		_, err := renderOne(source.TextValue(mistake.content), []v1alpha1.DataKey{{Key: "k", Property: "password"}})
		wantRefusal(t, err, v1alpha1.ReasonInvalidValue, mistake.mention)
	}
}

func TestBinaryInPlaceOfAnObjectIsNamed(t *testing.T) {
	for content, mention := range map[string]string{`{"a":"hunter2"}`: "stored as binary", "\x00\x01": "it is binary"} {
		value := source.BinaryValue([]byte(content))
		_, err := renderData(newWork(), &v1alpha1.SecretSyncSpec{}, Inputs{Source: &value, SyncedKeys: []string{"a"}})
		wantRefusal(t, err, v1alpha1.ReasonValueRejected, mention)
	}
}

// An error may have fixed texts, positions, and the codes of invisible characters, but no other part of a value.
func FuzzFlawsQuoteNothing(f *testing.F) {
	for _, mistake := range mistakes() {
		f.Add(mistake.content)
	}
	f.Fuzz(func(t *testing.T, content string) {
		marked := strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' {
				return '¿'
			}
			return r
		}, content)
		for _, said := range []string{objectFlaw([]byte(marked)), pemFlaw([]byte(marked)), jsonFlaw([]byte(marked))} {
			if strings.Contains(said, "¿") || len(said) > 200 {
				t.Errorf("of %q: %q", marked, said)
			}
		}
	})
}

func TestFlawsOfPEM(t *testing.T) {
	pair := newPair(t, ed25519Key(t))
	lines := pair.pkcs8
	for name, test := range map[string]struct{ value, mention string }{
		"literal line breaks":              {strings.ReplaceAll(lines, "\n", `\n`), `the two characters \n`},
		"literal line breaks of Windows":   {strings.ReplaceAll(lines, "\n", `\r\n`), `the two characters \n`},
		"spaces":                           {strings.ReplaceAll(strings.TrimSpace(lines), "\n", " "), "line breaks became spaces"},
		"no line breaks":                   {strings.ReplaceAll(lines, "\n", ""), "line breaks are missing"},
		"indented":                         {"  " + strings.ReplaceAll(lines, "\n", "\n  "), "blanks stand before its lines"},
		"Base64 of it":                     {base64.StdEncoding.EncodeToString([]byte(lines)), "the PEM in Base64"},
		"Base64 of text with a block":      {base64.StdEncoding.EncodeToString([]byte("Bag Attributes\n" + lines)), "the PEM in Base64"},
		"quotes":                           {`"` + lines + `"`, "quotes stand around the PEM"},
		"quotes and literal line breaks":   {`"` + strings.ReplaceAll(lines, "\n", `\n`) + `"`, "encoded twice"},
		"a byte order mark":                {"\uFEFF" + lines, "a byte order mark"},
		"DER":                              {"\x30\x82\x01\x00", "DER"},
		"something else":                   {marker, "no PEM block that can be read"},
		"two, the second with spaces only": {lines + strings.ReplaceAll(lines, "\n", " "), "of 2 PEM blocks only 1 can be read"},
	} {
		t.Run(name, func(t *testing.T) {
			for kind, check := range map[string]func([]byte) error{
				"format": func(value []byte) error { return checkFormat(v1alpha1.ValueFormatPEM, value) },
				"key":    func(value []byte) error { _, err := publicKeyOf(value); return err },
			} {
				if err := check([]byte(test.value)); err == nil || !strings.Contains(err.Error(), test.mention) {
					t.Errorf("%s: got %v, want mention of %q", kind, err, test.mention)
				}
			}
		})
	}
}
