package readme

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
)

// ReleasedChart is the chart as the pages name it, with the version in Chart.yaml below root. Until it is released, and in
// the test of a change, the checkout has it: a Follower replaces it.
func ReleasedChart(root string) (string, error) {
	content, err := os.ReadFile(filepath.Join(root, "config/chart/Chart.yaml"))
	if err != nil {
		return "", err
	}
	version := regexp.MustCompile(`(?m)^version: (\S+)$`).FindSubmatch(content)
	if version == nil {
		return "", errors.New("no version in Chart.yaml")
	}
	return "oci://ghcr.io/secretsync/charts/secretsync --version " + string(version[1]), nil
}
