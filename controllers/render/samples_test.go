package render

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// sampleSpecs are the specs of the SecretSyncs of a sample.
func sampleSpecs(t *testing.T, name string) []v1alpha1.SecretSyncSpec {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("../../config/samples", name))
	if err != nil {
		t.Fatal(err)
	}
	var specs []v1alpha1.SecretSyncSpec
	for manifest := range strings.SplitSeq(string(content), "\n---\n") {
		var sync struct { // Not a SecretSync, which takes what it does not know.
			metav1.TypeMeta `json:",inline"`
			Metadata        metav1.ObjectMeta       `json:"metadata"`
			Spec            v1alpha1.SecretSyncSpec `json:"spec"`
		}
		if err := yaml.UnmarshalStrict([]byte(manifest), &sync); err != nil {
			t.Fatal(err)
		}
		specs = append(specs, sync.Spec)
	}
	return specs
}

func TestSampleOfSeveralSources(t *testing.T) {
	spec := sampleSpecs(t, "several-sources.yaml")[0]
	current, previous := textValue(`{"username":"payments","password":"new"}`), textValue(`{"username":"payments","password":"old"}`)
	for name, test := range map[string]struct {
		inputs Inputs
		want   map[string]string
	}{
		"after a rotation": {
			Inputs{Data: []*source.Value{current, previous, textValue("sk_live_1")}, DataFrom: [][]NamedValue{found("/samples/shop", `{"token":"t"}`), found("/samples/features/search", "on", "/samples/features/ui/dark", "off")}},
			map[string]string{"DB_PASSWORD": "new", "DB_PASSWORD_PREVIOUS": "old", "STRIPE_KEY": "sk_live_1", "SHOP_token": "t", "FEATURE_search": "on", "FEATURE_ui_dark": "off"},
		},
		"before the first one": {
			Inputs{Data: []*source.Value{current, nil, textValue("sk_live_1")}, DataFrom: [][]NamedValue{found("/samples/shop", `{"token":"t"}`), nil}},
			map[string]string{"DB_PASSWORD": "new", "STRIPE_KEY": "sk_live_1", "SHOP_token": "t"},
		},
	} {
		data, err := renderData(newWork(), &spec, test.inputs)
		if diff := cmp.Diff(test.want, asText(data)); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestSampleOfProperties(t *testing.T) {
	spec := sampleSpecs(t, "properties.yaml")[0]
	data, err := renderOne(source.TextValue(`{
		"hosts": [{"name": "db-0.internal", "port": 5432}, {"name": "db-1.internal", "port": 5433}],
		"tls.ca": "ca", "accounts": [{"name": "admin", "password": "a"}, {"name": "app", "password": "b"}], "license": "AP8QIA==", "proxy": null}`), spec.Data)
	want := map[string]string{"DB_HOST": "db-0.internal", "DB_PORT": "5432", "DB_REPLICA": "db-1.internal", "ca.crt": "ca", "APP_PASSWORD": "b", "license.bin": "\x00\xff\x10 ", "PROXY_HOST": ""}
	if diff := cmp.Diff(want, asText(data)); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestSampleOfGuards(t *testing.T) {
	specs := sampleSpecs(t, "guards.yaml")
	pair, other := newPair(t, ed25519Key(t)), newPair(t, ed25519Key(t))
	for name, test := range map[string]struct {
		spec   v1alpha1.SecretSyncSpec
		fields map[string]string
		refuse string // empty: published
	}{
		"a pair":                  {specs[0], map[string]string{"certificate": pair.certificate, "privateKey": pair.pkcs8}, ""},
		"a key of another pair":   {specs[0], map[string]string{"certificate": pair.certificate, "privateKey": other.pkcs8}, `spec.guards.keyPairs["tls.crt"]`},
		"a key in the chain":      {specs[0], map[string]string{"certificate": pair.certificate + pair.pkcs8, "privateKey": pair.pkcs8}, `spec.guards.keys["tls.crt"].format`},
		"a password with a blank": {specs[1], map[string]string{"username": "u", "password": "long enough"}, `spec.guards.keys["password"].pattern`},
		"credentials as they are": {specs[1], map[string]string{"username": "u", "password": "longenough"}, ""},
		"a password too short":    {specs[1], map[string]string{"username": "u", "password": "short"}, `spec.guards.keys["password"].minBytes`},
		"no user":                 {specs[1], map[string]string{"password": "longenough"}, "spec.guards.requiredKeys"},
		"a user with a NUL in it": {specs[1], map[string]string{"username": "u\x00", "password": "longenough"}, `spec.guards.keys["*"].format`},
	} {
		content, err := json.Marshal(test.fields)
		if err != nil {
			t.Fatal(err)
		}
		data, err := renderOne(source.TextValue(string(content)), test.spec.Data)
		if err != nil {
			t.Fatal(err)
		}
		err = CheckGuards(newWork(), test.spec.Guards, data)
		if test.refuse == "" {
			if err == nil {
				_, err = CheckType(newWork(), test.spec.Target.TypeOrDefault(), data)
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		wantRefusal(t, err, v1alpha1.ReasonValueRejected, test.refuse)
	}
}
