package target

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// asWritten is a Secret as its SecretSync has written it, by an apply or a create, and what is desired.
func asWritten(operation metav1.ManagedFieldsOperationType) (Desired, *corev1.Secret) {
	desired := Desired{Namespace: "payments", Name: "db", Owner: "db", Type: corev1.SecretTypeOpaque,
		OwnerReference: &metav1.OwnerReference{APIVersion: "secretsync.dev/v1alpha1", Kind: "SecretSync", Name: "db", UID: "uid-of-sync", Controller: new(true)},
		Labels:         map[string]string{"team": "a"}, Annotations: map[string]string{"note": "b"},
		Data: map[string][]byte{"password": []byte(quoted), "empty": {}}}
	secret := secretOf(desired)
	secret.Data = map[string][]byte{"password": []byte(quoted), "empty": nil}
	secret.ManagedFields = []metav1.ManagedFieldsEntry{record(FieldOwner("db"), operation, `"f:password":{},"f:empty":{}`)}
	return desired, secret
}

// record is that of a manager which holds all that asWritten has, and these keys.
func record(manager string, operation metav1.ManagedFieldsOperationType, keys string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{Manager: manager, Operation: operation, FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fmt.Sprintf(
		`{"f:data":{".":{},%s},"f:metadata":{"f:annotations":{".":{},"f:note":{},"f:%s":{}},"f:labels":{".":{},"f:team":{},"f:%s":{}},`+
			`"f:ownerReferences":{".":{},"k:{\"uid\":\"uid-of-sync\"}":{}}},"f:type":{}}`, keys, v1alpha1.AnnotationOwner, v1alpha1.LabelManaged))}
}

func TestWhenASecretIsAsDesired(t *testing.T) {
	for name, test := range map[string]struct {
		change func(desired *Desired, secret *corev1.Secret)
		want   bool
	}{
		"as it was written":       {func(*Desired, *corev1.Secret) {}, true},
		"an annotation of others": {func(_ *Desired, secret *corev1.Secret) { secret.Annotations["seen"] = "x" }, true},
		"a label of others":       {func(_ *Desired, secret *corev1.Secret) { secret.Labels["seen"] = "x" }, true},
		"a key of another SecretSync": {func(_ *Desired, secret *corev1.Secret) {
			secret.Data["theirs"] = []byte("x")
			secret.ManagedFields = append(secret.ManagedFields, record(FieldOwner("other"), metav1.ManagedFieldsOperationApply, `"f:theirs":{}`))
		}, true},
		"an owner besides": {func(_ *Desired, secret *corev1.Secret) {
			secret.OwnerReferences = append(secret.OwnerReferences, metav1.OwnerReference{UID: "other"})
		}, true},
		"a finalizer":                    {func(_ *Desired, secret *corev1.Secret) { secret.Finalizers = []string{"example.com/hold"} }, true},
		"another value":                  {func(_ *Desired, secret *corev1.Secret) { secret.Data["password"] = []byte("x") }, false},
		"a key that is gone":             {func(_ *Desired, secret *corev1.Secret) { delete(secret.Data, "password") }, false},
		"an empty key that is gone":      {func(_ *Desired, secret *corev1.Secret) { delete(secret.Data, "empty") }, false},
		"another label":                  {func(_ *Desired, secret *corev1.Secret) { secret.Labels["team"] = "x" }, false},
		"without its label":              {func(_ *Desired, secret *corev1.Secret) { delete(secret.Labels, v1alpha1.LabelManaged) }, false},
		"another annotation":             {func(_ *Desired, secret *corev1.Secret) { secret.Annotations["note"] = "x" }, false},
		"another owner's name":           {func(_ *Desired, secret *corev1.Secret) { secret.Annotations[v1alpha1.AnnotationOwner] = "x" }, false},
		"without its owner":              {func(_ *Desired, secret *corev1.Secret) { secret.OwnerReferences = nil }, false},
		"an owner that is no controller": {func(_ *Desired, secret *corev1.Secret) { secret.OwnerReferences[0].Controller = nil }, false},
		"another type":                   {func(_ *Desired, secret *corev1.Secret) { secret.Type = "x" }, false},
		"records that were cleared":      {func(_ *Desired, secret *corev1.Secret) { secret.ManagedFields = nil }, false},
		"records of another":             {func(_ *Desired, secret *corev1.Secret) { secret.ManagedFields[0].Manager = "x" }, false},
		"a key less in the spec":         {func(desired *Desired, _ *corev1.Secret) { delete(desired.Data, "empty") }, false},
		"a label less in the spec":       {func(desired *Desired, _ *corev1.Secret) { desired.Labels = nil }, false},
		"an annotation less in the spec": {func(desired *Desired, _ *corev1.Secret) { desired.Annotations = nil }, false},
		"Retain in the spec":             {func(desired *Desired, _ *corev1.Secret) { desired.OwnerReference = nil }, false},
		"immutable in the spec":          {func(desired *Desired, _ *corev1.Secret) { desired.Immutable = true }, false},
		"immutable by others":            {func(_ *Desired, secret *corev1.Secret) { secret.Immutable = new(true) }, true},
		"Merge in the spec": {func(desired *Desired, _ *corev1.Secret) {
			desired.Merge, desired.Annotations, desired.OwnerReference = true, nil, nil
		}, false},
	} {
		for _, operation := range []metav1.ManagedFieldsOperationType{metav1.ManagedFieldsOperationUpdate, metav1.ManagedFieldsOperationApply} {
			desired, secret := asWritten(operation)
			test.change(&desired, secret)
			if got := asDesired(desired, secret); got != test.want {
				t.Errorf("%s, by %s: %v", name, operation, got)
			}
		}
	}
}
