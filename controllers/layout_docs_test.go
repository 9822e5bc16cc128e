package controllers

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// read gives a file of the repository.
func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// pages are all pages of documentation, by their path in the repository.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, file := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"} {
		found[file] = read(t, file)
	}
	err := filepath.WalkDir("../docs", func(at string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && filepath.Ext(at) == ".md" {
			file := strings.TrimPrefix(filepath.ToSlash(at), "../")
			found[file] = read(t, file)
		}
		return err
	})
	if err != nil || len(found) < 10 {
		t.Fatalf("%d pages, %v", len(found), err)
	}
	return found
}

func matches(pattern, text string) (all []string) {
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		all = append(all, match[1])
	}
	return all
}

func TestEveryReasonIsExplained(t *testing.T) {
	reasons := matches(`\tReason\w+ = "(\w+)"`, read(t, "api/v1alpha1/conditions.go"))
	if len(reasons) < 20 {
		t.Fatalf("only %d reasons were found", len(reasons))
	}
	page := read(t, "docs/troubleshooting.md")
	for _, reason := range reasons {
		if !strings.Contains(page, "\n## "+reason+"\n") && !strings.Contains(page, "\n- `"+reason+"`:") {
			t.Errorf("docs/troubleshooting.md has no section for the reason %s", reason)
		}
	}
}

func TestEveryFlagIsDocumented(t *testing.T) {
	flags := matches(`flags\.\w+Var\(&o\.\w+, "([a-z-]+)"`, read(t, "cmd/manager/options.go"))
	if len(flags) < 10 {
		t.Fatalf("only %d flags were found", len(flags))
	}
	page := read(t, "docs/operations.md")
	documented := matches("\n\\| `--([a-z-]+)` \\|", page)
	for _, flag := range flags {
		if !strings.Contains(page, "\n| `--"+flag+"` |") {
			t.Errorf("docs/operations.md has no row for --%s", flag)
		}
	}
	if len(documented) != len(flags) {
		t.Errorf("docs/operations.md has %d rows of flags for %d flags: one is of a flag that is gone", len(documented), len(flags))
	}
}

func TestEveryValueOfTheChartIsDocumented(t *testing.T) {
	values := matches(`(?m)^(\w+):`, read(t, "config/chart/values.yaml"))
	if len(values) < 20 {
		t.Fatalf("only %d values were found", len(values))
	}
	page := read(t, "docs/operations.md")
	for _, value := range values {
		if !regexp.MustCompile("\n\\|.*`" + value + "[`.].*\\|\n").MatchString(page) {
			t.Errorf("docs/operations.md has no row for the chart's value %s", value)
		}
	}
}

func TestLinksLeadSomewhere(t *testing.T) {
	for page, text := range pages(t) {
		for _, link := range matches(`\]\(([^)]+)\)`, text) {
			target, anchor, _ := strings.Cut(link, "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := filepath.Join(filepath.Dir(page), target)
			if target == "" {
				file = page
			}
			if _, err := os.Stat(filepath.Join("..", file)); err != nil {
				t.Errorf("%s links to %s, which is not there", page, link)
				continue
			}
			if anchor != "" && !anchors(read(t, file))[anchor] {
				t.Errorf("%s links to %s, which has no such heading", page, link)
			}
		}
	}
}

func TestEverySampleIsInTheGallery(t *testing.T) {
	page, base := read(t, "docs/gallery.md"), read(t, "config/samples/kustomization.yaml")
	files, err := filepath.Glob("../config/samples/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		if name == "kustomization.yaml" {
			continue
		}
		if !strings.Contains(page, "](../config/samples/"+name+")") {
			t.Errorf("docs/gallery.md does not have %s", name)
		}
		if !strings.Contains(base, "- "+name+"\n") {
			t.Errorf("config/samples/kustomization.yaml does not have %s", name)
		}
	}
}

// anchors are those that headings get where Markdown is shown.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, heading := range matches(`(?m)^#+ (.+)$`, text) {
		kept := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(heading), "")
		all[strings.ReplaceAll(kept, " ", "-")] = true
	}
	return all
}

func TestManifestsInPagesAreValid(t *testing.T) {
	found := 0
	for page, text := range pages(t) {
		for _, block := range matches("(?s)```yaml\n(.*?)```", text) {
			if !strings.Contains(block, "kind: SecretSync") {
				continue
			}
			found++
			var sync struct { // Not a SecretSync, which takes what it does not know.
				metav1.TypeMeta `json:",inline"`
				Metadata        metav1.ObjectMeta       `json:"metadata"`
				Spec            v1alpha1.SecretSyncSpec `json:"spec"`
			}
			if err := yaml.UnmarshalStrict([]byte(block), &sync); err != nil {
				t.Errorf("a manifest in %s is not valid: %v", page, err)
			}
		}
	}
	if found < 4 {
		t.Errorf("only %d manifests were found in pages", found)
	}
}
