package status

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/rollout"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/target"
)

// versionsOf are sources with these version ids.
func versionsOf(ids ...string) (sources []v1alpha1.SourceStatus) {
	for _, id := range ids {
		sources = append(sources, v1alpha1.SourceStatus{ARN: "arn", VersionID: id})
	}
	return sources
}

// rewrite is a reconcile that has written the Secret: what status said before, and what it says of the write.
type rewrite struct {
	before, after []v1alpha1.SourceStatus
	rollout       *v1alpha1.RolloutStatus
	changes       ownwrites.Changes
	edited        bool // The spec has another generation than the one that the Secret was written by.
	renamed       bool // The Secret had another name.
	drifted       bool
	spec          v1alpha1.SecretSyncSpec
	// formerBefore and formerNow are the keys of former values that were in the Secret, and that are.
	formerBefore, formerNow []string
}

// outcome is that of the reconcile, with the status in which the Secret and its sources are described already.
func (w rewrite) outcome() (*Outcome, *v1alpha1.SecretSyncStatus) {
	secretSync := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "db", Generation: 7}, Spec: w.spec}
	secretSync.Status = v1alpha1.SecretSyncStatus{Sources: w.before, Rollout: w.rollout.DeepCopy(),
		Secret: &v1alpha1.SecretStatus{Name: "db", Generation: 7, PreviousKeys: w.formerBefore}}
	if w.edited {
		secretSync.Status.Secret.Generation = 6
	}
	if w.renamed {
		secretSync.Status.Secret.Name = "former"
	}
	after := secretSync.Status.DeepCopy()
	after.Sources, after.Secret = w.after, &v1alpha1.SecretStatus{Name: "db", Generation: 7}
	return &Outcome{
		SecretSync: secretSync, Trigger: schedule.Poll, Drifted: w.drifted, Set: resolve.NewSet(resolve.Request{SecretSync: secretSync}),
		Write:   &Write{Result: &target.Result{}, Changes: w.changes, PreviousKeys: w.formerNow},
		Rollout: Rollout{Enabled: true},
	}, after
}

// restarts describes the restarts of workloads, a part of a second after noon.
func restarts(outcome *Outcome, status *v1alpha1.SecretSyncStatus) {
	restartsAt(outcome, status, noon.Add(300*time.Millisecond))
}

func restartsAt(outcome *Outcome, status *v1alpha1.SecretSyncStatus, now time.Time) {
	describeRollout(outcome, status, now)
	apply(workloadsRestarted(outcome, status, now), v1alpha1.ConditionWorkloadsRestarted, outcome.SecretSync.Generation, status, now)
}

func TestWhatIsANewRevision(t *testing.T) {
	v1, v2 := versionsOf("v1"), versionsOf("v2")
	password := ownwrites.Changes{Changed: []string{"password"}}
	settled := &v1alpha1.RolloutStatus{Revision: "v1", HandledRevision: "v1"}
	pendingOf := func(revision, handled string, workloads ...v1alpha1.WorkloadStatus) *v1alpha1.RolloutStatus {
		changed := metav1.NewTime(noon)
		return &v1alpha1.RolloutStatus{Revision: revision, HandledRevision: handled, ChangedTime: &changed, Workloads: workloads}
	}
	waiting, restarting := v1alpha1.WorkloadStatus{Name: "a", State: "Waiting"}, v1alpha1.WorkloadStatus{Name: "b", State: "RollingOut"}
	recreated := versionsOf("v1", "w1")
	recreated[0].ARN = "another"
	type revisions struct{ Revision, Handled string }
	for name, test := range map[string]struct {
		rewrite
		want revisions
	}{
		"a rotation":                                      {rewrite{before: v1, after: v2, rollout: settled, changes: password}, revisions{"v2", "v1"}},
		"a rotation right after the switch-on":            {rewrite{before: v1, after: v2, changes: password}, revisions{"v2", "v1"}},
		"a rotation that changes no key":                  {rewrite{before: v1, after: v2, rollout: settled}, revisions{"v1", "v1"}},
		"a key that needs no restart":                     {rewrite{before: v1, after: v2, rollout: settled, changes: password, spec: v1alpha1.SecretSyncSpec{Rollout: &v1alpha1.Rollout{IgnoreKeys: []string{"pass*"}}}}, revisions{"v1", "v1"}},
		"a key more":                                      {rewrite{before: v1, after: v2, rollout: settled, changes: ownwrites.Changes{Added: []string{"port"}}}, revisions{"v2", "v1"}},
		"a key less":                                      {rewrite{before: v1, after: v2, rollout: settled, changes: ownwrites.Changes{Removed: []string{"port"}}}, revisions{"v2", "v1"}},
		"a repair":                                        {rewrite{before: v1, after: v1, rollout: settled, changes: password, drifted: true}, revisions{"v1", "v1"}},
		"an edit that changes keys":                       {rewrite{before: v1, after: v1, rollout: settled, changes: password, edited: true}, revisions{"v1#7", "v1"}},
		"an edit that changes none":                       {rewrite{before: v1, after: v1, rollout: settled, edited: true}, revisions{"v1", "v1"}},
		"a rotation after an edit":                        {rewrite{before: v1, after: v2, rollout: &v1alpha1.RolloutStatus{Revision: "v1#3", HandledRevision: "v1#3"}, changes: password}, revisions{"v2#3", "v1#3"}},
		"a Secret of another name":                        {rewrite{before: v1, after: v2, rollout: settled, changes: password, edited: true, renamed: true}, revisions{"v2", "v2"}},
		"a second change before the first":                {rewrite{before: v2, after: versionsOf("v3"), rollout: pendingOf("v2", "v1", waiting), changes: password}, revisions{"v3", "v1"}},
		"a rollback before anything":                      {rewrite{before: v2, after: v1, rollout: pendingOf("v2", "v1", waiting), changes: password}, revisions{"v1", "v1"}},
		"a rollback when some have restarted":             {rewrite{before: v2, after: v1, rollout: pendingOf("v2", "v1", waiting, restarting), changes: password}, revisions{"v1", ""}},
		"a rollback when all have restarted":              {rewrite{before: v2, after: v1, rollout: pendingOf("v2", "v2", restarting), changes: password}, revisions{"v1", "v2"}},
		"former values that are taken out":                {rewrite{before: v1, after: versionsOf("v1", ""), rollout: settled, changes: ownwrites.Changes{Removed: []string{"password_previous"}}, formerBefore: []string{"password_previous"}, spec: v1alpha1.SecretSyncSpec{KeepPrevious: &v1alpha1.KeepPrevious{}}}, revisions{"v1", "v1"}},
		"former values of another suffix":                 {rewrite{before: v1, after: versionsOf("v1", ""), rollout: settled, changes: ownwrites.Changes{Removed: []string{"password-old"}}, formerBefore: []string{"password-old"}, spec: v1alpha1.SecretSyncSpec{KeepPrevious: &v1alpha1.KeepPrevious{Suffix: "-old"}}}, revisions{"v1", "v1"}},
		"a key less beside keepPrevious":                  {rewrite{before: v1, after: v1, rollout: settled, edited: true, changes: ownwrites.Changes{Removed: []string{"port"}}, spec: v1alpha1.SecretSyncSpec{KeepPrevious: &v1alpha1.KeepPrevious{}}}, revisions{"v1#7", "v1"}},
		"a key less with its former value":                {rewrite{before: v1, after: v1, rollout: settled, edited: true, changes: ownwrites.Changes{Removed: []string{"port", "port_previous"}}, formerBefore: []string{"password_previous", "port_previous"}, formerNow: []string{"password_previous"}, spec: v1alpha1.SecretSyncSpec{KeepPrevious: &v1alpha1.KeepPrevious{}}}, revisions{"v1#7", "v1"}},
		"a key of such a name that is no former":          {rewrite{before: v1, after: v1, rollout: settled, edited: true, changes: ownwrites.Changes{Removed: []string{"port_previous"}}, spec: v1alpha1.SecretSyncSpec{KeepPrevious: &v1alpha1.KeepPrevious{}}}, revisions{"v1#7", "v1"}},
		"a former value that becomes a key":               {rewrite{before: v1, after: v1, rollout: settled, edited: true, changes: ownwrites.Changes{Changed: []string{"password_previous"}}, formerBefore: []string{"password_previous"}}, revisions{"v1#7", "v1"}},
		"former values of a key that needs none":          {rewrite{before: v1, after: v2, rollout: settled, changes: ownwrites.Changes{Changed: []string{"note"}, Added: []string{"note_previous"}}, formerNow: []string{"note_previous"}, spec: v1alpha1.SecretSyncSpec{KeepPrevious: &v1alpha1.KeepPrevious{}, Rollout: &v1alpha1.Rollout{IgnoreKeys: []string{"note"}}}}, revisions{"v1", "v1"}},
		"killed, with a key more that needs none":         {rewrite{before: v1, after: v2, rollout: settled, changes: ownwrites.Changes{Reread: true, Added: []string{"note"}}, drifted: true, spec: v1alpha1.SecretSyncSpec{Rollout: &v1alpha1.Rollout{IgnoreKeys: []string{"note"}}}}, revisions{"v2", "v1"}},
		"a process killed before its report":              {rewrite{before: v1, after: v2, rollout: settled, changes: ownwrites.Changes{Reread: true}, drifted: true}, revisions{"v2", "v1"}},
		"a rotation of nothing after a restart":           {rewrite{before: v1, after: v2, rollout: settled, changes: ownwrites.Changes{Reread: true}}, revisions{"v1", "v1"}},
		"a rotation that needs none, of an edited Secret": {rewrite{before: v1, after: v2, rollout: settled, drifted: true, changes: ownwrites.Changes{Changed: []string{"note"}}, spec: v1alpha1.SecretSyncSpec{Rollout: &v1alpha1.Rollout{IgnoreKeys: []string{"note"}}}}, revisions{"v1", "v1"}},
		"an edit, and killed before its report":           {rewrite{before: v1, after: v1, rollout: settled, changes: ownwrites.Changes{Reread: true}, drifted: true, edited: true}, revisions{"v1#7", "v1"}},
		"a key that becomes a former value":               {rewrite{before: v1, after: v1, rollout: settled, edited: true, changes: ownwrites.Changes{Changed: []string{"password_previous"}}, formerNow: []string{"password_previous"}}, revisions{"v1#7", "v1"}},
		"the first version after an edit":                 {rewrite{before: versionsOf(""), after: v2, rollout: &v1alpha1.RolloutStatus{Revision: "#3", HandledRevision: "#3"}, changes: password}, revisions{"v2#3", "#3"}},
		"one of two secrets is recreated":                 {rewrite{before: versionsOf("v1", "w1"), after: recreated, rollout: settled, changes: password}, revisions{revisionOf(recreated), "v1"}},
		"a change of one of two sources":                  {rewrite{before: versionsOf("v1", "w1"), after: versionsOf("v1", "w2"), rollout: settled, changes: password}, revisions{revisionOf(versionsOf("v1", "w2")), "v1"}},
		"the same two sources in the same place":          {rewrite{before: versionsOf("v1", "w1"), after: versionsOf("v1", "w1"), rollout: settled, changes: password}, revisions{"v1", "v1"}},
	} {
		outcome, status := test.outcome()
		restarts(outcome, status)
		got := status.Rollout
		if diff := cmp.Diff(test.want, revisions{got.Revision, got.HandledRevision}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		revised := got.Revision != settled.Revision || test.want.Handled == ""
		if revised && test.want.Revision != test.want.Handled && !got.ChangedTime.Time.Equal(noon.Add(time.Second)) {
			t.Errorf("%s: changed at %s, want the next whole second", name, got.ChangedTime)
		}
		if is := meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionWorkloadsRestarted); is != (got.Revision == got.HandledRevision) {
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

// TestARollbackAfterTheFirstRestart: it is in no status yet, and the workload has a content that the others do not.
func TestARollbackAfterTheFirstRestart(t *testing.T) {
	changed := metav1.NewTime(noon)
	outcome, status := rewrite{before: versionsOf("v2"), after: versionsOf("v1"), changes: ownwrites.Changes{Changed: []string{"password"}}, rollout: &v1alpha1.RolloutStatus{Revision: "v2", HandledRevision: "v1", ChangedTime: &changed}}.outcome()
	outcome.Rollout.Restarted = []string{"Deployment web"}
	restarts(outcome, status)
	if got := status.Rollout; got.Revision != "v1" || got.HandledRevision != "" {
		t.Errorf("status.rollout is %+v: the workload keeps the content of v2", got)
	}
}

// TestAStepSpeaksOfItsOwnRevision: that the former one is rolled out does not end the restarts for a new one.
func TestAStepSpeaksOfItsOwnRevision(t *testing.T) {
	outcome, status := rewrite{before: versionsOf("v2"), after: versionsOf("v3"), changes: ownwrites.Changes{Changed: []string{"password"}}, rollout: &v1alpha1.RolloutStatus{Revision: "v2", HandledRevision: "v1"}}.outcome()
	outcome.Rollout.Progress = &rollout.Progress{State: rollout.Done, Message: "done", Workloads: []v1alpha1.WorkloadStatus{{Name: "web"}}}
	restartsAt(outcome, status, noon.Add(13300*time.Millisecond))
	want := &v1alpha1.RolloutStatus{Revision: "v3", HandledRevision: "v1", ChangedTime: second(noon.Add(14 * time.Second))}
	if diff := cmp.Diff(want, status.Rollout); diff != "" {
		t.Errorf("status.rollout (-want +got):\n%s", diff)
	}
	if got := restartedOf(status); got.Reason != v1alpha1.ReasonRollingOut {
		t.Errorf("the condition is %+v", got)
	}
}

// TestAStepThatNamesNoWorkloadsForgetsNone: before a change is due, none were looked for.
func TestAStepThatNamesNoWorkloadsForgetsNone(t *testing.T) {
	web := []v1alpha1.WorkloadStatus{{Kind: "Deployment", Name: "web", State: "RollingOut"}}
	outcome, status := rewrite{before: versionsOf("v2"), after: versionsOf("v2"), rollout: &v1alpha1.RolloutStatus{Revision: "v2", HandledRevision: "v1", Workloads: web}}.outcome()
	outcome.Write, outcome.Rollout.Progress = nil, &rollout.Progress{State: rollout.RollingOut, Message: "waits"}
	restarts(outcome, status)
	if diff := cmp.Diff(web, status.Rollout.Workloads); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNoRolloutBeforeThereIsASecret: the first sync may fail.
func TestNoRolloutBeforeThereIsASecret(t *testing.T) {
	outcome, status := rewrite{}.outcome()
	outcome.Write, outcome.SecretSync.Status.Secret, status.Secret = nil, nil, nil
	restarts(outcome, status)
	if status.Rollout != nil {
		t.Errorf("status.rollout is %+v", status.Rollout)
	}
	if len(status.Conditions) > 0 {
		t.Errorf("the conditions are %+v", status.Conditions)
	}
}

// TestASecretThatIsNotCleanedUpKeepsItsRevision: status speaks of the former name until the Secret of that is deleted.
func TestASecretThatIsNotCleanedUpKeepsItsRevision(t *testing.T) {
	for name, former := range map[string]*v1alpha1.RolloutStatus{"restarts were on": {Revision: "v1", HandledRevision: "v1"}, "switched on now": nil} {
		outcome, status := rewrite{before: versionsOf("v1"), after: versionsOf("v1"), rollout: former, edited: true, changes: ownwrites.Changes{Changed: []string{"password"}}}.outcome()
		outcome.Write.Leftover, outcome.Set.Former = true, []*resolve.Input{{}}
		restarts(outcome, status)
		if got := status.Rollout; got.Revision != "v1" || got.HandledRevision != "v1" {
			t.Errorf("%s: status.rollout is %+v", name, got)
		}
	}
}

// TestEventsStillNameTheKeysThatARestartIsJudgedBy: former values do not call for one, and are named all the same.
func TestEventsStillNameTheKeysThatARestartIsJudgedBy(t *testing.T) {
	keys := []string{"a_previous", "b"}
	outcome, status := rewrite{before: versionsOf("v1"), after: versionsOf("v2"), rollout: &v1alpha1.RolloutStatus{Revision: "v1", HandledRevision: "v1"}, formerBefore: keys[:1], formerNow: keys[:1]}.outcome()
	outcome.Write.Changes = ownwrites.Changes{Added: slices.Clone(keys), Removed: slices.Clone(keys), Changed: slices.Clone(keys)}
	restarts(outcome, status)
	if got := outcome.Write.Changes.String(); got != "changed a_previous, b; added a_previous, b; removed a_previous, b" {
		t.Errorf("changes are %q", got)
	}
}

// TestWhichVersionsArePresent: all but those that keepPrevious keeps, which are behind the others; a spec may read
// AWSPREVIOUS itself.
func TestWhichVersionsArePresent(t *testing.T) {
	source := func(id, stage string) v1alpha1.SourceStatus {
		return v1alpha1.SourceStatus{SecretID: id, VersionStage: stage, ARN: "arn of " + id, VersionID: stage + " of " + id}
	}
	db, kept := source("db", v1alpha1.DefaultVersionStage), source("db", resolve.StagePrevious)
	api, apiKept := source("api", v1alpha1.DefaultVersionStage), source("api", resolve.StagePrevious)
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
	// A reconcile that has written them knows how many are former ones, also where status alone does not tell.
	outcome, _ := rewrite{}.outcome()
	outcome.Set.Former = []*resolve.Input{{}}
	status := &v1alpha1.SecretSyncStatus{Sources: sources{db, api, kept, apiKept}, PreviousUntil: second(noon)}
	if got := outcome.present(status); len(got) != 3 {
		t.Errorf("of a write: %d, want 3", len(got))
	}
	outcome.Write, outcome.Set.Former = nil, nil
	if got := outcome.present(status); len(got) != 2 {
		t.Errorf("without a write: %d, want 2", len(got))
	}
}
