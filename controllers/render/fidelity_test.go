package render

import (
	"errors"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// fidelity has JSON as it is in AWS and as it must be in a key, byte for byte.
func fidelity() map[string]struct{ json, want string } {
	large := strings.Repeat("ü", 30000)
	return map[string]struct{ json, want string }{
		"unicode":                         {`"ünï 日本 🔑"`, "ünï 日本 🔑"},
		"an escaped surrogate pair":       {`"\ud83d\udd11"`, "🔑"},
		"escapes":                         {`"a\"b\\c\/d\b\f\n\r\t\u0000"`, "a\"b\\c/d\b\f\n\r\t\x00"},
		"what HTML would escape":          {`"<a href=\"x\">&amp;'</a>"`, `<a href="x">&amp;'</a>`},
		"line and paragraph separators":   {"\"\u2028\u2029\"", "\u2028\u2029"},
		"an empty string":                 {`""`, ""},
		"a string of spaces":              {`"  "`, "  "},
		"a string that ends in CRLF":      {`"pem\r\n"`, "pem\r\n"},
		"a string that looks like JSON":   {`"{\"a\": 1}"`, `{"a": 1}`},
		"a string that looks like base64": {`"aHVudGVyMg=="`, "aHVudGVyMg=="},
		"a large string":                  {`"` + large + `"`, large},
		"a number beyond 2^53":            {`9007199254740993`, "9007199254740993"},
		"a number beyond 2^64":            {`123456789012345678901234567890`, "123456789012345678901234567890"},
		"an exponent":                     {`1e21`, "1e21"},
		"an exponent in capitals":         {`1E+400`, "1E+400"},
		"trailing zeros":                  {`0.10`, "0.10"},
		"many decimals":                   {`0.1000000000000000055511151231257827`, "0.1000000000000000055511151231257827"},
		"a negative zero":                 {`-0`, "-0"},
		"true":                            {`true`, "true"},
		"false":                           {`false`, "false"},
		"null, which is empty":            {`null`, ""},
		"an empty object":                 {`{}`, "{}"},
		"an object with odd spacing":      {"{ \"b\" :1,\r\n\t\"a\":[ ]  }", "{ \"b\" :1,\r\n\t\"a\":[ ]  }"},
		"numbers in an object":            {`{"n":12345678901234567890,"e":1e400,"d":0.10}`, `{"n":12345678901234567890,"e":1e400,"d":0.10}`},
		"escapes in an object":            {`{"a":"\u00fc\/<"}`, `{"a":"\u00fc\/<"}`},
		"a field twice in an object":      {`{"a":1,"a":2}`, `{"a":1,"a":2}`},
		"a list":                          {`[1, "two" ,{"three":3.0}]`, `[1, "two" ,{"three":3.0}]`},
	}
}

func TestFieldsLandByteForByte(t *testing.T) {
	for name, test := range fidelity() {
		t.Run(name, func(t *testing.T) {
			for how, attempt := range map[string]struct {
				content string
				keys    []v1alpha1.DataKey
			}{
				"as a field":                 {`{"key":` + test.json + `}`, nil},
				"with space around":          {"\r\n\t {\"key\" \t:\r\n " + test.json + " \n}\n ", nil},
				"by property":                {`{"p":` + test.json + `}`, []v1alpha1.DataKey{{Key: "key", Property: "p"}}},
				"by path":                    {`{"a": {"b" : {"c":` + test.json + " }}}", []v1alpha1.DataKey{{Key: "key", Property: "a.b.c"}}},
				"by a dotted name":           {`{"a.b":` + test.json + `,"a":{"b":"x"}}`, []v1alpha1.DataKey{{Key: "key", Property: "a.b"}}},
				"by a slashed name":          {`{"/prod/db":` + test.json + `}`, []v1alpha1.DataKey{{Key: "key", Property: "/prod/db"}}},
				"by a name in other letters": {`{"KEY":"x","ключ":` + test.json + `,"Ключ":"y"}`, []v1alpha1.DataKey{{Key: "key", Property: "ключ"}}},
				"by an item of a list":       {`{"l":[0, ` + test.json + ` ,1]}`, []v1alpha1.DataKey{{Key: "key", Property: "l[1]"}}},
				"by the last item of all":    {`[0,` + test.json + `]`, []v1alpha1.DataKey{{Key: "key", Property: "[-1]"}}},
				"by JMESPath":                {`{"a":[{"b": ` + test.json + ` }]}`, []v1alpha1.DataKey{{Key: "key", JMESPath: "a[0].b"}}},
			} {
				if test.json == "null" && strings.Contains(how, "JMESPath") {
					continue // JMESPath has null for what is not there.
				}
				data, err := renderOne(source.TextValue(attempt.content), attempt.keys)
				if err != nil {
					t.Errorf("%s: %v", how, err)
					continue
				}
				if got := string(data["key"]); got != test.want || len(data) != 1 {
					t.Errorf("%s: got %.80q of %d keys, want %.80q", how, got, len(data), test.want)
				}
			}
		})
	}
}

func TestFieldsOfDataFromLandByteForByte(t *testing.T) {
	for name, test := range fidelity() {
		for how, entry := range map[string]v1alpha1.DataFrom{
			"of a source":            {},
			"of a property":          {Property: "p"},
			"of those found":         {Find: &v1alpha1.Find{NamePrefix: "n", Take: v1alpha1.FindTakeFields}},
			"of a property of those": {Find: &v1alpha1.Find{NamePrefix: "n", Take: v1alpha1.FindTakeFields}, Property: "p"},
		} {
			content := `{"a.key/1" : ` + test.json + "\r\n}"
			if entry.Property != "" {
				content = `{"p":` + content + "}"
			}
			entry.Conversion = v1alpha1.KeyConversionUnicode
			for _, value := range []source.Value{source.TextValue(content), source.BinaryValue([]byte(content))} {
				data, err := renderData(newWork(), &v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{entry}}, Inputs{DataFrom: [][]NamedValue{{{Name: "name", Value: value}}}})
				if got := string(data["a.key_U002f_1"]); err != nil || got != test.want || len(data) != 1 {
					t.Errorf("%s, %s: got %.80q of %d keys, %v, want %.80q", name, how, got, len(data), err, test.want)
				}
			}
		}
	}
}

func TestWholeValuesLandByteForByte(t *testing.T) {
	for name, value := range map[string]source.Value{
		"text with CRLF and a trailing newline":  source.TextValue("line\r\nline\r\n\n"),
		"text with spaces around":                source.TextValue("  \t token \n"),
		"spaces alone":                           source.TextValue(" \n"),
		"a JSON string, which keeps its quotes":  source.TextValue(`"token"`),
		"a JSON number":                          source.TextValue("12345678901234567890"),
		"a JSON list":                            source.TextValue(`[{"a":1}]`),
		"a byte order mark before an object":     source.TextValue("\ufeff{\"a\":1}"),
		"the largest text":                       source.TextValue(strings.Repeat("ü", 32768)),
		"every byte":                             source.BinaryValue(everyByte()),
		"a binary that looks like a JSON object": source.BinaryValue([]byte(`{"a":1}`)),
		"a binary of zeros":                      source.BinaryValue(make([]byte, 65536)),
	} {
		for how, keys := range map[string][]v1alpha1.DataKey{"value": nil, "chosen": {{Key: "chosen"}}} {
			data, err := renderOne(value, keys)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if string(data[how]) != string(value.Bytes()) || len(data) != 1 {
				t.Errorf("%s: the key %q has %d bytes, want %d", name, how, len(data[how]), len(value.Bytes()))
			}
		}
		find := v1alpha1.DataFrom{Find: &v1alpha1.Find{NamePrefix: "/"}}
		data, err := renderData(newWork(), &v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{find}}, Inputs{DataFrom: [][]NamedValue{{{Name: "/found", Value: value}}}})
		if err != nil || string(data["found"]) != string(value.Bytes()) || len(data) != 1 {
			t.Errorf("%s: found, the key has %d bytes, want %d (%v)", name, len(data["found"]), len(value.Bytes()), err)
		}
	}
}

// TestRefusalsStayShort: values in AWS must not make a message longer than a condition's 32 KiB.
func TestRefusalsStayShort(t *testing.T) {
	long := strings.Repeat("ü", 5000)
	for name, test := range map[string]struct {
		content  string
		property string
	}{
		"a long name that can't be a key": {`{"` + long + ` x":1}`, ""},
		"long names beside a property":    {`{"` + long + `1":1,"` + long + `2":1}`, "p"},
		"a long path":                     {`{"a":1}`, "a." + strings.Repeat("b.", 500)},
	} {
		var keys []v1alpha1.DataKey
		if test.property != "" {
			keys = []v1alpha1.DataKey{{Key: "k", Property: test.property}}
		}
		_, err := renderOne(source.TextValue(test.content), keys)
		if refusal, ok := errors.AsType[*Error](err); !ok {
			t.Errorf("%s: the error is a %T", name, err)
		} else if len(refusal.Message) > 2000 {
			t.Errorf("%s: a refusal of %d bytes", name, len(refusal.Message))
		}
	}
}
