package valuesfile

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/source"
)

const full = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:/prod/api-a1B2c3"

// parsed are values of three secrets: one of them by its ARN, and one with two versions.
func parsed(t *testing.T) *Source {
	t.Helper()
	made, err := Parse([]byte(`
- id: /prod/db
  string: '{"a": 1.0}'
  tags: {team: pay}
- id: /prod/db
  stage: AWSPREVIOUS
  versionID: v0
  string: ""
- id: ` + full + `
  binary: AAE=
  tags: {team: pay, tier: "1"}
- id: /other
  versionID: v7
  string: other
`))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestWhichValueAReferenceReads(t *testing.T) {
	from := parsed(t)
	current := func(id string) source.Ref { return source.Ref{SecretID: id, VersionStage: "AWSCURRENT"} }
	for name, test := range map[string]struct {
		ref  source.Ref
		want string
		kind source.Kind
	}{
		"by name":                          {current("/prod/db"), `{"a": 1.0}`, ""},
		"by name, in a region":             {source.Ref{SecretID: "/prod/db", VersionStage: "AWSCURRENT", Region: "eu-west-1"}, `{"a": 1.0}`, ""},
		"an empty text":                    {source.Ref{SecretID: "/prod/db", VersionStage: "AWSPREVIOUS"}, "", ""},
		"another label":                    {source.Ref{SecretID: "/prod/db", VersionStage: "blue"}, "", source.VersionNotFound},
		"a version":                        {source.Ref{SecretID: "/other", VersionID: "v7"}, "other", ""},
		"another version":                  {source.Ref{SecretID: "/other", VersionID: "v8"}, "", source.VersionNotFound},
		"the label of a version without":   {current("/other"), "", source.VersionNotFound},
		"another secret":                   {current("/prod/d"), "", source.SecretNotFound},
		"a name whose value has an ARN":    {current("/prod/api"), "\x00\x01", ""},
		"the same, in another region":      {source.Ref{SecretID: "/prod/api", VersionStage: "AWSCURRENT", Region: "us-east-1"}, "", source.SecretNotFound},
		"the ARN":                          {current(full), "\x00\x01", ""},
		"the partial ARN":                  {current(strings.TrimSuffix(full, "-a1B2c3")), "\x00\x01", ""},
		"the ARN of a secret by name":      {current("arn:aws:secretsmanager:eu-west-1:1:secret:/prod/db-a1B2c3"), `{"a": 1.0}`, ""},
		"a partial ARN of one by name":     {current("arn:aws:secretsmanager:eu-west-1:1:secret:/prod/db"), `{"a": 1.0}`, ""},
		"the ARN of the same in a replica": {current(strings.Replace(full, "eu-west-1", "us-east-1", 1)), "", source.SecretNotFound},
	} {
		got, err := from.Fetch(t.Context(), test.ref, source.Version{})
		if source.KindOf(err) != test.kind || string(got.Value.Bytes()) != test.want {
			t.Errorf("%s: %q, %v", name, got.Value.Bytes(), err)
		}
		resolved, err := from.Resolve(t.Context(), source.VersionQuery{Ref: test.ref})
		if source.KindOf(err) != test.kind || !cmp.Equal(resolved.Version, got.Version) {
			t.Errorf("%s: resolved to %+v, %v", name, resolved, err)
		}
	}
}

func TestFind(t *testing.T) {
	from := parsed(t)
	for name, test := range map[string]struct {
		query source.FindQuery
		want  []string
	}{
		"a prefix":            {source.FindQuery{NamePrefix: "/prod/"}, []string{"/prod/api", "/prod/db"}},
		"a pattern":           {source.FindQuery{NamePattern: "/prod/d."}, []string{"/prod/db"}},
		"a part of a pattern": {source.FindQuery{NamePattern: "prod"}, nil},
		"a tag":               {source.FindQuery{Tags: map[string]string{"team": "pay"}}, []string{"/prod/api", "/prod/db"}},
		"two tags":            {source.FindQuery{Tags: map[string]string{"team": "pay", "tier": "1"}}, []string{"/prod/api"}},
		"another region":      {source.FindQuery{NamePrefix: "/prod/a", Region: "us-east-1"}, nil},
		"without AWSCURRENT":  {source.FindQuery{NamePrefix: "/other"}, nil},
	} {
		test.query.Budget = pattern.NewBudget(context.Background(), pattern.PassSteps)
		found, err := from.Find(t.Context(), test.query)
		var names []string
		for _, secret := range found {
			names = append(names, secret.Name)
		}
		if err != nil || !cmp.Equal(test.want, names) {
			t.Errorf("%s: %v, %v", name, names, err)
		}
	}
	if _, err := from.Find(t.Context(), source.FindQuery{NamePattern: "(", Budget: pattern.NewBudget(t.Context(), pattern.PassSteps)}); err == nil {
		t.Error("a pattern that is none is accepted")
	}
}

func TestParseRefuses(t *testing.T) {
	const hidden = "hunter2"
	for content, want := range map[string]string{
		"id: a": "no list of values",
		"- {id: a, x: " + hidden + ", string: s}":                                    "no list of values",
		"- {id: a, string: [" + hidden + "]}":                                        "no list of values",
		"- {id: a, binary: '" + hidden + "'}":                                        "no list of values",
		"- {string: " + hidden + "}":                                                 "[0].id is missing",
		"- {id: a}":                                                                  "[0]: set exactly one of string and binary",
		"- {id: a, string: " + hidden + ", binary: AAE=}":                            "[0]: set exactly one of string and binary",
		"- {id: a, string: x}\n- {id: a, stage: AWSCURRENT, string: " + hidden + "}": "two values at AWSCURRENT",
	} {
		if _, err := Parse([]byte(content)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), hidden) {
			t.Errorf("%s: %v, want %q", content, err, want)
		}
	}
}
