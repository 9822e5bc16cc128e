package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheReadmeIsUpToDate: make generate writes it.
func TestTheReadmeIsUpToDate(t *testing.T) {
	var content [3]string
	for i, file := range []string{"Chart.yaml", "values.yaml", "README.md"} {
		read, err := os.ReadFile(filepath.Join(folder, file))
		if err != nil {
			t.Fatal(err)
		}
		content[i] = string(read)
	}
	page, err := readme([]byte(content[0]), []byte(content[1]))
	if err != nil {
		t.Fatal(err)
	}
	if page != content[2] {
		t.Error("config/chart/README.md is not that of Chart.yaml and values.yaml: make generate")
	}
}

func TestReadme(t *testing.T) {
	const metadata = "name: secretsync\ndescription: Keeps\nhome: https://example.com\nkubeVersion: \">=1.35.0-0\"\n"
	const values = `# The first
# group.
first:
  plain: 5m
  # A list | of two.
  list: [a, "b"]
  empty: {}
  flow: {a: "", b: true} # at the end
# Not of this one.

# Text.
second: ""
`
	page, err := readme([]byte(metadata), []byte(values))
	if err != nil {
		t.Fatal(err)
	}
	const want = `|---|---|---|
| ` + "`first`" + ` |  | The first group. |
| ` + "`first.plain` | `5m`" + ` |  |
| ` + "`first.list` | `[a, \"b\"]`" + ` | A list \| of two. |
| ` + "`first.empty` | `{}`" + ` |  |
| ` + "`first.flow.a` | `\"\"`" + ` |  |
| ` + "`first.flow.b` | `true`" + ` |  |
| ` + "`second` | `\"\"`" + ` | Text. |
`
	if !strings.HasSuffix(page, want) || !strings.HasPrefix(page, "# secretsync\n") || !strings.Contains(page, "\nKubernetes ≥ 1.35.0. ") {
		t.Errorf("the page is %s", page)
	}
}

func TestReadmeOfOtherFiles(t *testing.T) {
	for _, values := range []string{"- a\n", "", "a: [\n"} {
		if page, err := readme([]byte("name: a\n"), []byte(values)); err == nil {
			t.Errorf("values %q give %s", values, page)
		}
	}
}
