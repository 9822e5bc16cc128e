package render

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

func TestProperties(t *testing.T) {
	const object = `{"hosts":[{"name":"first","ports":[[80,0.10],[443]]},{"name":"last"}],"a.b":{"c":"behind a dot","d":[5]},"a":{"b":{"x":1}},
		"x":{"y.z":"unreachable","y":{"z":"by steps"},"n[0]":"brackets in a name","l":[7]},"list[0]":"literal","list":["item"],"/prod/db":{"k/e/y":2},
		"w[x]":3,"":{"":"empty names"},"p.q":{"r":"shorter"},"p.q.r":{"s":"longer"},"none":null,"[0]":"a name"}`
	for name, test := range map[string]struct{ content, property, want string }{
		"an item of a list":                                  {object, "hosts[0].name", "first"},
		"the last item":                                      {object, "hosts[-1].name", "last"},
		"the first item, counted from the end":               {object, "hosts[-2].name", "first"},
		"an item of an item, digit for digit":                {object, "hosts[0].ports[0][1]", "0.10"},
		"a whole item, byte for byte":                        {object, "hosts[0]", `{"name":"first","ports":[[80,0.10],[443]]}`},
		"a step that is an index alone":                      {object, "hosts.[1].name", "last"},
		"a literal name before an item":                      {object, "list[0]", "literal"},
		"a first name with a dot":                            {object, "a.b.c", "behind a dot"},
		"an item behind a first name with a dot":             {object, "a.b.d[0]", "5"},
		"steps before a first name with a dot":               {object, "a.b.x", "1"},
		"steps, where a later name has a dot":                {object, "x.y.z", "by steps"},
		"a later name with brackets":                         {object, "x.n[0]", "brackets in a name"},
		"a later item":                                       {object, "x.l[0]", "7"},
		"slashes in names":                                   {object, "/prod/db.k/e/y", "2"},
		"brackets without a number":                          {object, "w[x]", "3"},
		"empty names":                                        {object, ".", "empty names"},
		"the shorter of two first names, where both do":      {`{"a.b":{"c.d":1,"c":{"d":"short"}},"a.b.c":{"d":"long"}}`, "a.b.c.d", "short"},
		"the longer of two first names, where it alone does": {object, "p.q.r.s", "longer"},
		"a name that looks like an index":                    {object, "[0]", "a name"},
		"an item of a value that is a list":                  {` [ {"name":"n"}, 2 ]`, "[0].name", "n"},
		"a number of such a list":                            {`[1, 12345678901234567890]`, "[-1]", "12345678901234567890"},
		"a list in such a list, byte for byte":               {`[[1 , 2.0]]`, "[0]", "[1 , 2.0]"},
		"null, which is empty":                               {object, "none", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, value := range []source.Value{source.TextValue(test.content), source.BinaryValue([]byte(test.content))} {
				data, err := renderOne(value, []v1alpha1.DataKey{{Key: "k", Property: test.property}})
				if err != nil || string(data["k"]) != test.want {
					t.Errorf("got %q, %v, want %q", data["k"], err, test.want)
				}
			}
		})
	}
}

func TestPropertiesThatAreNotThere(t *testing.T) {
	const object = `{"hosts":[{"name":"hunter2"}],"a":{"b":"hunter2"},"x":{"y.z":"hunter2"},"none":null}`
	for name, test := range map[string]struct{ content, property, mention string }{
		"an item beyond the end":              {object, "hosts[1]", `"hosts" has 1 items`},
		"an item before the beginning":        {object, "hosts[-2].name", `"hosts" has 1 items`},
		"an item of an object":                {object, "a[0]", `"a" has only the fields "b"`},
		"an item of a string":                 {object, "a.b[0]", `"a.b" has no fields`},
		"a field of an item":                  {object, "hosts[0].port", `"hosts[0]" has only the fields "name"`},
		"a field of a list":                   {object, "hosts.name", `"hosts" has 1 items`},
		"a field of null":                     {object, "none.x", `"none" has no fields`},
		"a later name with a dot":             {object, "x.y.z", `"x" has only the fields "y.z"`},
		"an index that is no number":          {object, "hosts[first]", `only the fields "a", "hosts"`},
		"an index of more digits than any":    {object, "hosts[99999999999999999999]", `only the fields "a", "hosts"`},
		"an index with a sign that is a plus": {object, "hosts[+0]", `only the fields "a"`},
		"an item of a list in a list":         {`[["hunter2"]]`, "[0][1]", `"[0]" has 1 items`},
		"an item beyond the end of the value": {`["hunter2"]`, "[1]", "the JSON document has 1 items"},
		"an item of an empty list":            {`[]`, "[0]", "has 0 items"},
	} {
		t.Run(name, func(t *testing.T) {
			keys := []v1alpha1.DataKey{{Key: "k", Property: test.property}}
			_, err := renderOne(source.TextValue(test.content), keys)
			wantRefusal(t, err, v1alpha1.ReasonPropertyNotFound, `key "k" wants property`, test.mention)
			keys[0].Optional = true
			data, err := renderOne(source.TextValue(test.content), append(keys, v1alpha1.DataKey{Key: "whole"}))
			if diff := cmp.Diff(map[string]string{"whole": test.content}, asText(data)); err != nil || diff != "" {
				t.Errorf("as an optional one: %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestJMESPath(t *testing.T) {
	const object = `{"users":[{"name":"a","id":12345678901234567890},{"name":"b","id":1e21}],"none":null,"o":{ "x" :1}}`
	for expression, want := range map[string]string{
		"users[?name=='a'].id | [0]": "12345678901234567890",
		"users[-1].id":               "1e21",
		"users[1]":                   `{"name":"b","id":1e21}`,
		"o":                          `{ "x" :1}`,
		"users[*].name":              `["a","b"]`,
		"join(',', users[*].name)":   "a,b",
		"@":                          object,
	} {
		for _, value := range []source.Value{source.TextValue(object), source.BinaryValue([]byte(object))} {
			data, err := renderOne(value, []v1alpha1.DataKey{{Key: "k", JMESPath: expression}})
			if err != nil || string(data["k"]) != want {
				t.Errorf("%s gives %q, %v, want %q", expression, data["k"], err, want)
			}
		}
	}
}

func TestRenderKeysRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		value    source.Value
		key      v1alpha1.DataKey
		reason   string
		mentions []string
	}{
		"an expression with an error":                  {source.TextValue(`{}`), v1alpha1.DataKey{JMESPath: "a..b"}, v1alpha1.ReasonInvalidValue, []string{`spec.data["k"].jmesPath`, "syntax error at byte 3"}},
		"an expression that fails on the value":        {source.TextValue(`{"a":"hunter2"}`), v1alpha1.DataKey{JMESPath: "abs(a)"}, v1alpha1.ReasonInvalidValue, []string{`spec.data["k"].jmesPath`, "function abs"}},
		"an expression that finds null":                {source.TextValue(`{"a":null}`), v1alpha1.DataKey{JMESPath: "a"}, v1alpha1.ReasonPropertyNotFound, []string{`spec.data["k"].jmesPath`, "null"}},
		"an expression on a text":                      {source.TextValue(marker), v1alpha1.DataKey{JMESPath: "a"}, v1alpha1.ReasonInvalidValue, []string{`spec.data["k"].jmesPath`, "syntax error at byte 1"}},
		"an expression on a binary":                    {source.BinaryValue([]byte(marker)), v1alpha1.DataKey{JMESPath: "a"}, v1alpha1.ReasonInvalidValue, []string{"binary"}},
		"an expression on binary JSON that is no text": {source.BinaryValue([]byte("{\"a\":\"\xff\"}")), v1alpha1.DataKey{JMESPath: "a"}, v1alpha1.ReasonInvalidValue, []string{"binary"}},
		"a property of binary JSON that is no text":    {source.BinaryValue([]byte("{\"a\":\"\xff\"}")), v1alpha1.DataKey{Property: "a"}, v1alpha1.ReasonInvalidValue, []string{"binary"}},
		"a property of a list without a number":        {source.TextValue(`[{"a":"hunter2"}]`), v1alpha1.DataKey{Property: "a"}, v1alpha1.ReasonInvalidValue, []string{`"[0].name"`}},
		"an empty value":                               {source.TextValue(""), v1alpha1.DataKey{JMESPath: "a", Optional: true}, v1alpha1.ReasonInvalidValue, []string{"empty"}},
		"what is no Base64":                            {source.TextValue("aHVu dGVy*hunter2"), v1alpha1.DataKey{Decode: v1alpha1.DecodingBase64}, v1alpha1.ReasonInvalidValue, []string{`key "k"`, "Base64", "byte 10", `spec.data["k"]`}},
		"a property that is no Base64":                 {source.TextValue(`{"a":"hunter2!"}`), v1alpha1.DataKey{Property: "a", Decode: v1alpha1.DecodingBase64URL, Optional: true}, v1alpha1.ReasonInvalidValue, []string{"Base64URL", "byte 8"}},
	} {
		t.Run(name, func(t *testing.T) {
			test.key.Key = "k"
			data, err := renderOne(test.value, []v1alpha1.DataKey{test.key})
			wantRefusal(t, err, test.reason, test.mentions...)
			if data != nil {
				t.Errorf("a refusal came with %d keys", len(data))
			}
		})
	}
}

func TestSourcesOfTheirOwn(t *testing.T) {
	first, other := textValue(`{"a":"one"}`), textValue(`{"a":"other"}`)
	spec := &v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{
		{Key: "A", Property: "a"}, {Key: "B", Property: "a"}, {Key: "C", Property: "a", Optional: true}, {Key: "D", JMESPath: "b", Optional: true}, {Key: "E"}}}
	data, err := renderData(newWork(), spec, Inputs{Data: []*source.Value{first, other, nil, other, first}})
	if diff := cmp.Diff(map[string]string{"A": "one", "B": "other", "E": `{"a":"one"}`}, asText(data)); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for name, test := range map[string]struct {
		spec    v1alpha1.SecretSyncSpec
		inputs  Inputs
		mention string
	}{
		"no value for a key":                  {v1alpha1.SecretSyncSpec{Data: spec.Data[:1]}, Inputs{Data: []*source.Value{nil}}, `key "A"`},
		"fewer values than keys":              {v1alpha1.SecretSyncSpec{Data: spec.Data[:2]}, Inputs{Data: []*source.Value{first}}, `key "B"`},
		"no value at all":                     {v1alpha1.SecretSyncSpec{}, Inputs{}, "nothing to write"},
		"nothing but keys that are left out":  {v1alpha1.SecretSyncSpec{Data: spec.Data[2:4]}, Inputs{Data: []*source.Value{nil, other}}, "nothing to write"},
		"nothing but names that are left out": {v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{{Exclude: []string{"*"}}}}, Inputs{DataFrom: [][]NamedValue{{{Value: *first}}}}, "nothing to write"},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := renderData(newWork(), &test.spec, test.inputs)
			wantRefusal(t, err, v1alpha1.ReasonInvalidValue, test.mention)
			if data != nil {
				t.Errorf("a refusal came with %d keys", len(data))
			}
		})
	}
}

func TestDecode(t *testing.T) {
	all := string(everyByte())
	std, url := base64.StdEncoding.EncodeToString([]byte(all)), base64.URLEncoding.EncodeToString([]byte(all))
	for name, test := range map[string]struct {
		decoding      v1alpha1.Decoding
		encoded, want string
	}{
		"every byte":                   {v1alpha1.DecodingBase64, std, all},
		"every byte, for URLs":         {v1alpha1.DecodingBase64URL, url, all},
		"without padding":              {v1alpha1.DecodingBase64, strings.TrimRight(std, "="), all},
		"without padding, for URLs":    {v1alpha1.DecodingBase64URL, strings.TrimRight(url, "="), all},
		"in lines that end in CRLF":    {v1alpha1.DecodingBase64, std[:76] + "\r\n" + std[76:] + "\r\n", all},
		"with blanks around and in it": {v1alpha1.DecodingBase64, " aG\tVs bG8 = \n", "hello"},
		"nothing":                      {v1alpha1.DecodingBase64, "", ""},
		"blanks alone":                 {v1alpha1.DecodingBase64URL, " \n", ""},
	} {
		if got, err := decode(test.decoding, []byte(test.encoded)); err != nil || string(got) != test.want {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	for name, test := range map[string]struct {
		decoding         v1alpha1.Decoding
		encoded, mention string
	}{
		"another character":          {v1alpha1.DecodingBase64, "aG Vs*G8=", "wrong at byte 6"},
		"the alphabet of URLs":       {v1alpha1.DecodingBase64, "-_-_", "wrong at byte 1"},
		"the alphabet of no URLs":    {v1alpha1.DecodingBase64URL, "AA+/", "wrong at byte 3"},
		"a character too few":        {v1alpha1.DecodingBase64, "aGVsb", "wrong at byte 5"},
		"too much padding":           {v1alpha1.DecodingBase64, "aGVsbG8==", "wrong padding at byte 8"},
		"too little padding":         {v1alpha1.DecodingBase64, "aGVsbA=", "wrong padding at byte 7"},
		"nothing but padding":        {v1alpha1.DecodingBase64, "====", "wrong padding at byte 1"},
		"padding in the middle":      {v1alpha1.DecodingBase64, "aGk=aGk=", "wrong at byte 4"},
		"a decoding of another time": {"Base32", "aGk=", "not known"},
	} {
		if got, err := decode(test.decoding, []byte(test.encoded)); err == nil || !strings.Contains(err.Error(), test.mention) || got != nil {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, test.mention)
		}
	}
}
