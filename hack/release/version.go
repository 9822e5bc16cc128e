package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// place is a place in the repository that names the version that is released next.
type place struct {
	file string
	// pattern has the version as its second group of three, and matches once or more.
	pattern *regexp.Regexp
	// bare places have no leading v.
	bare bool
}

// released is the chart of a release, in a command.
var released = regexp.MustCompile(`(charts/secretsync --version )(\d[^\s"]*)()`)

// places are checked by TestVersionsAgree, and written by set-version.
func places() []place {
	return []place{
		{"config/chart/Chart.yaml", regexp.MustCompile(`(?m)^(version: )(\S+)()$`), true},
		{"config/chart/Chart.yaml", regexp.MustCompile(`(?m)^(appVersion: )(\S+)()$`), false},
		{"config/chart/Chart.yaml", regexp.MustCompile(`(secretsync/secretsync[:/](?:blob/)?)(v\d[^/\s]*)()`), false},
		{"config/chart/README.md", released, true},
		{"README.md", released, true},
		{"docs/change-events.md", released, true},
		{"docs/operations.md", released, true},
		{"docs/quick-start-eks.md", released, true},
		{"docs/rollouts.md", released, true},
		{"docs/security.md", released, true},
		{"docs/quick-start-eks.md", regexp.MustCompile(`(\?ref=)(v\d[^"]*)()`), false},
		{"docs/gitops.md", regexp.MustCompile(`(?m)(ref: \{tag: |targetRevision: )(\d[^\s}]*)()`), true},
		{"docs/verifying.md", regexp.MustCompile(`(?m)(\bVERSION=)(v[0-9]\S*?)(` + "`" + `|$)`), false},
		{"config/default/kustomization.yaml", regexp.MustCompile(`(?m)^(  newTag: )(\S+)()$`), false},
	}
}

// semantic is a version as the tags of releases have it.
var semantic = regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z][0-9A-Za-z.-]*)?$`)

func checkVersion(version string) error {
	if !semantic.MatchString(version) {
		return fmt.Errorf("VERSION %q is no version of a release: write it as v1.2.3 or v1.2.3-rc.1", version)
	}
	return nil
}

func (p place) want(version string) string {
	if p.bare {
		return strings.TrimPrefix(version, "v")
	}
	return version
}

// setVersion writes a version into all its places below root.
func setVersion(root, version string) error {
	if err := checkVersion(version); err != nil {
		return err
	}
	for _, p := range places() {
		file := filepath.Join(root, p.file)
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if !p.pattern.Match(content) {
			return fmt.Errorf("%s has no line that matches %s", p.file, p.pattern)
		}
		changed := p.pattern.ReplaceAll(content, []byte("${1}"+p.want(version)+"${3}"))
		if err := os.WriteFile(file, changed, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// agree returns an error if a place names another version.
func agree(root, version string) error {
	for _, p := range places() {
		content, err := os.ReadFile(filepath.Join(root, p.file))
		if err != nil {
			return err
		}
		matches := p.pattern.FindAllSubmatch(content, -1)
		if len(matches) == 0 {
			return fmt.Errorf("%s has no line that matches %s", p.file, p.pattern)
		}
		for _, match := range matches {
			if got, want := string(match[2]), p.want(version); got != want {
				return fmt.Errorf("%s names %s, not %s: run make set-version VERSION=%s and commit", p.file, got, want, version)
			}
		}
	}
	return nil
}
