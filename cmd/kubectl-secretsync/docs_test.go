package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/readme"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// TestDocs runs each command in the consoles of docs/cli.md, and compares what it prints with the page.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(testsuite.Root, "docs/cli.md"))
	if err != nil {
		t.Fatal(err)
	}
	s := &setup{T: t, namespace: "payments"}
	if err := shared.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}}); err != nil {
		t.Fatal(err)
	}
	running, _, _ := s.withAWS()
	running.AddPrincipal("me", localaws.Principal{Account: localaws.DefaultAccount, ARN: "arn:aws:iam::" + localaws.DefaultAccount + ":user/me"})
	s.put(running, "/prod/db", `{"username":"app","password":"`+hidden+`"}`)
	s.fleet()
	s.pod("web-7d4b", time.Now().Add(-3*time.Hour), owned("ReplicaSet", "web-7d4b", map[string]string{"pod-template-hash": "7d4b"}, variable))
	s.pod("worker", time.Now(), volume(""))
	t.Chdir(t.TempDir())
	blocks, err := readme.Blocks(string(page), "Look", "Find the cause", "Change", "Before you apply")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, block := range blocks {
		if name, ok := strings.CutPrefix(strings.SplitN(block.Text, "\n", 2)[0], "# "); ok && block.Language == "yaml" {
			s.write(name, block.Text)
		}
		for _, example := range strings.Split("\n"+block.Text, "\n$ kubectl secretsync ")[1:] {
			command, want, _ := strings.Cut(example, "\n")
			got := s.plugin(strings.Fields(command)...)
			if printed := squeezed(got.out + got.errOut); strings.TrimSpace(printed) != strings.TrimSpace(squeezed(want)) {
				t.Errorf("kubectl secretsync %s prints\n%s\nthe page:\n%s", command, printed, want)
			}
			ran++
		}
	}
	if ran < 5 {
		t.Errorf("only %d commands were found", ran)
	}
}
