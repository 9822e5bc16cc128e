package secretsync

import (
	"slices"
	"strings"
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
	secretSync := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "db", Generation: 7}, Spec: r.spec}
	secretSync.Status = v1alpha1.SecretSyncStatus{Sources: r.before, Rollout: r.rollout, Secret: &v1alpha1.SecretStatus{Name: "db", Generation: 7}}
	if r.edited {
		secretSync.Status.Secret.Generation = 6
	}
	if r.renamed {
		secretSync.Status.Secret.Name = "former"
	}
	secretSync.Status.Secret.PreviousKeys = r.formerBefore
	p := &pass{sync: secretSync, before: secretSync.DeepCopy(), memory: &memory{}, applied: &target.Result{}, changes: r.changes, drifted: r.drifted, previousKeys: r.formerNow}
	secretSync.Status.Sources, secretSync.Status.Secret = r.after, &v1alpha1.SecretStatus{Name: "db", Generation: 7}
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
	again := versionsOf("v1", "w1")
	again[0].ARN = "another"
	type revisions struct{ Revision, Handled string }
	for name, test := range map[string]struct {
		rewrite
		want revisions
	}{
		"a rotation":                                      {rewrite{before: v1, after: v2, rollout: settled, changes: password}, revisions{"v2", "v1"}},
		"a rotation right after the switch-on":            {rewrite{before: v1, after: v2, changes: password}, revisions{"v2", "v1"}},
		"a rotation that changes no key":                  {rewrite{before: v1, after: v2, rollout: settled}, revisions{"v1", "v1"}},
		"a key that needs no restart":                     {rewrite{before: v1, after: v2, rollout: settled, changes: password, spec: v1alpha1.SecretSyncSpec{Rollout: &v1alpha1.Rollout{IgnoreKeys: []string{"pass*"}}}}, revisions{"v1", "v1"}},
		"a key more":                                      {rewrite{before: v1, after: v2, rollout: settled, changes: changes{added: []string{"port"}}}, revisions{"v2", "v1"}},
		"a key less":                                      {rewrite{before: v1, after: v2, rollout: settled, changes: changes{removed: []string{"port"}}}, revisions{"v2", "v1"}},
		"a repair":                                        {rewrite{before: v1, after: v1, rollout: settled, changes: password, drifted: true}, revisions{"v1", "v1"}},
		"an edit that changes keys":                       {rewrite{before: v1, after: v1, rollout: settled, changes: password, edited: true}, revisions{"v1#7", "v1"}},
		"an edit that changes none":                       {rewrite{before: v1, after: v1, rollout: settled, edited: true}, revisions{"v1", "v1"}},
		"a rotation after an edit":                        {rewrite{before: v1, after: v2, rollout: &v1alpha1.RolloutStatus{Revision: "v1#3", HandledRevision: "v1#3"}, changes: password}, revisions{"v2#3", "v1#3"}},
		"a Secret of another name":                        {rewrite{before: v1, after: v2, rollout: settled, changes: password, edited: true, renamed: true}, revisions{"v2", "v2"}},
		"a second change before the first":                {rewrite{before: v2, after: versionsOf("v3"), rollout: pendingOf("v2", "v1", waits), changes: password}, revisions{"v3", "v1"}},
		"a rollback before anything":                      {rewrite{before: v2, after: v1, rollout: pendingOf("v2", "v1", waits), changes: password}, revisions{"v1", "v1"}},
		"a rollback when some have restarted":             {rewrite{before: v2, after: v1, rollout: pendingOf("v2", "v1", waits, restarts), changes: password}, revisions{"v1", ""}},
		"a rollback when all have restarted":              {rewrite{before: v2, after: v1, rollout: pendingOf("v2", "v2", restarts), changes: password}, revisions{"v1", "v2"}},
		"former values that are taken out":                {rewrite{before: v1, after: versionsOf("v1", ""), rollout: settled, changes: changes{removed: []string{"password_previous"}}, formerBefore: []string{"password_previous"}, spec: v1alpha1.SecretSyncSpec{KeepPrevious: &v1alpha1.KeepPrevious{}}}, revisions{"v1", "v1"}},
		"former values of another suffix":                 {rewrite{before: v1, after: versionsOf("v1", ""), rollout: settled, changes: changes{removed: []string{"password-old"}}, formerBefore: []string{"password-old"}, spec: v1alpha1.SecretSyncSpec{KeepPrevious: &v1alpha1.KeepPrevious{Suffix: "-old"}}}, revisions{"v1", "v1"}},
		"a key less beside keepPrevious":                  {rewrite{before: v1, after: v1, rollout: settled, edited: true, changes: changes{removed: []string{"port"}}, spec: v1alpha1.SecretSyncSpec{KeepPrevious: &v1alpha1.KeepPrevious{}}}, revisions{"v1#7", "v1"}},
		"a key less with its former value":                {rewrite{before: v1, after: v1, rollout: settled, edited: true, changes: changes{removed: []string{"port", "port_previous"}}, formerBefore: []string{"password_previous", "port_previous"}, formerNow: []string{"password_previous"}, spec: v1alpha1.SecretSyncSpec{KeepPrevious: &v1alpha1.KeepPrevious{}}}, revisions{"v1#7", "v1"}},
		"a key of such a name that is no former":          {rewrite{before: v1, after: v1, rollout: settled, edited: true, changes: changes{removed: []string{"port_previous"}}, spec: v1alpha1.SecretSyncSpec{KeepPrevious: &v1alpha1.KeepPrevious{}}}, revisions{"v1#7", "v1"}},
		"a former value that becomes a key":               {rewrite{before: v1, after: v1, rollout: settled, edited: true, changes: changes{changed: []string{"password_previous"}}, formerBefore: []string{"password_previous"}}, revisions{"v1#7", "v1"}},
		"former values of a key that needs none":          {rewrite{before: v1, after: v2, rollout: settled, changes: changes{changed: []string{"note"}, added: []string{"note_previous"}}, formerNow: []string{"note_previous"}, spec: v1alpha1.SecretSyncSpec{KeepPrevious: &v1alpha1.KeepPrevious{}, Rollout: &v1alpha1.Rollout{IgnoreKeys: []string{"note"}}}}, revisions{"v1", "v1"}},
		"killed, with a key more that needs none":         {rewrite{before: v1, after: v2, rollout: settled, changes: changes{reread: true, added: []string{"note"}}, drifted: true, spec: v1alpha1.SecretSyncSpec{Rollout: &v1alpha1.Rollout{IgnoreKeys: []string{"note"}}}}, revisions{"v2", "v1"}},
		"a process killed before its report":              {rewrite{before: v1, after: v2, rollout: settled, changes: changes{reread: true}, drifted: true}, revisions{"v2", "v1"}},
		"a rotation of nothing after a restart":           {rewrite{before: v1, after: v2, rollout: settled, changes: changes{reread: true}}, revisions{"v1", "v1"}},
		"a rotation that needs none, of an edited Secret": {rewrite{before: v1, after: v2, rollout: settled, drifted: true, changes: changes{changed: []string{"note"}}, spec: v1alpha1.SecretSyncSpec{Rollout: &v1alpha1.Rollout{IgnoreKeys: []string{"note"}}}}, revisions{"v1", "v1"}},
		"an edit, and killed before its report":           {rewrite{before: v1, after: v1, rollout: settled, changes: changes{reread: true}, drifted: true, edited: true}, revisions{"v1#7", "v1"}},
		"a key that becomes a former value":               {rewrite{before: v1, after: v1, rollout: settled, edited: true, changes: changes{changed: []string{"password_previous"}}, formerNow: []string{"password_previous"}}, revisions{"v1#7", "v1"}},
		"the first version after an edit":                 {rewrite{before: versionsOf(""), after: v2, rollout: &v1alpha1.RolloutStatus{Revision: "#3", HandledRevision: "#3"}, changes: password}, revisions{"v2#3", "#3"}},
		"one of two secrets is made again":                {rewrite{before: versionsOf("v1", "w1"), after: again, rollout: settled, changes: password}, revisions{revisionOf(again), "v1"}},
		"a change of one of two sources":                  {rewrite{before: versionsOf("v1", "w1"), after: versionsOf("v1", "w2"), rollout: settled, changes: password}, revisions{revisionOf(versionsOf("v1", "w2")), "v1"}},
		"the same two sources in the same place":          {rewrite{before: versionsOf("v1", "w1"), after: versionsOf("v1", "w1"), rollout: settled, changes: password}, revisions{"v1", "v1"}},
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

// TestARollbackAfterTheFirstRestart: it is in no status yet, and the workload has a content that the others do not.
func TestARollbackAfterTheFirstRestart(t *testing.T) {
	changed := metav1.NewTime(noon)
	p := rewrite{before: versionsOf("v2"), after: versionsOf("v1"), changes: changes{changed: []string{"password"}}, rollout: &v1alpha1.RolloutStatus{Revision: "v2", HandledRevision: "v1", ChangedTime: &changed}}.pass()
	p.memory.restarted = []string{"Deployment web"}
	restarting().describeRollout(p)
	if got := p.sync.Status.Rollout; got.Revision != "v1" || got.HandledRevision != "" {
		t.Errorf("status.rollout is %+v: the workload keeps the content of v2", got)
	}
}

// TestAStepSpeaksOfItsOwnRevision: that the former one is rolled out does not end the restarts for a new one.
func TestAStepSpeaksOfItsOwnRevision(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(noon.Add(13300 * time.Millisecond))
	c := New(Options{Rollouts: rollout.New(rollout.Options{Clock: clock}), Clock: clock})
	p := rewrite{before: versionsOf("v2"), after: versionsOf("v3"), changes: changes{changed: []string{"password"}}, rollout: &v1alpha1.RolloutStatus{Revision: "v2", HandledRevision: "v1"}}.pass()
	p.rollout = &rollout.Progress{State: rollout.Done, Message: "done", Workloads: []v1alpha1.WorkloadStatus{{Name: "web"}}}
	c.describeRollout(p)
	want := &v1alpha1.RolloutStatus{Revision: "v3", HandledRevision: "v1", ChangedTime: second(noon.Add(14 * time.Second))}
	if diff := cmp.Diff(want, p.sync.Status.Rollout); diff != "" {
		t.Errorf("status.rollout (-want +got):\n%s", diff)
	}
	if is := meta.FindStatusCondition(p.sync.Status.Conditions, v1alpha1.ConditionWorkloadsRestarted); is.Reason != v1alpha1.ReasonRollingOut {
		t.Errorf("the condition is %+v", is)
	}
}

// TestAStepThatNamesNoWorkloadsForgetsNone: before a change is due, none were looked for.
func TestAStepThatNamesNoWorkloadsForgetsNone(t *testing.T) {
	web := []v1alpha1.WorkloadStatus{{Kind: "Deployment", Name: "web", State: "RollingOut"}}
	p := rewrite{before: versionsOf("v2"), after: versionsOf("v2"), rollout: &v1alpha1.RolloutStatus{Revision: "v2", HandledRevision: "v1", Workloads: web}}.pass()
	p.applied, p.rollout = nil, &rollout.Progress{State: rollout.RollingOut, Message: "waits"}
	restarting().describeRollout(p)
	if diff := cmp.Diff(web, p.sync.Status.Rollout.Workloads); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNoRolloutBeforeThereIsASecret: the first sync may fail.
func TestNoRolloutBeforeThereIsASecret(t *testing.T) {
	p := rewrite{}.pass()
	p.applied, p.sync.Status.Secret, p.before.Status.Secret = nil, nil, nil
	restarting().describeRollout(p)
	if status := p.sync.Status; status.Rollout != nil || len(status.Conditions) > 0 {
		t.Errorf("status is %+v", status)
	}
}

// TestASecretThatIsNotTidiedAwayKeepsItsRevision: status speaks of the former name until the Secret of that is gone.
func TestASecretThatIsNotTidiedAwayKeepsItsRevision(t *testing.T) {
	for name, former := range map[string]*v1alpha1.RolloutStatus{"restarts were on": {Revision: "v1", HandledRevision: "v1"}, "switched on now": nil} {
		p := rewrite{before: versionsOf("v1"), after: versionsOf("v1"), rollout: former, edited: true, changes: changes{changed: []string{"password"}}}.pass()
		p.untidy, p.former = true, []*input{{}}
		restarting().describeRollout(p)
		if got := p.sync.Status.Rollout; got.Revision != "v1" || got.HandledRevision != "v1" {
			t.Errorf("%s: status.rollout is %+v", name, got)
		}
	}
}

// TestNothingIsRestartedAndWhy: by wish, or for want of a permission; who has written no word about it is not bothered.
func TestNothingIsRestartedAndWhy(t *testing.T) {
	const never, forbidden = v1alpha1.ReasonRestartNever, v1alpha1.ReasonRolloutForbidden
	for name, test := range map[string]struct {
		spec    *v1alpha1.Rollout
		reason  string
		is      metav1.ConditionStatus
		mention string
	}{
		"no word about it":         {nil, "", "", ""},
		"not wanted":               {&v1alpha1.Rollout{Restart: v1alpha1.RestartNever}, never, metav1.ConditionUnknown, "spec.rollout.restart is Never"},
		"the operator does not":    {&v1alpha1.Rollout{}, never, metav1.ConditionUnknown, "runs without --rollouts"},
		"the operator may not":     {&v1alpha1.Rollout{Restart: v1alpha1.RestartAuto}, forbidden, metav1.ConditionFalse, "spec.rollout.restart is Auto, and the operator may not"},
		"nor what the spec listed": {&v1alpha1.Rollout{Restart: v1alpha1.RestartListed}, forbidden, metav1.ConditionFalse, "spec.rollout.restart is Listed, and the operator may not"},
	} {
		p := rewrite{before: versionsOf("v1"), after: versionsOf("v2"), rollout: &v1alpha1.RolloutStatus{Revision: "v1", HandledRevision: "v1"}, spec: v1alpha1.SecretSyncSpec{Rollout: test.spec}}.pass()
		p.sync.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionWorkloadsRestarted, metav1.ConditionTrue, v1alpha1.ReasonRolledOut, "before")}
		New(Options{Clock: clocktesting.NewFakePassiveClock(noon)}).describeRollout(p)
		is := meta.FindStatusCondition(p.sync.Status.Conditions, v1alpha1.ConditionWorkloadsRestarted)
		if is == nil {
			is = &metav1.Condition{}
		}
		if p.sync.Status.Rollout != nil || is.Reason != test.reason || is.Status != test.is || !strings.Contains(is.Message, test.mention) {
			t.Errorf("%s: status.rollout is %+v, the condition %+v", name, p.sync.Status.Rollout, is)
		}
	}
}

// TestEventsStillNameTheKeysThatARestartIsJudgedBy: former values do not call for one, and are named all the same.
func TestEventsStillNameTheKeysThatARestartIsJudgedBy(t *testing.T) {
	keys := []string{"a_previous", "b"}
	p := rewrite{before: versionsOf("v1"), after: versionsOf("v2"), rollout: &v1alpha1.RolloutStatus{Revision: "v1", HandledRevision: "v1"}, formerBefore: keys[:1], formerNow: keys[:1]}.pass()
	p.changes = changes{added: slices.Clone(keys), removed: slices.Clone(keys), changed: slices.Clone(keys)}
	restarting().describeRollout(p)
	if got := p.changes.String(); got != "changed a_previous, b; added a_previous, b; removed a_previous, b" {
		t.Errorf("changes are %q", got)
	}
}

// TestWhichVersionsArePresent: all but those that keepPrevious keeps, which are behind the others; a spec may read
// AWSPREVIOUS itself.
func TestWhichVersionsArePresent(t *testing.T) {
	source := func(id, stage string) v1alpha1.SourceStatus {
		return v1alpha1.SourceStatus{SecretID: id, VersionStage: stage, ARN: "arn of " + id, VersionID: stage + " of " + id}
	}
	db, kept := source("db", v1alpha1.DefaultVersionStage), source("db", stagePrevious)
	api, apiKept := source("api", v1alpha1.DefaultVersionStage), source("api", stagePrevious)
	type sources = []v1alpha1.SourceStatus
	for name, test := range map[string]struct {
		all      sources
		keeps    bool
		presents int
	}{
		"nothing":                           {nil, true, 0},
		"nothing kept":                      {sources{db}, false, 1},
		"the spec reads both":               {sources{db, kept}, false, 2},
		"one kept":                          {sources{db, kept}, true, 1},
		"both kept":                         {sources{db, api, kept, apiKept}, true, 2},
		"one of two":                        {sources{db, api, apiKept}, true, 2},
		"the spec reads both, and one kept": {sources{db, kept, kept}, true, 2},
		"another label of the secret":       {sources{source("db", "BLUE"), kept}, true, 2},
		"nothing kept though it may be":     {sources{db, api}, true, 2},
	} {
		status := &v1alpha1.SecretSyncStatus{Sources: test.all}
		if test.keeps {
			status.PreviousUntil = second(noon)
		}
		if got := presentOf(status); len(got) != test.presents {
			t.Errorf("%s: %d, want %d", name, len(got), test.presents)
		}
	}
	// A pass that has written them knows how many are former ones, also where status alone does not tell.
	p := &pass{sync: &v1alpha1.SecretSync{}, applied: &target.Result{}, former: []*input{{}}}
	p.sync.Status = v1alpha1.SecretSyncStatus{Sources: sources{db, api, kept, apiKept}, PreviousUntil: second(noon)}
	if got := p.present(); len(got) != 3 {
		t.Errorf("of a write: %d, want 3", len(got))
	}
	if p.applied, p.former = nil, nil; len(p.present()) != 2 {
		t.Errorf("without a write: %d, want 2", len(p.present()))
	}
}

// TestTheConditionIsThatOfTheRevisionInStatus: whatever it was called before.
func TestTheConditionIsThatOfTheRevisionInStatus(t *testing.T) {
	settled := &v1alpha1.RolloutStatus{Revision: "v1", HandledRevision: "v1"}
	pending := &v1alpha1.RolloutStatus{Revision: "v2", HandledRevision: "v1"}
	done := &rollout.Progress{State: rollout.Done, Message: "done"}
	for name, test := range map[string]struct {
		before, now *v1alpha1.RolloutStatus
		was         string
		progress    *rollout.Progress
		want        string
	}{
		"pending, and nothing is said of it":    {pending, pending, "", nil, "False RollingOut Secret db has changed: the workloads that use it are restarted next"},
		"pending as before":                     {pending, pending, v1alpha1.ReasonRolloutPaused, nil, "False RolloutPaused so it was"},
		"a step":                                {pending, pending, v1alpha1.ReasonRolloutPaused, done, "True RolledOut done"},
		"a change":                              {settled, pending, v1alpha1.ReasonRolledOut, done, "False RollingOut Secret db has changed: the workloads that use it are restarted next"},
		"rolled out before":                     {settled, settled, v1alpha1.ReasonRolledOut, nil, "False RolledOut so it was"},
		"switched on after it was not wanted":   {nil, settled, v1alpha1.ReasonRestartNever, nil, "True RolledOut Secret db has not changed in a way that calls for a restart"},
		"gone back, after a step for the other": {pending, settled, v1alpha1.ReasonRollingOut, done, "True RolledOut Secret db has not changed in a way that calls for a restart"},
	} {
		p := rewrite{before: versionsOf("v1"), after: versionsOf("v1"), rollout: test.before}.pass()
		p.sync.Status.Rollout, p.rollout = test.now, test.progress
		if test.was != "" {
			p.before.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionWorkloadsRestarted, metav1.ConditionFalse, test.was, "so it was")}
		}
		is := rolloutCondition(p)
		if got := string(is.Status) + " " + is.Reason + " " + is.Message; got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
