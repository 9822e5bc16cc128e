package target

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// untouched wants a Secret to be as it was.
func untouched(t *testing.T, name string, s *server, before *corev1.Secret) {
	t.Helper()
	there := s.secret(t)
	if there == nil || there.ResourceVersion != "999" || there.UID != before.UID || string(there.Data["password"]) != string(before.Data["password"]) ||
		!maps.Equal(there.Annotations, before.Annotations) || !maps.Equal(there.Labels, before.Labels) {
		t.Errorf("%s: the Secret has changed", name)
	}
}

func TestASecretOfAnotherOwnerStays(t *testing.T) {
	for name, test := range map[string]struct {
		owner, mention string
	}{
		"of no SecretSync":     {"", "was not made by SecretSync"},
		"of another":           {"other", `belongs to SecretSync "other"`},
		"of one that is gone":  {"gone", `was kept when SecretSync "gone" was deleted`},
		"of one of its prefix": {"d", `was kept when SecretSync "d" was deleted`},
	} {
		before := secretNamed("db", "uid", test.owner)
		w, s := serve(t, before.DeepCopy(), syncNamed("other", "db"))
		result, err := applied(t, w, wanting())
		refused, _ := errors.AsType[*Error](err)
		if err == nil || refused.Reason != v1alpha1.ReasonTargetConflict || refused.Transient || refused.ConflictingSecret.UID != "uid" || refused.KeyConflict ||
			!strings.Contains(refused.Message, test.mention) || result.UID != "" {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
		untouched(t, name, s, before)
	}
}

// exchanging are two SecretSyncs of which each wants the Secret of the other, seen by db.
func exchanging() (theirs, ours *corev1.Secret, other, own *v1alpha1.SecretSync) {
	other, own = syncNamed("other", "second"), syncNamed("db", "db")
	theirs, ours = ownedBy("db", other), ownedBy("second", own)
	ours.UID = "uid-of-second"
	theirs.Data["former"] = []byte(quoted)
	for _, operation := range []metav1.ManagedFieldsOperationType{metav1.ManagedFieldsOperationApply, metav1.ManagedFieldsOperationUpdate} {
		theirs.ManagedFields = append(theirs.ManagedFields, metav1.ManagedFieldsEntry{Manager: "secretsync.dev/other", Operation: operation, APIVersion: "v1",
			FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:data":{"f:password":{},"f:former":{}}}`)})
	}
	return theirs, ours, other, own
}

func TestSecretsThatAreExchanged(t *testing.T) {
	theirs, ours, other, own := exchanging()
	w, s := serve(t, theirs.DeepCopy(), ours, other, own)
	desired := wanting()
	reference := OwnerReference(own)
	desired.OwnerReference = &reference
	result, err := applied(t, w, desired)
	there := s.secret(t)
	if err != nil || result.Outcome != Updated || result.UID != "uid" || result.ResourceVersion != there.ResourceVersion ||
		there.Annotations[v1alpha1.AnnotationOwner] != "db" || string(there.Data["password"]) == quoted || len(there.Data) != 1 {
		t.Errorf("%+v, %v: %v, %d keys", result, err, there.Annotations, len(there.Data))
	}
	for _, record := range there.ManagedFields {
		if strings.HasPrefix(record.Manager, "secretsync.dev/other") {
			t.Errorf("%s still holds fields", record.Manager)
		}
	}
	want := []sent{{Verb: "records", ResourceVersion: "999"}, {Verb: "apply", UID: "uid", ResourceVersion: "1000", Manager: "secretsync.dev/db", Force: true}}
	if diff := cmp.Diff(want, s.sent); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWhatIsNoExchange: the Secret is taken only from one that waits for ours, and gives its own up.
func TestWhatIsNoExchange(t *testing.T) {
	for name, change := range map[string]func(theirs, ours *corev1.Secret, other, own *v1alpha1.SecretSync){
		"the other still wants it": func(_, _ *corev1.Secret, other, _ *v1alpha1.SecretSync) { other.Spec.Target.Name = "db" },
		"the other is suspended":   func(_, _ *corev1.Secret, other, _ *v1alpha1.SecretSync) { other.Spec.Suspend = true },
		"the other observes":       func(_, _ *corev1.Secret, other, _ *v1alpha1.SecretSync) { other.Spec.Mode = v1alpha1.SyncModeObserve },
		"the other retains": func(_, _ *corev1.Secret, other, _ *v1alpha1.SecretSync) {
			other.Spec.Target.DeletionPolicy = v1alpha1.DeletionPolicyRetain
		},
		"the other merges": func(_, _ *corev1.Secret, other, _ *v1alpha1.SecretSync) {
			other.Spec.Target.CreationPolicy = v1alpha1.CreationPolicyMerge
		},
		"the other waits for none":       func(_, _ *corev1.Secret, other, _ *v1alpha1.SecretSync) { other.Spec.Target.Name = "third" },
		"it is not the other's any more": func(theirs, _ *corev1.Secret, _, _ *v1alpha1.SecretSync) { theirs.OwnerReferences = nil },
		"ours names no owner":            func(_, ours *corev1.Secret, _, _ *v1alpha1.SecretSync) { ours.Annotations = nil },
		"ours is a third one's": func(_, ours *corev1.Secret, _, _ *v1alpha1.SecretSync) {
			ours.Annotations[v1alpha1.AnnotationOwner] = "third"
		},
		"we do not give ours up": func(_, _ *corev1.Secret, _, own *v1alpha1.SecretSync) {
			own.Spec.Target.DeletionPolicy = v1alpha1.DeletionPolicyRetain
		},
		"ours is ours no more": func(_, ours *corev1.Secret, _, _ *v1alpha1.SecretSync) { ours.OwnerReferences = nil },
	} {
		theirs, ours, other, own := exchanging()
		change(theirs, ours, other, own)
		w, s := serve(t, theirs.DeepCopy(), ours, other, own)
		if _, err := applied(t, w, wanting()); err == nil || raced(err) {
			t.Errorf("%s: %v", name, err)
		}
		untouched(t, name, s, theirs)
	}
	for _, verb := range []string{"list", "records", "apply"} {
		theirs, ours, other, own := exchanging()
		w, s := serve(t, theirs.DeepCopy(), ours, other, own)
		s.fails[verb] = apierrors.NewInternalError(errors.New(quoted))
		if _, err := applied(t, w, wanting()); err == nil || s.secret(t).Annotations[v1alpha1.AnnotationOwner] != "other" {
			t.Errorf("%s fails: %v", verb, err)
		}
	}
}

func TestASecretIsCreatedWhole(t *testing.T) {
	w, s := serve(t)
	desired := wanting()
	own := OwnerReference(syncNamed("db", "db"))
	desired.OwnerReference, desired.Immutable, desired.Type = &own, true, corev1.SecretTypeBasicAuth
	desired.Labels, desired.Annotations = map[string]string{"team": "pay"}, map[string]string{"note": "x"}
	result, err := applied(t, w, desired)
	there := s.secret(t)
	if err != nil || result.Outcome != Created || result.UID != string(there.UID) || result.ResourceVersion != there.ResourceVersion || result.ResourceVersion == "" {
		t.Errorf("%+v, %v", result, err)
	}
	if !maps.Equal(there.Labels, map[string]string{"team": "pay", v1alpha1.LabelManaged: "true"}) || !maps.Equal(there.Annotations, map[string]string{"note": "x", v1alpha1.AnnotationOwner: "db"}) {
		t.Errorf("labels %v, annotations %v", there.Labels, there.Annotations)
	}
	if there.Type != corev1.SecretTypeBasicAuth || there.Immutable == nil || !*there.Immutable || len(there.OwnerReferences) != 1 || there.OwnerReferences[0].UID != "sync-db" {
		t.Errorf("%+v, %s", there.ObjectMeta, there.Type)
	}
	if len(s.sent) != 1 || s.sent[0] != (sent{Verb: "create", Manager: "secretsync.dev/db"}) {
		t.Errorf("%+v", s.sent)
	}
}

func TestASecretIsCreatedWithoutWhatIsNotDesired(t *testing.T) {
	w, s := serve(t)
	if _, err := applied(t, w, wanting()); err != nil || s.secret(t).Immutable != nil || len(s.secret(t).OwnerReferences) > 0 {
		t.Errorf("%v: %+v", err, s.secret(t).ObjectMeta)
	}
}

// TestACreateThatMeetsASecret: one that the cache does not know, as it has no label or was made a moment ago.
func TestACreateThatMeetsASecret(t *testing.T) {
	for _, owner := range []string{"", "other"} {
		before := secretNamed("db", "uid", owner)
		w, s := serve(t, before.DeepCopy(), syncNamed("other", "db"))
		w.Client = blind{w.Client}
		if refused, ok := errors.AsType[*Error](secondOf(applied(t, w, wanting()))); !ok || refused.Reason != v1alpha1.ReasonTargetConflict {
			t.Errorf("of %q: %v", owner, refused)
		}
		untouched(t, owner, s, before)
	}
	w, s := serve(t)
	s.fails["create"] = apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "db", errors.New(quoted))
	if refused, ok := errors.AsType[*Error](secondOf(applied(t, w, wanting()))); !ok || refused.Reason != v1alpha1.ReasonTargetForbidden || s.secret(t) != nil {
		t.Errorf("refused: %v; there is a Secret: %t", refused, s.secret(t) != nil)
	}
}

func secondOf(_ Result, err error) error { return err }

// blind is a cache without Secrets.
type blind struct{ client.Client }

func (b blind) Get(_ context.Context, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	return apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, key.Name)
}

// TestMergeNeedsAHost, and leaves its keys alone.
func TestMergeNeedsAHost(t *testing.T) {
	w, s := serve(t)
	if refused, ok := errors.AsType[*Error](secondOf(applied(t, w, merging()))); !ok || refused.Reason != v1alpha1.ReasonTargetNotFound || s.secret(t) != nil {
		t.Errorf("without a Secret: %v; there is a Secret: %t", refused, s.secret(t) != nil)
	}
	before := host()
	w, s = serve(t, before.DeepCopy())
	desired := merging()
	desired.Data["theirs"] = []byte(quoted)
	result, err := applied(t, w, desired)
	refused, ok := errors.AsType[*Error](err)
	if !ok || refused.Reason != v1alpha1.ReasonTargetConflict || !refused.KeyConflict || refused.ConflictingSecret.UID != "uid" || result.UID != "" {
		t.Errorf("a key of its owner: %v", err)
	}
	untouched(t, "a key of its owner", s, before)
	granting := host()
	granting.Type = corev1.SecretTypeServiceAccountToken
	w, s = serve(t, granting.DeepCopy())
	if refused, ok := errors.AsType[*Error](secondOf(applied(t, w, merging()))); !ok || refused.Reason != v1alpha1.ReasonPolicyDenied {
		t.Errorf("a token's Secret: %v", refused)
	}
	untouched(t, "a token's Secret", s, granting)
}

// TestMergeNeverDeletes a Secret that can't be written, whatever the manifest says.
func TestMergeNeverDeletes(t *testing.T) {
	for name, test := range map[string]struct {
		before          *corev1.Secret
		merge, recreate bool
		want            []string
	}{
		"merged into, though it may be recreated": {host(), true, true, []string{"apply"}},
		"of its own, which must stay":             {secretNamed("db", "uid", "db"), false, false, []string{"apply"}},
		"of its own, which may be recreated":      {secretNamed("db", "uid", "db"), false, true, []string{"apply", "rehearse", "delete", "create"}},
	} {
		w, s := serve(t, test.before)
		s.fails["apply"] = invalidAt(field.Invalid(field.NewPath("type"), quoted, "field is immutable"))
		s.fails["rehearse"] = apierrors.NewAlreadyExists(schema.GroupResource{Resource: "secrets"}, "db")
		desired := wanting()
		desired.Merge, desired.Recreate = test.merge, test.recreate
		result, err := applied(t, w, desired)
		if (err == nil) != (len(test.want) > 1) || err == nil && result.Outcome != Updated {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
		if verbs := s.verbs(); !slices.Equal(verbs, test.want) {
			t.Errorf("%s: %v", name, verbs)
		}
	}
}

// TestWhatOthersHaveEditedIsRestoredAndNamed, and what is no longer desired goes, without what others added.
func TestWhatOthersHaveEditedIsRestoredAndNamed(t *testing.T) {
	w, s := serve(t)
	desired := wanting()
	desired.Data["former"] = []byte(quoted)
	made, err := applied(t, w, desired)
	if err != nil {
		t.Fatal(err)
	}
	edited := s.secret(t)
	edited.Data["password"], edited.Data["theirs"] = []byte(quoted), []byte(quoted)
	if err := s.Update(t.Context(), edited, client.FieldOwner("kubectl-edit")); err != nil {
		t.Fatal(err)
	}
	desired.Previous = &v1alpha1.SecretStatus{Name: "db", UID: made.UID, ResourceVersion: made.ResourceVersion, Keys: []string{"former", "password"}, CreationPolicy: v1alpha1.CreationPolicyOwner}
	delete(desired.Data, "former")
	result, err := applied(t, w, desired)
	if err != nil || result.Outcome != Updated || !slices.Equal(result.OverriddenManagers, []string{"kubectl-edit"}) {
		t.Errorf("%+v, %v", result, err)
	}
	there := s.secret(t)
	if keys := slices.Sorted(maps.Keys(there.Data)); !slices.Equal(keys, []string{"password", "theirs"}) {
		t.Errorf("keys %v", keys)
	}
	if string(there.Data["password"]) != "new-"+quoted {
		t.Error("the key is not restored")
	}
	again, err := applied(t, w, desired)
	if err != nil || again.Outcome != Unchanged || again.ResourceVersion != there.ResourceVersion || again.UID != made.UID {
		t.Errorf("once more: %+v, %v", again, err)
	}
}
