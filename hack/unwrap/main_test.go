package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParagraphsAreUnwrapped(t *testing.T) {
	for text, want := range map[string]string{
		"one line":                        "one line",
		"a sentence\nthat goes on.":       "a sentence that goes on.",
		"one\nparagraph.\n\nAnd\nanother": "one paragraph.\n\nAnd another",
		"a list:\n- a\n- b\n  more":       "a list:\n- a\n- b\n  more",
		"code:\n\n    a\n    b":           "code:\n\n    a\n    b",
	} {
		if got := unwrap(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestManifestsKeepEverythingElse(t *testing.T) {
	const before = `---
a:
  description: |-
    name of
    the Secret.
  list:
  - description: short
    maximum: 1048576
  properties:
    description:
      type: string
`
	want := strings.Replace(before, "|-\n    name of\n    the", "name of the", 1)
	if got, err := manifest([]byte(before)); err != nil || string(got) != want {
		t.Errorf("it became, with the error %v,\n%s", err, got)
	}
	if _, err := manifest([]byte("a: [")); err == nil {
		t.Error("a manifest that is not YAML was accepted")
	}
}

func TestReferencesKeepTheBreaksBetweenRules(t *testing.T) {
	const before = "| `a` _string_ | name<br />of it.<br /> |  | MaxLength: 1 <br />Optional: \\{\\} <br /> |"
	const want = "| `a` _string_ | name of it. |  | MaxLength: 1 <br />Optional: \\{\\} <br /> |"
	if got := reference(before); got != want {
		t.Errorf("it became %s", got)
	}
}

func TestFilesOfAnotherKindAreRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{file}); err == nil {
		t.Error("a text file was rewritten")
	}
}

// TestTheGeneratedFilesAreUnwrapped fails where a description has a line break within a paragraph, as when a step of
// "make generate" was left out.
func TestTheGeneratedFilesAreUnwrapped(t *testing.T) {
	for _, file := range []string{"config/crd/secretsync.dev_secretsyncs.yaml", "config/chart/files/secretsyncs.yaml", "docs/reference/api.md"} {
		content, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		got := []byte(reference(string(content)))
		if filepath.Ext(file) == ".yaml" {
			if got, err = manifest(content); err != nil {
				t.Fatal(err)
			}
		}
		if string(got) != string(content) {
			t.Errorf("%s has line breaks within paragraphs: run make generate", file)
		}
	}
}
