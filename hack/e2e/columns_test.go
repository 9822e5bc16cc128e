package e2e

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/testenv"
)

// columns are the columns SECRET, SOURCE, STAGE and MESSAGE that kubectl prints, by the name of the SecretSync.
func (s *setup) columns() map[string][]string {
	s.Helper()
	header, lines, _ := strings.Cut(s.kubectl("", "get", "secretsyncs.secretsync.dev", "-o", "wide"), "\n")
	printed := map[string][]string{}
	for line := range strings.Lines(lines) {
		cell := func(name string) string {
			at := strings.Index(header, name)
			if at < 0 {
				s.Fatalf("no column %s in %q", name, header)
			}
			width := len(name) + len(header[at+len(name):]) - len(strings.TrimLeft(header[at+len(name):], " "))
			return strings.TrimSpace(line[at : at+width])
		}
		printed[cell("NAME")] = []string{cell("SECRET"), cell("SOURCE"), cell("STAGE"), cell("MESSAGE")}
	}
	return printed
}

// TestColumns: SECRET, SOURCE and STAGE say what spec asks for while no operator has seen the SecretSync, with the
// defaults of the operator, and MESSAGE says what to check. After the first sync they say the same.
func TestColumns(t *testing.T) {
	s := newSetup(t)
	s.end((*testenv.Manager).Stop)
	t.Cleanup(func() {
		if running == nil {
			s.start("after-columns")
		}
	})
	content := func() string { return `{"password": "` + value() + `"}` }
	id, version := s.createSecret("db", content())
	s.putValue(id, content(), "blue")
	prefix := strings.TrimSuffix(id, "db")
	own := v1alpha1.DataKey{Key: "OWN", Source: &v1alpha1.EntrySource{SecretID: id}}
	blue := v1alpha1.DataKey{Key: "BLUE", Source: &v1alpha1.EntrySource{VersionStage: "blue"}}
	source := v1alpha1.SecretSource{SecretID: id}
	s.sync("simple", v1alpha1.SecretSyncSpec{Source: source})
	s.sync("labelled", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id, VersionStage: "blue"}, Target: v1alpha1.SecretTarget{Name: "app"}})
	s.sync("pinned", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id, VersionID: version}})
	s.sync("both", v1alpha1.SecretSyncSpec{Source: source, Data: []v1alpha1.DataKey{{Key: "KEY"}, blue}})
	s.sync("entries", v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{own}})
	s.sync("find", v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{{Find: &v1alpha1.Find{NamePrefix: prefix}}}})
	want := func(message string) map[string][]string {
		return map[string][]string{
			"simple":   {"simple", id, "AWSCURRENT", message},
			"labelled": {"app", id, "blue", message},
			"pinned":   {"pinned", id, version, message},
			"both":     {"both", id, "AWSCURRENT", message},
			"entries":  {"entries", id, "AWSCURRENT", message},
			"find":     {"find", prefix, "AWSCURRENT", message},
		}
	}
	waiting := "Waiting for the operator. If this lasts, check if it runs, and if it watches this namespace (--watch-namespaces, --watch-label-selector)"
	if diff := cmp.Diff(want(waiting), s.columns()); diff != "" {
		t.Errorf("before an operator has seen them (-want +got):\n%s", diff)
	}
	s.start("columns")
	synced := want("")
	for name := range synced {
		s.awaitReady(name)
	}
	synced["find"][1] = s.get("find").Status.Sources[0].SecretID // The ARN of the secret that was found.
	printed := s.columns()
	for _, cells := range printed {
		cells[3] = ""
	}
	if diff := cmp.Diff(synced, printed); diff != "" {
		t.Errorf("after the first sync (-want +got):\n%s", diff)
	}
}
