package v1alpha1

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/json"
)

// unreadableMost is the maximum length of a quoted error, in bytes.
const unreadableMost = 200

// UnmarshalJSON decodes a SecretSync, and never fails because of its spec or status. A client decodes all objects of a
// list at once. So a single field with a value that its type can't hold, which an older or edited CRD may have
// accepted, would hide all other objects. UnmarshalJSON decodes what it can; Unreadable names the first field of spec
// that it can't decode. A status that can't be decoded is dropped: the operator writes it again.
func (s *SecretSync) UnmarshalJSON(content []byte) error {
	type plain SecretSync // Without this method.
	s.Unreadable, s.Abridged = nil, nil
	err := json.Unmarshal(content, (*plain)(s))
	if err == nil {
		return nil
	}
	var parts struct {
		metav1.TypeMeta `json:",inline"`
		Metadata        metav1.ObjectMeta `json:"metadata"`
		Spec            raw               `json:"spec"`
		Status          raw               `json:"status"`
	}
	if json.Unmarshal(content, &parts) != nil {
		return err
	}
	*s = SecretSync{TypeMeta: parts.TypeMeta, ObjectMeta: parts.Metadata}
	if wrong := fill(reflect.ValueOf(&s.Spec).Elem(), parts.Spec, "spec"); wrong != "" {
		s.Unreadable = &wrong
	}
	fill(reflect.ValueOf(&s.Status).Elem(), parts.Status, "status")
	return nil
}

// raw is JSON that is decoded later.
type raw []byte

// UnmarshalJSON implements json.Unmarshaler.
func (r *raw) UnmarshalJSON(content []byte) error {
	*r = append(raw(nil), content...)
	return nil
}

// fill decodes JSON into a value, or as much of it as the value can hold. It returns the first field that the value
// can't hold and the error, or an empty text.
func fill(into reflect.Value, content raw, path string) (wrong string) {
	if len(content) == 0 {
		return ""
	}
	err := json.Unmarshal(content, into.Addr().Interface())
	if err == nil {
		return ""
	}
	into.SetZero()
	if into.Kind() == reflect.Pointer && holdsParts(into.Type().Elem()) {
		into.Set(reflect.New(into.Type().Elem()))
		into = into.Elem()
	}
	if holdsParts(into.Type()) {
		if wrong := fillParts(into, content, path); wrong != "" {
			return wrong
		}
	}
	problem := err.Error()
	if len(problem) > unreadableMost {
		problem = strings.ToValidUTF8(problem[:unreadableMost], "") + "…"
	}
	return path + ": " + problem
}

// holdsParts says whether a type is decoded part by part. A type with an UnmarshalJSON of its own decodes itself as a
// whole.
func holdsParts(of reflect.Type) bool {
	if reflect.PointerTo(of).Implements(reflect.TypeFor[interface{ UnmarshalJSON(content []byte) error }]()) {
		return false
	}
	return of.Kind() == reflect.Struct || of.Kind() == reflect.Slice || of.Kind() == reflect.Map
}

// fillParts is fill for the fields of a struct, and for the elements of a list or a map.
func fillParts(into reflect.Value, content raw, path string) (wrong string) {
	first := func(problem string) { wrong = cmp.Or(wrong, problem) }
	if into.Kind() == reflect.Slice {
		var parts []raw
		if json.Unmarshal(content, &parts) != nil {
			return ""
		}
		into.Set(reflect.MakeSlice(into.Type(), len(parts), len(parts)))
		for n, part := range parts {
			first(fill(into.Index(n), part, fmt.Sprintf("%s[%d]", path, n)))
		}
		return wrong
	}
	var parts map[string]raw
	if json.Unmarshal(content, &parts) != nil {
		return ""
	}
	if into.Kind() == reflect.Map {
		into.Set(reflect.MakeMap(into.Type()))
		for _, name := range slices.Sorted(maps.Keys(parts)) {
			element := reflect.New(into.Type().Elem()).Elem()
			first(fill(element, parts[name], fmt.Sprintf("%s[%q]", path, name)))
			into.SetMapIndex(reflect.ValueOf(name), element)
		}
		return wrong
	}
	for n := range into.NumField() {
		field := into.Type().Field(n)
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			first(fill(into.Field(n), parts[name], path+"."+name))
		} else {
			first(fill(into.Field(n), content, path))
		}
	}
	return wrong
}
