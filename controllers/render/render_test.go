package render

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

func everyByte() []byte {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return all
}

func TestRender(t *testing.T) {
	large := strings.Repeat("x", 65536)
	for name, test := range map[string]struct {
		value source.Value
		keys  []v1alpha1.DataKey
		want  map[string]string
	}{
		"a plain text lands whole under the key value": {
			value: source.TextValue("sk-live-1\r\n"),
			want:  map[string]string{"value": "sk-live-1\r\n"},
		},
		"a JSON array is no object and lands whole": {
			value: source.TextValue(`["a", 1]`),
			want:  map[string]string{"value": `["a", 1]`},
		},
		"a binary lands undamaged, every byte of it": {
			value: source.BinaryValue(everyByte()),
			want:  map[string]string{"value": string(everyByte())},
		},
		"a binary that looks like JSON is not looked into": {
			value: source.BinaryValue([]byte(`{"a":"b"}`)),
			want:  map[string]string{"value": `{"a":"b"}`},
		},
		"the largest value that AWS allows lands whole": {
			value: source.TextValue(large),
			want:  map[string]string{"value": large},
		},
		"an object lands one key per field, everything but strings as its JSON text": {
			value: source.TextValue(` {"user":"ünï\u00e9 \"q\"","port":5432,"big":12345678901234567890,"exp":1e21,"cents":0.10,` +
				`"on":true,"none":null,"empty":"","nested":{ "a" : [1, 2] },"dotted.name":"d"} `),
			want: map[string]string{
				"user": `ünïé "q"`, "port": "5432", "big": "12345678901234567890", "exp": "1e21", "cents": "0.10",
				"on": "true", "none": "", "empty": "", "nested": `{ "a" : [1, 2] }`, "dotted.name": "d",
			},
		},
		"listed keys are the only ones": {
			value: source.TextValue(`{"username":"u","password":"p"}`),
			keys:  []v1alpha1.DataKey{{Key: "DB_PASSWORD", Property: "password"}},
			want:  map[string]string{"DB_PASSWORD": "p"},
		},
		"a key without property takes the whole value": {
			value: source.TextValue(`{"a":"b"}`),
			keys:  []v1alpha1.DataKey{{Key: "config.json"}, {Key: "A", Property: "a"}},
			want:  map[string]string{"config.json": `{"a":"b"}`, "A": "b"},
		},
		"a key without property takes a text that only begins like JSON": {
			value: source.TextValue(`{not json`),
			keys:  []v1alpha1.DataKey{{Key: "template"}},
			want:  map[string]string{"template": `{not json`},
		},
		"a property is the literal name of a field before it is a path": {
			value: source.TextValue(`{"a.b":"literal","a":{"b":"nested","c/d":{"e":7}}}`),
			keys:  []v1alpha1.DataKey{{Key: "one", Property: "a.b"}, {Key: "two", Property: "a.c/d.e"}, {Key: "three", Property: "a"}},
			want:  map[string]string{"one": "literal", "two": "7", "three": `{"b":"nested","c/d":{"e":7}}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := renderOne(test.value, test.keys)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, asText(data)); diff != "" {
				t.Errorf("keys differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRenderRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		value   source.Value
		keys    []v1alpha1.DataKey
		reason  string
		mention string
	}{
		"an empty value":                     {source.TextValue(""), nil, v1alpha1.ReasonInvalidValue, "empty"},
		"an object without fields":           {source.TextValue(" {} "), nil, v1alpha1.ReasonInvalidValue, "without fields"},
		"a broken object":                    {source.TextValue(`{"a":"hunter2"`), nil, v1alpha1.ReasonInvalidValue, "byte 14"},
		"an object with something behind it": {source.TextValue(`{"a":"b"} hunter2`), nil, v1alpha1.ReasonInvalidValue, "byte"},
		"a field that can't be a key":        {source.TextValue(`{"my key":"hunter2"}`), nil, v1alpha1.ReasonInvalidValue, `"my key"`},
		"a property of a plain text":         {source.TextValue(marker), []v1alpha1.DataKey{{Key: "k", Property: "p"}}, v1alpha1.ReasonInvalidValue, "not a JSON object"},
		"a property of an array":             {source.TextValue(`["hunter2"]`), []v1alpha1.DataKey{{Key: "k", Property: "p"}}, v1alpha1.ReasonInvalidValue, "not a JSON object"},
		"a property of null":                 {source.TextValue(`null`), []v1alpha1.DataKey{{Key: "k", Property: "p"}}, v1alpha1.ReasonInvalidValue, "not a JSON object"},
		"a property of a binary":             {source.BinaryValue([]byte(marker)), []v1alpha1.DataKey{{Key: "k", Property: "p"}}, v1alpha1.ReasonInvalidValue, "binary"},
		"a property that is not there":       {source.TextValue(`{"pasword":"hunter2"}`), []v1alpha1.DataKey{{Key: "k", Property: "password"}}, v1alpha1.ReasonPropertyNotFound, "pasword"},
		"a path that ends too early":         {source.TextValue(`{"a":{"b":"hunter2"}}`), []v1alpha1.DataKey{{Key: "k", Property: "a.c"}}, v1alpha1.ReasonPropertyNotFound, `"a" has only the fields "b"`},
		"a property among many": {source.TextValue(`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":"hunter2"}`),
			[]v1alpha1.DataKey{{Key: "k", Property: "p"}}, v1alpha1.ReasonPropertyNotFound, `"i", "j" and 1 more`},
		"a property of an object without fields":          {source.TextValue(`{}`), []v1alpha1.DataKey{{Key: "k", Property: "p"}}, v1alpha1.ReasonPropertyNotFound, "no fields"},
		"a name with a line break":                        {source.TextValue("{\"a\\nb\":\"hunter2\"}"), nil, v1alpha1.ReasonInvalidValue, `"a\nb"`},
		"a name that starts with two dots":                {source.TextValue(`{"..a":"hunter2"}`), nil, v1alpha1.ReasonInvalidValue, `"..a"`},
		"a name with a slash":                             {source.TextValue(`{"a/b":"hunter2"}`), nil, v1alpha1.ReasonInvalidValue, "name the field as property"},
		"an empty name":                                   {source.TextValue(`{"":"hunter2"}`), nil, v1alpha1.ReasonInvalidValue, `""`},
		"one of several such names, always the same":      {source.TextValue(`{"z z":1,"y y":1,"x x":1,"b b":1,"a a":"hunter2"}`), nil, v1alpha1.ReasonInvalidValue, `"a a"`},
		"an empty binary":                                 {source.BinaryValue(nil), []v1alpha1.DataKey{{Key: "k"}}, v1alpha1.ReasonInvalidValue, "empty"},
		"a broken object of which a key wants a property": {source.TextValue(`{"a":"hunter2`), []v1alpha1.DataKey{{Key: "k", Property: "a"}}, v1alpha1.ReasonInvalidValue, "syntax error at byte"},
		"a character that JSON does not know":             {source.TextValue(`{"a": hunter2}`), nil, v1alpha1.ReasonInvalidValue, "byte 7"},
		"a path through a string":                         {source.TextValue(`{"a":"hunter2"}`), []v1alpha1.DataKey{{Key: "k", Property: "a.b"}}, v1alpha1.ReasonPropertyNotFound, `"a" has no fields`},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := renderOne(test.value, test.keys)
			wantRefusal(t, err, test.reason, test.mention)
			if data != nil {
				t.Errorf("a refusal came with %d keys", len(data))
			}
		})
	}
}

// A parser's error tends to quote the character that it met, which may be one of the value's.
func TestARefusalDoesNotEvenQuoteACharacter(t *testing.T) {
	for _, content := range []string{`{"a": ~}`, `{"a":"b"}~`, `{~`, `{"a":"\~"}`, `{"a":1~}`} {
		for _, keys := range [][]v1alpha1.DataKey{nil, {{Key: "k", Property: "a"}}} {
			if _, err := renderOne(source.TextValue(content), keys); err == nil || strings.Contains(err.Error(), "~") {
				t.Errorf("%s gives %v", content, err)
			}
		}
	}
}
