// Command unwrap removes the line breaks within paragraphs from the descriptions in generated files: controller-gen
// copies the line breaks of Go comments into the CRD, where kubectl explain, which wraps lines itself, would show them
// in the middle of sentences.
//
//	go run ./hack/unwrap config/crd/secretsync.dev_secretsyncs.yaml docs/reference/api.md
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "unwrap:", err)
		os.Exit(1)
	}
}

// run rewrites files in place: YAML as a CRD, Markdown as a reference made by crd-ref-docs.
func run(files []string) error {
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		switch filepath.Ext(file) {
		case ".yaml":
			content, err = manifest(content)
		case ".md":
			content = []byte(reference(string(content)))
		default:
			err = fmt.Errorf("%s is neither YAML nor Markdown", file)
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(file, content, 0o600); err != nil { // An existing file keeps its mode.
			return err
		}
	}
	return nil
}

// manifest unwraps each description of a YAML manifest, and writes the manifest as controller-gen does.
func manifest(content []byte) ([]byte, error) {
	var object any
	// Numbers are kept as they are written: as a float64, 1048576 would become 1.048576e+06.
	asWritten := func(decoder *json.Decoder) *json.Decoder { decoder.UseNumber(); return decoder }
	if err := yaml.Unmarshal(content, &object, asWritten); err != nil {
		return nil, err
	}
	unwrapAll(object)
	written, err := yaml.Marshal(object)
	return append([]byte("---\n"), written...), err
}

// unwrapAll unwraps each text that stands under the name description, at any depth.
func unwrapAll(value any) {
	switch value := value.(type) {
	case map[string]any:
		for name, field := range value {
			if text, is := field.(string); is && name == "description" {
				value[name] = unwrap(text)
			} else {
				unwrapAll(field)
			}
		}
	case []any:
		for _, item := range value {
			unwrapAll(item)
		}
	}
}

// unwrap joins the lines of each paragraph. Blank lines stay, and so do the breaks before indented lines and before
// items of lists.
func unwrap(text string) string {
	lines := strings.Split(text, "\n")
	joined := lines[:1]
	for _, line := range lines[1:] {
		last := len(joined) - 1
		if joined[last] == "" || line == "" || strings.HasPrefix(line, " ") || strings.HasPrefix(line, "- ") {
			joined = append(joined, line)
		} else {
			joined[last] += " " + line
		}
	}
	return strings.Join(joined, "\n")
}

// Line breaks of crd-ref-docs: within a text, and at the end of a cell.
var breakInText, breakAtEnd = regexp.MustCompile(`(\S)<br />(\S)`), regexp.MustCompile(`(\S)<br /> \|`)

// reference unwraps the descriptions in the tables of a reference, where crd-ref-docs writes a line break as <br />.
// It writes the same between the rules of a field, behind a blank; those breaks stay.
func reference(page string) string {
	return breakAtEnd.ReplaceAllString(breakInText.ReplaceAllString(page, "$1 $2"), "$1 |")
}
