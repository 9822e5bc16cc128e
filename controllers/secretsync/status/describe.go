package status

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// conditionJudge decides one condition. The status that it gets is described already, but for conditions of judges that come
// later in the list.
type conditionJudge struct {
	condition string
	decide    func(*Outcome, *v1alpha1.SecretSyncStatus, time.Time) verdict
}

// judges are those of all conditions, in the order in which a new status lists them.
func judges() []conditionJudge {
	return []conditionJudge{
		{v1alpha1.ConditionRotationHealthy, rotationHealthy},
		{v1alpha1.ConditionReady, ready},
		{v1alpha1.ConditionStalled, stalled},
		{v1alpha1.ConditionReconciling, reconciling},
		{v1alpha1.ConditionWorkloadsRestarted, workloadsRestarted},
	}
}

// verdict is what a judge decides: a condition to set, or that it stays, or that it is removed.
type verdict struct {
	set  *metav1.Condition
	stay bool
}

func stays() verdict { return verdict{stay: true} }

func removed() verdict { return verdict{} }

func is(status metav1.ConditionStatus, reason, message string) verdict {
	return verdict{set: &metav1.Condition{Status: status, Reason: reason, Message: message}}
}

// Describe gives the status after an outcome.
func Describe(outcome *Outcome, now time.Time) v1alpha1.SecretSyncStatus {
	status := *outcome.SecretSync.Status.DeepCopy()
	if outcome.ConcernsSync() {
		status.ObservedGeneration = outcome.SecretSync.Generation
		describeSecret(outcome, &status, now)
		status.Refusal = describeRefusal(outcome.Failure)
		if refreshHandled(outcome) {
			status.LastHandledRefresh = outcome.SecretSync.RefreshToken()
		}
	}
	describeRollout(outcome, &status, now)
	for _, judge := range judges() {
		apply(judge.decide(outcome, &status, now), judge.condition, outcome.SecretSync.Generation, &status, now)
	}
	fit(&status)
	return status
}

// apply puts a verdict into status, stamped with the generation that it speaks of.
func apply(decided verdict, condition string, generation int64, status *v1alpha1.SecretSyncStatus, now time.Time) {
	old := meta.FindStatusCondition(status.Conditions, condition)
	switch {
	case decided.stay || decided.set == nil && old == nil:
		return
	case decided.set == nil:
		meta.RemoveStatusCondition(&status.Conditions, condition)
		return
	}
	set := *decided.set
	set.Type, set.ObservedGeneration = condition, generation
	if old == nil || old.Status != set.Status {
		set.LastTransitionTime = metav1.NewTime(now.Truncate(time.Second))
	}
	meta.SetStatusCondition(&status.Conditions, set)
}

// refreshHandled says whether a requested refresh is over. What is tried again by itself is not: a script would go on
// with the former version.
func refreshHandled(outcome *Outcome) bool {
	handled := outcome.Answered() && outcome.Failure == nil || outcome.Failure.IsTerminal() && !outcome.outdated()
	return handled && outcome.SecretSync.RefreshRequested()
}

func (o *Outcome) outdated() bool { return o.Set != nil && o.Set.Outdated() }

// former is a condition as it was; nil where it was not there.
func (o *Outcome) former(condition string) *metav1.Condition {
	return meta.FindStatusCondition(o.SecretSync.Status.Conditions, condition)
}
