package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// hold is a finalizer that only the attacker removes.
const hold = "attacker.example.com/hold"

// copies is an attack by n SecretSyncs of one secret, which calls again before each of the victim's rotations.
func copies(n int, spec func(v1alpha1.SecretSyncSpec) v1alpha1.SecretSyncSpec, again func(a *attacker, id string, round int)) func(*attacker) func(int) {
	return func(a *attacker) func(int) {
		id := a.secret("db", "x")
		a.syncs(n, func(int) v1alpha1.SecretSyncSpec {
			made := whole(id)
			if spec != nil {
				made = spec(made)
			}
			return made
		})
		return func(round int) { again(a, id, round) }
	}
}

// written waits until the attacker has n Secrets.
func (a *attacker) written(n int) {
	a.Helper()
	testsuite.Await(a, "the attacker's Secrets are there", func() bool {
		var all corev1.SecretList
		return shared.Client.List(a.Context(), &all, client.InNamespace(a.namespace)) == nil && len(all.Items) >= n
	}, a.manager.Tail)
}

// removeAll removes the attacker's objects of a kind.
func (a *attacker) removeAll(kind client.Object) {
	a.Helper()
	if err := shared.Client.DeleteAllOf(a.Context(), kind, client.InNamespace(a.namespace)); err != nil {
		a.Fatal(err)
	}
}

// held is an attack by objects that are being deleted, and whose finalizer the attacker does not remove.
func held(kind client.Object) func(*attacker) func(int) {
	const n = 64
	return func(a *attacker) func(int) {
		again := copies(n, nil, func(a *attacker, id string, round int) {
			a.refresh(n, round)
			a.renew(id, fmt.Sprint(round))
		})(a)
		a.written(n)
		a.patch(n, kind, fmt.Sprintf(`{"metadata":{"finalizers":[%q]}}`, hold))
		a.removeAll(kind)
		return again
	}
}

// quota forbids Secrets in the attacker's namespace, and waits until the API server enforces that.
func (a *attacker) quota() {
	a.Helper()
	none := corev1.ResourceList{"count/secrets": resource.MustParse("0")}
	create(a.T, &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: "none"}, Spec: corev1.ResourceQuotaSpec{Hard: none}})
	probe := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, GenerateName: "probe-"}}
	testsuite.Await(a, "Secrets are refused", func() bool {
		err := shared.Client.Create(a.Context(), probe.DeepCopy(), client.DryRunAll)
		return err != nil && strings.Contains(err.Error(), "exceeded quota")
	}, a.manager.Tail)
}

// forged is an event of a rotation that failed, or will fail.
func forged(secretID string, at time.Time) []byte {
	return eventOf(localaws.ByService, nil, map[string]any{
		"eventName": "RotationFailed", "eventTime": at.UTC().Format(time.RFC3339), "additionalEventData": map[string]any{"SecretId": secretID},
	})
}

func TestBesideChurn(t *testing.T) {
	const synced, conflict, n = v1alpha1.ReasonSynced, v1alpha1.ReasonTargetConflict, 64
	beside(t, newSetup(t), []row{
		{"SecretSyncs that come and go", func(a *attacker) func(int) {
			id := a.secret("db", "x")
			return func(int) {
				a.syncs(n/2, func(int) v1alpha1.SecretSyncSpec { return whole(id) })
				a.removeAll(&v1alpha1.SecretSync{})
			}
		}, nil},
		{"refresh-requested-at, at all of them", copies(n, nil, func(a *attacker, _ string, round int) { a.refresh(n, round) }), []string{synced}},
		{"refresh-requested-at, 200 kB", copies(16, nil, func(a *attacker, _ string, round int) {
			a.patch(16, &v1alpha1.SecretSync{}, fmt.Sprintf(`{"metadata":{"annotations":{%q:"%d%s"}}}`, v1alpha1.AnnotationRefreshRequestedAt, round, strings.Repeat("x", 200_000)))
		}), []string{synced}},
		{"suspend, on and off", copies(n, nil, func(a *attacker, _ string, round int) {
			a.patch(n, &v1alpha1.SecretSync{}, fmt.Sprintf(`{"spec":{"suspend":%t}}`, round%2 == 0))
		}), []string{synced, v1alpha1.ReasonSuspended}},
		{"target.name, another one each time", copies(n, nil, func(a *attacker, _ string, round int) {
			a.edits.Add(n)
			a.parallel(n, func(i int) error {
				patch := fmt.Sprintf(`{"spec":{"target":{"name":"moved-%d-%d"}}}`, i, round)
				object := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: nameOf(i)}}
				return shared.Client.Patch(a.Context(), object, client.RawPatch("application/merge-patch+json", []byte(patch)))
			})
		}), []string{synced}},
		{"target.name, one for all", copies(n, func(spec v1alpha1.SecretSyncSpec) v1alpha1.SecretSyncSpec {
			spec.Target.Name = "one"
			return spec
		}, func(a *attacker, id string, round int) { a.renew(id, fmt.Sprint(round)) }), []string{synced, conflict}},
		{"target.name, dots", copies(n, nil, func(a *attacker, id string, round int) {
			a.parallel(n/4, func(i int) error {
				spec := whole(id)
				spec.Target.Name = strings.Repeat("a.", 120) + fmt.Sprintf("%d.%d", i, round)
				made := a.sync(1000*(round+1)+i, spec)
				made.Name = strings.Repeat("b.", 120) + fmt.Sprintf("%d.%d", i, round)
				a.objects.Add(1)
				return shared.Client.Create(a.Context(), made)
			})
		}), []string{synced}},
		{"target.creationPolicy, Merge", func(a *attacker) func(int) {
			create(a.T, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: "one",
				Annotations: map[string]string{"secretsync.dev/merge-from": "*"}}})
			return copies(n, func(spec v1alpha1.SecretSyncSpec) v1alpha1.SecretSyncSpec {
				spec.Target.Name, spec.Target.CreationPolicy = "one", v1alpha1.CreationPolicyMerge
				return spec
			}, func(a *attacker, id string, round int) { a.renew(id, fmt.Sprint(round)) })(a)
		}, []string{synced, conflict}},
		{"target.immutable, recreated", copies(n, func(spec v1alpha1.SecretSyncSpec) v1alpha1.SecretSyncSpec {
			spec.Target.Immutable, spec.Target.ReplacePolicy = true, v1alpha1.ReplaceRecreate
			return spec
		}, func(a *attacker, id string, round int) { a.renew(id, fmt.Sprint(round)) }), []string{synced}},
		{"target.deletionPolicy, Retain", copies(n, func(spec v1alpha1.SecretSyncSpec) v1alpha1.SecretSyncSpec {
			spec.Target.DeletionPolicy = v1alpha1.DeletionPolicyRetain
			return spec
		}, func(a *attacker, id string, round int) { a.renew(id, fmt.Sprint(round)) }), []string{synced}},
		{"Secrets that are edited", copies(n, nil, func(a *attacker, _ string, round int) {
			a.patch(n, &corev1.Secret{}, fmt.Sprintf(`{"stringData":{"value":"%d"}}`, round))
		}), []string{synced, conflict}},
		{"Secrets that are deleted", copies(n, nil, func(a *attacker, _ string, _ int) { a.removeAll(&corev1.Secret{}) }), []string{synced, conflict}},
		{"finalizers on Secrets", held(&corev1.Secret{}), nil},
		{"finalizers on SecretSyncs", held(&v1alpha1.SecretSync{}), []string{synced}},
		{"quota, no Secrets", func(a *attacker) func(int) {
			a.quota()
			return copies(n, nil, func(a *attacker, _ string, round int) { a.refresh(n, round) })(a)
		}, []string{v1alpha1.ReasonTargetForbidden, v1alpha1.ReasonAdmissionDenied, v1alpha1.ReasonTargetFailed}},
		{"mode, Observe", copies(n, func(spec v1alpha1.SecretSyncSpec) v1alpha1.SecretSyncSpec {
			spec.Mode = v1alpha1.SyncModeObserve
			return spec
		}, func(a *attacker, id string, round int) { a.renew(id, fmt.Sprint(round)) }), []string{v1alpha1.ReasonWouldChange}},
		{"change events, forged", copies(n, nil, func(a *attacker, id string, round int) {
			for i := range 30 {
				a.edits.Add(1) // AWS is called after each event.
				a.announce(a.T, labelUpdated(id, fmt.Sprint(round, "-", i)))
			}
		}), []string{synced}},
		{"change events, of rotations that fail in 2099", copies(n, nil, func(a *attacker, id string, round int) {
			for i := range 30 {
				a.edits.Add(1)
				a.announce(a.T, forged(id, time.Date(2099, 1, 1, round, i, 0, 0, time.UTC)))
			}
		}), []string{synced}},
		{"status, overwritten", copies(n, nil, func(a *attacker, _ string, round int) {
			a.edits.Add(n)
			a.parallel(n, func(i int) error {
				patch := fmt.Sprintf(`{"status":{"observedGeneration":0,"lastHandledRefresh":"%d","secret":null,"sources":null,"conditions":[]}}`, round)
				object := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: nameOf(i)}}
				return shared.Client.Status().Patch(a.Context(), object, client.RawPatch("application/merge-patch+json", []byte(patch)))
			})
		}), nil},
	})
}

// workloads are Deployments that use a Secret, all of which are restarted when it changes.
func workloads(n, each int, rollout func() *v1alpha1.Rollout) func(*attacker) func(int) {
	return func(a *attacker) func(int) {
		again := copies(n, func(spec v1alpha1.SecretSyncSpec) v1alpha1.SecretSyncSpec {
			spec.Rollout = rollout()
			return spec
		}, func(a *attacker, id string, round int) { a.renew(id, fmt.Sprint(round)) })(a)
		a.many(n*each, func(i int) client.Object {
			labels := map[string]string{"app": nameOf(i)}
			return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: nameOf(i)}, Spec: appsv1.DeploymentSpec{
				Selector: &metav1.LabelSelector{MatchLabels: labels},
				Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "app", Image: "app", EnvFrom: []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{
						LocalObjectReference: corev1.LocalObjectReference{Name: nameOf(i % n)}}}}}}}},
			}}
		})
		a.objects.Add(int64(n * each))
		a.written(n)
		return again
	}
}

func TestBesideRollouts(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(testsuite.Root, "config/components/rollouts/role.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	role := &rbacv1.ClusterRole{}
	if err := yaml.UnmarshalStrict(content, role); err != nil {
		t.Fatal(err)
	}
	allow(t, testenv.OperatorNamespace, testenv.OperatorAccount, role.Rules...)
	most := int32(64)
	beside(t, newSetup(t, "--rollouts"), []row{
		{"rollout, 20 workloads for each of 10", workloads(10, 20, func() *v1alpha1.Rollout { return &v1alpha1.Rollout{MaxConcurrent: &most} }), []string{v1alpha1.ReasonSynced}},
		{"rollout.workloads, 64 that are missing", copies(50, func(spec v1alpha1.SecretSyncSpec) v1alpha1.SecretSyncSpec {
			spec.Rollout = &v1alpha1.Rollout{Restart: v1alpha1.RestartListed}
			for i := range 64 {
				spec.Rollout.Workloads = append(spec.Rollout.Workloads, v1alpha1.WorkloadReference{Kind: "Deployment", Name: fmt.Sprintf("missing-%d", i)})
			}
			return spec
		}, func(a *attacker, id string, round int) { a.renew(id, fmt.Sprint(round)) }), []string{v1alpha1.ReasonSynced}},
	})
}
