package doctor

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// docsPage is where the documentation has a section for each reason.
const docsPage = "docs/troubleshooting.md"

// subject is a SecretSync that is examined.
type subject struct {
	*Facts
	*v1alpha1.SecretSync
	// fresh says that the conditions are about the present spec, and ready is Ready then.
	fresh bool
	ready metav1.Condition
	// reason is why the last reconcile failed; empty if it did not. retries says that Ready is True nevertheless.
	reason  string
	message string
	retries bool
}

func (f *Facts) subject(secretSync *v1alpha1.SecretSync) *subject {
	s := &subject{Facts: f, SecretSync: secretSync}
	ready := meta.FindStatusCondition(secretSync.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || secretSync.Status.ObservedGeneration != secretSync.Generation {
		return s
	}
	s.fresh, s.ready = true, *ready
	retried := meta.FindStatusCondition(secretSync.Status.Conditions, v1alpha1.ConditionReconciling)
	switch {
	case ready.Status == metav1.ConditionFalse && ready.Reason != v1alpha1.ReasonSuspended:
		s.reason, s.message = ready.Reason, ready.Message
	case ready.Status == metav1.ConditionTrue && retried != nil && retried.Status == metav1.ConditionTrue:
		s.reason, s.message, s.retries = retried.Reason, retried.Message, true
	}
	return s
}

// Examine runs the checks on a SecretSync. With only, it runs that one.
func (f *Facts) Examine(ctx context.Context, secretSync *v1alpha1.SecretSync, only string) Diagnosis {
	s, result := f.subject(secretSync), Diagnosis{Object: secretSync.Namespace + "/" + secretSync.Name}
	cause := ""
	for _, c := range checks() {
		if only != "" && c.id != only {
			continue
		}
		found := s.run(ctx, c, cause)
		if found.Status == Broken && !c.beside && cause == "" {
			cause = c.id
		}
		result.Checks = append(result.Checks, found)
	}
	result.conclude()
	return result
}

// run runs a check, unless the cause is known already or the operator has seen another trouble.
func (s *subject) run(ctx context.Context, c check, cause string) Finding {
	found := Finding{}
	switch explains := slices.Contains(c.reasons, s.reason); {
	case cause != "" && !c.beside:
		found = skipped("explained by " + cause)
	case len(c.reasons) > 0 && s.reason == "" && s.fresh:
		found = ok("")
	case len(c.reasons) > 0 && !explains:
		found = skipped("the operator reports no such trouble")
	default:
		found = c.look(ctx, s)
	}
	if found.Status == Broken && s.retries && len(c.reasons) > 0 {
		found.Status = Warning // The Secret is as it should be.
	}
	found.ID = c.id
	if len(c.reasons) > 0 && (found.Status == Broken || found.Status == Warning) {
		found.Docs = docsPage + "#" + anchor(s.reason)
	}
	return found.complete()
}

// complete makes lists of what is nil, as the JSON output promises.
func (f Finding) complete() Finding {
	if f.Fix == nil {
		f.Fix = []Fix{}
	}
	if f.Needs == nil {
		f.Needs = []Right{}
	}
	return f
}
