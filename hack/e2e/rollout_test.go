package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/testenv"
)

// TestRollouts runs a manager that may restart workloads.
func TestRollouts(t *testing.T) {
	const account = "secretsync-with-rollouts"
	s := newSetup(t)
	s.actAs(account, []string{"--rollouts"}, rolloutsRole)
	policy, err := os.ReadFile(filepath.Join(root, "config/admission/rollouts/restarts-alone.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range decoded(t, bytes.ReplaceAll(policy, []byte(":secretsync-system:secretsync'"), []byte(":secretsync-system:"+account+"'"))) {
		s.put(object.(client.Object)) // Restarts must pass the policy that is installed with the role.
	}
	tests, ran := []struct {
		name string
		run  func(*testing.T)
	}{
		{"every way of use and no other", restartsEveryUse},
		{"one restart for all that change together", restartsOnce},
		{"a pause is honoured", honoursPauses},
		{"a failure stops the rest", stopsAtAFailure},
		{"those listed, but for keys that need none", restartsThoseListed},
		{"Argo Rollouts", restartsArgoRollouts},
		{"a good value after a bad one", followsAGoodValue},
		{"a Secret that is taken over", restartsAfterATakeover},
		{"a key less beside keepPrevious", restartsBesideKeepPrevious},
		{"the only node is not Ready", waitsForTheOnlyNode},
	}, 0
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ran++
			test.run(t)
		})
	}
	if ran < len(tests) {
		return // Not all permissions of the role were used.
	}
	if err := checkRoles(s.env.Plane, account, rolloutsRole); err != nil {
		t.Error(err)
	}
}

// content is a JSON object with new values.
func content(keys ...string) string {
	var fields []string
	for _, key := range keys {
		fields = append(fields, fmt.Sprintf("%q:%q", key, value()))
	}
	return "{" + strings.Join(fields, ",") + "}"
}

// restartsEveryUse: what uses the Secret restarts, once, and nothing else. Nothing restarts at the first sync, after a
// restart of the operator, or for a repair.
func restartsEveryUse(t *testing.T) {
	s := newSetup(t)
	var using, others []client.Object
	for name, pod := range everyWay("db") {
		using = append(using, s.deploy(name, pod))
	}
	for name, pod := range everyWay("db-2") {
		others = append(others, s.deploy("other-"+name, pod))
	}
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "set"}, Spec: appsv1.StatefulSetSpec{Replicas: new(int32)}}
	set.Spec.Template, set.Spec.Selector = template("set", uses("db"))
	daemon := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "daemon"}}
	daemon.Spec.Template, daemon.Spec.Selector = template("daemon", uses("db"))
	s.put(set)
	s.put(daemon)
	using = append(using, set, daemon)

	id, first := s.createSecret("db", content("password"))
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitRollout("db", v1alpha1.ReasonRolledOut, first)
	if asked := s.restarts(); len(asked) > 0 {
		t.Errorf("the first sync requested workloads: %v", asked)
	}
	second := s.putValue(id, content("password"))
	done := s.awaitRollout("db", v1alpha1.ReasonRolledOut, second)
	if rollout := done.Status.Rollout; rollout.HandledRevision != second || len(rollout.Workloads) != len(using) {
		t.Errorf("status.rollout is %+v", rollout)
	}
	checkOnce := func(when string) {
		t.Helper()
		for _, workload := range using {
			if got := s.generation(workload); got != 2 {
				t.Errorf("%s: %s has generation %d, want one restart", when, workload.GetName(), got)
			}
		}
		for _, workload := range others {
			if got := s.generation(workload); got != 1 {
				t.Errorf("%s: %s has generation %d, and does not use the Secret", when, workload.GetName(), got)
			}
		}
	}
	checkOnce("after the rotation")
	annotations := set.Spec.Template.Annotations
	if annotations["restart.secretsync.dev/db"] != second || annotations["kubectl.kubernetes.io/restartedAt"] == "" || len(annotations) != 2 {
		t.Errorf("the pod template has the annotations %v", annotations)
	}
	s.awaitEvent("db", "WorkloadRestarted", second, "Deployment env")
	s.awaitEvent("db", "WorkloadsRolledOut", second, "9 of 9 workloads")

	s.patchSecret("db", func(secret *corev1.Secret) { secret.Data["password"] = []byte("edited") })
	s.awaitEvent("db", "SecretRepaired", "intruder")
	s.end((*testenv.Manager).Stop)
	asked, polls := s.restarts(), s.called("DescribeSecret")
	var err error
	if running, err = s.env.StartManager("rollouts-again", "--rollouts"); err != nil {
		t.Fatal(err)
	}
	s.await("polls after the restart", func() bool { return s.called("DescribeSecret") >= polls+3 })
	if diff := cmp.Diff(asked, s.restarts()); diff != "" {
		t.Errorf("workloads were requested although nothing had changed (-before +after):\n%s", diff)
	}
	checkOnce("after a restart of the operator")
}

// restartsOnce: three SecretSyncs rotate together, and the workload that uses all restarts once.
func restartsOnce(t *testing.T) {
	s := newSetup(t)
	names := []string{"db", "tls", "api"}
	web := s.deploy("web", uses(names...))
	ids, versions := map[string]string{}, map[string]string{}
	for _, name := range names {
		ids[name], _ = s.createSecret(name, content("value"))
		s.sync(name, v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: ids[name]}})
		s.awaitReady(name)
	}
	for _, name := range names {
		versions[name] = s.putValue(ids[name], content("value"))
	}
	s.refresh("together", names...)
	for _, name := range names {
		s.awaitRollout(name, v1alpha1.ReasonRolledOut, versions[name])
	}
	if got := s.generation(web); got != 2 {
		t.Errorf("the Deployment has generation %d, want one restart", got)
	}
	for _, name := range names {
		if got := stampOf(&web.Spec.Template, name); got != versions[name] {
			t.Errorf("the stamp of %s is %q, want %s", name, got, versions[name])
		}
	}
}

func honoursPauses(t *testing.T) {
	s := newSetup(t)
	web := s.deploy("web", uses("db"), func(spec *appsv1.DeploymentSpec) { spec.Paused = true })
	id, _ := s.createSecret("db", content("password"))
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitReady("db")
	second := s.putValue(id, content("password"))
	s.awaitRollout("db", v1alpha1.ReasonRolloutPaused, second)
	if got := s.generation(web); got != 1 {
		t.Errorf("a paused Deployment has generation %d", got)
	}
	s.kubectl("", "rollout", "resume", "deployment/web")
	s.awaitRollout("db", v1alpha1.ReasonRolledOut, second)
	if s.generation(web); stampOf(&web.Spec.Template, "db") != second {
		t.Errorf("it was resumed and has the annotations %v", web.Spec.Template.Annotations)
	}
}

// stopsAtAFailure: no pod of the first Deployment ever becomes ready.
func stopsAtAFailure(t *testing.T) {
	s := newSetup(t)
	single, soon := int32(1), int32(2)
	first := s.deploy("a", uses("db"), func(spec *appsv1.DeploymentSpec) { spec.Replicas, spec.ProgressDeadlineSeconds = &single, &soon })
	second := s.deploy("b", uses("db"))
	id, _ := s.createSecret("db", content("password"))
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast, Rollout: &v1alpha1.Rollout{MaxConcurrent: &single}})
	s.awaitReady("db")
	s.await("the first Deployment has used its time up", func() bool {
		return s.exists(first) && slices.ContainsFunc(first.Status.Conditions, func(c appsv1.DeploymentCondition) bool { return c.Reason == "ProgressDeadlineExceeded" })
	})
	version := s.putValue(id, content("password"))
	failed := s.awaitRollout("db", v1alpha1.ReasonRolloutFailed, version)
	if diff := cmp.Diff(map[string]string{"Deployment a": "Failed", "Deployment b": "Waiting"}, states(failed)); diff != "" {
		t.Errorf("the states (-want +got):\n%s", diff)
	}
	s.awaitEvent("db", "RolloutFailed", "Deployment a")
	if a, b := s.generation(first), s.generation(second); a != 2 || b != 1 {
		t.Errorf("generations are %d and %d, want 2 and 1", a, b)
	}
	if !meta.IsStatusConditionTrue(failed.Status.Conditions, v1alpha1.ConditionReady) {
		t.Error("a failed rollout makes the sync not ready")
	}
	s.kubectl("", "scale", "deployment/a", "--replicas=0")
	version = s.putValue(id, content("password"))
	s.awaitRollout("db", v1alpha1.ReasonRolledOut, version)
	if s.generation(second); stampOf(&second.Spec.Template, "db") != version {
		t.Errorf("a later revision did not come through: %v", second.Spec.Template.Annotations)
	}
}

func restartsThoseListed(t *testing.T) {
	s := newSetup(t)
	listed, using := s.deploy("listed", uses()), s.deploy("using", uses("db"))
	id, first := s.createSecret("db", `{"password":"`+value()+`","note":"`+value()+`"}`)
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast, Rollout: &v1alpha1.Rollout{
		Restart: v1alpha1.RestartListed, Workloads: []v1alpha1.WorkloadReference{{Kind: "Deployment", Name: "listed"}}, IgnoreKeys: []string{"note*"}}})
	s.awaitReady("db")
	password := string(s.secret("db").Data["password"])
	noted := s.putValue(id, fmt.Sprintf(`{"password":%q,"note":%q,"note2":"new"}`, password, value()))
	s.awaitEvent("db", "SecretUpdated", noted, "changed note")
	s.refresh("after the note", "db")
	if rollout := s.get("db").Status.Rollout; rollout.Revision != first || rollout.HandledRevision != first {
		t.Errorf("a key that needs no restart makes the revision %+v", rollout)
	}
	version := s.putValue(id, content("password", "note"))
	s.awaitRollout("db", v1alpha1.ReasonRolledOut, version)
	if ofListed, ofUsing := s.generation(listed), s.generation(using); ofListed != 2 || ofUsing != 1 {
		t.Errorf("generations are %d and %d, want 2 and 1", ofListed, ofUsing)
	}
}

// restartsArgoRollouts: the CRD is installed while the operator runs. There is no controller of Argo Rollouts here, so
// the test writes the status that says that the restart is done.
func restartsArgoRollouts(t *testing.T) {
	s := newSetup(t)
	anything := true
	kind := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "rollouts.argoproj.io"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{Group: "argoproj.io", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "rollouts", Kind: "Rollout"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{Name: "v1alpha1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: &anything}}}}}}
	if _, err := envtest.InstallCRDs(s.env.Plane.Config(), envtest.CRDInstallOptions{CRDs: []*apiextensionsv1.CustomResourceDefinition{kind}}); err != nil {
		t.Fatal(err)
	}
	lent := s.deploy("lent", uses("db"))
	argo := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
		"metadata": map[string]any{"namespace": s.namespace, "name": "shop"},
		"spec":     map[string]any{"workloadRef": map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "lent"}}}}
	s.put(argo)
	id, _ := s.createSecret("db", content("password"))
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitReady("db")
	version := s.putValue(id, content("password"))
	s.awaitRollout("db", v1alpha1.ReasonRollingOut, version)
	restartAt := ""
	s.await("the Rollout is to restart", func() bool {
		restartAt, _, _ = unstructured.NestedString(argo.Object, "spec", "restartAt")
		return s.exists(argo) && restartAt != ""
	})
	if got := argo.GetAnnotations()["restart.secretsync.dev/db"]; got != version {
		t.Errorf("the stamp is %q, want %s", got, version)
	}
	if at, err := time.Parse(time.RFC3339, restartAt); err != nil || time.Since(at) > time.Hour {
		t.Errorf("restartAt is %q, want a time within the last hour: %v", restartAt, err)
	}
	if got := s.generation(lent); got != 1 {
		t.Errorf("the Deployment that lends its template has generation %d: a canary would begin", got)
	}
	operator := s.actingAs("secretsync-with-rollouts")
	for _, change := range []string{`{"spec":{"workloadRef":{"name":"other"}}}`, `{"spec":{"replicas":3}}`, `{"metadata":{"annotations":{"other":"1"}}}`} {
		err := operator.Patch(t.Context(), argo.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(change)), client.DryRunAll)
		if !refusedBy(err, "secretsync-operator-restarts-alone") {
			t.Errorf("%s: %v", change, err)
		}
	}
	before := argo.DeepCopy()
	if err := unstructured.SetNestedField(argo.Object, restartAt, "status", "restartedAt"); err != nil {
		t.Fatal(err)
	}
	if err := s.env.Client.Patch(t.Context(), argo, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	s.awaitRollout("db", v1alpha1.ReasonRolledOut, version)
}

// TestRolloutsAreOffUnlessInstalled: SecretSyncs that ask for restarts report it, and no others.
func TestRolloutsAreOffUnlessInstalled(t *testing.T) {
	s := newSetup(t)
	web := s.deploy("web", uses("asks", "is-silent", "says-never", "leaves-it-open"))
	var last string
	for name, test := range map[string]struct {
		rollout *v1alpha1.Rollout
		want    string
	}{
		"asks":           {&v1alpha1.Rollout{Restart: v1alpha1.RestartAuto}, v1alpha1.ReasonRolloutForbidden},
		"says-never":     {&v1alpha1.Rollout{Restart: v1alpha1.RestartNever}, v1alpha1.ReasonRestartNever},
		"leaves-it-open": {&v1alpha1.Rollout{IgnoreKeys: []string{"a"}}, v1alpha1.ReasonRestartNever},
		"is-silent":      {nil, ""},
	} {
		id, _ := s.createSecret(name, content("value"))
		s.sync(name, v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, Rollout: test.rollout})
		s.awaitReady(name)
		last = s.putValue(id, content("value"))
		s.refresh("once", name)
		s.awaitEvent(name, "SecretUpdated", last)
		found := s.get(name)
		is := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionWorkloadsRestarted)
		switch {
		case test.want == "" && is != nil, test.want != "" && (is == nil || is.Reason != test.want), found.Status.Rollout != nil:
			t.Errorf("%s: the condition is %+v, status.rollout %+v", name, is, found.Status.Rollout)
		case name != "is-silent" && name != "says-never" && !strings.Contains(is.Message, "rollouts.enabled"):
			t.Errorf("%s: the message names no way to change that: %s", name, is.Message)
		}
	}
	if got := s.generation(web); got != 1 {
		t.Errorf("the Deployment has generation %d", got)
	}
	if asked := s.restarts(); len(asked) > 0 {
		t.Errorf("workloads were requested: %v", asked)
	}
}

// TestRolloutsThatRBACForbids: with the flag but without the role, the condition says so and the Secret is still
// synced.
func TestRolloutsThatRBACForbids(t *testing.T) {
	s := newSetup(t)
	s.actAs("secretsync-without-role", []string{"--rollouts"})
	s.deploy("web", uses("db"))
	id, _ := s.createSecret("db", content("password"))
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitReady("db")
	fresh := value()
	version := s.putValue(id, `{"password":"`+fresh+`"}`)
	s.awaitKeys("db", map[string]string{"password": fresh})
	found := s.awaitRollout("db", v1alpha1.ReasonRolloutForbidden, version)
	is := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionWorkloadsRestarted)
	if is.Status != metav1.ConditionFalse || !strings.Contains(is.Message, "component rollouts") {
		t.Errorf("the condition is %+v", is)
	}
	s.awaitEvent("db", "RolloutFailed", v1alpha1.ReasonRolloutForbidden)
}
