package render

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// fuzzMarker stands for a value. It has no character that quoting would change.
const fuzzMarker = "hunter2marker"

// FuzzRender feeds texts in which MARK stands for what must never be in an error.
func FuzzRender(f *testing.F) {
	for _, seed := range []string{
		`{"a":"MARK"}`, `{"a":"MARK`, `{"a":MARK}`, `{"a":"b"} MARK`, `{MARK`, `{"a b":"MARK"}`, `{"a":{"b":"MARK"}}`, `{"a":["MARK"]}`,
		`{"a":1e400,"b":"MARK"}`, `"MARK"`, "MARK", "[MARK]", `{"a":"\ud800MARK"}`, `{"a.b":[{"MARK":1}]}`, " \n{\"\":\"MARK\"}", `{"a":"MARK","a":1}`,
	} {
		for _, property := range []string{"a", "a.b", "", ".", "b.a.c"} {
			f.Add(seed, property)
		}
	}
	f.Fuzz(func(t *testing.T, content, property string) {
		content = strings.ReplaceAll(content, "MARK", fuzzMarker)
		value := source.TextValue(content)
		for _, keys := range [][]v1alpha1.DataKey{nil, {{Key: "k", Property: property}}} {
			data, err := renderOne(value, keys)
			_, again := renderOne(value, keys)
			if err != nil {
				refuseMarker(t, content, property, err)
				if data != nil {
					t.Errorf("a refusal came with %d keys", len(data))
				}
				if again == nil || again.Error() != err.Error() {
					t.Error("the second time, the refusal is another")
				}
				continue
			}
			checkKeys(t, content, keys, data)
		}
	})
}

// refuseMarker allows the marker only as a name, which errors do mention.
func refuseMarker(t *testing.T, content, property string, err error) {
	t.Helper()
	if !strings.Contains(err.Error(), fuzzMarker) || strings.Contains(property, fuzzMarker) {
		return
	}
	var parsed any
	if json.Unmarshal([]byte(content), &parsed) == nil && markedName(parsed) {
		return
	}
	t.Error("the refusal quotes the value")
}

func markedName(parsed any) bool {
	switch node := parsed.(type) {
	case map[string]any:
		for name, below := range node {
			if strings.Contains(name, fuzzMarker) || markedName(below) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(node, markedName)
	}
	return false
}

func checkKeys(t *testing.T, content string, keys []v1alpha1.DataKey, data map[string][]byte) {
	t.Helper()
	object := strings.HasPrefix(strings.TrimLeft(content, " \t\r\n"), "{")
	if len(data) == 0 {
		t.Error("neither keys nor a refusal")
	}
	for key := range data {
		if len(validation.IsConfigMapKey(key)) > 0 {
			t.Errorf("key %q is none that Kubernetes takes", key)
		}
	}
	if keys == nil && !object && (len(data) != 1 || string(data[wholeKey]) != content) {
		t.Error("a text that is no object did not land whole")
	}
	if object && keys == nil && !json.Valid([]byte(content)) {
		t.Error("a broken object was taken")
	}
}
