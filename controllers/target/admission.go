package target

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// How the API server begins the messages of refusals by admission. The Status of such a refusal has no field that names
// the policy, the webhook or the quota, so the text is all there is to read. The rest of the message may quote what was
// sent: a policy's messageExpression and a webhook's answer can hold anything. Therefore the patterns are anchored to
// the API server's own text, and take names only. A name can't hold a quote.
var (
	deniedByPolicy = regexp.MustCompile(
		`^(?:secrets "[^"]*" is forbidden: )?(Validating|Mutating)?(?:AdmissionPolicy|policy) ['"]([-a-z0-9.]+)['"](?: with binding '([-a-z0-9.]+)')? denied request: `)
	deniedByWebhook  = regexp.MustCompile(`^admission webhook "([-a-zA-Z0-9._/]+)" denied the request`)
	noDryRun         = regexp.MustCompile(`^admission webhook "([-a-zA-Z0-9._/]+)" does not support dry run$`)
	webhookInTrouble = regexp.MustCompile(`^Internal error occurred: (?:failed calling webhook|admission webhook) "([-a-zA-Z0-9._/]+)"`)
	overQuota        = regexp.MustCompile(`^secrets "[^"]*" is forbidden: (?:exceeded|failed|status unknown for) quota: ([-a-z0-9.]+)[,:]`)
	unauthorized     = regexp.MustCompile(`^secrets(?: "[^"]*")? is forbidden: User "([^"]+)" cannot (\w+) resource "secrets" in API group "" in the namespace "`)
)

// admission explains a refusal by an admission policy, a webhook or a quota. It is nil for every other error. It comes
// before all other explanations: policies and webhooks choose the reason and code of their refusals, even those by
// which the API server itself says that an object is invalid or was changed at the same time.
func admission(err error, to request) *Error {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return nil
	}
	message, code := status.Status().Message, status.Status().Code
	if found := deniedByPolicy.FindStringSubmatch(message); found != nil {
		return byPolicy(found[1], found[2], found[3], to)
	}
	if found := deniedByWebhook.FindStringSubmatch(message); found != nil {
		return byWebhook(found[1], code, to)
	}
	if found := noDryRun.FindStringSubmatch(message); found != nil {
		return denied("admission webhook %q does not support the dry run that comes before a Secret is deleted and created again, so it is "+
			"not known whether it lets the operator %s: set sideEffects: None in its configuration, or delete the Secret", found[1], to)
	}
	if found := webhookInTrouble.FindStringSubmatch(message); found != nil {
		return &Error{Reason: v1alpha1.ReasonTargetFailed, Transient: true, Message: fmt.Sprintf(
			"the API server could not call admission webhook %q%s, and without its answer does not let the operator %s: "+
				"trying again; restore the webhook, or remove its configuration", found[1], trouble(message), to)}
	}
	if found := overQuota.FindStringSubmatch(message); found != nil {
		return denied("ResourceQuota %q does not let the operator %s in namespace %q: raise the quota, or delete Secrets that are not needed",
			found[1], to, to.namespace)
	}
	return nil
}

func denied(format string, arguments ...any) *Error {
	return &Error{Reason: v1alpha1.ReasonAdmissionDenied, Message: fmt.Sprintf(format, arguments...)}
}

// byPolicy explains a refusal by an admission policy. Kubernetes names the kind only of ValidatingAdmissionPolicies.
func byPolicy(kind, name, binding string, to request) *Error {
	if kind == "" {
		kind = "Mutating"
	}
	kind += "AdmissionPolicy"
	by := fmt.Sprintf("%s %q", kind, name)
	if binding != "" {
		by += fmt.Sprintf(" (binding %q)", binding)
	}
	return denied(`%s does not let the operator %s: "kubectl describe %s %s" shows what it demands; change spec.target accordingly, or exempt the Secret in the policy`,
		by, to, strings.ToLower(kind), name)
}

// Codes by which a webhook says that it could not decide.
const codeRequestTimeout, codeTooManyRequests, codeInternalError = 408, 429, 500

// byWebhook explains the answer of a webhook.
func byWebhook(name string, code int32, to request) *Error {
	if code >= codeInternalError || code == codeTooManyRequests || code == codeRequestTimeout {
		return &Error{Reason: v1alpha1.ReasonTargetFailed, Transient: true, Message: fmt.Sprintf(
			"admission webhook %q answers with code %d, and so does not let the operator %s: trying again; look at the webhook's log", name, code, to)}
	}
	return denied("admission webhook %q does not let the operator %s (code %d): look for the reason in the webhook's log, as its text may hold values "+
		"and is not repeated here; change spec.target accordingly, or exempt the Secret in the webhook's configuration", name, to, code)
}

// trouble says why a webhook could not be called, if it is one of the usual causes.
func trouble(message string) string {
	for _, usual := range []struct{ text, cause string }{
		{"context deadline exceeded", " in time"},
		{"Timeout", " in time"},
		{"connection refused", " (connection refused)"},
		{"no endpoints available", " (its Service has no endpoints)"},
		{"not found", " (its Service is not found)"},
		{"x509: ", " (its TLS certificate is not trusted)"},
	} {
		if strings.Contains(message, usual.text) {
			return usual.cause
		}
	}
	return ""
}

// forbidden explains a refusal that names no policy, webhook or quota.
func forbidden(err error, to request) *Error {
	message := fmt.Sprintf("the API server does not let the operator %s in namespace %q: check the operator's Role there, and the admission plugins of the API server",
		to, to.namespace)
	if found := unauthorized.FindStringSubmatch(err.Error()); found != nil {
		message = fmt.Sprintf("user %q may not %s in namespace %q, as no Role allows the verb %q on secrets: bind the operator's Role there",
			found[1], to, to.namespace, found[2])
	}
	return &Error{Reason: v1alpha1.ReasonTargetForbidden, Transient: true, Message: message}
}
