package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/cmd/kubectl-secretsync/doctor"
)

// flagsOfBench are the flags of the operator that is shared by all rows.
var flagsOfBench = []string{"--session-tags=true", "--secret-name-patterns=/doctor/*", "--namespaces-tag=Honor", "--watch-label-selector=doctor!=off"}

// TestDoctor: a table of what may be broken, on the real API server and a local AWS. The doctor names each cause in its
// first line, what it says fixes it, and after that it finds nothing. With half of the rights it says what it did not check,
// and never names a wrong cause.
func TestDoctor(t *testing.T) {
	w := newBench(t)
	rows := merged(t, faultsOfIdentity(), faultsOfSecret(), faultsOfPermission(), faultsOfTarget())
	subjects := map[string]*subject{}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		subjects[name] = &subject{&setup{T: t, namespace: newSetup(t).namespace}, w}
	}
	own := *shared
	own.AWS = w.aws
	own.Credentials = []string{"AWS_ACCESS_KEY_ID=" + ofOperator, "AWS_SECRET_ACCESS_KEY=operators-key", "AWS_EC2_METADATA_DISABLED=true"}
	manager, err := own.StartManager("doctor", append([]string{"--poll-interval=2s"}, flagsOfBench...)...)
	if manager != nil {
		t.Cleanup(func() {
			if err := manager.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	w.deployment(flagsOfBench)
	for name, p := range subjects { // All at once: the operator finds out meanwhile.
		row, spec := rows[name], v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: p.secretID()}, PollInterval: short}
		row.cause(p, &spec)
		p.create("db", func(made *v1alpha1.SecretSync) { made.Spec = spec })
		p.grant("watcher", "secretsyncs")
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		t.Run(name, func(t *testing.T) {
			p := subjects[name]
			p.setup.T = t
			p.examine(rows[name])
		})
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) { // Some refusals of STS are kept for half a minute.
		t.Run("fixed: "+name, func(t *testing.T) {
			p := subjects[name]
			p.setup.T = t
			p.fixed()
		})
	}
}

// examine examines what is broken, applies the fix, and examines again.
func (p *subject) examine(row fault) {
	p.setup.Helper()
	if row.after != nil {
		p.awaitReason(v1alpha1.ReasonSynced)
		row.after(p)
	}
	p.awaitReason(row.reason)
	found, _, got := p.diagnose()
	cause := first(found)
	if found.First != row.first || found.Verdict != doctor.Broken || got.code != exitTrouble {
		p.setup.Fatalf("exit code %d, %s %s, want %s: %+v", got.code, found.Verdict, found.First, row.first, cause)
	}
	lines := p.plugin("doctor", "db")
	if line, _, _ := strings.Cut(lines.out, "\n"); !strings.HasPrefix(line, "BROKEN "+row.first+" "+p.namespace+"/db: ") {
		p.setup.Errorf("the first line is %q", line)
	}
	if len(cause.Fix) == 0 {
		p.setup.Fatalf("%s has no fix: %+v", row.first, cause)
	}
	p.examineBlind(row)
	fix, fill := cause.Fix[0], map[string]string{}
	if row.fill != nil {
		fill = row.fill(p)
	}
	if fix.Kind == doctor.Command && !strings.HasPrefix(fix.Text, "kubectl secretsync policy") {
		p.apply(fix, fill)
	} else if row.hand == nil {
		p.setup.Fatalf("the test knows no way to do this: %+v", fix)
	}
	if row.hand != nil {
		row.hand(p, fix)
	}
}

// examineBlind examines with half of the rights: first without those in the cluster, then without those in AWS.
func (p *subject) examineBlind(row fault) {
	p.setup.Helper()
	withoutAWS := func() (doctor.Diagnosis, []doctor.Right, printed) {
		p.setup.Setenv("AWS_ACCESS_KEY_ID", "none")
		defer p.setup.Setenv("AWS_ACCESS_KEY_ID", "me")
		return p.diagnose()
	}
	cluster := func() (doctor.Diagnosis, []doctor.Right, printed) { return p.diagnose("--as", "watcher") }
	for name, look := range map[string]func() (doctor.Diagnosis, []doctor.Right, printed){"the cluster": cluster, "AWS": withoutAWS} {
		found, incomplete, got := look()
		switch {
		case found.First == row.first:
		case !slices.Contains(row.blind, found.First):
			p.setup.Errorf("without rights in %s: %s %s, want %s: %+v", name, found.Verdict, found.First, row.first, first(found))
		case len(incomplete) == 0:
			p.setup.Errorf("without rights in %s %s is named, and not what was not checked", name, found.First)
		}
		if got.code == exitWell {
			p.setup.Errorf("without rights in %s the exit code is 0", name)
		}
	}
}
