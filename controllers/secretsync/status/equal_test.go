package status

import (
	"reflect"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
)

// full is a status with a value in each field, and two items in each list.
func full(t *testing.T) *v1alpha1.SecretSyncStatus {
	t.Helper()
	status := &v1alpha1.SecretSyncStatus{}
	fill(t, reflect.ValueOf(status).Elem())
	return status
}

func fill(t *testing.T, value reflect.Value) {
	t.Helper()
	switch at := value.Addr().Interface().(type) {
	case *metav1.Time:
		at.Time = noon
		return
	case *metav1.MicroTime:
		at.Time = noon
		return
	}
	switch value.Kind() {
	case reflect.String:
		value.SetString("text")
	case reflect.Int32, reflect.Int64:
		value.SetInt(7)
	case reflect.Bool:
		value.SetBool(true)
	case reflect.Pointer:
		value.Set(reflect.New(value.Type().Elem()))
		fill(t, value.Elem())
	case reflect.Slice:
		value.Set(reflect.MakeSlice(value.Type(), 2, 2))
		for i := range value.Len() {
			fill(t, value.Index(i))
		}
	case reflect.Struct:
		for _, field := range value.Fields() {
			fill(t, field)
		}
	default:
		t.Fatalf("the test knows no field of kind %s", value.Kind())
	}
}

// changes calls a function after each change of a value, which is undone behind it.
func changes(t *testing.T, path string, value reflect.Value, changed func(path string)) {
	t.Helper()
	with := func(path string, other reflect.Value) {
		was := reflect.New(value.Type()).Elem()
		was.Set(value)
		value.Set(other)
		changed(path)
		value.Set(was)
	}
	switch at := value.Addr().Interface().(type) {
	case *metav1.Time:
		with(path, reflect.ValueOf(metav1.NewTime(at.Add(time.Second))))
		return
	case *metav1.MicroTime:
		with(path, reflect.ValueOf(metav1.NewMicroTime(at.Add(time.Microsecond))))
		return
	}
	switch value.Kind() {
	case reflect.String:
		with(path, reflect.ValueOf("other").Convert(value.Type()))
	case reflect.Int32, reflect.Int64:
		with(path, reflect.ValueOf(8).Convert(value.Type()))
	case reflect.Bool:
		with(path, reflect.ValueOf(!value.Bool()))
	case reflect.Pointer:
		with(path+" is nil", reflect.Zero(value.Type()))
		changes(t, path, value.Elem(), changed)
	case reflect.Slice:
		with(path+" is nil", reflect.Zero(value.Type()))
		with(path+" is shorter", value.Slice(0, 1))
		for i := range value.Len() {
			changes(t, path, value.Index(i), changed)
		}
	case reflect.Struct:
		for field, part := range value.Fields() {
			changes(t, path+"."+field.Name, part, changed)
		}
	}
}

// TestEqualComparesEachField: as Kubernetes' own comparison does, whatever field is added.
func TestEqualComparesEachField(t *testing.T) {
	status, other := full(t), full(t)
	if !Equal(status, other) {
		t.Fatal("a status is not equal to itself")
	}
	count := 0
	changes(t, "status", reflect.ValueOf(other).Elem(), func(path string) {
		count++
		if Equal(status, other) {
			t.Errorf("a change of %s is not seen", path)
		}
		if Equal(other, status) {
			t.Errorf("a change of %s is not seen from the other side", path)
		}
		if equality.Semantic.DeepEqual(*status, *other) {
			t.Errorf("%s was not changed", path)
		}
	})
	if count < 60 {
		t.Errorf("only %d changes were tried", count)
	}
}

// TestEqualIsOfMeaning: what the API server gives back for what was written is the same.
func TestEqualIsOfMeaning(t *testing.T) {
	status, other := full(t), full(t)
	status.Secret.Warnings, other.Secret.Warnings = nil, []string{}
	status.Conditions, other.Conditions = nil, []metav1.Condition{}
	zone := time.FixedZone("elsewhere", 3600)
	other.LastSyncTime = &metav1.Time{Time: noon.In(zone)}
	if !Equal(status, other) || !equality.Semantic.DeepEqual(*status, *other) {
		t.Error("nil and empty lists, or two names of one moment, are not equal")
	}
	if !Equal(&v1alpha1.SecretSyncStatus{}, &v1alpha1.SecretSyncStatus{}) {
		t.Error("two empty statuses are not equal")
	}
}

// TestAStatusForASecretThatWasSeen is not written, and any other is.
func TestAStatusForASecretThatWasSeen(t *testing.T) {
	const seen = "10"
	for name, test := range map[string]struct {
		before, now string // resourceVersions of the Secret in status; empty for none
		seen, more  bool
		changed     bool
	}{
		"nothing was seen":                 {before: "9", now: seen, changed: true},
		"nothing was seen, or has changed": {before: seen, now: seen},
		"the Secret was seen":              {before: "9", now: seen, seen: true},
		"and a condition is another":       {before: "9", now: seen, seen: true, more: true, changed: true},
		"the Secret is new":                {now: seen, seen: true, changed: true},
		"the Secret is no longer wanted":   {before: "9", seen: true, changed: true},
		"the Secret was written since":     {before: "9", now: "11", seen: true, changed: true},
	} {
		before, after, known := full(t), full(t), ownwrites.Secret{}
		if test.seen {
			known = ownwrites.Secret{UID: "text", ResourceVersion: seen}
		}
		for status, version := range map[*v1alpha1.SecretSyncStatus]string{before: test.before, after: test.now} {
			if status.Secret.ResourceVersion = version; version == "" {
				status.Secret = nil
			}
		}
		if test.more {
			after.Conditions = after.Conditions[:1]
		}
		if got := Changed(before, after, known); got != test.changed {
			t.Errorf("%s: changed: %t", name, got)
		}
	}
}
