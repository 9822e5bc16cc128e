package doctor

import (
	"maps"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// released is a Deployment that the chart has installed as release prod.
func released(labels map[string]string, arguments ...string) *appsv1.Deployment {
	made := deployed(arguments...)
	made.Name, made.Labels = "prod-secretsync", maps.Clone(made.Labels)
	made.Labels[labelManagedBy] = "Helm"
	maps.Copy(made.Labels, labels)
	return made
}

// TestCommandsForTheInstallation: the commands name the release, its chart's version, and a role that the installation has.
func TestCommandsForTheInstallation(t *testing.T) {
	known := map[string]string{labelInstance: "prod", labelChart: "secretsync-1.2.3"}
	tagged := released(map[string]string{labelInstance: "prod"})
	tagged.Spec.Template.Spec.Containers[1].Image = "registry:5000/secretsync:v1.2.4"
	fromGit := released(known)
	fromGit.Labels[labelFlux] = "secretsync"
	for name, test := range map[string]struct {
		operator *appsv1.Deployment
		without  string
		want     string
	}{
		"tokens, by Helm":       {released(known), "serviceaccounts", "command: helm upgrade prod oci://ghcr.io/secretsync/charts/secretsync --version 1.2.3 -n secretsync-system --reuse-values --set serviceAccountTokens.enabled=true\n"},
		"by the image's tag":    {tagged, "serviceaccounts", "command: helm upgrade prod oci://ghcr.io/secretsync/charts/secretsync --version 1.2.4 -n"},
		"no version":            {released(map[string]string{labelInstance: "prod"}), "serviceaccounts", "edit: set serviceAccountTokens.enabled=true in the values of the Helm release that has installed Deployment secretsync-system/prod-secretsync"},
		"no release":            {released(map[string]string{labelChart: "secretsync-1.2.3"}), "serviceaccounts", "edit: set serviceAccountTokens.enabled=true"},
		"by Flux":               {fromGit, "serviceaccounts", "edit: set serviceAccountTokens.enabled=true"},
		"tokens, by Kustomize":  {deployed(), "serviceaccounts", "command: kubectl create clusterrolebinding secretsync-service-account-tokens-doctor --clusterrole=secretsync-service-account-tokens --serviceaccount=secretsync-system:secretsync\n"},
		"tokens in a namespace": {deployed("--watch-namespaces=payments"), "serviceaccounts", "command: kubectl create rolebinding secretsync-service-account-tokens-doctor -n payments --clusterrole=secretsync-service-account-tokens --serviceaccount=secretsync-system:secretsync\n"},
		"rights":                {released(known), "secrets", "command: kubectl create clusterrolebinding prod-secretsync-doctor --clusterrole=prod-secretsync --serviceaccount=secretsync-system:secretsync"},
		"rights in a namespace": {released(known, "--watch-namespaces=a,payments"), "secrets", "command: kubectl create rolebinding prod-secretsync-doctor -n payments --role=prod-secretsync --serviceaccount=secretsync-system:secretsync"},
		"without the chart":     {deployed("--watch-namespaces=payments"), "secrets", "command: kubectl create rolebinding secretsync-manager-doctor -n payments --clusterrole=secretsync-manager --serviceaccount="},
	} {
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "pay", Annotations: map[string]string{annotationRole: "arn:aws:iam::111122223333:role/pay"}}}
		f := facts(t, test.operator, account)
		reviewed(f, test.without)
		secretSync := reported(v1alpha1.ReasonCredentialsUnavailable, "no token")
		secretSync.Spec.Auth.ServiceAccountRef = &v1alpha1.ServiceAccountReference{Name: "pay"}
		found := f.Examine(t.Context(), secretSync, "")
		cause := causeOf(t, &found)
		if got := textsOf(&cause) + "\n"; !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: %s: %s\nwant %s", name, cause.ID, got, test.want)
		}
	}
}

// TestLabelsOfTheOperatorThatWatches: another operator's selector does not matter.
func TestLabelsOfTheOperatorThatWatches(t *testing.T) {
	elsewhere := deployed("--watch-namespaces=a", "--watch-label-selector=shard=a")
	elsewhere.Name = "a"
	f := facts(t, elsewhere, deployed("--watch-label-selector=shard=b"))
	found := f.Examine(t.Context(), unseen(), "")
	if cause := causeOf(t, &found); cause.ID != "scope.shard" || !strings.Contains(textsOf(&cause), " shard=b ") {
		t.Errorf("%s: %s", cause.ID, textsOf(&cause))
	}
}

// TestFixesOfTheTarget: a Secret to merge into keeps its name, and the consent for others stays.
func TestFixesOfTheTarget(t *testing.T) {
	const handOver = "kubectl annotate secret host -n payments secretsync.dev/hand-over=db/password"
	for name, test := range map[string]struct {
		reason, message string
		policy          v1alpha1.CreationPolicy
		want, never     string
	}{
		"a key of another field manager": {v1alpha1.ReasonTargetConflict, `key "password" of Secret "host" belongs to field manager "kubectl": choose another key, or hand this one over by "` + handOver + `"`,
			v1alpha1.CreationPolicyMerge, "command: " + handOver + "\n", "-synced"},
		"a key of another SecretSync": {v1alpha1.ReasonTargetConflict, `key "password" of Secret "host" is written by SecretSync "other": take the key out of one of the two`,
			v1alpha1.CreationPolicyMerge, "edit: take the key", "-synced"},
		"a Secret of another owner": {v1alpha1.ReasonTargetConflict, `Secret "host" exists and was not made by SecretSync`, v1alpha1.CreationPolicyOwner, "command: kubectl patch", "annotate"},
		"no consent":                {v1alpha1.ReasonMergeNotAllowed, "the owner has not allowed it", v1alpha1.CreationPolicyMerge, "command: kubectl annotate secret host -n payments secretsync.dev/merge-from=db\n", "--overwrite"},
		"consent for others": {v1alpha1.ReasonMergeNotAllowed, "add db to its annotation secretsync.dev/merge-from, which names others, after a comma", v1alpha1.CreationPolicyMerge,
			"edit: add db, after a comma, to the annotation secretsync.dev/merge-from of Secret host\n", "kubectl annotate"},
	} {
		secretSync := reported(test.reason, test.message)
		secretSync.Spec.Target.Name, secretSync.Spec.Target.CreationPolicy = "host", test.policy
		found := facts(t).Examine(t.Context(), secretSync, "")
		cause := causeOf(t, &found)
		if got := textsOf(&cause) + "\n"; !strings.HasPrefix(got, test.want) || strings.Contains(got, test.never) {
			t.Errorf("%s: %s: %s\nwant %s", name, cause.ID, got, test.want)
		}
	}
}

// TestTrustPolicyOfARole: the command names the role without its path.
func TestTrustPolicyOfARole(t *testing.T) {
	for arn, name := range map[string]string{"arn:aws:iam::111122223333:role/payments": "payments", "arn:aws:iam::111122223333:role/team/a/pay": "pay"} {
		secretSync := reported(v1alpha1.ReasonAssumeRoleDenied, "denied")
		secretSync.Status.Refusal = &v1alpha1.RefusalStatus{Action: "sts:AssumeRole", Resource: arn}
		found := facts(t).Examine(t.Context(), secretSync, "")
		if cause := causeOf(t, &found); !strings.HasSuffix(textsOf(&cause), "--role-name "+name) {
			t.Errorf("%s: %s", arn, textsOf(&cause))
		}
	}
}
