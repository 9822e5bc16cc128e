package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAKubeconfigThatCannotBeUsedIsSaid(t *testing.T) {
	folder := t.TempDir()
	missing, garbage := filepath.Join(folder, "nope"), filepath.Join(folder, "garbage")
	if err := os.WriteFile(garbage, []byte("not: [a kubeconfig"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", folder) // Not the configuration of the user who runs the test.
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	for name, test := range map[string]struct {
		files    string
		mentions []string
	}{
		"a file that is not there":       {missing, []string{"finding the Kubernetes API server: KUBECONFIG names \"" + missing + "\", which does not exist", "unset it"}},
		"a name with a line break":       {missing + "\n", []string{"whitespace around the name"}},
		"two files that are not there":   {missing + ":" + missing + "2", []string{missing + `"`, missing + `2"`}},
		"a folder that is no folder":     {garbage + "/config", []string{"KUBECONFIG names a file that cannot be read", garbage}},
		"a file that is no kubeconfig":   {missing + ":" + garbage, []string{garbage}},
		"nothing, and this is not a pod": {"", []string{"KUBECONFIG names no file"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBECONFIG", test.files)
			config, err := kubernetesConfig(os.Getenv)
			if err == nil {
				t.Fatalf("found %s", config.Host)
			}
			for _, mention := range test.mentions {
				if !strings.Contains(err.Error(), mention) {
					t.Errorf("%v does not mention %q", err, mention)
				}
			}
		})
	}
}
