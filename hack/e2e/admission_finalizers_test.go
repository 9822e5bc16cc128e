package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/testenv"
)

// finalizersAlone is the policy that every environment has.
const finalizersAlone = "secretsync-operator-finalizers-alone"

// held creates a suspended SecretSync, with all fields that metadata can have.
func (s *setup) held(name string, finalizers ...string) *v1alpha1.SecretSync {
	s.Helper()
	owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}}
	s.put(owner)
	made := &v1alpha1.SecretSync{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name, Finalizers: finalizers,
			Labels: map[string]string{"app": "a"}, Annotations: map[string]string{"example.com/kept": "1"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: name, UID: owner.UID}}},
		Spec: v1alpha1.SecretSyncSpec{Suspend: true, Source: v1alpha1.SecretSource{SecretID: s.secretID("db")},
			Data:   []v1alpha1.DataKey{{Key: "a", Property: "a"}},
			Target: v1alpha1.SecretTarget{CreationPolicy: v1alpha1.CreationPolicyMerge}},
	}
	s.put(made)
	s.Cleanup(func() { // Runs before the SecretSync is removed.
		if err := s.env.Client.Patch(context.Background(), made.DeepCopy(), merge(`{"metadata":{"finalizers":null}}`)); client.IgnoreNotFound(err) != nil {
			s.Error(err)
		}
	})
	return made
}

func merge(patch string) client.Patch { return client.RawPatch(types.MergePatchType, []byte(patch)) }

// TestFinalizersAlone: with the operator's stolen token, only the operator's finalizer and the status of a SecretSync
// can be changed.
func TestFinalizersAlone(t *testing.T) {
	s := newSetup(t)
	operator := s.actingAs(testenv.OperatorAccount)
	const other, own = "example.com/other", v1alpha1.FinalizerMerge
	without, with := s.held("without", other), s.held("with", other, own)
	patch := func(by client.Client, object *v1alpha1.SecretSync, patch string) error {
		return by.Patch(t.Context(), object.DeepCopy(), merge(patch), client.DryRunAll)
	}
	s.await("the policy is in force", func() bool { return refusedBy(patch(operator, without, `{"spec":{"suspend":false}}`), finalizersAlone) })
	s.checkTypes(finalizersAlone)
	finalizers := func(all ...string) string { return `{"metadata":{"finalizers":["` + strings.Join(all, `","`) + `"]}}` }
	for name, err := range map[string]error{
		"its finalizer is added":             patch(operator, without, finalizers(other, own)),
		"its finalizer is added in front":    patch(operator, without, finalizers(own, other)),
		"its finalizer is removed":           patch(operator, with, finalizers(other)),
		"nothing changes":                    patch(operator, with, `{}`),
		"status is written":                  operator.Status().Patch(t.Context(), without.DeepCopy(), merge(`{"status":{"observedGeneration":7}}`), client.DryRunAll),
		"status is written, and spec beside": operator.Status().Patch(t.Context(), without.DeepCopy(), merge(`{"spec":{"suspend":false}}`), client.DryRunAll),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]string{
		"another secret":                           `{"spec":{"source":{"secretID":"/prod/other"}}}`,
		"another identity":                         `{"spec":{"auth":{"roleARN":"arn:aws:iam::111122223333:role/admin"}}}`,
		"another Secret":                           `{"spec":{"target":{"name":"other"}}}`,
		"a field that was there":                   `{"spec":{"data":null}}`,
		"a finalizer of its own, and the spec":     `{"metadata":{"finalizers":["` + other + `","` + own + `"]},"spec":{"suspend":false}}`,
		"a request for a refresh":                  `{"metadata":{"annotations":{"secretsync.dev/refresh-requested-at":"now"}}}`,
		"an annotation that is changed":            `{"metadata":{"annotations":{"example.com/kept":"2"}}}`,
		"an annotation that is removed":            `{"metadata":{"annotations":null}}`,
		"a label":                                  `{"metadata":{"labels":{"watched":"no"}}}`,
		"a label that is removed":                  `{"metadata":{"labels":null}}`,
		"an owner, which garbage collection heeds": `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"c","uid":"d"}]}}`,
		"no owner":                                 `{"metadata":{"ownerReferences":null}}`,
		"a finalizer of others":                    finalizers(other, "example.com/stay"),
		"no finalizer of others":                   `{"metadata":{"finalizers":null}}`,
		"its finalizer in the place of another's":  finalizers(own),
		"a finalizer that begins like its own":     finalizers(other, own+"-not"),
	} {
		if err := patch(operator, without, change); !refusedBy(err, finalizersAlone) || !strings.Contains(err.Error(), "and change nothing else of it") {
			t.Errorf("%s: %v", name, err)
		}
		if err := patch(s.env.Client, without, change); err != nil {
			t.Errorf("%s by an administrator: %v", name, err)
		}
	}
	bare := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "bare"}, Spec: with.Spec}
	s.put(bare)
	for _, field := range []string{`labels":{"a":"b"}`, `annotations":{"a":"b"}`, `ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"c","uid":"d"}]`, `finalizers":["a.example.com/a"]`} {
		if err := patch(operator, bare, `{"metadata":{"`+field+`}}`); !refusedBy(err, finalizersAlone) {
			t.Errorf("the first of its kind, %s: %v", field, err)
		}
	}
	s.checkWiderRoles(operator, with)
	s.checkLargeOnes(operator)
}

// checkWiderRoles checks that the policy refuses changes that wider roles than the operator's own would allow.
func (s *setup) checkWiderRoles(operator client.Client, there *v1alpha1.SecretSync) {
	s.Helper()
	wide := metav1.ObjectMeta{Namespace: s.namespace, Name: "wide"}
	rules := []rbacv1.PolicyRule{
		{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"secretsyncs"}, Verbs: []string{"create"}},
		{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"secretsyncs"}, Verbs: []string{"update"}},
		{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"secretsyncs"}, Verbs: []string{"delete"}},
		{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"secretsyncs"}, Verbs: []string{"deletecollection"}},
	}
	s.put(&rbacv1.Role{ObjectMeta: wide, Rules: rules})
	s.put(&rbacv1.RoleBinding{ObjectMeta: wide, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: wide.Name},
		Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: testenv.OperatorNamespace, Name: testenv.OperatorAccount}}})
	s.awaitRules(testenv.OperatorAccount, s.namespace, rules)
	made := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "made"}, Spec: *there.Spec.DeepCopy()}
	apply := func(object *v1alpha1.SecretSync) error {
		body := fmt.Sprintf(`{"apiVersion":%q,"kind":"SecretSync","metadata":{"name":%q},"spec":{"source":{"secretID":"/prod/other"}}}`, v1alpha1.GroupVersion, object.Name)
		return operator.Patch(s.Context(), object.DeepCopy(), client.RawPatch(types.ApplyPatchType, []byte(body)), client.FieldOwner("a"), client.ForceOwnership, client.DryRunAll)
	}
	edited := s.get(there.Name)
	edited.Spec.Suspend = false
	for name, err := range map[string]error{
		"created":           operator.Create(s.Context(), made.DeepCopy(), client.DryRunAll),
		"created by apply":  apply(made),
		"changed by apply":  apply(there),
		"updated":           operator.Update(s.Context(), edited, client.DryRunAll),
		"deleted":           operator.Delete(s.Context(), there.DeepCopy(), client.DryRunAll),
		"deleted with more": operator.DeleteAllOf(s.Context(), &v1alpha1.SecretSync{}, client.InNamespace(s.namespace), client.DryRunAll),
	} {
		if !refusedBy(err, finalizersAlone) {
			s.Errorf("%s: %v", name, err)
		}
	}
}

// checkLargeOnes checks that the policy's expressions stay within the API server's cost limit for a large SecretSync.
func (s *setup) checkLargeOnes(operator client.Client) {
	s.Helper()
	large := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "large", Labels: map[string]string{},
		Annotations: map[string]string{"example.com/large": strings.Repeat("a", 100<<10)}},
		Spec: v1alpha1.SecretSyncSpec{Suspend: true, Source: v1alpha1.SecretSource{SecretID: s.secretID("db")}}}
	for n := range 500 {
		key := fmt.Sprintf("key-%d", n)
		if n < 200 {
			large.Labels[key] = "a"
			large.Annotations[key] = key
		}
		large.Spec.Data = append(large.Spec.Data, v1alpha1.DataKey{Key: key, Property: strings.Repeat("p", 40)})
	}
	s.put(large)
	if err := operator.Patch(s.Context(), large.DeepCopy(), merge(`{"metadata":{"finalizers":["`+v1alpha1.FinalizerMerge+`"]}}`), client.DryRunAll); err != nil {
		s.Errorf("a large one: %v", err)
	}
}

// TestAForgedStatusReadsNothingElse: with the operator's token any status can be written. But only the spec names what
// is read, whatever the status says, and only the marks on a Secret decide what is deleted.
func TestAForgedStatusReadsNothingElse(t *testing.T) {
	s := newSetup(t)
	operator := s.actingAs(testenv.OperatorAccount)
	own, other := value(), value()
	id, _ := s.createSecret("db", own)
	otherID, otherVersion := s.createSecret("other", other)
	described, err := s.aws.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &otherID})
	if err != nil {
		t.Fatal(err)
	}
	s.put(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "bystander"}})
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitReady("db")
	before := s.secret("db")
	forged := fmt.Sprintf(`{"status":{"sources":[{"secretID":%q,"versionStage":"AWSCURRENT","region":"eu-west-1","arn":%q,"versionID":%q}],`+
		`"secret":{"name":"bystander","creationPolicy":"Owner"}}}`, id, *described.ARN, otherVersion)
	if err := operator.Status().Patch(t.Context(), s.get("db"), merge(forged)); err != nil {
		t.Fatal(err)
	}
	if err := operator.Delete(t.Context(), before.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	s.await("the Secret is recreated", func() bool {
		made := s.secret("db")
		return made != nil && made.UID != before.UID && string(made.Data["value"]) == own
	})
	s.await("status is right again", func() bool {
		status := s.get("db").Status
		return len(status.Sources) == 1 && status.Sources[0].VersionID != otherVersion && status.Secret.Name == "db"
	})
	if s.secret("bystander") == nil {
		t.Error("a Secret was deleted that the status named")
	}
	if reads := s.read(*described.ARN); reads != 0 {
		t.Errorf("the other secret was read %d times", reads)
	}
}

// TestAQuotaBoundsSecretSyncs runs the command of docs/security.md.
func TestAQuotaBoundsSecretSyncs(t *testing.T) {
	s := newSetup(t)
	const command = "create quota secretsyncs --namespace payments --hard=count/secretsyncs.secretsync.dev=50"
	page, err := os.ReadFile(filepath.Join(root, "docs/security.md"))
	if err != nil || !strings.Contains(string(page), "kubectl "+command) {
		t.Fatalf("the page does not have the command: %v", err)
	}
	allowingOne := strings.Replace(strings.Replace(command, "=50", "=1", 1), "payments", s.namespace, 1)
	kubectl := exec.CommandContext(t.Context(), s.env.Plane.Kubectl(), append([]string{"--kubeconfig", s.env.Plane.Kubeconfig()}, strings.Fields(allowingOne)...)...)
	if output, err := kubectl.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "secretsyncs"}}
	s.await("the quota is counted", func() bool { return s.exists(quota) && len(quota.Status.Hard) == 1 })
	spec := v1alpha1.SecretSyncSpec{Suspend: true, Source: v1alpha1.SecretSource{SecretID: "/any"}}
	create := func(name string) error {
		return s.env.Client.Create(t.Context(), &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}, Spec: spec})
	}
	// The API server's admission sees the quota's status by a watch of its own.
	s.await("the quota admits one", func() bool {
		err := create("first")
		if err != nil && !strings.Contains(err.Error(), "status unknown for quota") {
			t.Fatal(err)
		}
		return err == nil
	})
	err = create("second")
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "exceeded quota: secretsyncs") {
		t.Errorf("one more than the quota: %v", err)
	}
}
