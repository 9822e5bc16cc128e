package secretsync

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/rollout"
	"github.com/secretsync/secretsync/controllers/target"
)

// versionsOf are sources with these version ids.
func versionsOf(ids ...string) (sources []v1alpha1.SourceStatus) {
	for _, id := range ids {
		sources = append(sources, v1alpha1.SourceStatus{ARN: "arn", VersionID: id})
	}
	return sources
}

// rewrite is a pass that has written the Secret: what status said before, and what it says of the write.
type rewrite struct {
	before, after []v1alpha1.SourceStatus
	rollout       *v1alpha1.RolloutStatus
	changes       changes
	edited        bool // The spec has another generation than the one that the Secret was written by.
	renamed       bool // The Secret had another name.
	drifted       bool
	spec          v1alpha1.SecretSyncSpec
	// formerBefore and formerNow are the keys of former values that were in the Secret, and that are.
	formerBefore, formerNow []string
}

func (r rewrite) pass() *pass {
	sync := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "db", Generation: 7}, Spec: r.spec}
	sync.Status = v1alpha1.SecretSyncStatus{Sources: r.before, Rollout: r.rollout, Secret: &v1alpha1.SecretStatus{Name: "db", Generation: 7}}
	if r.edited {
		sync.Status.Secret.Generation = 6
	}
	if r.renamed {
		sync.Status.Secret.Name = "former"
	}
	sync.Status.Secret.PreviousKeys = r.formerBefore
	p := &pass{sync: sync, before: sync.DeepCopy(), memory: &memory{}, applied: &target.Result{}, changes: r.changes, drifted: r.drifted, previousKeys: r.formerNow}
	sync.Status.Sources, sync.Status.Secret = r.after, &v1alpha1.SecretStatus{Name: "db", Generation: 7}
	return p
}

func restarting() *Controller {
	clock := clocktesting.NewFakePassiveClock(noon.Add(300 * time.Millisecond))
	return New(Options{Rollouts: rollout.New(rollout.Options{Clock: clock}), Clock: clock})
}

func TestWhatIsANewRevision(t *testing.T) {
	v1, v2 := versionsOf("v1"), versionsOf("v2")
	password := changes{changed: []string{"password"}}
	settled := &v1alpha1.RolloutStatus{Revision: "v1", HandledRevision: "v1"}
	pendingOf := func(revision, handled string, workloads ...v1alpha1.WorkloadStatus) *v1alpha1.RolloutStatus {
		changed := metav1.NewTime(noon)
		return &v1alpha1.RolloutStatus{Revision: revision, HandledRevision: handled, ChangedTime: &changed, Workloads: workloads}
	}
	waits, restarts := v1alpha1.WorkloadStatus{Name: "a", State: "Waiting"}, v1alpha1.WorkloadStatus{Name: "b", State: "RollingOut"}
	type revisions struct{ Revision, Handled string }
	for name, test := range map[string]struct {
		rewrite
		want revisions
	}{
		"a rotation":                              {rewrite{before: v1, after: v2, rollout: settled, changes: password}, revisions{"v2", "v1"}},
		"a rotation right after the switch-on":    {rewrite{before: v1, after: v2, changes: password}, revisions{"v2", "v1"}},
		"a rotation that changes no key":          {rewrite{before: v1, after: v2, rollout: settled}, revisions{"v1", "v1"}},
		"a key that needs no restart":             {rewrite{before: v1, after: v2, rollout: settled, changes: password, spec: v1alpha1.SecretSyncSpec{Rollout: &v1alpha1.Rollout{IgnoreKeys: []string{"pass*"}}}}, revisions{"v1", "v1"}},
		"a key more":                              {rewrite{before: v1, after: v2, rollout: settled, changes: changes{added: []string{"port"}}}, revisions{"v2", "v1"}},
		"a key less":                              {rewrite{before: v1, after: v2, rollout: settled, changes: changes{removed: []string{"port"}}}, revisions{"v2", "v1"}},
		"a repair":                                {rewrite{before: v1, after: v1, rollout: settled, changes: password, drifted: true}, revisions{"v1", "v1"}},
		"an edit that changes keys":               {rewrite{before: v1, after: v1, rollout: settled, changes: password, edited: true}, revisions{"v1#7", "v1"}},
		"an edit that changes none":               {rewrite{before: v1, after: v1, rollout: settled, edited: true}, revisions{"v1", "v1"}},
		"a rotation after an edit":                {rewrite{before: v1, after: v2, rollout: &v1alpha1.RolloutStatus{Revision: "v1#3", HandledRevision: "v1#3"}, changes: password}, revisions{"v2#3", "v1#3"}},
		"a Secret of another name":                {rewrite{before: v1, after: v2, rollout: settled, changes: password, edited: true, renamed: true}, revisions{"v2", "v2"}},
		"a second change before the first":        {rewrite{before: v2, after: versionsOf("v3"), rollout: pendingOf("v2", "v1", waits), changes: password}, revisions{"v3", "v1"}},
		"a rollback before anything":              {rewrite{before: v2, after: v1, rollout: pendingOf("v2", "v1", waits), changes: password}, revisions{"v1", "v1"}},
		"a rollback when some have restarted":     {rewrite{before: v2, after: v1, rollout: pendingOf("v2", "v1", waits, restarts), changes: password}, revisions{"v1", ""}},
		"a rollback when all have restarted":      {rewrite{before: v2, after: v1, rollout: pendingOf("v2", "v2", restarts), changes: password}, revisions{"v1", "v2"}},
		"former values that are taken out":        {rewrite{before: v1, after: versionsOf("v1", ""), rollout: settled, changes: changes{removed: []string{"password_previous"}}, formerBefore: []string{"password_previous"}, spec: v1alpha1.SecretSyncSpec{KeepPrevious: &v1alpha1.KeepPrevious{}}}, revisions{"v1", "v1"}},
		"former values of another suffix":         {rewrite{before: v1, after: versionsOf("v1", ""), rollout: settled, changes: changes{removed: []string{"password-old"}}, formerBefore: []string{"password-old"}, spec: v1alpha1.SecretSyncSpec{KeepPrevious: &v1alpha1.KeepPrevious{Suffix: "-old"}}}, revisions{"v1", "v1"}},
		"a key less beside keepPrevious":          {rewrite{before: v1, after: v1, rollout: settled, edited: true, changes: changes{removed: []string{"port"}}, spec: v1alpha1.SecretSyncSpec{KeepPrevious: &v1alpha1.KeepPrevious{}}}, revisions{"v1#7", "v1"}},
		"a key less with its former value":        {rewrite{before: v1, after: v1, rollout: settled, edited: true, changes: changes{removed: []string{"port", "port_previous"}}, formerBefore: []string{"password_previous", "port_previous"}, formerNow: []string{"password_previous"}, spec: v1alpha1.SecretSyncSpec{KeepPrevious: &v1alpha1.KeepPrevious{}}}, revisions{"v1#7", "v1"}},
		"a key of such a name that is no former":  {rewrite{before: v1, after: v1, rollout: settled, edited: true, changes: changes{removed: []string{"port_previous"}}, spec: v1alpha1.SecretSyncSpec{KeepPrevious: &v1alpha1.KeepPrevious{}}}, revisions{"v1#7", "v1"}},
		"a former value that becomes a key":       {rewrite{before: v1, after: v1, rollout: settled, edited: true, changes: changes{changed: []string{"password_previous"}}, formerBefore: []string{"password_previous"}}, revisions{"v1#7", "v1"}},
		"former values of a key that needs none":  {rewrite{before: v1, after: v2, rollout: settled, changes: changes{changed: []string{"note"}, added: []string{"note_previous"}}, formerNow: []string{"note_previous"}, spec: v1alpha1.SecretSyncSpec{KeepPrevious: &v1alpha1.KeepPrevious{}, Rollout: &v1alpha1.Rollout{IgnoreKeys: []string{"note"}}}}, revisions{"v1", "v1"}},
		"killed, with a key more that needs none": {rewrite{before: v1, after: v2, rollout: settled, changes: changes{reread: true, added: []string{"note"}}, drifted: true, spec: v1alpha1.SecretSyncSpec{Rollout: &v1alpha1.Rollout{IgnoreKeys: []string{"note"}}}}, revisions{"v2", "v1"}},
		"a process killed before its report":      {rewrite{before: v1, after: v2, rollout: settled, changes: changes{reread: true}, drifted: true}, revisions{"v2", "v1"}},
		"a rotation of nothing after a restart":   {rewrite{before: v1, after: v2, rollout: settled, changes: changes{reread: true}}, revisions{"v1", "v1"}},
		"a change of one of two sources":          {rewrite{before: versionsOf("v1", "w1"), after: versionsOf("v1", "w2"), rollout: settled, changes: password}, revisions{revisionOf(versionsOf("v1", "w2")), "v1"}},
		"the same two sources in the same place":  {rewrite{before: versionsOf("v1", "w1"), after: versionsOf("v1", "w1"), rollout: settled, changes: password}, revisions{"v1", "v1"}},
	} {
		c, p := restarting(), test.pass()
		c.describeRollout(p)
		got := p.sync.Status.Rollout
		if diff := cmp.Diff(test.want, revisions{got.Revision, got.HandledRevision}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		news := got.Revision != settled.Revision || test.want.Handled == ""
		if news && test.want.Revision != test.want.Handled && !got.ChangedTime.Time.Equal(noon.Add(time.Second)) {
			t.Errorf("%s: changed at %s, want the next whole second", name, got.ChangedTime)
		}
		if is := meta.IsStatusConditionTrue(p.sync.Status.Conditions, v1alpha1.ConditionWorkloadsRestarted); is != (got.Revision == got.HandledRevision) {
			t.Errorf("%s: the condition is %t", name, is)
		}
	}
}

func TestRevisionsOfSeveralSourcesDiffer(t *testing.T) {
	seen := map[string]string{}
	for name, sources := range map[string][]v1alpha1.SourceStatus{
		"two": versionsOf("a", "b"), "the other way round": versionsOf("b", "a"), "one of two": versionsOf("a", ""), "moved": versionsOf("", "a"), "quotes": versionsOf(`a" "b`, ""), "none": nil,
	} {
		revision := revisionOf(sources)
		if former, twice := seen[revision]; twice || len(revision) != 32 {
			t.Errorf("%s and %s have the revision %s", name, former, revision)
		}
		seen[revision] = name
	}
}

// TestStatusFollowsTheSteps: what a step has found is in status and condition, and only the last one ends it.
func TestStatusFollowsTheSteps(t *testing.T) {
	changed := metav1.NewTime(noon)
	for state, want := range map[rollout.State]struct {
		reason string
		is     metav1.ConditionStatus
	}{
		rollout.RollingOut: {v1alpha1.ReasonRollingOut, metav1.ConditionFalse}, rollout.Paused: {v1alpha1.ReasonRolloutPaused, metav1.ConditionFalse},
		rollout.Failed: {v1alpha1.ReasonRolloutFailed, metav1.ConditionFalse}, rollout.Forbidden: {v1alpha1.ReasonRolloutForbidden, metav1.ConditionFalse},
		rollout.Done: {v1alpha1.ReasonRolledOut, metav1.ConditionTrue},
	} {
		p := rewrite{before: versionsOf("v2"), after: versionsOf("v2"), rollout: &v1alpha1.RolloutStatus{Revision: "v2", HandledRevision: "v1", ChangedTime: &changed}}.pass()
		p.applied = nil
		p.rollout = &rollout.Progress{State: state, Message: "so it is", Workloads: []v1alpha1.WorkloadStatus{{Kind: "Deployment", Name: "web", State: "RollingOut"}}}
		c := restarting()
		c.describeRollout(p)
		is := meta.FindStatusCondition(p.sync.Status.Conditions, v1alpha1.ConditionWorkloadsRestarted)
		if is.Reason != want.reason || is.Status != want.is || is.Message != "so it is" {
			t.Errorf("%s: the condition is %+v", state, is)
		}
		if status := p.sync.Status.Rollout; len(status.Workloads) != 1 || (status.HandledRevision == "v2") != (state == rollout.Done) {
			t.Errorf("%s: status.rollout is %+v", state, status)
		}
		// A later pass without a step says the same.
		later := &pass{sync: p.sync.DeepCopy(), before: p.sync.DeepCopy(), memory: p.memory}
		c.describeRollout(later)
		if diff := cmp.Diff(p.sync.Status, later.sync.Status); diff != "" {
			t.Errorf("%s: a pass without a step changes status (-before +after):\n%s", state, diff)
		}
	}
}
