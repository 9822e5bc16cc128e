package target

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// said is an answer of the API server.
func said(code int32, reason metav1.StatusReason, message string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: code, Reason: reason, Message: message,
		Details: &metav1.StatusDetails{Name: "db", Kind: "secrets", Causes: []metav1.StatusCause{{Message: message}}}}}
}

// TestWhatAdmissionSays: the beginnings of these messages are the API server's own; what follows is anything.
func TestWhatAdmissionSays(t *testing.T) {
	const forbids, denied = `secrets "db" is forbidden: `, v1alpha1.ReasonAdmissionDenied
	for name, test := range map[string]struct {
		err       error
		reason    string
		transient bool
		mentions  []string
	}{
		"a policy": {said(422, metav1.StatusReasonInvalid, forbids+`ValidatingAdmissionPolicy 'no.secrets' with binding 'all' denied request: `+quoted),
			denied, false, []string{`ValidatingAdmissionPolicy "no.secrets" (binding "all")`, `update Secret "db"`, "kubectl describe validatingadmissionpolicy no.secrets"}},
		"a policy without a binding": {said(403, metav1.StatusReasonForbidden, forbids+`ValidatingAdmissionPolicy 'no' denied request: `+quoted),
			denied, false, []string{`ValidatingAdmissionPolicy "no" does not let`}},
		"a policy that mutates": {said(422, metav1.StatusReasonInvalid, `policy 'adds' with binding 'all' denied request: `+quoted),
			denied, false, []string{`MutatingAdmissionPolicy "adds" (binding "all")`}},
		"a webhook": {said(403, "", `admission webhook "a.example.com" denied the request: `+quoted), denied, false, []string{`webhook "a.example.com"`, "code 403"}},
		"a webhook that speaks of a quota": {said(400, "", `admission webhook "a.example.com" denied the request: exceeded quota: `+quoted+`, x`),
			denied, false, []string{`webhook "a.example.com"`}},
		"a webhook in trouble": {said(503, metav1.StatusReasonServiceUnavailable, `admission webhook "a.example.com" denied the request: `+quoted),
			v1alpha1.ReasonTargetFailed, true, []string{`webhook "a.example.com"`, "code 503"}},
		"a webhook without endpoints": {said(500, metav1.StatusReasonInternalError, `Internal error occurred: failed calling webhook "a.example.com": failed to call webhook: Post "https://a?token=`+quoted+`": no endpoints available for service "a"`),
			v1alpha1.ReasonTargetFailed, true, []string{`webhook "a.example.com"`, "no endpoints"}},
		"a webhook that knows no dry run": {said(400, metav1.StatusReasonBadRequest, `admission webhook "a.example.com" does not support dry run`),
			denied, false, []string{`webhook "a.example.com"`, "sideEffects: None"}},
		"a quota": {said(403, metav1.StatusReasonForbidden, forbids+`exceeded quota: few, requested: count/secrets=1, used: count/secrets=5, limited: count/secrets=5`),
			denied, false, []string{`ResourceQuota "few"`, `namespace "payments"`}},
		"no Role": {said(403, metav1.StatusReasonForbidden, forbids+`User "system:serviceaccount:a:b" cannot patch resource "secrets" in API group "" in the namespace "payments"`),
			v1alpha1.ReasonTargetForbidden, true, []string{`"system:serviceaccount:a:b"`, `the verb "patch" on secrets`}},
		"a text that only looks like a policy": {said(403, metav1.StatusReasonForbidden, quoted+`: ValidatingAdmissionPolicy 'no' denied request: x`),
			v1alpha1.ReasonTargetForbidden, true, []string{"admission plugins"}},
		"nothing named": {said(422, metav1.StatusReasonInvalid, quoted), v1alpha1.ReasonInvalidValue, false, []string{`finds Secret "db" invalid:`}},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := errors.AsType[*Error](explain(test.err, updating(Desired{Namespace: "payments", Name: "db"})))
			if !ok || got.Reason != test.reason || got.Transient != test.transient || got.Raced {
				t.Fatalf("explained as %+v", got)
			}
			for _, mention := range test.mentions {
				if !strings.Contains(got.Message, mention) {
					t.Errorf("%q does not mention %q", got.Message, mention)
				}
			}
			if strings.Contains(got.Message, quoted) {
				t.Errorf("%q repeats what was said", got.Message)
			}
		})
	}
}

// TestAWebhookChoosesAnyCode: none of them is taken for what the API server means by it.
func TestAWebhookChoosesAnyCode(t *testing.T) {
	for _, code := range []int32{http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity} {
		err := said(code, "", `admission webhook "a.example.com" denied the request: x`)
		if got, ok := errors.AsType[*Error](explain(err, creating(recreating()))); !ok || got.Reason != v1alpha1.ReasonAdmissionDenied {
			t.Errorf("code %d is explained as %+v", code, got)
		}
	}
	claims := said(422, metav1.StatusReasonInvalid, `admission webhook "a.example.com" denied the request: x`)
	status, _ := errors.AsType[*apierrors.StatusError](claims)
	status.ErrStatus.Details.Causes = []metav1.StatusCause{{Field: ownerReferences}}
	if secondController(claims) {
		t.Error("a webhook's refusal is taken for that of a second controller")
	}
}

// TestAWebhookThatCouldNotDecideIsAskedAgain: some codes say so, all others are its decision.
func TestAWebhookThatCouldNotDecideIsAskedAgain(t *testing.T) {
	for code, again := range map[int32]bool{
		http.StatusRequestTimeout: true, http.StatusTooManyRequests: true, http.StatusInternalServerError: true, http.StatusServiceUnavailable: true,
		http.StatusBadRequest: false, http.StatusProxyAuthRequired: false, http.StatusConflict: false, 499: false,
	} {
		err := said(code, "", `admission webhook "a.example.com" denied the request: x`)
		got, ok := errors.AsType[*Error](explain(err, updating(wanting())))
		if !ok || got.Transient != again || (got.Reason == v1alpha1.ReasonTargetFailed) != again || (got.Reason == v1alpha1.ReasonAdmissionDenied) == again {
			t.Errorf("code %d is explained as %+v", code, got)
		}
	}
}

func TestLabelsAreNamedWithoutTheirValues(t *testing.T) {
	desired := Desired{Namespace: "payments", Name: "db",
		Labels:      map[string]string{"team": quoted + " x", "a b": "x", "fine": "x"},
		Annotations: map[string]string{"/": quoted, "Fine": quoted, "Example.COM/fine": quoted}}
	for field, mentions := range map[string]string{"labels": `correct "a b", "team" under spec.target.labels`, "annotations": `correct "/" under spec.target.annotations`} {
		refusal := said(422, metav1.StatusReasonInvalid, `Secret "db" is invalid: metadata.`+field+`: Invalid value: "`+quoted+`"`)
		status, _ := errors.AsType[*apierrors.StatusError](refusal)
		status.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: metav1.CauseTypeFieldValueInvalid, Field: "metadata." + field, Message: quoted}}
		got, ok := errors.AsType[*Error](explain(refusal, updating(desired)))
		if !ok || got.Reason != v1alpha1.ReasonInvalidValue || !strings.Contains(got.Message, mentions) || strings.Contains(got.Message, quoted) || strings.Contains(got.Message, "ine\"") {
			t.Errorf("explained as %+v", got)
		}
		// Where each by itself is as it should be, none is named: all together may be too much.
		desired := Desired{Namespace: "payments", Name: "db", Labels: map[string]string{"fine": "x"}, Annotations: map[string]string{"fine": quoted}}
		got, ok = errors.AsType[*Error](explain(refusal, updating(desired)))
		if !ok || got.Reason != v1alpha1.ReasonInvalidValue || !strings.Contains(got.Message, "correct them under spec.target."+field) {
			t.Errorf("without a name, explained as %+v", got)
		}
	}
}
