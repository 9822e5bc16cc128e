package v1alpha1

import (
	"reflect"
	"testing"
)

// fillTexts sets each text to one byte, with two entries in each list and one in each map, and counts the texts.
func fillTexts(value reflect.Value) int {
	count := 0
	switch value.Kind() {
	case reflect.String:
		value.SetString("x")
		return 1
	case reflect.Pointer:
		value.Set(reflect.New(value.Type().Elem()))
		return fillTexts(value.Elem())
	case reflect.Slice:
		value.Set(reflect.MakeSlice(value.Type(), 2, 2))
		return fillTexts(value.Index(0)) + fillTexts(value.Index(1))
	case reflect.Map:
		key, element := reflect.New(value.Type().Key()).Elem(), reflect.New(value.Type().Elem()).Elem()
		count = fillTexts(key) + fillTexts(element)
		value.Set(reflect.MakeMap(value.Type()))
		value.SetMapIndex(key, element)
	case reflect.Struct:
		for _, field := range value.Fields() {
			count += fillTexts(field)
		}
	}
	return count
}

// TestSizeCountsEveryText fails if Size omits a field.
func TestSizeCountsEveryText(t *testing.T) {
	spec := SecretSyncSpec{}
	if want := fillTexts(reflect.ValueOf(&spec).Elem()); spec.Size() != want || want < 80 {
		t.Errorf("%d texts of one byte have the size %d", want, spec.Size())
	}
	if size := (&SecretSyncSpec{}).Size(); size != 0 {
		t.Errorf("an empty spec has the size %d", size)
	}
}
