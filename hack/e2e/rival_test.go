package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
)

// operator starts another operator of the setup's namespace, of that name, which reads in this region.
func (s *setup) operator(name, region string) *testenv.Manager {
	s.Helper()
	started, err := s.env.StartManager(s.namespace+"-"+name, "--watch-namespaces="+s.namespace, "--region="+region,
		"--leader-election-namespace=tools", "--leader-election-id="+name)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if started.Stop() == nil && s.Failed() {
			s.Logf("operator %s: %s", name, started.Tail())
		}
	})
	return started
}

func (s *setup) stopped(operator *testenv.Manager) {
	s.Helper()
	if err := operator.Stop(); err != nil {
		s.Fatalf("%v: %s", err, operator.Tail())
	}
}

// conflicted says whether the condition Ready is about a conflict of operators.
func (s *setup) conflicted() bool {
	s.Helper()
	ready := meta.FindStatusCondition(s.get("db").Status.Conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.Reason == v1alpha1.ReasonOperatorConflict
}

// TestTwoOperatorsWithOtherRegions: two operators on one SecretSync, which read different regions by default, undo
// each other. They report it once. One that is left works as before, and so does one that is installed in the
// place of another.
func TestTwoOperatorsWithOtherRegions(t *testing.T) {
	s := newSetup(t)
	s.end((*testenv.Manager).Stop)
	t.Cleanup(func() { s.start("after-operators") })
	const elsewhere = "eu-central-1"
	here, there := value(), value()
	id, _ := s.createSecret("db", here)
	inOther := awsClientIn(elsewhere, s.env.AWS.URL(), "tester")
	if _, err := inOther.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &id, SecretString: &there}); err != nil {
		t.Fatal(err)
	}

	one := s.operator("one", localaws.DefaultRegion)
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitReady("db")
	if by := s.get("db").Status.Operator; by != "tools/one" {
		t.Errorf("status is by operator %q", by)
	}
	s.stopped(one)
	two := s.operator("two", elsewhere)
	s.awaitKeys("db", map[string]string{"value": there})
	s.await("the second operator has written status", func() bool { return s.get("db").Status.Operator == "tools/two" })
	s.never("an operator that took the place of another is in conflict", func() bool { return s.conflicted() })

	one = s.operator("one", localaws.DefaultRegion)
	for _, name := range []string{"tools/one", "tools/two"} {
		s.await(name+" reports the conflict", func() bool { return s.conflicted() && s.get("db").Status.Operator == name })
	}
	s.awaitEvent("db", "SyncFailed", v1alpha1.ReasonOperatorConflict, "tools/one", "tools/two", "--watch-namespaces", "--watch-label-selector", "uninstall")
	s.never("the conflict is reported to be over", func() bool { return !s.conflicted() })
	s.checkEvents("db")

	s.stopped(two)
	s.askForRefresh("db", "of-one")
	s.awaitKeys("db", map[string]string{"value": here})
	ready := s.awaitReady("db")
	if ready.Status.Operator != "tools/one" {
		t.Errorf("status is by operator %q", ready.Status.Operator)
	}
	s.stopped(one)
}

// checkEvents checks that the conflict was reported by an event of each operator at most.
func (s *setup) checkEvents(name string) {
	s.Helper()
	count := 0
	for _, event := range s.recorded(name, "SyncFailed") {
		if !strings.Contains(event.Note, v1alpha1.ReasonOperatorConflict) {
			continue
		}
		count++
		if event.Series != nil {
			count += int(event.Series.Count)
		}
	}
	if count == 0 || count > 2 {
		s.Errorf("%d events of the conflict", count)
	}
}

// TestTwoOperatorsThatAgree: two operators that read the same do not undo each other, and report no conflict.
func TestTwoOperatorsThatAgree(t *testing.T) {
	s := newSetup(t)
	s.end((*testenv.Manager).Stop)
	t.Cleanup(func() { s.start("after-operators-that-agree") })
	s.operator("one", localaws.DefaultRegion)
	s.operator("two", localaws.DefaultRegion)
	id, _ := s.createSecret("db", value())
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitReady("db")
	for range 6 {
		content := value()
		version := s.putValue(id, content)
		s.awaitKeys("db", map[string]string{"value": content})
		s.await("status has the version", func() bool { return s.get("db").Status.Sources[0].VersionID == version })
		if s.conflicted() {
			t.Fatal("operators that agree report a conflict")
		}
	}
	s.never("operators that agree report a conflict", func() bool { return s.conflicted() })
}
