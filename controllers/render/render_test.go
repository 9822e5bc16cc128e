package render

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

func everyByte() []byte {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return all
}

func TestRender(t *testing.T) {
	large := strings.Repeat("x", 65536)
	for name, test := range map[string]struct {
		value source.Value
		keys  []v1alpha1.DataKey
		want  map[string]string
	}{
		"a plain text lands whole under the key value": {
			value: source.TextValue("sk-live-1\r\n"),
			want:  map[string]string{"value": "sk-live-1\r\n"},
		},
		"a JSON array is no object and lands whole": {
			value: source.TextValue(`["a", 1]`),
			want:  map[string]string{"value": `["a", 1]`},
		},
		"a binary lands undamaged, every byte of it": {
			value: source.BinaryValue(everyByte()),
			want:  map[string]string{"value": string(everyByte())},
		},
		"a binary that looks like JSON is not looked into": {
			value: source.BinaryValue([]byte(`{"a":"b"}`)),
			want:  map[string]string{"value": `{"a":"b"}`},
		},
		"the largest value that AWS allows lands whole": {
			value: source.TextValue(large),
			want:  map[string]string{"value": large},
		},
		"an object lands one key per field, everything but strings as its JSON text": {
			value: source.TextValue(` {"user":"ünï\u00e9 \"q\"","port":5432,"big":12345678901234567890,"exp":1e21,"cents":0.10,` +
				`"on":true,"none":null,"empty":"","nested":{ "a" : [1, 2] },"dotted.name":"d"} `),
			want: map[string]string{
				"user": `ünïé "q"`, "port": "5432", "big": "12345678901234567890", "exp": "1e21", "cents": "0.10",
				"on": "true", "none": "null", "empty": "", "nested": `{ "a" : [1, 2] }`, "dotted.name": "d",
			},
		},
		"listed keys are the only ones": {
			value: source.TextValue(`{"username":"u","password":"p"}`),
			keys:  []v1alpha1.DataKey{{Key: "DB_PASSWORD", Property: "password"}},
			want:  map[string]string{"DB_PASSWORD": "p"},
		},
		"a key without property takes the whole value": {
			value: source.TextValue(`{"a":"b"}`),
			keys:  []v1alpha1.DataKey{{Key: "config.json"}, {Key: "A", Property: "a"}},
			want:  map[string]string{"config.json": `{"a":"b"}`, "A": "b"},
		},
		"a key without property takes a text that only begins like JSON": {
			value: source.TextValue(`{not json`),
			keys:  []v1alpha1.DataKey{{Key: "template"}},
			want:  map[string]string{"template": `{not json`},
		},
		"a property is the literal name of a field before it is a path": {
			value: source.TextValue(`{"a.b":"literal","a":{"b":"nested","c/d":{"e":7}}}`),
			keys:  []v1alpha1.DataKey{{Key: "one", Property: "a.b"}, {Key: "two", Property: "a.c/d.e"}, {Key: "three", Property: "a"}},
			want:  map[string]string{"one": "literal", "two": "7", "three": `{"b":"nested","c/d":{"e":7}}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := Render(test.value, test.keys)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for key, value := range data {
				got[key] = string(value)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("keys differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRenderRefuses(t *testing.T) {
	const marker = "hunter2"
	for name, test := range map[string]struct {
		value   source.Value
		keys    []v1alpha1.DataKey
		reason  string
		mention string
	}{
		"an empty value":                     {source.TextValue(""), nil, v1alpha1.ReasonInvalidValue, "empty"},
		"an object without fields":           {source.TextValue(" {} "), nil, v1alpha1.ReasonInvalidValue, "without fields"},
		"a broken object":                    {source.TextValue(`{"a":"hunter2"`), nil, v1alpha1.ReasonInvalidValue, "byte 14"},
		"an object with something behind it": {source.TextValue(`{"a":"b"} hunter2`), nil, v1alpha1.ReasonInvalidValue, "byte"},
		"a field that can't be a key":        {source.TextValue(`{"my key":"hunter2"}`), nil, v1alpha1.ReasonInvalidValue, `"my key"`},
		"a property of a plain text":         {source.TextValue(marker), []v1alpha1.DataKey{{Key: "k", Property: "p"}}, v1alpha1.ReasonInvalidValue, "not a JSON object"},
		"a property of an array":             {source.TextValue(`["hunter2"]`), []v1alpha1.DataKey{{Key: "k", Property: "p"}}, v1alpha1.ReasonInvalidValue, "not a JSON object"},
		"a property of null":                 {source.TextValue(`null`), []v1alpha1.DataKey{{Key: "k", Property: "p"}}, v1alpha1.ReasonInvalidValue, "not a JSON object"},
		"a property of a binary":             {source.BinaryValue([]byte(marker)), []v1alpha1.DataKey{{Key: "k", Property: "p"}}, v1alpha1.ReasonInvalidValue, "binary"},
		"a property that is not there":       {source.TextValue(`{"pasword":"hunter2"}`), []v1alpha1.DataKey{{Key: "k", Property: "password"}}, v1alpha1.ReasonPropertyNotFound, "pasword"},
		"a path that ends too early":         {source.TextValue(`{"a":{"b":"hunter2"}}`), []v1alpha1.DataKey{{Key: "k", Property: "a.c"}}, v1alpha1.ReasonPropertyNotFound, `"a" has only the fields "b"`},
		"a property among many": {source.TextValue(`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":"hunter2"}`),
			[]v1alpha1.DataKey{{Key: "k", Property: "p"}}, v1alpha1.ReasonPropertyNotFound, `"i", "j" and 1 more`},
		"a property of an object without fields":          {source.TextValue(`{}`), []v1alpha1.DataKey{{Key: "k", Property: "p"}}, v1alpha1.ReasonPropertyNotFound, "no fields"},
		"a name with a line break":                        {source.TextValue("{\"a\\nb\":\"hunter2\"}"), nil, v1alpha1.ReasonInvalidValue, `"a\nb"`},
		"a name that starts with two dots":                {source.TextValue(`{"..a":"hunter2"}`), nil, v1alpha1.ReasonInvalidValue, `"..a"`},
		"a name with a slash":                             {source.TextValue(`{"a/b":"hunter2"}`), nil, v1alpha1.ReasonInvalidValue, "name the field as property"},
		"an empty name":                                   {source.TextValue(`{"":"hunter2"}`), nil, v1alpha1.ReasonInvalidValue, `""`},
		"one of several such names, always the same":      {source.TextValue(`{"z z":1,"y y":1,"x x":1,"b b":1,"a a":"hunter2"}`), nil, v1alpha1.ReasonInvalidValue, `"a a"`},
		"an empty binary":                                 {source.BinaryValue(nil), []v1alpha1.DataKey{{Key: "k"}}, v1alpha1.ReasonInvalidValue, "empty"},
		"a broken object of which a key wants a property": {source.TextValue(`{"a":"hunter2`), []v1alpha1.DataKey{{Key: "k", Property: "a"}}, v1alpha1.ReasonInvalidValue, "syntax error at byte"},
		"a character that JSON does not know":             {source.TextValue(`{"a": hunter2}`), nil, v1alpha1.ReasonInvalidValue, "byte 7"},
		"a path through a string":                         {source.TextValue(`{"a":"hunter2"}`), []v1alpha1.DataKey{{Key: "k", Property: "a.b"}}, v1alpha1.ReasonPropertyNotFound, `"a" has no fields`},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := Render(test.value, test.keys)
			var refusal *Error
			if !errors.As(err, &refusal) || data != nil {
				t.Fatalf("got keys %d and error %v, want none and a refusal", len(data), err)
			}
			if refusal.Reason != test.reason || !strings.Contains(refusal.Message, test.mention) {
				t.Errorf("refused with %q, want reason %s and mention of %q", refusal, test.reason, test.mention)
			}
			if strings.Contains(err.Error(), marker) {
				t.Errorf("the refusal quotes the value: %s", err)
			}
		})
	}
}

// A parser's error tends to quote the character that it met, which may be one of the value's.
func TestARefusalDoesNotEvenQuoteACharacter(t *testing.T) {
	for _, content := range []string{`{"a": ~}`, `{"a":"b"}~`, `{~`, `{"a":"\~"}`, `{"a":1~}`} {
		for _, keys := range [][]v1alpha1.DataKey{nil, {{Key: "k", Property: "a"}}} {
			if _, err := Render(source.TextValue(content), keys); err == nil || strings.Contains(err.Error(), "~") {
				t.Errorf("%s gives %v", content, err)
			}
		}
	}
}

func TestCheckType(t *testing.T) {
	for name, test := range map[string]struct {
		secretType corev1.SecretType
		keys       map[string]string
		mention    string // empty: accepted
	}{
		"Opaque takes anything":             {corev1.SecretTypeOpaque, map[string]string{"a": ""}, ""},
		"TLS with both keys":                {corev1.SecretTypeTLS, map[string]string{"tls.crt": "c", "tls.key": "k"}, ""},
		"TLS without its key":               {corev1.SecretTypeTLS, map[string]string{"tls.crt": "c"}, `"tls.key"`},
		"SSH without its key":               {corev1.SecretTypeSSHAuth, map[string]string{"a": "b"}, `"ssh-privatekey"`},
		"basic auth with a password alone":  {corev1.SecretTypeBasicAuth, map[string]string{"password": "p"}, ""},
		"basic auth with neither":           {corev1.SecretTypeBasicAuth, map[string]string{"a": "b"}, `"username"`},
		"a docker config that is JSON":      {corev1.SecretTypeDockerConfigJson, map[string]string{".dockerconfigjson": "{}"}, ""},
		"a docker config that is not JSON":  {corev1.SecretTypeDockerConfigJson, map[string]string{".dockerconfigjson": "{"}, "JSON object"},
		"a docker config that is a list":    {corev1.SecretTypeDockerConfigJson, map[string]string{".dockerconfigjson": "[]"}, "JSON object"},
		"a docker config that is missing":   {corev1.SecretTypeDockerConfigJson, map[string]string{"a": "b"}, `".dockerconfigjson"`},
		"an old docker config":              {corev1.SecretTypeDockercfg, map[string]string{".dockercfg": "{}"}, ""},
		"TLS with an empty key":             {corev1.SecretTypeTLS, map[string]string{"tls.crt": "c", "tls.key": ""}, `"tls.key" with a value`},
		"SSH with its key":                  {corev1.SecretTypeSSHAuth, map[string]string{"ssh-privatekey": "k"}, ""},
		"basic auth with a user alone":      {corev1.SecretTypeBasicAuth, map[string]string{"username": "u"}, ""},
		"an old docker config that is none": {corev1.SecretTypeDockercfg, map[string]string{"a": "b"}, `".dockercfg"`},
	} {
		t.Run(name, func(t *testing.T) {
			data := map[string][]byte{}
			for key, value := range test.keys {
				data[key] = []byte(value)
			}
			err := CheckType(test.secretType, data)
			if test.mention == "" && err != nil {
				t.Errorf("refused: %v", err)
			}
			if test.mention != "" && (err == nil || !strings.Contains(err.Error(), test.mention)) {
				t.Errorf("got %v, want a refusal that mentions %s", err, test.mention)
			}
		})
	}
}

func TestCheckSize(t *testing.T) {
	half := bytes.Repeat([]byte("x"), corev1.MaxSecretSize/2)
	if err := CheckSize(map[string][]byte{"a": half, "b": half}); err != nil {
		t.Errorf("exactly 1 MiB was refused: %v", err)
	}
	err := CheckSize(map[string][]byte{"a": half, "b": half, "c": []byte("x")})
	if refusal, ok := errors.AsType[*Error](err); !ok || refusal.Reason != v1alpha1.ReasonTargetTooLarge {
		t.Errorf("one byte over 1 MiB gave %v, want TargetTooLarge", err)
	}
}
