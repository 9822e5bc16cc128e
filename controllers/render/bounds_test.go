package render

import (
	"context"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/source"
)

// deep is an object in an object, and so on, with a text at its end.
func deep(levels int) string {
	return strings.Repeat(`{"a":`, levels) + `{"z":"` + strings.Repeat("x", 60_000-6*levels) + `"}` + strings.Repeat("}", levels)
}

// wide is an object of many fields.
func wide(fields int) string {
	parts := make([]string, fields)
	for i := range parts {
		parts[i] = fmt.Sprintf(`"field%d":"abc"`, i)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func keysOf(count int, entry v1alpha1.DataKey) []v1alpha1.DataKey {
	all := make([]v1alpha1.DataKey, count)
	for i := range all {
		all[i] = entry
		all[i].Key = fmt.Sprint("key", i)
	}
	return all
}

func fromValue(content string, entry v1alpha1.DataFrom, times int) (*v1alpha1.SecretSyncSpec, Inputs) {
	spec, inputs := &v1alpha1.SecretSyncSpec{}, Inputs{}
	for i := range times {
		entry.Prefix = fmt.Sprint("p", i)
		spec.DataFrom = append(spec.DataFrom, entry)
		inputs.DataFrom = append(inputs.DataFrom, []NamedValue{{Name: "s", Value: *textValue(content)}})
	}
	return spec, inputs
}

func renames(count int, match string) []v1alpha1.Rename {
	all := make([]v1alpha1.Rename, count)
	for i := range all {
		all[i] = v1alpha1.Rename{Match: match, Replace: "x"}
	}
	return all
}

// TestCostlySpecsAreRefused has specs that admission takes and that would work for seconds, or for hours. Each is
// refused once the budget does not have the next step, in words that name the field and the remedy.
func TestCostlySpecsAreRefused(t *testing.T) {
	long, patterns := strings.Repeat("n", 60_000), make([]string, 120)
	for i := range patterns {
		patterns[i] = "*" + strings.Repeat("n", 100+i) + "!"
	}
	const dear = "steps of processor time, and of the 100000000 for one sync"
	for name, test := range map[string]struct {
		content string
		data    []v1alpha1.DataKey
		from    *v1alpha1.DataFrom
		times   int
		mention []string
	}{
		"a rename of 200,000 instructions": {content: wide(1), from: &v1alpha1.DataFrom{Rename: renames(1, strings.Repeat(".{0,999}", 60))}, times: 1,
			mention: []string{"spec.dataFrom[0].rename[0].match is too large a pattern", "instructions, and 2500 are the most"}},
		"renames of many names": {content: wide(2_000), from: &v1alpha1.DataFrom{Rename: renames(16, strings.Repeat(".{0,99}", 10)+"Z")}, times: 2,
			mention: []string{"spec.dataFrom[0].rename[", ".{0,99}", dear}},
		"a rename that goes through a name again and again": {content: `{"` + strings.Repeat("a", 60_000) + `":1}`, from: &v1alpha1.DataFrom{Rename: renames(1, "a.*b|a")}, times: 1,
			mention: []string{"spec.dataFrom[0].rename[0].match", "a.*b|a", dear}},
		"exclude of a long name": {content: `{"` + long + `":1}`, from: &v1alpha1.DataFrom{Exclude: patterns}, times: 1, mention: []string{"spec.dataFrom[0].exclude", dear}},
		"include of a long name": {content: `{"` + long + `":1}`, from: &v1alpha1.DataFrom{Include: patterns}, times: 1, mention: []string{"spec.dataFrom[0].include", dear}},
		"many names":             {content: wide(3_000), from: &v1alpha1.DataFrom{}, times: 150, mention: []string{"spec.dataFrom[", "making keys of names", dear}},
		"paths that end in vain": {content: deep(500), data: keysOf(512, v1alpha1.DataKey{Property: strings.Repeat("a.", 499) + "z0", Optional: true}), mention: []string{`key "key`, "following the path", dear}},
		"large values":           {content: deep(1), data: keysOf(512, v1alpha1.DataKey{}), mention: []string{"more than 4194304 bytes together"}},
		"searches": {content: "[" + strings.Repeat("1,", 30_000) + "1]", data: keysOf(512, v1alpha1.DataKey{JMESPath: "[?@ == `[1,2,3,4,5,6,7,8,9]`] | length(@)"}),
			mention: []string{`.jmesPath: the expression takes up to`, dear}},
	} {
		t.Run(name, func(t *testing.T) {
			spec, inputs := &v1alpha1.SecretSyncSpec{Data: test.data}, Inputs{}
			if test.from != nil {
				spec, inputs = fromValue(test.content, *test.from, test.times)
			}
			value := textValue(test.content)
			for range test.data {
				inputs.Data = append(inputs.Data, value)
			}
			work := newWork()
			data, err := renderData(work, spec, inputs)
			refusal, ok := errors.AsType[*Error](err)
			if !ok || data != nil {
				t.Fatalf("got %d keys, %v after %d steps", len(data), err, work.Budget.Spent())
			}
			wantRefusal(t, err, refusal.Reason, test.mention...)
			if refusal.Reason != v1alpha1.ReasonInvalidValue && refusal.Reason != v1alpha1.ReasonTargetTooLarge {
				t.Errorf("refused with %s", refusal.Reason)
			}
		})
	}
}

// TestADeepPathIsReadOnce has 500 nested objects: each is parsed once, by the first entry whose path goes through it.
func TestADeepPathIsReadOnce(t *testing.T) {
	entries := keysOf(2, v1alpha1.DataKey{Property: strings.Repeat("a.", 500) + "z"})
	spent := make([]int64, 0, 2)
	for count := range entries {
		work, value := newWork(), textValue(deep(500))
		data, err := renderData(work, &v1alpha1.SecretSyncSpec{Data: entries[:count+1]}, Inputs{Data: []*source.Value{value, value}[:count+1]})
		if err != nil || len(data["key0"]) < 50_000 {
			t.Fatal(len(data["key0"]), err)
		}
		spent = append(spent, work.Budget.Spent())
	}
	if spent[0] > pattern.PassSteps/2 || spent[1]-spent[0] > spent[0]/20 {
		t.Errorf("one entry takes %d steps, two take %d", spent[0], spent[1])
	}
}

func TestCostlyGuardsAreRefused(t *testing.T) {
	large := map[string][]byte{}
	for i := range 16 {
		large[fmt.Sprint("key", i)] = []byte(strings.Repeat("a", 60_000))
	}
	many := func(guard v1alpha1.KeyGuard) v1alpha1.Guards {
		guards := v1alpha1.Guards{}
		for i := range 64 {
			guard.Key = strings.Repeat("*", i+1)
			guards.Keys = append(guards.Keys, guard)
		}
		return guards
	}
	for name, test := range map[string]struct {
		guards  v1alpha1.Guards
		mention []string
	}{
		"a program of 200,000 instructions": {many(v1alpha1.KeyGuard{Pattern: strings.Repeat(".{0,999}", 100) + "Z"}),
			[]string{`spec.guards.keys["*"].pattern is too large a pattern`, "instructions, and 2500 are the most"}},
		"one pattern":   {many(v1alpha1.KeyGuard{Pattern: strings.Repeat(".{0,99}", 10) + "Z?.*"}), []string{`spec.guards.keys["*"].pattern, for the key "key0"`, ".{0,99}"}},
		"many patterns": {many(v1alpha1.KeyGuard{Pattern: "[a-z]{1,10}[a-z]*"}), []string{`"].pattern, for the key "key`, "matched against 60000 bytes"}},
		"many formats":  {many(v1alpha1.KeyGuard{Format: v1alpha1.ValueFormatUTF8}), []string{`"].format: looking through 60000 bytes`}},
		"many key pairs": {v1alpha1.Guards{KeyPairs: []v1alpha1.KeyPairGuard{{Certificate: "key0", PrivateKey: "key1"}}},
			[]string{`spec.guards.keyPairs["key0"]: comparing a certificate of 60000 bytes with a private key of 60000`}},
	} {
		t.Run(name, func(t *testing.T) {
			work := newWork()
			wantRefusal(t, CheckGuards(work, &test.guards, large), v1alpha1.ReasonInvalidValue, test.mention...)
		})
	}
}

// TestLargePrivateKeysAreNotParsed has a key of 70,000 bits, which takes a second to parse.
func TestLargePrivateKeysAreNotParsed(t *testing.T) {
	prime := new(big.Int).Lsh(big.NewInt(1), 35_000)
	prime.Sub(prime, big.NewInt(1))
	der, err := asn1.Marshal(struct {
		Version                     int
		N, E, D, P, Q, Dp, Dq, QInv *big.Int
	}{0, new(big.Int).Mul(prime, prime), big.NewInt(65537), prime, prime, prime, big.NewInt(3), big.NewInt(3), big.NewInt(3)})
	if err != nil {
		t.Fatal(err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: der})
	if _, err := publicKeyOf(key); err == nil || !strings.Contains(err.Error(), "and 16384 are the most") {
		t.Errorf("a key of %d bytes is refused with %v", len(key), err)
	}
}

func TestTemplatesShareTheBudget(t *testing.T) {
	spec := &v1alpha1.SecretSyncSpec{Template: &v1alpha1.Template{Data: map[string]string{"made": "{{ range 5000 }}{{ upper $.a }}{{ end }}"}}}
	work := newWork()
	if _, err := renderData(work, spec, Inputs{Source: textValue(`{"a":"b"}`)}); err != nil {
		t.Fatal(err)
	}
	spent := work.Budget.Spent()
	if spent < 500_000 || spent > pattern.PassSteps/10 {
		t.Errorf("25,000 steps of a template took %d", spent)
	}
	work.Budget = pattern.NewBudget(t.Context(), spent-1)
	_, err := renderData(work, spec, Inputs{Source: textValue(`{"a":"b"}`)})
	wantRefusal(t, err, v1alpha1.ReasonTemplateFailed, "spec.template.data: executing the templates takes up to")
}

// TestNothingIsDoneAfterTheReconcileHasEnded wants the error of the context, which is not reported.
func TestNothingIsDoneAfterTheReconcileHasEnded(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	value := textValue(`{"a":"b"}`)
	guards := &v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "*", Pattern: "b"}}}
	for name, run := range map[string]func(Work) error{
		"whole": func(w Work) error {
			_, err := renderData(w, &v1alpha1.SecretSyncSpec{}, Inputs{Source: value})
			return err
		},
		"property": func(w Work) error { return renderWith(w, v1alpha1.DataKey{Key: "k", Property: "a"}) },
		"jmesPath": func(w Work) error { return renderWith(w, v1alpha1.DataKey{Key: "k", JMESPath: "a"}) },
		"guards":   func(w Work) error { return CheckGuards(w, guards, map[string][]byte{"a": []byte("b")}) },
		"template": func(w Work) error {
			_, err := renderTemplate(w, &v1alpha1.Template{Data: map[string]string{"a": "{{ .a }}"}}, map[string][]byte{"a": []byte("b")})
			return err
		},
	} {
		err := run(Work{Budget: pattern.NewBudget(ended, pattern.PassSteps), Patterns: pattern.NewCache()})
		if _, refusal := errors.AsType[*Error](err); refusal || !errors.Is(err, context.Canceled) {
			t.Errorf("%s gives %v", name, err)
		}
	}
}

func renderWith(work Work, entry v1alpha1.DataKey) error {
	_, err := renderData(work, &v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{entry}}, Inputs{Data: []*source.Value{textValue(`{"a":"b"}`)}})
	return err
}

// TestOrdinaryWorkIsLight has twenty keys, with guards, renames, searches and templates: less than a hundredth of what
// there is.
func TestOrdinaryWorkIsLight(t *testing.T) {
	value := textValue(wide(50))
	spec, inputs := fromValue(wide(50), v1alpha1.DataFrom{Include: []string{"field1*", "field?"}, Rename: renames(2, "^field([0-9]+)$")}, 1)
	spec.Data = []v1alpha1.DataKey{{Key: "a", Property: "field3"}, {Key: "b", JMESPath: "field4"}}
	inputs.Data = []*source.Value{value, value}
	spec.Template = &v1alpha1.Template{Data: map[string]string{"t": `{"x": {{ .a | toJson }}, "y": "{{ upper .b }}"}`}}
	spec.DataFrom[0].Rename[0].Replace = "x$1"
	work := newWork()
	data, err := renderData(work, spec, inputs)
	if err != nil {
		t.Fatal(err)
	}
	guards := &v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "*", Pattern: `[A-Za-z0-9]{1,64}|\{.*`, Format: v1alpha1.ValueFormatUTF8}}}
	if err := CheckGuards(work, guards, data); err != nil {
		t.Fatal(err)
	}
	if spent := work.Budget.Spent(); spent > pattern.PassSteps/100 {
		t.Errorf("it took %d steps", spent)
	}
}
