package assemble

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// TestDesired: the Secret that a spec asks for, with the version that it holds and its owner.
func TestDesired(t *testing.T) {
	data := map[string][]byte{"a": []byte("1")}
	of := func(change func(*target.Desired)) target.Desired {
		wanted := target.Desired{
			Namespace: "payments", Name: "db", Owner: "db", Type: corev1.SecretTypeOpaque, Generation: 1, Data: data,
			Annotations:    map[string]string{v1alpha1.AnnotationSecretARN: "arn", v1alpha1.AnnotationVersionID: "of-AWSCURRENT", v1alpha1.AnnotationVersionStage: "AWSCURRENT"},
			OwnerReference: &metav1.OwnerReference{APIVersion: "secretsync.dev/v1alpha1", Kind: "SecretSync", Name: "db", UID: "uid", Controller: new(true)},
		}
		change(&wanted)
		return wanted
	}
	for name, test := range map[string]struct {
		spec v1alpha1.SecretSyncSpec
		want target.Desired
	}{
		"no more than the secret": {v1alpha1.SecretSyncSpec{}, of(func(*target.Desired) {})},
		"all that there is": {v1alpha1.SecretSyncSpec{Target: v1alpha1.SecretTarget{
			Name: "new", Type: "kubernetes.io/basic-auth", Labels: map[string]v1alpha1.LabelValue{"team": "a"}, Annotations: map[string]v1alpha1.AnnotationValue{"note": "b"}, Immutable: true, ReplacePolicy: v1alpha1.ReplaceRecreate,
		}}, of(func(wanted *target.Desired) {
			wanted.Name, wanted.Type, wanted.Labels, wanted.Immutable, wanted.Recreate = "new", corev1.SecretTypeBasicAuth, map[string]string{"team": "a"}, true, true
			wanted.Annotations["note"] = "b"
		})},
		"a pinned version": {v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{VersionID: "v1"}}, of(func(wanted *target.Desired) {
			delete(wanted.Annotations, v1alpha1.AnnotationVersionStage)
			wanted.Annotations[v1alpha1.AnnotationVersionID] = "of-"
		})},
		"a Secret that stays": {v1alpha1.SecretSyncSpec{Target: v1alpha1.SecretTarget{DeletionPolicy: v1alpha1.DeletionPolicyRetain}},
			of(func(wanted *target.Desired) { wanted.OwnerReference = nil })},
		"keys in a Secret of another owner": {v1alpha1.SecretSyncSpec{Target: v1alpha1.SecretTarget{CreationPolicy: v1alpha1.CreationPolicyMerge}},
			of(func(wanted *target.Desired) { wanted.OwnerReference, wanted.Merge = nil, true })},
	} {
		secretSync := keeping()
		test.spec.Source.SecretID = "db"
		secretSync.UID, secretSync.Spec, secretSync.Status = "uid", *test.spec.DeepCopy(), v1alpha1.SecretSyncStatus{}
		set := rotated{"AWSCURRENT": "1", "": "1"}.read(t, secretSync)
		if diff := cmp.Diff(test.want, Desired(secretSync, set, Content{Data: data}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(test.spec, secretSync.Spec); diff != "" {
			t.Errorf("%s: the spec is changed (-want +got):\n%s", name, diff)
		}
	}
}
