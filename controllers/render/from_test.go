package render

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// found are secrets by name and text, two strings each.
func found(pairs ...string) []NamedValue {
	var secrets []NamedValue
	for i := 0; i < len(pairs); i += 2 {
		secrets = append(secrets, NamedValue{Name: pairs[i], Value: source.TextValue(pairs[i+1])})
	}
	return secrets
}

// fromCase is one entry of spec.dataFrom, with the secrets it takes.
type fromCase struct {
	entry   v1alpha1.DataFrom
	secrets []NamedValue
	want    map[string]string
}

func TestDataFrom(t *testing.T) {
	const object = `{"user":"u","password":"p","port":5432,"my key":"m","a/b":1e21,"sub":{"x":"y","n":null,"o":{ "z" :0.10}}}`
	secret := func(content string) []NamedValue { return found("/prod/db", content) }
	values := &v1alpha1.Find{NamePrefix: "/prod/"}
	fields := &v1alpha1.Find{NamePrefix: "/prod/", Take: v1alpha1.FindTakeFields}
	for name, test := range map[string]fromCase{
		"every field": {v1alpha1.DataFrom{}, secret(`{"a":"b","n":0.10,"o":{ "x" :1},"none":null,"empty":""}`),
			map[string]string{"a": "b", "n": "0.10", "o": `{ "x" :1}`, "none": "", "empty": ""}},
		"those that include takes": {v1alpha1.DataFrom{Include: []string{"p*", "use?"}}, secret(object),
			map[string]string{"user": "u", "password": "p", "port": "5432"}},
		"those that exclude leaves": {v1alpha1.DataFrom{Include: []string{"p*", "user"}, Exclude: []string{"*ort"}}, secret(object),
			map[string]string{"user": "u", "password": "p"}},
		"names that no key may have, left out": {v1alpha1.DataFrom{Exclude: []string{"* *", "a/?", "sub"}}, secret(object),
			map[string]string{"user": "u", "password": "p", "port": "5432"}},
		"a prefix": {v1alpha1.DataFrom{Include: []string{"port"}, Prefix: "DB_"}, secret(object), map[string]string{"DB_port": "5432"}},
		"underscores": {v1alpha1.DataFrom{Include: []string{"my*", "a*"}, Conversion: v1alpha1.KeyConversionUnderscore}, secret(object),
			map[string]string{"my_key": "m", "a_b": "1e21"}},
		"code points": {v1alpha1.DataFrom{Include: []string{"my*", "a*", "ü*"}, Conversion: v1alpha1.KeyConversionUnicode}, secret(`{"my key":"m","a/b":1,"ü🔑":2}`),
			map[string]string{"my_U0020_key": "m", "a_U002f_b": "1", "_U00fc__U1f511_": "2"}},
		"renamed, all matches, one after the other": {v1alpha1.DataFrom{Include: []string{"password"},
			Rename: []v1alpha1.Rename{{Match: "s", Replace: "S"}, {Match: "^(pa)(?P<rest>.*)$", Replace: "${rest}-$1"}, {Match: "w"}}}, secret(object), map[string]string{"SSord-pa": "p"}},
		"renamed before conversion, and prefix last": {v1alpha1.DataFrom{Include: []string{"my key"}, Prefix: "P.",
			Rename: []v1alpha1.Rename{{Match: "key", Replace: "own/key"}}, Conversion: v1alpha1.KeyConversionUnderscore}, secret(object), map[string]string{"P.my_own_key": "m"}},
		"a property":                             {v1alpha1.DataFrom{Property: "sub"}, secret(object), map[string]string{"x": "y", "n": "", "o": `{ "z" :0.10}`}},
		"a path":                                 {v1alpha1.DataFrom{Property: "l[0].o"}, secret(`{"l":[{"o":{"k":"v"}}]}`), map[string]string{"k": "v"}},
		"decoded":                                {v1alpha1.DataFrom{Decode: v1alpha1.DecodingBase64}, secret(`{"a":"aGk=","b":"AP8","c":""}`), map[string]string{"a": "hi", "b": "\x00\xff", "c": ""}},
		"a binary that is a JSON object":         {v1alpha1.DataFrom{}, []NamedValue{{Value: source.BinaryValue([]byte(`{"a":"b"}`))}}, map[string]string{"a": "b"}},
		"an optional one that is not there":      {v1alpha1.DataFrom{Optional: true}, nil, map[string]string{}},
		"an optional property that is not there": {v1alpha1.DataFrom{Property: "none", Optional: true}, secret(object), map[string]string{}},
		"an object without fields":               {v1alpha1.DataFrom{}, secret(`{}`), map[string]string{}},

		"found, one key per secret": {v1alpha1.DataFrom{Find: values}, found("/prod/db/main", "text\r\n", "/prod/api", `{"a":"b"}`),
			map[string]string{"db_main": "text\r\n", "api": `{"a":"b"}`}},
		"found, a binary with every byte": {v1alpha1.DataFrom{Find: values}, []NamedValue{{Name: "/prod/x", Value: source.BinaryValue(everyByte())}},
			map[string]string{"x": string(everyByte())}},
		"found by tags, the whole name": {v1alpha1.DataFrom{Find: &v1alpha1.Find{Tags: map[string]string{"a": "b"}}}, found("/prod/db", "1"), map[string]string{"_prod_db": "1"}},
		"found, as code points":         {v1alpha1.DataFrom{Find: values, Conversion: v1alpha1.KeyConversionUnicode}, found("/prod/a/b", "1"), map[string]string{"a_U002f_b": "1"}},
		"found, chosen by the name without namePrefix": {v1alpha1.DataFrom{Find: values, Include: []string{"d*"}, Exclude: []string{"*/?"}, Prefix: "X_"},
			found("/prod/db", "1", "/prod/db/a", "2", "/prod/api", "3"), map[string]string{"X_db": "1"}},
		"found, a property of each":                         {v1alpha1.DataFrom{Find: values, Property: "a"}, found("/prod/x", `{"a":0.10}`, "/prod/y", `{"a":"s"}`), map[string]string{"x": "0.10", "y": "s"}},
		"found, an optional property of some":               {v1alpha1.DataFrom{Find: values, Property: "a", Optional: true}, found("/prod/x", `{"b":1}`, "/prod/y", `{"a":"s"}`), map[string]string{"y": "s"}},
		"found, left out before its property is looked for": {v1alpha1.DataFrom{Find: values, Property: "a", Exclude: []string{"x"}}, found("/prod/x", "text", "/prod/y", `{"a":"s"}`), map[string]string{"y": "s"}},
		"found, decoded":                                    {v1alpha1.DataFrom{Find: values, Decode: v1alpha1.DecodingBase64URL}, found("/prod/x", "_-8"), map[string]string{"x": "\xff\xef"}},
		"found, fields of each":                             {v1alpha1.DataFrom{Find: fields}, found("/prod/x", `{"a":1}`, "/prod/y", `{"b":{"c":2}}`), map[string]string{"a": "1", "b": `{"c":2}`}},
		"found, fields of a property":                       {v1alpha1.DataFrom{Find: fields, Property: "p"}, found("/prod/x", `{"p":{"a":1}}`), map[string]string{"a": "1"}},
		"found, nothing, being optional":                    {v1alpha1.DataFrom{Find: values, Optional: true}, nil, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := newDocuments(newWork(), nulls{}).renderFrom([]v1alpha1.DataFrom{test.entry}, [][]NamedValue{test.secrets})
			if diff := cmp.Diff(test.want, asText(data)); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestDataGoesBeforeDataFrom(t *testing.T) {
	spec := &v1alpha1.SecretSyncSpec{
		DataFrom: []v1alpha1.DataFrom{{}, {Prefix: "X_"}},
		Data:     []v1alpha1.DataKey{{Key: "a", Property: "own"}, {Key: "b", Property: "none", Optional: true}},
	}
	inputs := Inputs{
		DataFrom: [][]NamedValue{found("x", `{"a":"from","b":"from"}`), found("y", `{"a":"other"}`)},
		Data:     []*source.Value{textValue(`{"own":"data"}`), textValue(`{"own":"data"}`)},
	}
	data, err := renderData(newWork(), spec, inputs)
	// An optional entry that is left out leaves the key to dataFrom.
	if diff := cmp.Diff(map[string]string{"a": "data", "b": "from", "X_a": "other"}, asText(data)); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestOverlap: an entry with overlap: Override overrides the keys of all entries before it, and only those that it has.
func TestOverlap(t *testing.T) {
	override := v1alpha1.DataFrom{Overlap: v1alpha1.OverlapOverride, Optional: true}
	find := v1alpha1.DataFrom{Find: &v1alpha1.Find{NamePrefix: "/"}}
	base := found("x", `{"a":"base","b":"base","c":"base"}`)
	for name, test := range map[string]struct {
		entries []v1alpha1.DataFrom
		secrets [][]NamedValue
		want    map[string]string
		nulls   []string
	}{
		"the later one":             {[]v1alpha1.DataFrom{{}, override}, [][]NamedValue{base, found("y", `{"b":"own","d":"own"}`)}, map[string]string{"a": "base", "b": "own", "c": "base", "d": "own"}, nil},
		"the latest one":            {[]v1alpha1.DataFrom{{}, override, override}, [][]NamedValue{base, found("y", `{"a":"own","b":"own"}`), found("z", `{"b":"last"}`)}, map[string]string{"a": "own", "b": "last", "c": "base"}, nil},
		"one that does not exist":   {[]v1alpha1.DataFrom{{}, override}, [][]NamedValue{base, nil}, map[string]string{"a": "base", "b": "base", "c": "base"}, nil},
		"over secrets that find":    {[]v1alpha1.DataFrom{find, override}, [][]NamedValue{found("/a", "found", "/b", "found"), found("y", `{"b":"own"}`)}, map[string]string{"a": "found", "b": "own"}, nil},
		"by null":                   {[]v1alpha1.DataFrom{{}, override}, [][]NamedValue{found("x", `{"a":"base"}`), found("y", `{"a":null}`)}, map[string]string{"a": ""}, []string{"a"}},
		"over null":                 {[]v1alpha1.DataFrom{{}, override}, [][]NamedValue{found("x", `{"a":null}`), found("y", `{"a":"own"}`)}, map[string]string{"a": "own"}, nil},
		"over null, by null to set": {[]v1alpha1.DataFrom{{}, {Overlap: v1alpha1.OverlapOverride, Nulls: v1alpha1.NullEmpty}}, [][]NamedValue{found("x", `{"a":null}`), found("y", `{"a":null}`)}, map[string]string{"a": ""}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := Render(newWork(), &v1alpha1.SecretSyncSpec{DataFrom: test.entries}, Inputs{DataFrom: test.secrets})
			if diff := cmp.Diff(test.want, asText(made.Data)); err != nil || diff != "" || !slices.Equal(made.Nulls, test.nulls) {
				t.Errorf("%v, nulls %q (-want +got):\n%s", err, made.Nulls, diff)
			}
		})
	}
	// What is overridden does not count against the size.
	half := `{"a":"` + strings.Repeat("x", collectedMost/2) + `"}`
	if _, err := Render(newWork(), &v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{{}, override, override}}, Inputs{DataFrom: slices.Repeat([][]NamedValue{found("x", half)}, 3)}); err != nil {
		t.Error(err)
	}
}

func TestDataFromRefuses(t *testing.T) {
	const object = `{"my key":"hunter2"}`
	values := &v1alpha1.Find{NamePrefix: "/prod/"}
	fields := &v1alpha1.Find{NamePrefix: "/prod/", Take: v1alpha1.FindTakeFields}
	underscore := v1alpha1.KeyConversionUnderscore
	for name, test := range map[string]struct {
		entries  []v1alpha1.DataFrom
		secrets  [][]NamedValue
		reason   string
		mentions []string
	}{
		"two entries with one key": {[]v1alpha1.DataFrom{{}, {}}, [][]NamedValue{found("x", `{"a":"hunter2"}`), found("y", `{"a":1}`)}, v1alpha1.ReasonInvalidValue,
			[]string{"spec.dataFrom[0] and spec.dataFrom[1]", `key "a"`, "prefix", "overlap: Override on spec.dataFrom[1]"}},
		"one key that overlap must refuse": {[]v1alpha1.DataFrom{{Overlap: v1alpha1.OverlapOverride}, {Overlap: v1alpha1.OverlapRefuse}}, [][]NamedValue{found("x", `{"a":"hunter2"}`), found("y", `{"a":1}`)}, v1alpha1.ReasonInvalidValue,
			[]string{"spec.dataFrom[0] and spec.dataFrom[1]", `key "a"`}},
		"two fields of an entry that overrides": {[]v1alpha1.DataFrom{{}, {Conversion: underscore, Overlap: v1alpha1.OverlapOverride}}, [][]NamedValue{found("x", `{"a_b":1}`), found("y", `{"a b":"hunter2","a/b":1}`)}, v1alpha1.ReasonInvalidValue,
			[]string{"spec.dataFrom[1] gives the key \"a_b\" twice", `field "a b"`, `field "a/b"`}},
		"two fields with one key": {[]v1alpha1.DataFrom{{Conversion: underscore}}, [][]NamedValue{found("x", `{"a b":"hunter2","a/b":1}`)}, v1alpha1.ReasonInvalidValue,
			[]string{"spec.dataFrom[0] gives the key \"a_b\" twice", `field "a b"`, `field "a/b"`}},
		"two secrets with one key": {[]v1alpha1.DataFrom{{Find: values}}, [][]NamedValue{found("/prod/a/b", marker, "/prod/a_b", marker)}, v1alpha1.ReasonInvalidValue,
			[]string{`"/prod/a/b"`, `"/prod/a_b"`, `key "a_b"`}},
		"two secrets with one field": {[]v1alpha1.DataFrom{{Find: fields}}, [][]NamedValue{found("/prod/x", `{"a":"hunter2"}`, "/prod/y", `{"a":"hunter2"}`)}, v1alpha1.ReasonInvalidValue,
			[]string{`"/prod/x"`, `"/prod/y"`, `key "a"`}},
		"a name that no key may have":       {[]v1alpha1.DataFrom{{}}, [][]NamedValue{found("x", object)}, v1alpha1.ReasonInvalidValue, []string{`field "my key"`, "spec.dataFrom[0].conversion"}},
		"a name that no conversion fixes":   {[]v1alpha1.DataFrom{{Conversion: underscore}}, [][]NamedValue{found("x", `{"..a":"hunter2"}`)}, v1alpha1.ReasonInvalidValue, []string{`field "..a"`}},
		"a name of which nothing is left":   {[]v1alpha1.DataFrom{{Prefix: "P_", Rename: []v1alpha1.Rename{{Match: ".*"}}}}, [][]NamedValue{found("x", object)}, v1alpha1.ReasonInvalidValue, []string{"nothing is left", `"my key"`}},
		"a name that grows without end":     {[]v1alpha1.DataFrom{{Rename: slices.Repeat([]v1alpha1.Rename{{Match: ".", Replace: strings.Repeat("$0", 200)}}, 16)}}, [][]NamedValue{found("x", object)}, v1alpha1.ReasonInvalidValue, []string{"spec.dataFrom[0].rename[1]", "4096"}},
		"a secret named as the prefix":      {[]v1alpha1.DataFrom{{Find: values}}, [][]NamedValue{found("/prod/", marker)}, v1alpha1.ReasonInvalidValue, []string{"nothing is left", `"/prod/"`}},
		"a rename that is none":             {[]v1alpha1.DataFrom{{}, {Rename: []v1alpha1.Rename{{Match: "a"}, {Match: "a("}}}}, [][]NamedValue{found("x", `{}`), found("y", `{}`)}, v1alpha1.ReasonInvalidValue, []string{"spec.dataFrom[1].rename[1].match"}},
		"a text":                            {[]v1alpha1.DataFrom{{}}, [][]NamedValue{found("x", marker)}, v1alpha1.ReasonInvalidValue, []string{"spec.dataFrom[0]", "not a JSON object", "spec.data"}},
		"a list":                            {[]v1alpha1.DataFrom{{}}, [][]NamedValue{found("x", `["hunter2"]`)}, v1alpha1.ReasonInvalidValue, []string{"spec.dataFrom[0]", "it is a JSON array"}},
		"a binary":                          {[]v1alpha1.DataFrom{{}}, [][]NamedValue{{{Value: source.BinaryValue(everyByte())}}}, v1alpha1.ReasonInvalidValue, []string{"spec.dataFrom[0]", "binary"}},
		"a text, being optional":            {[]v1alpha1.DataFrom{{Optional: true}}, [][]NamedValue{found("x", marker)}, v1alpha1.ReasonInvalidValue, []string{"not a JSON object"}},
		"an empty value":                    {[]v1alpha1.DataFrom{{}}, [][]NamedValue{found("x", "")}, v1alpha1.ReasonInvalidValue, []string{"empty"}},
		"a property that is not there":      {[]v1alpha1.DataFrom{{Property: "p"}}, [][]NamedValue{found("x", object)}, v1alpha1.ReasonPropertyNotFound, []string{"spec.dataFrom[0] wants property \"p\"", `"my key"`}},
		"a property that is no object":      {[]v1alpha1.DataFrom{{Property: "my key"}}, [][]NamedValue{found("x", object)}, v1alpha1.ReasonInvalidValue, []string{"spec.dataFrom[0]", "not a JSON object"}},
		"a property that is null":           {[]v1alpha1.DataFrom{{Property: "n"}}, [][]NamedValue{found("x", `{"n":null}`)}, v1alpha1.ReasonInvalidValue, []string{"not a JSON object"}},
		"fields of a secret that is a text": {[]v1alpha1.DataFrom{{Find: fields}}, [][]NamedValue{found("/prod/x", marker)}, v1alpha1.ReasonInvalidValue, []string{"spec.dataFrom[0]", `"/prod/x"`, "not a JSON object"}},
		"a property of a secret found":      {[]v1alpha1.DataFrom{{Find: values, Property: "p"}}, [][]NamedValue{found("/prod/x", object)}, v1alpha1.ReasonPropertyNotFound, []string{"spec.dataFrom[0]", `"/prod/x"`}},
		"what is no Base64":                 {[]v1alpha1.DataFrom{{Decode: v1alpha1.DecodingBase64}}, [][]NamedValue{found("x", `{"a":"hunter2!"}`)}, v1alpha1.ReasonInvalidValue, []string{"spec.dataFrom[0]", `field "a"`, "byte 8"}},
		"nothing found":                     {[]v1alpha1.DataFrom{{Find: values}}, [][]NamedValue{nil}, v1alpha1.ReasonSecretNotFound, []string{"spec.dataFrom[0].find", "optional"}},
		"no value":                          {[]v1alpha1.DataFrom{{}}, [][]NamedValue{nil}, v1alpha1.ReasonInvalidValue, []string{"spec.dataFrom[0]"}},
		"fewer values than entries":         {[]v1alpha1.DataFrom{{}}, nil, v1alpha1.ReasonInvalidValue, []string{"spec.dataFrom[0]"}},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := renderData(newWork(), &v1alpha1.SecretSyncSpec{DataFrom: test.entries}, Inputs{DataFrom: test.secrets})
			wantRefusal(t, err, test.reason, test.mentions...)
			if data != nil {
				t.Errorf("a refusal came with %d keys", len(data))
			}
		})
	}
}

func TestWildcards(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true}, {"*", "a/b", true}, {"", "", true}, {"", "a", false}, {"a", "a", true}, {"a", "ab", false}, {"a*", "a", true}, {"*a", "ba", true},
		{"a*c", "abbc", true}, {"a*c", "abcd", false}, {"*b*", "abc", true}, {"?", "ü", true}, {"?", "", false}, {"a?c", "abc", true}, {"a?c", "ac", false},
		{"*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false}, {"*.*", "a.b", true}, {"[a]", "a", false}, {"**", "x", true}, {"a**b", "ab", true},
	} {
		if got, err := newWork().matches("here", test.pattern, test.name); got != test.want || err != nil {
			t.Errorf("%q against %q gives %t, %v", test.pattern, test.name, got, err)
		}
	}
}

func TestWithPrevious(t *testing.T) {
	current, previous := map[string][]byte{"a": []byte("new")}, map[string][]byte{"a": []byte("old"), "gone": {0, 255}}
	for suffix, want := range map[string]map[string]string{
		"":     {"a": "new", "a_previous": "old", "gone_previous": "\x00\xff"},
		".old": {"a": "new", "a.old": "old", "gone.old": "\x00\xff"},
	} {
		data, err := WithPrevious(current, previous, suffix)
		if diff := cmp.Diff(want, asText(data)); err != nil || diff != "" || len(current) != 1 {
			t.Errorf("suffix %q: %v, %d current keys (-want +got):\n%s", suffix, err, len(current), diff)
		}
	}
	if data, err := WithPrevious(nil, nil, ""); err != nil || data == nil || len(data) != 0 {
		t.Errorf("of nothing, nothing becomes %v, %v", data, err)
	}
	long := make([]byte, 250)
	for i := range long {
		long[i] = 'x'
	}
	for name, current := range map[string]map[string][]byte{
		"a key that is taken":    {"a_previous": []byte(marker)},
		"a key that is too long": {},
	} {
		previous := map[string][]byte{"a": []byte(marker), string(long): nil}
		_, err := WithPrevious(current, previous, "")
		wantRefusal(t, err, v1alpha1.ReasonInvalidValue, "spec.keepPrevious.suffix")
		if name == "a key that is taken" {
			wantRefusal(t, err, v1alpha1.ReasonInvalidValue, `"a_previous"`)
		}
	}
}
