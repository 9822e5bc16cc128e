package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// unusable is a value that is refused, by code whose errors might quote it.
type unusable struct {
	content string
	spec    v1alpha1.SecretSyncSpec
	reason  string
}

// unusableByTemplates are values that functions of templates, or text/template itself, refuse.
func unusableByTemplates() map[string]unusable {
	all := map[string]unusable{}
	for number, text := range []string{
		`{{ .password | b64dec }}`, `{{ .password | hexdec }}`, `{{ .odd | urlUnescape }}`, `{{ .odd | b64urldec }}`,
		`{{ .password | fromJson }}`, `{{ .odd | fromJson }}`, `{{ .odd | fromYaml }}`, `{{ (.password | fromYaml).x }}`, `{{ .password | int }}`,
		`{{ add .password 1 }}`, `{{ sub .password 1 }}`, `{{ substr .password 1 2 }}`, `{{ trunc .password "x" }}`, `{{ repeat .password "x" }}`,
		`{{ index . .password }}`, `{{ index .password 99 }}`, `{{ index (splitList "-" .password) 99 }}`, `{{ slice .password 5 99 }}`,
		`{{ .password.x }}`, `{{ (dict .password 1).x }}`, `{{ dict .password }}`, `{{ keys .password }}`, `{{ merge . .password }}`, `{{ join .password 1 }}`,
		`{{ call .password }}`, `{{ call .password .odd }}`, `{{ lt .password 3 }}`, `{{ eq .password 3 }}`, `{{ range .password }}{{ . }}{{ end }}`,
		`{{ required .password "" }}`, `{{ fail .password }}`, `{{ fail (printf "no %s" .password) }}`, `{{ repeat 999999999 .password }}`,
		`{{ pemCertificate .password }}`, `{{ pemPrivateKey .password }}`, `{{ pemPKCS1 .odd }}`, `{{ certSANs .password }}`, `{{ filterPEM "CERTIFICATE" .password | pemChain }}`,
		`{{ pkcs12key .password }}`, `{{ pkcs12keyPass .password .odd }}`, `{{ jksTruststore .password .odd }}`, `{{ dockerConfigJson .password }}`,
		`{{ postgresURL .password }}`, `{{ mysqlDSN .password }}`, `{{ jdbcURL .password . }}`, `{{ pgpass .password }}`, `{{ htpasswd .odd .password .password }}`,
		`{{ toDotenv .password }}`, `{{ toToml .password }}`, `{{ toProperties .password }}`, `{{ template "x" .password }}`, `{{ printf "%999999999s" .password }}`,
		`{{ "` + "`" + `{{ .password`, `{{ . }}`, `{{ define "a" }}{{ template "a" .password }}{{ end }}{{ template "a" . }}`,
	} {
		all[fmt.Sprintf("template-%d", number)] = unusable{
			content: fmt.Sprintf(`{"password":%q,"odd":%q}`, value(), "%zz: !{ :"+value()+"\n"),
			spec:    v1alpha1.SecretSyncSpec{Template: &v1alpha1.Template{Data: map[string]string{"made": text}}}, reason: v1alpha1.ReasonTemplateFailed,
		}
	}
	return all
}

// unusableBySpecs are values that other fields of a spec refuse.
func unusableBySpecs() map[string]unusable {
	onlyKey := func(key v1alpha1.DataKey) v1alpha1.SecretSyncSpec {
		key.Key = "taken"
		return v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{key}}
	}
	guarded := func(guard v1alpha1.KeyGuard) v1alpha1.SecretSyncSpec {
		guard.Key = "*"
		return v1alpha1.SecretSyncSpec{Guards: &v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{guard}}}
	}
	typed := func(kind corev1.SecretType) v1alpha1.SecretSyncSpec {
		return v1alpha1.SecretSyncSpec{Target: v1alpha1.SecretTarget{Type: string(kind)}}
	}
	field := func(format string) string { return fmt.Sprintf(`{"password":%q}`, fmt.Sprintf(format, value())) }
	const invalid, rejected = v1alpha1.ReasonInvalidValue, v1alpha1.ReasonValueRejected
	all := map[string]unusable{
		"guard-pattern":     {field("%s"), guarded(v1alpha1.KeyGuard{Pattern: "[0-9]+"}), rejected},
		"guard-json":        {field("%s"), guarded(v1alpha1.KeyGuard{Format: v1alpha1.ValueFormatJSON}), rejected},
		"guard-json-late":   {field(`{"a": %s}`), guarded(v1alpha1.KeyGuard{Format: v1alpha1.ValueFormatJSON}), rejected},
		"guard-pem":         {field("%s"), guarded(v1alpha1.KeyGuard{Format: v1alpha1.ValueFormatPEM}), rejected},
		"guard-certificate": {field("-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n"), guarded(v1alpha1.KeyGuard{Format: v1alpha1.ValueFormatCertificate}), rejected},
		"guard-utf8":        {`{"password":"` + value() + `\u0000"}`, guarded(v1alpha1.KeyGuard{Format: v1alpha1.ValueFormatUTF8}), rejected},
		"guard-size":        {field("%s"), guarded(v1alpha1.KeyGuard{MaxBytes: aws.Int64(3)}), rejected},
		"guard-pair": {fmt.Sprintf(`{"crt":%q,"key":%q}`, value(), value()), v1alpha1.SecretSyncSpec{Guards: &v1alpha1.Guards{
			KeyPairs: []v1alpha1.KeyPairGuard{{Certificate: "crt", PrivateKey: "key"}}}}, rejected},
		"base64":              {field("%s!"), onlyKey(v1alpha1.DataKey{Property: "password", Decode: v1alpha1.DecodingBase64}), invalid},
		"base64-of-urls":      {field("%s!"), onlyKey(v1alpha1.DataKey{Property: "password", Decode: v1alpha1.DecodingBase64URL}), invalid},
		"base64-of-all":       {field("%s"), v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{{Decode: v1alpha1.DecodingBase64}}}, invalid},
		"json-unquoted":       {`{"password": ` + value() + `}`, v1alpha1.SecretSyncSpec{}, invalid},
		"json-open":           {`{"password": "` + value(), v1alpha1.SecretSyncSpec{}, invalid},
		"json-twice":          {`{"a":"b"} ` + value(), v1alpha1.SecretSyncSpec{}, invalid},
		"json-escape":         {`{"password":"\x` + value() + `"}`, v1alpha1.SecretSyncSpec{}, invalid},
		"json-number":         {`{"port": 12` + value() + `}`, v1alpha1.SecretSyncSpec{}, invalid},
		"no-object":           {value(), onlyKey(v1alpha1.DataKey{Property: "password"}), invalid},
		"no-object-inside":    {field("%s"), v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{{Property: "password"}}}, invalid},
		"no-path":             {field("%s"), onlyKey(v1alpha1.DataKey{Property: "password.x[0]"}), v1alpha1.ReasonPropertyNotFound},
		"tls":                 {fmt.Sprintf(`{"tls.crt":%q,"tls.key":%q}`, value(), value()), typed(corev1.SecretTypeTLS), invalid},
		"tls-bad-pem":         {fmt.Sprintf(`{"tls.crt":"-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n","tls.key":%q}`, base64.StdEncoding.EncodeToString([]byte(value())), value()), typed(corev1.SecretTypeTLS), invalid},
		"docker":              {fmt.Sprintf(`{".dockerconfigjson":%q}`, value()), typed(corev1.SecretTypeDockerConfigJson), invalid},
		"docker-late":         {fmt.Sprintf(`{".dockerconfigjson":"{\"auths\":{\"x\":{\"auth\":%s}}}"}`, value()), typed(corev1.SecretTypeDockerConfigJson), invalid},
		"former-is-too-much":  {field("%s"), v1alpha1.SecretSyncSpec{Guards: &v1alpha1.Guards{MaxBytes: aws.Int64(4)}}, rejected},
		"expression-of-no-js": {value(), onlyKey(v1alpha1.DataKey{JMESPath: "a"}), invalid},
	}
	for number, expression := range []string{
		"abs(password)", "sum(@)", "sum(password)", "sort_by(@, &password)", "max(password)", "avg([password])", "join(',', password)", "keys(password)",
		"ceil(password)", "starts_with(list, 'x')", "merge(password, @)", "map(&x, password)", "not_null()", "contains(num, 'x')", "reverse(num)", "sort(list)",
		"to_number(password)", "password[0].x", "password.*.x | [0]", "list[?password > `1`] | [0]", "from_items(password)",
	} {
		all[fmt.Sprintf("expression-%d", number)] = unusable{content: fmt.Sprintf(`{"password":%q,"list":[%q,1],"num":1}`, value(), value()), spec: onlyKey(v1alpha1.DataKey{JMESPath: expression})}
	}
	return all
}

// TestNoErrorQuotesAValue: unusable values are refused without quoting a character of them. The search after the last
// test covers logs and events too.
func TestNoErrorQuotesAValue(t *testing.T) {
	s, all := newSetup(t), unusableByTemplates()
	maps.Copy(all, unusableBySpecs())
	for name, test := range all {
		id, _ := s.createSecret(name, test.content)
		test.spec.Source, test.spec.PollInterval = v1alpha1.SecretSource{SecretID: id}, &metav1.Duration{Duration: time.Hour}
		s.sync(name, test.spec)
	}
	used.Lock()
	searched := needles(used.values)
	used.Unlock()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		var ready *metav1.Condition
		s.await(name+" is refused", func() bool {
			ready = meta.FindStatusCondition(s.get(name).Status.Conditions, v1alpha1.ConditionReady)
			return ready != nil && ready.Reason != v1alpha1.ReasonProgressing
		})
		status, err := json.Marshal(s.get(name).Status)
		if err != nil {
			t.Fatal(err)
		}
		expression := strings.HasPrefix(name, "expression-") && (ready.Reason == v1alpha1.ReasonInvalidValue || ready.Reason == v1alpha1.ReasonPropertyNotFound)
		switch {
		case len(leaks(status, searched)) > 0:
			t.Errorf("%s, refused for %s: the status gives a value away", name, ready.Reason)
		case ready.Reason != all[name].reason && !expression:
			t.Errorf("%s: Ready is %s for %s: %s", name, ready.Status, ready.Reason, ready.Message)
		case s.secret(name) != nil:
			t.Errorf("%s: a Secret was written", name)
		}
	}
	if len(all) < 90 {
		t.Errorf("only %d values were tried", len(all))
	}
}

// TestWhatTemplatesMakeOfValuesIsSearchedFor: values go through encodings, digests and documents into the Secret, are
// rotated, repaired and refused. The search after the last test knows all these forms.
func TestWhatTemplatesMakeOfValuesIsSearchedFor(t *testing.T) {
	s := newSetup(t)
	content := func(password string) string {
		return fmt.Sprintf(`{"username":"app","password":%q,"host":"db.example.com","port":5432,"dbname":"x","salt":"9aKx0pQz"}`, password)
	}
	password := value()
	id, _ := s.createSecret("made", content(password))
	made := map[string]string{
		"base64": `{{ .password | b64enc }}`, "twice": `{{ .password | b64enc | b64enc }}`, "hex": `{{ .password | hexenc }}`, "capitals": `{{ .password | upper }}`,
		"digest": `{{ .password | sha512sum }}`, "json": `{{ dict "p" .password | toJson | quote }}`, "url": `{{ postgresURL . }}`, "escaped": `{{ printf "%s/?" .password | urlquery }}`,
		"crypt": `{{ htpasswd .username .password .salt }}`, "basic": `{{ basicAuth .username .password }}`,
		"docker": `{{ dockerConfigJson (dict "registry" "r.example.com" "username" .username "password" .password) | b64enc }}`,
	}
	s.sync("made", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast, Template: &v1alpha1.Template{Data: made}})
	for range 2 {
		s.await("the Secret is rendered from the value", func() bool {
			found := s.secret("made")
			return found != nil && string(found.Data["base64"]) == base64.StdEncoding.EncodeToString([]byte(password))
		})
		s.awaitReady("made")
		data := s.secret("made").Data
		if len(data) != len(made)+6 {
			t.Fatalf("the Secret has %d keys", len(data))
		}
		// The test cannot compute a hash with a random salt.
		_, crypt, _ := strings.Cut(strings.TrimSpace(string(data["crypt"])), "$6$9aKx0pQz$")
		used.Lock()
		used.values = append(used.values, crypt)
		used.Unlock()
		searched := needles([]string{password, crypt})
		for key := range made {
			if len(leaks(data[key], searched)) == 0 { // The search would not find that form in a log either.
				t.Errorf("the search does not know the value in key %s", key)
			}
		}
		s.patchSecret("made", func(secret *corev1.Secret) { secret.Data["base64"] = []byte("by hand") })
		password = value()
		s.putValue(id, content(password))
	}
	s.putValue(id, fmt.Sprintf(`{"username":"app","password":%q}`, value()))
	s.awaitReason("made", metav1.ConditionFalse, v1alpha1.ReasonTemplateFailed)
}
