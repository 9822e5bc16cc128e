package target

import (
	"fmt"
	"strings"
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

// recorded changes what the first record of a Secret says.
func recorded(secret *corev1.Secret, before, after string) {
	first := &secret.ManagedFields[0]
	first.FieldsV1 = metav1.NewFieldsV1(strings.Replace(first.FieldsV1.GetRawString(), before, after, 1))
}

// immutableByUs marks a Secret as immutable, by a record of ours.
func immutableByUs(secret *corev1.Secret) {
	secret.Immutable = new(true)
	recorded(secret, `"f:type"`, `"f:immutable":{},"f:type"`)
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

// TestWhenTheMarkOfAnImmutableSecretIsAsDesired: others may mark a Secret too, and what the spec wants no more goes
// where it is ours.
func TestWhenTheMarkOfAnImmutableSecretIsAsDesired(t *testing.T) {
	for name, test := range map[string]struct {
		wanted bool
		change func(secret *corev1.Secret)
		want   bool
	}{
		"wanted, and marked by us":         {true, immutableByUs, true},
		"wanted, and marked as mutable":    {true, func(secret *corev1.Secret) { secret.Immutable = new(false) }, false},
		"not wanted, and marked as such":   {false, func(secret *corev1.Secret) { secret.Immutable = new(false) }, true},
		"not wanted, and marked by us":     {false, immutableByUs, false},
		"not wanted, and marked by others": {false, func(secret *corev1.Secret) { secret.Immutable = new(true) }, true},
		"not wanted, and marked by our older record": {false, func(secret *corev1.Secret) {
			younger := secret.ManagedFields[0]
			immutableByUs(secret)
			secret.ManagedFields = append(secret.ManagedFields, younger)
		}, false},
	} {
		desired, secret := asWritten(metav1.ManagedFieldsOperationApply)
		desired.Immutable = test.wanted
		test.change(secret)
		if got := asDesired(desired, secret); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestWhenTheOwnerOfASecretIsAsDesired: by each field of the reference, and by who holds it.
func TestWhenTheOwnerOfASecretIsAsDesired(t *testing.T) {
	const ours, former = `"k:{\"uid\":\"uid-of-sync\"}":{}`, `"k:{\"uid\":\"uid-of-former\"}":{}`
	reference := func(change func(owner *metav1.OwnerReference)) func(secret *corev1.Secret) {
		return func(secret *corev1.Secret) { change(&secret.OwnerReferences[0]) }
	}
	records := func(after string) func(secret *corev1.Secret) {
		return func(secret *corev1.Secret) { recorded(secret, ours, after) }
	}
	for name, test := range map[string]struct {
		change func(secret *corev1.Secret)
		want   bool
	}{
		"as it was written":            {func(*corev1.Secret) {}, true},
		"of another UID":               {reference(func(owner *metav1.OwnerReference) { owner.UID = "uid-of-former" }), false},
		"of another version":           {reference(func(owner *metav1.OwnerReference) { owner.APIVersion = "secretsync.dev/v1" }), false},
		"of another kind":              {reference(func(owner *metav1.OwnerReference) { owner.Kind = "ConfigMap" }), false},
		"of another name":              {reference(func(owner *metav1.OwnerReference) { owner.Name = "former" }), false},
		"as no controller":             {reference(func(owner *metav1.OwnerReference) { owner.Controller = new(false) }), false},
		"with a former one that stays": {records(ours + "," + former), false},
		"where the former one is ours": {records(former), false},
		"where none is ours":           {records(`"k:{}":{}`), false},
		"with one that can't be read":  {records(ours + `,"k:{":{}`), true},
		"with one by its place":        {records(ours + `,"i:0":{}`), true},
		"with a record without a field": {func(secret *corev1.Secret) {
			secret.ManagedFields = append(secret.ManagedFields, metav1.ManagedFieldsEntry{Manager: FieldOwner("db")})
		}, true},
	} {
		desired, secret := asWritten(metav1.ManagedFieldsOperationApply)
		test.change(secret)
		if got := asDesired(desired, secret); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestARecordThatCanNotBeReadCountsForNothing, not even where a part of it can: who holds what is written once more.
func TestARecordThatCanNotBeReadCountsForNothing(t *testing.T) {
	for owners, want := range map[string]bool{`{}`: true, `[]`: false} {
		desired, secret := asWritten(metav1.ManagedFieldsOperationApply)
		desired.OwnerReference, secret.OwnerReferences = nil, nil
		recorded(secret, `{".":{},"k:{\"uid\":\"uid-of-sync\"}":{}}`, owners)
		if asDesired(desired, secret) != want {
			t.Errorf("with owner references %s the Secret is as desired: %v", owners, !want)
		}
	}
}

// TestWhenMergedKeysAreAsDesired: the rest of the Secret is its owner's, and what is ours of it from before is to go.
func TestWhenMergedKeysAreAsDesired(t *testing.T) {
	const owner = `"f:annotations":{"f:` + v1alpha1.AnnotationOwner + `":{}}`
	for name, test := range map[string]struct {
		held string // beside the key and the label
		want bool
	}{
		"nothing else is ours":                   {"", true},
		"our name is on it still":                {"," + owner, false},
		"it goes with us still":                  {`,"f:ownerReferences":{"k:{\"uid\":\"uid-of-sync\"}":{}}`, false},
		"our name is on it, and it goes with us": {"," + owner + `,"f:ownerReferences":{"k:{\"uid\":\"uid-of-sync\"}":{}}`, false},
	} {
		desired := merging()
		desired.OwnerReference = &metav1.OwnerReference{UID: "uid-of-sync"}
		secret := host()
		secret.Type, secret.Labels = corev1.SecretTypeTLS, map[string]string{v1alpha1.LabelManaged: "true"}
		secret.Data["password"] = desired.Data["password"]
		secret.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: FieldOwner("db"), Operation: metav1.ManagedFieldsOperationApply, FieldsType: "FieldsV1",
			FieldsV1: metav1.NewFieldsV1(`{"f:data":{"f:password":{}},"f:metadata":{"f:labels":{"f:` + v1alpha1.LabelManaged + `":{}}` + test.held + `}}`)}}
		if got := asDesired(desired, secret); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
