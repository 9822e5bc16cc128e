package v1alpha1

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
)

// listOf decodes a list of two SecretSyncs as clients do: the given one, and a valid one.
func listOf(t *testing.T, object string) []SecretSync {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	content := `{"apiVersion":"secretsync.dev/v1alpha1","kind":"SecretSyncList","metadata":{"resourceVersion":"7"},"items":[` + object +
		`,{"metadata":{"name":"good"},"spec":{"source":{"secretID":"db"},"pollInterval":"5m"}}]}`
	into := &SecretSyncList{}
	if _, _, err := serializer.NewCodecFactory(scheme).UniversalDeserializer().Decode([]byte(content), nil, into); err != nil {
		t.Fatalf("%s: the whole list can't be read: %v", object, err)
	}
	if len(into.Items) != 2 || into.Items[1].Name != "good" || into.Items[1].Spec.PollInterval == nil || into.Items[1].Unreadable != nil {
		t.Fatalf("%s hides another object: %+v", object, into.Items)
	}
	return into.Items
}

func TestOneBadFieldIsOneBadObject(t *testing.T) {
	for spec, want := range map[string]string{
		`{"pollInterval":{}}`:                                 "spec.pollInterval: json: cannot unmarshal object into Go value of type string",
		`{"pollInterval":"often"}`:                            `spec.pollInterval: time: invalid duration "often"`,
		`{"pollInterval":300}`:                                "spec.pollInterval: json: cannot unmarshal number into Go value of type string",
		`{"rotation":{"maxAge":"1 day"}}`:                     `spec.rotation.maxAge: time: unknown unit " day" in duration "1 day"`,
		`{"data":[{"key":"a"},{"key":"b","optional":"yes"}]}`: "spec.data[1].optional: json: cannot unmarshal string into Go value of type bool",
		`{"target":{"labels":{"a":1}}}`:                       `spec.target.labels["a"]: json: cannot unmarshal number into Go value of type v1alpha1.LabelValue`,
		`{"guards":{"maxBytes":1.5}}`:                         "spec.guards.maxBytes: json: cannot unmarshal number 1.5 into Go value of type int64",
		`[]`:                                                  "spec: json: cannot unmarshal array into Go value of type v1alpha1.SecretSyncSpec",
	} {
		bad := listOf(t, `{"metadata":{"namespace":"payments","name":"bad","uid":"1"},"spec":`+spec+`,"status":{"observedGeneration":3}}`)[0]
		if bad.Unreadable == nil || *bad.Unreadable != want {
			t.Errorf("%s is said to have the fault\n%v, want\n%s", spec, bad.Unreadable, want)
		}
		if bad.Namespace != "payments" || bad.Name != "bad" || bad.UID != "1" || bad.Status.ObservedGeneration != 3 {
			t.Errorf("%s: what can be read is not there: %+v", spec, bad)
		}
	}
}

func TestAStatusThatCannotBeReadStopsNothing(t *testing.T) {
	bad := listOf(t, `{"metadata":{"name":"bad"},"spec":{"source":{"secretID":"db"}},"status":{"lastSyncTime":"yesterday","observedGeneration":3,"secret":{"name":"db","keys":["a"]}}}`)[0]
	if bad.Unreadable != nil || bad.Spec.Source.SecretID != "db" || bad.Status.LastSyncTime != nil || bad.Status.Secret == nil {
		t.Errorf("read as %+v", bad)
	}
}

// TestNoFieldHidesOtherObjects sets each field of spec and status to each kind of JSON value.
func TestNoFieldHidesOtherObjects(t *testing.T) {
	paths := map[string]bool{}
	for part, of := range map[string]reflect.Type{"spec": reflect.TypeFor[SecretSyncSpec](), "status": reflect.TypeFor[SecretSyncStatus]()} {
		templates := fieldsOf(of, "")
		if len(templates) < 20 {
			t.Fatalf("only %d fields of %s are tried", len(templates), part)
		}
		for template := range templates {
			for _, value := range []string{`{}`, `[]`, `[1]`, `"text"`, `1`, `1.5`, `-1`, `1e400`, `true`, `null`, `{"a":{}}`} {
				object := fmt.Sprintf(`{"metadata":{"name":"bad"},%q:%s}`, part, strings.Replace(template, "%", value, 1))
				bad := listOf(t, object)[0]
				if bad.Name != "bad" || part == "status" && bad.Unreadable != nil {
					t.Errorf("%s is read as %+v", object, bad)
				}
				if bad.Unreadable != nil {
					field, _, _ := strings.Cut(*bad.Unreadable, ":")
					paths[field] = true
				}
			}
		}
	}
	if len(paths) < 40 {
		t.Errorf("only %d fields were found to be unreadable: %q", len(paths), slices.Sorted(maps.Keys(paths)))
	}
}

// fieldsOf returns JSON for each field of a type and of the types in it, with a percent sign in place of its value.
func fieldsOf(of reflect.Type, around string) map[string]bool {
	if around == "" {
		around = "%"
	}
	all := map[string]bool{around: true}
	into := func(inner reflect.Type, template string) {
		maps.Copy(all, fieldsOf(inner, strings.Replace(around, "%", template, 1)))
	}
	switch {
	case of == reflect.TypeFor[metav1.Duration](), of == reflect.TypeFor[metav1.Time]():
	case of.Kind() == reflect.Pointer:
		return fieldsOf(of.Elem(), around)
	case of.Kind() == reflect.Slice:
		into(of.Elem(), "[%]")
	case of.Kind() == reflect.Map:
		into(of.Elem(), `{"a":%}`)
	case of.Kind() == reflect.Struct:
		for field := range of.Fields() {
			if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
				into(field.Type, fmt.Sprintf("{%q:%%}", name))
			} else {
				maps.Copy(all, fieldsOf(field.Type, around))
			}
		}
	}
	return all
}

// BenchmarkDecode measures decoding an object without unreadable fields.
func BenchmarkDecode(b *testing.B) {
	content := []byte(`{"metadata":{"namespace":"payments","name":"db","uid":"f1c3a8de-0001","labels":{"a":"b"},"resourceVersion":"7"},` +
		`"spec":{"source":{"secretID":"/prod/payments/db"},"pollInterval":"5m","data":[{"key":"A","property":"a"},{"key":"B","property":"b"}]},` +
		`"status":{"observedGeneration":1,"conditions":[{"type":"Ready","status":"True","reason":"Synced","message":"Secret db holds version 1 of /prod/payments/db","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}`)
	b.ReportAllocs()
	for b.Loop() {
		if err := json.Unmarshal(content, &SecretSync{}); err != nil {
			b.Fatal(err)
		}
	}
}
