package secretsync

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// TestWhatMustBeSoOfTheKeys, or nothing is made of the values.
func TestWhatMustBeSoOfTheKeys(t *testing.T) {
	const object, text = `{"a":"1","b":"2"}`, "text"
	typed := v1alpha1.SecretSyncSpec{Target: v1alpha1.SecretTarget{Type: string(corev1.SecretTypeBasicAuth)}}
	merged := v1alpha1.SecretSyncSpec{Target: mergeOf("app", false)}
	merged.Target.Type = string(corev1.SecretTypeBasicAuth)
	property := v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{{Key: "c", Property: "c"}}}
	guarded := v1alpha1.SecretSyncSpec{Guards: &v1alpha1.Guards{RequiredKeys: []string{"c"}}}
	for name, test := range map[string]struct {
		spec    v1alpha1.SecretSyncSpec
		value   string
		synced  []string
		written int64
		want    string
	}{
		"there is nothing to object to":            {v1alpha1.SecretSyncSpec{}, object, []string{"a"}, 1, ""},
		"a property that is not there":             {property, object, nil, 1, v1alpha1.ReasonPropertyNotFound},
		"a type that asks for other keys":          {typed, object, nil, 1, v1alpha1.ReasonInvalidValue},
		"that type, where keys are merged":         {merged, object, nil, 1, ""},
		"a key that is required":                   {guarded, object, nil, 1, v1alpha1.ReasonValueRejected},
		"too many bytes":                           {v1alpha1.SecretSyncSpec{}, strings.Repeat("x", corev1.MaxSecretSize+1), nil, 1, v1alpha1.ReasonTargetTooLarge},
		"no object any more":                       {v1alpha1.SecretSyncSpec{}, text, []string{"a", "b"}, 1, v1alpha1.ReasonValueRejected},
		"no object any more, after an edit":        {v1alpha1.SecretSyncSpec{}, text, []string{"a", "b"}, 0, ""},
		"no key of the former ones":                {v1alpha1.SecretSyncSpec{}, `{"c":"3"}`, []string{"a", "b"}, 1, v1alpha1.ReasonValueRejected},
		"no key of the former ones, after an edit": {v1alpha1.SecretSyncSpec{}, `{"c":"3"}`, []string{"a", "b"}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			test.spec.Source.SecretID = "db"
			d, p := passWith(t, &shelf{labels: map[string]map[string]string{"db": stages(test.value, "")}}, test.spec)
			p.sync.Status.Secret = &v1alpha1.SecretStatus{Generation: test.written, Keys: test.synced}
			reason, err := "", read(d.Controller, p)
			if f := explain(err); f != nil {
				reason = f.reason
			}
			if reason != test.want || (p.data == nil) != (err != nil) {
				t.Errorf("%d keys, %q", len(p.data), reason)
			}
			if len(d.heavy.running) != 0 {
				t.Error("heavy work that has ended keeps others waiting")
			}
		})
	}
}

func TestKeysComeFromWhatTheirEntriesRead(t *testing.T) {
	aws := &shelf{labels: map[string]map[string]string{"db": stages(`{"a":"1"}`, ""), "x": stages("2", ""), "y": stages(`{"b":"3"}`, "")}}
	d, p := passWith(t, aws, v1alpha1.SecretSyncSpec{
		Source:   v1alpha1.SecretSource{SecretID: "db"},
		Data:     []v1alpha1.DataKey{{Key: "own", Property: "a"}, {Key: "x", Source: other("x", "")}, {Key: "none", Source: other("none", ""), Optional: true}},
		DataFrom: []v1alpha1.DataFrom{{Source: other("y", "")}, {Source: other("none", ""), Optional: true}},
	})
	if err := read(d.Controller, p); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"own": "1", "x": "2", "b": "3"}, rendered(p)) + cmp.Diff([]string{"b", "own", "x"}, p.keys); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
