package template

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/pattern"
)

func newPass() *pattern.Budget { return pattern.NewBudget(context.Background(), pattern.PassSteps) }

// render executes one template.
func render(source string, data map[string]string) (string, error) {
	values := map[string][]byte{}
	for name, value := range data {
		values[name] = []byte(value)
	}
	made, err := Execute(newPass(), map[string]string{"key": source}, values)
	return string(made["key"]), err
}

// renders checks that each source gives a text.
func renders(t *testing.T, data map[string]string, want map[string]string) {
	t.Helper()
	for source, text := range want {
		got, err := render(source, data)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if diff := cmp.Diff(text, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", source, diff)
		}
	}
}

// refuses checks that each source ends in an error with a text.
func refuses(t *testing.T, data map[string]string, want map[string]string) {
	t.Helper()
	for source, text := range want {
		got, err := render(source, data)
		failure, ok := errors.AsType[*Error](err)
		if !ok || failure.Key != "key" || got != "" {
			t.Errorf("%.100s: got %d bytes, and the error %v", source, len(got), err)
			continue
		}
		if !strings.Contains(failure.Message, text) {
			t.Errorf("%.100s: %q does not say %q", source, failure.Message, text)
		}
	}
}

func TestExecuteGivesTheTemplatesKeysAlone(t *testing.T) {
	got, err := Execute(newPass(), map[string]string{"url": "{{ .user }}@{{ .host }}", "empty": "", "text": "as it is\n"},
		map[string][]byte{"user": []byte("a"), "host": []byte("h\xff")})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]byte{"url": []byte("a@h\xff"), "empty": {}, "text": []byte("as it is\n")}, got); diff != "" {
		t.Error(diff)
	}
}

func TestExecuteGivesAllOrNothing(t *testing.T) {
	got, err := Execute(newPass(), map[string]string{"a": "fine", "b": "{{ .missing }}", "c": "fine"}, nil)
	failure, ok := errors.AsType[*Error](err)
	if !ok || failure.Key != "b" || got != nil {
		t.Errorf("got %d keys and %v", len(got), err)
	}
	if !strings.HasPrefix(err.Error(), `spec.template.data["b"]: line 1, column 3: `) {
		t.Errorf("got %v", err)
	}
}

func TestFieldsAreTexts(t *testing.T) {
	data := map[string]string{"password": "p", "tls.crt": "c", "port": "5432", "empty": "", "on": "yes"}
	renders(t, data, map[string]string{
		`{{ .password }}`:                                                  "p",
		`{{ index . "tls.crt" }}`:                                          "c",
		`{{ $.password }}`:                                                 "p",
		`{{ if .empty }}a{{ else }}b{{ end }}`:                             "b",
		`{{ if and .on (eq .port "5432") }}a{{ end }}`:                     "a",
		`{{ range $name, $value := . }}{{ $name }}={{ $value }};{{ end }}`: "empty=;on=yes;password=p;port=5432;tls.crt=c;",
		`{{ with .password }}{{ . }}{{ end }}`:                             "p",
		`{{ len .port }}{{ slice .port 1 2 }}`:                             "44",
		`{{ define "x" }}<{{ . }}>{{ end }}{{ template "x" .port }}`:       "<5432>",
		`{{ range $i, $x := list 1 2 3 }}{{ if $i }},{{ end }}{{ if eq $x 3 }}{{ break }}{{ end }}{{ $x }}{{ end }}`: "1,2,",
		`{{- /* nothing */ -}} x`:       "x",
		`{{ range 3 }}{{ . }}{{ end }}`: "012",
		`{{ 1.5 }}{{ true }}{{ 'a' }}`:  "1.5true97",
	})
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	many := map[string]string{}
	for i := range 30 {
		many["field"+strconv.Itoa(100+i)] = "x"
	}
	there := map[string]string{"username": "x", "password": "x"}
	list := `the keys of the data are "password", "username"`
	refuses(t, there, map[string]string{
		`{{ .pasword }}`:                                `line 1, column 3: there is no field "pasword", and ` + list,
		"\n\n  {{ upper .pasword }}":                    `line 3, column 11: there is no field "pasword", and ` + list,
		`{{ index . "tls.crt" }}`:                       `there is no field "tls.crt", and ` + list,
		`{{ index . .password }}`:                       `there is no field, and ` + list,
		`{{ .password | index . }}`:                     `there is no field, and ` + list,
		`{{ .password | index (dict "a" (dict)) "a" }}`: `there is no field, and ` + list,
		`{{ (dict "a" 1).b }}`:                          `there is no field "b"`,
		`{{ (fromJson "null").b }}`:                     `null`,
		`{{ .password.x }}`:                             `only maps have fields`,
		`{{ fromJson "null" }}`:                         `it prints null`,
		`{{ . }}`:                                       `it prints a map`,
		`{{ list 1 2 }}`:                                `it prints a list`,
	})
	refuses(t, many, map[string]string{`{{ .x }}`: `"field109" and 20 more`})
	refuses(t, nil, map[string]string{`{{ .x }}`: `there are no fields`})
}

func TestSourcesThatCannotBeParsed(t *testing.T) {
	refuses(t, nil, map[string]string{
		"\n{{ if }}":                      "line 2: missing value for if",
		"{{ nope 1 }}":                    `line 1: function "nope" not defined (docs/templates.md lists those that there are)`,
		"a\nb{{":                          "line 2: unclosed action",
		"{{ _step 1 }}":                   `function "_step" not defined`,
		"{{ _print 1 }}":                  `function "_print" not defined`,
		strings.Repeat("x", maxSource+1):  "the template has 65537 bytes, more than 65536",
		"{{" + strings.Repeat("(", 20000): "line 1: ",
	})
	_, err := render("{{ "+strings.Repeat("x", 60000)+" }}", nil)
	if err == nil {
		t.Fatal("there is no error")
	}
	if length := len(err.Error()); length > 1000 {
		t.Errorf("an error of %d bytes", length)
	}
}

// impure are functions of sprig that read something besides their arguments, or are random.
const impure = "env expandenv getHostByName now date dateInZone dateModify ago unixEpoch htmlDate toDate mustToDate duration " +
	"randAlpha randAlphaNum randAscii randNumeric randBytes randInt shuffle uuidv4 bcrypt derivePassword genPrivateKey genCA " +
	"genCAWithKey genSelfSignedCert genSelfSignedCertWithKey genSignedCert genSignedCertWithKey encryptAES buildCustomCert " +
	"lookup include tpl getSecretKey readFile pemToPkcs12 pemToPkcs12Pass fullPemToPkcs12 pemTruststoreToPKCS12 osBase osDir"

func TestImpureFunctionsAreUnknown(t *testing.T) {
	for name := range strings.FieldsSeq(impure) {
		refuses(t, nil, map[string]string{"{{ " + name + " }}": `function "` + name + `" not defined`})
	}
}
