package template

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"software.sslmate.com/src/go-pkcs12"
)

func page(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("../../../docs/templates.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// entry is a function on the page.
type entry struct {
	name     string
	examples [][2]string // source and result
}

func entries(t *testing.T) []entry {
	t.Helper()
	var all []entry
	example := regexp.MustCompile("`(\\{\\{[^`]*\\}\\})` gives `([^`]*)`")
	for _, line := range regexp.MustCompile("(?m)^- `(\\w+)[ A-Z.]*`: .*$").FindAllStringSubmatch(page(t), -1) {
		found := entry{name: line[1]}
		for _, match := range example.FindAllStringSubmatch(line[0], -1) {
			found.examples = append(found.examples, [2]string{match[1], strings.ReplaceAll(match[2], "⏎", "\n")})
		}
		all = append(all, found)
	}
	return all
}

// pageData are the keys that the page gives its examples.
func pageData(t *testing.T) map[string]string {
	t.Helper()
	data := map[string]string{}
	block := regexp.MustCompile("(?s)```text\n(.*?)```").FindStringSubmatch(page(t))
	for line := range strings.Lines(block[1]) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		data[name] = value
	}
	key := curve(t)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, intermediate, root := chainOf(t, key)
	chain := []*x509.Certificate{intermediate.certificate, root.certificate}
	archive, err := pkcs12.Modern2023.Encode(key, leaf.certificate, chain, "changeit")
	if err != nil {
		t.Fatal(err)
	}
	open, err := pkcs12.Passwordless.Encode(key, leaf.certificate, chain, "")
	if err != nil {
		t.Fatal(err)
	}
	bits, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	data["p12"], data["open"] = string(archive), base64.StdEncoding.EncodeToString(open)
	data["rsa"] = encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(bits))
	data["bundle"] = encode("CERTIFICATE", root.certificate.Raw) + encode("CERTIFICATE", leaf.certificate.Raw) +
		encode("CERTIFICATE", intermediate.certificate.Raw) + encode("PRIVATE KEY", pkcs8)
	return data
}

func TestThePageHasEveryFunction(t *testing.T) {
	var documented []string
	for _, entry := range entries(t) {
		documented = append(documented, entry.name)
	}
	known := slices.Sorted(maps.Keys(library()))
	slices.Sort(documented)
	for _, name := range known {
		if !slices.Contains(documented, name) {
			t.Errorf("docs/templates.md does not have %s", name)
		}
	}
	if len(documented) != len(known) {
		t.Errorf("docs/templates.md has %d entries for %d functions", len(documented), len(known))
	}
}

func TestExamplesOfThePageGiveWhatItSays(t *testing.T) {
	data := pageData(t)
	for _, entry := range entries(t) {
		if len(entry.examples) == 0 {
			t.Errorf("%s has no example", entry.name)
		}
		for _, example := range entry.examples {
			if !strings.Contains(example[0], entry.name) {
				t.Errorf("%s is not in its example", entry.name)
			}
			renders(t, data, map[string]string{example[0]: example[1]})
		}
	}
}

// TestEveryFunctionGivesTheSameTwice renders each example again and again: maps have another order each time.
func TestEveryFunctionGivesTheSameTwice(t *testing.T) {
	data := pageData(t)
	for _, entry := range entries(t) {
		for _, example := range entry.examples {
			first, err := render(example[0], data)
			if err != nil {
				t.Fatal(err)
			}
			for range 10 {
				if again, err := render(example[0], data); err != nil || again != first {
					t.Errorf("%s gives something else the second time (error: %v)", entry.name, err)
				}
			}
		}
	}
}
