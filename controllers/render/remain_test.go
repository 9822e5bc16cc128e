package render

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// The first sync, and the first after an edit of the spec, accept every value except null.
func TestWhatWasNotSyncedTakesAnyValue(t *testing.T) {
	for name, mistake := range mistakes() {
		inputs := Inputs{Source: textValue(mistake.content)}
		if looksLikeObject(inputs.Source) || wholeNull(inputs.Source) {
			continue
		}
		data, err := renderData(newWork(), &v1alpha1.SecretSyncSpec{}, inputs)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(map[string]string{"value": mistake.content}, asText(data)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestRenderKeepsFields(t *testing.T) {
	made := map[string]string{"URL": `{{ get . "username" | default "none" }}`}
	for name, test := range map[string]struct {
		spec    v1alpha1.SecretSyncSpec
		content string
		synced  []string
		refused bool
	}{
		"an object that stays one":               {content: `{"a":"b"}`, synced: []string{"a", "c"}},
		"a text that stays one":                  {content: marker, synced: []string{"value"}},
		"a text in place of an object":           {content: marker, synced: []string{"a"}, refused: true},
		"though the object had a field value":    {content: marker, synced: []string{"password", "value"}, refused: true},
		"a template does not hide it":            {spec: v1alpha1.SecretSyncSpec{Template: &v1alpha1.Template{Data: made}}, content: marker, synced: []string{"URL", "username"}, refused: true},
		"a text with a template that stays one":  {spec: v1alpha1.SecretSyncSpec{Template: &v1alpha1.Template{Data: made}}, content: marker, synced: []string{"URL", "value"}},
		"former values do not hide it":           {spec: v1alpha1.SecretSyncSpec{KeepPrevious: &v1alpha1.KeepPrevious{}}, content: marker, synced: []string{"a", "a_previous"}, refused: true},
		"a text with its former value":           {spec: v1alpha1.SecretSyncSpec{KeepPrevious: &v1alpha1.KeepPrevious{}}, content: marker, synced: []string{"value", "value_previous"}},
		"a text with a former value of old name": {spec: v1alpha1.SecretSyncSpec{KeepPrevious: &v1alpha1.KeepPrevious{Suffix: ".old"}}, content: marker, synced: []string{"value", "value.old"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := renderData(newWork(), &test.spec, Inputs{Source: textValue(test.content), SyncedKeys: test.synced})
			if !test.refused {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantRefusal(t, err, v1alpha1.ReasonValueRejected, "plain text")
		})
	}
}

// The error of a template that fails on a value that is no object names the value too.
func TestTemplatesNameTheSlip(t *testing.T) {
	spec := v1alpha1.SecretSyncSpec{Template: &v1alpha1.Template{Data: map[string]string{"URL": "{{ .username }}"}, MergePolicy: v1alpha1.TemplateMergeReplace}}
	_, err := renderData(newWork(), &spec, Inputs{Source: textValue("\uFEFF" + `{"username":"hunter2"}`), SyncedKeys: []string{"URL"}})
	wantRefusal(t, err, v1alpha1.ReasonTemplateFailed, "no field", "a byte order mark")
}

func TestCheckKeysRemain(t *testing.T) {
	for name, test := range map[string]struct {
		synced, keys []string
		refused      bool
	}{
		"the first sync":      {nil, []string{"a"}, false},
		"the same keys":       {[]string{"a", "b"}, []string{"a", "b"}, false},
		"one stays":           {[]string{"a", "b"}, []string{"b", "c"}, false},
		"all are replaced":    {[]string{"a", "b"}, []string{"c"}, true},
		"all are removed":     {[]string{"a"}, nil, true},
		"value, by an object": {[]string{"value"}, []string{"a", "b"}, true},
	} {
		data := map[string][]byte{}
		for _, key := range test.keys {
			data[key] = []byte(marker)
		}
		err := CheckKeysRemain(data, test.synced)
		if !test.refused {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		wantRefusal(t, err, v1alpha1.ReasonValueRejected, listed(test.synced), "change the spec")
	}
}

// Programs disagree on which of two fields with the same name counts, and on half of a surrogate pair: such fields are
// neither chosen nor changed.
func TestUnclearFieldsAreRefused(t *testing.T) {
	const twice, half = "more than once", "half of a pair"
	property := func(path string) v1alpha1.SecretSyncSpec {
		return v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{{Key: "k", Property: path}}}
	}
	from := func(entry v1alpha1.DataFrom) v1alpha1.SecretSyncSpec {
		return v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{entry}}
	}
	jmes := v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{{Key: "k", JMESPath: "a"}}}
	whole := v1alpha1.SecretSyncSpec{}
	templated := v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{{Key: "all"}}, Template: &v1alpha1.Template{Data: map[string]string{"k": "{{ (fromJson .all).b }}"}}}
	for name, test := range map[string]struct {
		spec     v1alpha1.SecretSyncSpec
		content  string
		mentions []string // nil: taken
	}{
		"a field of the whole":               {whole, `{"a":"hunter2","a":"b"}`, []string{`"a"`, twice}},
		"a name in other letters":            {whole, `{"a":"hunter2","\u0061":"b"}`, []string{`"a"`, twice}},
		"a nested one that is not looked at": {whole, `{"a":{"b":1,"b":2}}`, nil},
		"half of a pair":                     {whole, `{"a":"hunter2\ud83d"}`, []string{`"a"`, half}},
		"half of a pair, nested":             {whole, `{"a":["\ud83d"]}`, nil},
		"a whole pair":                       {whole, `{"a":"\ud83d\ude00"}`, nil},
		"a name with half of a pair":         {whole, `{"a\udc00":"hunter2"}`, []string{"key in a Secret"}},
		"a property":                         {property("a"), `{"a":"hunter2","a":"b"}`, []string{`key "k"`, `"a"`, twice}},
		"another property":                   {property("b"), `{"a":"hunter2","a":"b","b":"c"}`, nil},
		"a path":                             {property("x.a"), `{"x":{"a":"hunter2","a":"b"}}`, []string{`"a"`, twice}},
		"a path through it":                  {property("a.x"), `{"a":{"x":"hunter2"},"a":{"x":"b"}}`, []string{`"a"`, twice}},
		"a path with an index":               {property("a[0]"), `{"a":["hunter2"],"a":["b"]}`, []string{`"a"`, twice}},
		"a path by a dotted name":            {property("a.b.c"), `{"a.b":{"c":"hunter2"},"a.b":{"c":"d"}}`, []string{`"a.b"`, twice}},
		"an item":                            {property("[0]"), `["hunter2\udc00"]`, []string{half}},
		"an item beside it":                  {property("[1]"), `["\udc00","x"]`, nil},
		"JMESPath":                           {jmes, `{"a":"hunter2","a":"b"}`, []string{twice}},
		"JMESPath beside it":                 {jmes, `{"b":"hunter2","b":"b","a":"c"}`, nil},
		"JMESPath, half of a pair":           {jmes, `{"a":"hunter2\ud83d"}`, []string{half}},
		"dataFrom":                           {from(v1alpha1.DataFrom{}), `{"a":"hunter2","a":"b"}`, []string{"spec.dataFrom[0]", twice}},
		"dataFrom that leaves it out":        {from(v1alpha1.DataFrom{Exclude: []string{"a"}}), `{"a":"hunter2","a":"b","b":"c"}`, nil},
		"dataFrom below a property":          {from(v1alpha1.DataFrom{Property: "x"}), `{"x":{"a":"hunter2","a":"b"}}`, []string{"spec.dataFrom[0]", twice}},
		"dataFrom, a converted name":         {from(v1alpha1.DataFrom{Conversion: v1alpha1.KeyConversionUnderscore}), `{"a\udc00":"hunter2"}`, []string{half}},
		"a template's fromJson":              {templated, `{"a":"hunter2","a":"b","b":"c"}`, []string{"second time"}},
		"a template's fromJson, half":        {templated, `{"b":"hunter2\ud83d"}`, []string{half}},
	} {
		t.Run(name, func(t *testing.T) {
			value := textValue(test.content)
			inputs := Inputs{Source: value, DataFrom: [][]NamedValue{{{Value: *value}}}}
			for range test.spec.Data {
				inputs.Data = append(inputs.Data, value)
			}
			if test.spec.DataFrom == nil {
				inputs.DataFrom = nil
			}
			_, err := renderData(newWork(), &test.spec, inputs)
			if test.mentions == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			reason := v1alpha1.ReasonInvalidValue
			if test.spec.Template != nil {
				reason = v1alpha1.ReasonTemplateFailed
			}
			wantRefusal(t, err, reason, test.mentions...)
		})
	}
}
