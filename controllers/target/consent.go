package target

import (
	"fmt"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// anySync in the annotation lets every SecretSync of the namespace merge keys into the Secret.
const anySync = "*"

// AnnotationMost is the most bytes that an annotation may have that the controller reads from a Secret, as the cache
// holds it for each Secret. A longer annotation names no SecretSync.
const AnnotationMost = 4096

// refuseUnasked is the error for keys that the owner of a Secret has not allowed to be merged into it, or nil. It is
// the first check: without consent, a SecretSync learns nothing about the Secret's type, keys and field managers. It
// costs no request, as the annotation comes with the state. The precondition on the resourceVersion makes sure that the
// annotation is the same when the keys are written.
func (w *Writer) refuseUnasked(desired Desired, state State) error {
	if w.MergeWithoutConsent || allows(state.MergeFrom, desired.Owner) {
		return nil
	}
	remedy := fmt.Sprintf(`"kubectl annotate secret %s -n %s %s=%s" allows it`, desired.Name, desired.Namespace, v1alpha1.AnnotationMergeFrom, desired.Owner)
	if state.MergeFrom != "" { // The annotation is not quoted: it may be long, and belongs to the owner.
		remedy = fmt.Sprintf("add %s to its annotation %s, which names others, after a comma (it may have %d bytes; * allows all)", desired.Owner, v1alpha1.AnnotationMergeFrom, AnnotationMost)
	}
	return &Error{Reason: v1alpha1.ReasonMergeNotAllowed, Message: fmt.Sprintf(
		"the owner of Secret %q has not allowed SecretSync %q to merge keys into it, and none is written: %s; or write a Secret of its own, with spec.target.creationPolicy: Owner",
		desired.Name, desired.Owner, remedy)}
}

// allows says whether the annotation names the SecretSync, or all. Names are separated by commas or blanks.
func allows(annotation, owner string) bool {
	names := strings.FieldsFunc(annotation, func(r rune) bool { return r == ',' || r == ' ' })
	return len(annotation) <= AnnotationMost && (slices.Contains(names, owner) || slices.Contains(names, anySync))
}
