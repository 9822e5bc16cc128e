package render

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// TestNullIsEmpty: null gives an empty value wherever a field is taken, also to templates, and is listed unless its
// entry allows it.
func TestNullIsEmpty(t *testing.T) {
	const object = `{"user":"u","port": null ,"list":[null],"sub":{"n":null}}`
	nameless := func(content string) [][]NamedValue {
		return [][]NamedValue{{{Name: "/x", Value: source.TextValue(content)}}}
	}
	url := &v1alpha1.Template{Data: map[string]string{"url": "{{ .user }}:{{ .port }}/"}}
	for name, test := range map[string]struct {
		spec   v1alpha1.SecretSyncSpec
		inputs Inputs
		want   map[string]string
		nulls  []string
	}{
		"a whole object": {v1alpha1.SecretSyncSpec{}, Inputs{Source: textValue(`{"user":"u","port":null}`)},
			map[string]string{"user": "u", "port": ""}, []string{"port"}},
		"a property": {v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{{Key: "p", Property: "port"}, {Key: "l", Property: "list[0]"}, {Key: "n", Property: "sub.n"}}},
			Inputs{Data: slices.Repeat([]*source.Value{textValue(object)}, 3)}, map[string]string{"p": "", "l": "", "n": ""}, []string{"l", "n", "p"}},
		"a property that is encoded": {v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{{Key: "p", Property: "port", Decode: v1alpha1.DecodingBase64}}},
			Inputs{Data: []*source.Value{textValue(object)}}, map[string]string{"p": ""}, []string{"p"}},
		"a property that may be null": {v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{{Key: "p", Property: "port", Nulls: v1alpha1.NullEmpty}}},
			Inputs{Data: []*source.Value{textValue(object)}}, map[string]string{"p": ""}, nil},
		"an optional property": {v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{{Key: "p", Property: "port", Optional: true}}},
			Inputs{Data: []*source.Value{textValue(object)}}, map[string]string{"p": ""}, []string{"p"}},
		"fields": {v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{{Property: "sub", Decode: v1alpha1.DecodingBase64}}},
			Inputs{DataFrom: nameless(object)}, map[string]string{"n": ""}, []string{"n"}},
		"fields that may be null": {v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{{Property: "sub", Nulls: v1alpha1.NullEmpty}}},
			Inputs{DataFrom: nameless(object)}, map[string]string{"n": ""}, nil},
		"a property of found secrets": {v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{{Find: &v1alpha1.Find{NamePrefix: "/"}, Property: "port"}}},
			Inputs{DataFrom: nameless(object)}, map[string]string{"x": ""}, []string{"x"}},
		"a field that data overrides": {v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{{Property: "sub"}}, Data: []v1alpha1.DataKey{{Key: "n", Property: "user"}}},
			Inputs{DataFrom: nameless(object), Data: []*source.Value{textValue(object)}}, map[string]string{"n": "u"}, nil},
		"a template": {v1alpha1.SecretSyncSpec{Template: url}, Inputs{Source: textValue(`{"user":"u","port":null}`)},
			map[string]string{"user": "u", "port": "", "url": "u:/"}, []string{"port"}},
		"a key that a template overrides": {v1alpha1.SecretSyncSpec{Template: &v1alpha1.Template{Data: map[string]string{"port": `{{ default "5432" .port }}`}}},
			Inputs{Source: textValue(`{"port":null}`)}, map[string]string{"port": "5432"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := Render(newWork(), &test.spec, test.inputs)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, asText(made.Data)); diff != "" {
				t.Error(diff)
			}
			for key, value := range made.Data {
				if value == nil {
					t.Errorf("key %s is nil, which the API server drops", key)
				}
			}
			if !slices.Equal(made.Nulls, test.nulls) {
				t.Errorf("the nulls are %q, want %q", made.Nulls, test.nulls)
			}
		})
	}
}

// TestASecretThatIsNullIsRefused: as a whole, null is no value.
func TestASecretThatIsNullIsRefused(t *testing.T) {
	null := source.TextValue(" null\n")
	for name, spec := range map[string]v1alpha1.SecretSyncSpec{
		"source": {}, "data": {Data: []v1alpha1.DataKey{{Key: "k"}}}, "decoded data": {Data: []v1alpha1.DataKey{{Key: "k", Decode: v1alpha1.DecodingBase64}}},
		"find": {DataFrom: []v1alpha1.DataFrom{{Find: &v1alpha1.Find{NamePrefix: "/"}}}}, "dataFrom": {DataFrom: []v1alpha1.DataFrom{{}}},
	} {
		inputs := Inputs{Source: &null, Data: []*source.Value{&null}, DataFrom: [][]NamedValue{{{Name: "/x", Value: null}}}}
		_, err := Render(newWork(), &spec, inputs)
		t.Run(name, func(t *testing.T) { wantRefusal(t, err, v1alpha1.ReasonInvalidValue, "null") })
	}
	binary := source.BinaryValue([]byte("null"))
	if made, err := Render(newWork(), &v1alpha1.SecretSyncSpec{}, Inputs{Source: &binary}); err != nil || string(made.Data[wholeKey]) != "null" {
		t.Errorf("binary: %v, %v", asText(made.Data), err)
	}
}

// TestNullHoldsAKeyWithAValue: only keys with a value are held; one with the text "null" has none.
func TestNullHoldsAKeyWithAValue(t *testing.T) {
	present := map[string][]byte{"full": []byte(marker), "empty": {}, "text": []byte("null")}
	whole, entries := &v1alpha1.SecretSyncSpec{}, &v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{{Key: "full"}}}
	if err := CheckNulls(whole, []string{"absent", "empty", "text"}, present); err != nil {
		t.Error(err)
	}
	held := []string{"empty", "full"}
	wantRefusal(t, CheckNulls(whole, held, present), v1alpha1.ReasonValueRejected, "have a value in the Secret: full;", "[{nulls: Empty}]")
	wantRefusal(t, CheckNulls(entries, held, present), v1alpha1.ReasonValueRejected, "have a value in the Secret: full;", "nulls: Empty on the entry")
}
