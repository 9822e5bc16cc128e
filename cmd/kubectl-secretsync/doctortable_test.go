package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/cmd/kubectl-secretsync/doctor"
)

// flagsOfWard are the flags of the operator that is shared by all rows.
var flagsOfWard = []string{"--session-tags=true", "--secret-name-patterns=/ward/*", "--namespaces-tag=Honor", "--watch-label-selector=doctor!=off"}

// TestDoctor: a table of what may be broken, on the real API server and a local AWS. The doctor names each cause in its
// first line, what it says mends it, and after that it finds nothing. With half of the rights it says what it did not look
// at, and never names a wrong cause.
func TestDoctor(t *testing.T) {
	w := newWard(t)
	rows := merged(t, ailmentsOfIdentity(), ailmentsOfSecret(), ailmentsOfPermission(), ailmentsOfTarget())
	patients := map[string]*patient{}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		patients[name] = &patient{&setup{T: t, namespace: newSetup(t).namespace}, w}
	}
	own := *shared
	own.AWS = w.aws
	own.Credentials = []string{"AWS_ACCESS_KEY_ID=" + ofOperator, "AWS_SECRET_ACCESS_KEY=operators-key", "AWS_EC2_METADATA_DISABLED=true"}
	manager, err := own.StartManager("doctor", append([]string{"--poll-interval=2s"}, flagsOfWard...)...)
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
	w.deployment(flagsOfWard)
	for name, p := range patients { // All at once: the operator finds out meanwhile.
		row, spec := rows[name], v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: p.secretID()}, PollInterval: short}
		row.cause(p, &spec)
		p.create("db", func(made *v1alpha1.SecretSync) { made.Spec = spec })
		p.grant("watcher", "secretsyncs")
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		t.Run(name, func(t *testing.T) {
			p := patients[name]
			p.setup.T = t
			p.examine(rows[name])
		})
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) { // Some refusals of STS are kept for half a minute.
		t.Run("healed: "+name, func(t *testing.T) {
			p := patients[name]
			p.setup.T = t
			p.healed()
		})
	}
}

// examine examines what is broken, applies the mend, and examines again.
func (p *patient) examine(row ailment) {
	p.setup.Helper()
	if row.after != nil {
		p.settle(v1alpha1.ReasonSynced)
		row.after(p)
	}
	p.settle(row.reason)
	found, _, got := p.diagnose()
	cause := first(found)
	if found.First != row.first || found.Verdict != doctor.Broken || got.code != exitTrouble {
		p.setup.Fatalf("exit code %d, %s %s, want %s: %+v", got.code, found.Verdict, found.First, row.first, cause)
	}
	lines := p.plugin("doctor", "db")
	if line, _, _ := strings.Cut(lines.out, "\n"); !strings.HasPrefix(line, "BROKEN "+row.first+" "+p.namespace+"/db: ") {
		p.setup.Errorf("the first line is %q", line)
	}
	if len(cause.Mend) == 0 {
		p.setup.Fatalf("%s has no mend: %+v", row.first, cause)
	}
	p.examineBlind(row)
	mend, fill := cause.Mend[0], map[string]string{}
	if row.fill != nil {
		fill = row.fill(p)
	}
	if mend.Kind == doctor.Command && !strings.HasPrefix(mend.Text, "kubectl secretsync policy") {
		p.apply(mend, fill)
	} else if row.hand == nil {
		p.setup.Fatalf("the test knows no way to do this: %+v", mend)
	}
	if row.hand != nil {
		row.hand(p, mend)
	}
}

// examineBlind examines with half of the rights: first without those in the cluster, then without those in AWS.
func (p *patient) examineBlind(row ailment) {
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
			p.setup.Errorf("without rights in %s %s is named, and not what was not looked at", name, found.First)
		}
		if got.code == exitWell {
			p.setup.Errorf("without rights in %s the exit code is 0", name)
		}
	}
}
