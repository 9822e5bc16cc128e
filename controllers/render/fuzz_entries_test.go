package render

import (
	"encoding/json"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// fuzzContents are documents in which MARK stands for what must never be in an error.
func fuzzContents() []string {
	return []string{
		`{"a":{"b":["MARK",1.50,null]},"a.b":{"c":"MARK"}}`, `[{"a":"MARK"},[["MARK"]]]`, `{"a[0]":["MARK"],"":{"":"MARK"}}`, `"MARK"`, "MARK", `{"a":"MARK`, "[]", "null", `{"x/y":1e400,"x y":"MARK"}`,
	}
}

// FuzzProperty follows a path, by property and by JMESPath.
func FuzzProperty(f *testing.F) {
	for _, content := range fuzzContents() {
		for _, path := range []string{"a", "a.b[0]", "a.b[-1]", "[0].a", "[1][0][0]", "a.b.c", "a[0][0]", ".", "..", "[", "]", "a[", "a[-]", "[99999]", "a[0", "*.b", "a | b"} {
			f.Add(content, path)
		}
	}
	f.Fuzz(func(t *testing.T, content, path string) {
		content = strings.ReplaceAll(content, "MARK", fuzzMarker)
		if path == "" || len(path) > 1024 || strings.Contains(path, fuzzMarker) {
			return
		}
		for _, value := range []source.Value{source.TextValue(content), source.BinaryValue([]byte(content))} {
			for _, key := range []v1alpha1.DataKey{{Key: "k", Property: path}, {Key: "k", JMESPath: path}, {Key: "k", Property: path, Decode: v1alpha1.DecodingBase64}} {
				data, err := renderOne(value, []v1alpha1.DataKey{key})
				again, _ := renderOne(value, []v1alpha1.DataKey{key})
				if err != nil {
					refuseMarker(t, content, path, err)
					continue
				}
				if !json.Valid([]byte(content)) || len(data) != 1 {
					t.Errorf("a document that is not JSON was accepted, or gave %d keys", len(data))
				}
				if string(data["k"]) != string(again["k"]) {
					t.Error("the second time, the value is another")
				}
			}
		}
	})
}

// FuzzNames makes keys of names by dataFrom.
func FuzzNames(f *testing.F) {
	for _, content := range fuzzContents() {
		f.Add(content, "/prod/x y", "*", "b", "a", "${1}x", byte(0))
		f.Add(content, "ü🔑", "?*", "*.b", "(.)/(?P<n>.)", "$n-$1", byte(7))
	}
	f.Fuzz(func(t *testing.T, content, name, include, exclude, match, replace string, choice byte) {
		content = strings.ReplaceAll(content, "MARK", fuzzMarker)
		if strings.Contains(name+replace+match, fuzzMarker) || len(match)+len(replace)+len(include)+len(name) > 512 {
			return
		}
		entry := v1alpha1.DataFrom{Exclude: []string{exclude}, Rename: []v1alpha1.Rename{{Match: match, Replace: replace}}, Prefix: "P_",
			Conversion: []v1alpha1.KeyConversion{"", v1alpha1.KeyConversionRefuse, v1alpha1.KeyConversionUnderscore, v1alpha1.KeyConversionUnicode}[choice%4]}
		if choice&4 > 0 {
			entry.Include = []string{include}
		}
		if choice&8 > 0 {
			entry.Find = &v1alpha1.Find{NamePrefix: "/", Take: v1alpha1.FindTakeFields}
		}
		if choice&16 > 0 {
			entry.Find = &v1alpha1.Find{NamePrefix: "/"}
		}
		checkNames(t, entry, name, content)
	})
}

func checkNames(t *testing.T, entry v1alpha1.DataFrom, name, content string) {
	t.Helper()
	spec := v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{entry}}
	inputs := Inputs{DataFrom: [][]NamedValue{{{Name: name, Value: source.TextValue(content)}}}}
	data, err := renderData(newWork(), &spec, inputs)
	again, twice := renderData(newWork(), &spec, inputs)
	if err != nil {
		refuseMarker(t, content, "", err)
		if data != nil {
			t.Errorf("a refusal came with %d keys", len(data))
		}
		if twice == nil || twice.Error() != err.Error() {
			t.Error("the second time, the refusal is another")
		}
		return
	}
	if len(data) == 0 {
		t.Error("neither keys nor a refusal")
	}
	if len(data) != len(again) {
		t.Errorf("%d keys, and %d the second time", len(data), len(again))
	}
	for key := range data {
		if len(validation.IsConfigMapKey(key)) > 0 {
			t.Errorf("Kubernetes does not accept key %q", key)
		}
		if !strings.HasPrefix(key, "P_") {
			t.Errorf("key %q has no prefix", key)
		}
	}
}
