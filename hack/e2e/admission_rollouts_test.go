package e2e

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/hack/testenv"
)

// TestRestartsAlone: with the operator's token and the permission of the component rollouts one can restart workloads,
// and change nothing else in them.
func TestRestartsAlone(t *testing.T) {
	s := newSetup(t)
	s.may(rolloutsRole)
	operator := s.actingAs(testenv.OperatorAccount)
	web := s.deploy("web", uses("db"), func(spec *appsv1.DeploymentSpec) {
		spec.Template.Annotations = map[string]string{"example.com/kept": "1"}
	})
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "set"}, Spec: appsv1.StatefulSetSpec{Replicas: new(int32)}}
	set.Spec.Template, set.Spec.Selector = template("set", uses("db"))
	daemon := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "daemon"}}
	daemon.Spec.Template, daemon.Spec.Selector = template("daemon", uses("db"))
	s.put(set)
	s.put(daemon)
	patch := func(by client.Client, object client.Object, patch string) error {
		target, ok := object.DeepCopyObject().(client.Object)
		if !ok {
			t.Fatalf("%T is no object", object)
		}
		return by.Patch(t.Context(), target, client.RawPatch(types.MergePatchType, []byte(patch)), client.DryRunAll)
	}
	const scale = `{"spec":{"replicas":1}}`
	s.await("the role alone lets the operator change anything", func() bool { return patch(operator, web, scale) == nil })
	s.enforce("rollouts/restarts-alone.yaml", nil, func() error { return patch(operator, web, scale) })
	policy := s.unique("secretsync-operator-restarts-alone")
	const restart = `{"spec":{"template":{"metadata":{"annotations":{"restart.secretsync.dev/db":"v2","kubectl.kubernetes.io/restartedAt":"2026-03-01T12:00:00Z"}}}}}`
	for _, workload := range []client.Object{web, set, daemon} {
		if err := patch(operator, workload, restart); err != nil {
			t.Errorf("%T: a restart is refused: %v", workload, err)
		}
		if err := patch(operator, workload, `{"spec":{"template":{"spec":{"serviceAccountName":"admin"}}}}`); !refusedBy(err, policy) {
			t.Errorf("%T: another ServiceAccount: %v", workload, err)
		}
	}
	for name, change := range map[string]string{
		"another image":                 `{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"other"}]}}}}`,
		"another annotation":            `{"spec":{"template":{"metadata":{"annotations":{"example.com/new":"1"}}}}}`,
		"an annotation that is changed": `{"spec":{"template":{"metadata":{"annotations":{"example.com/kept":"2"}}}}}`,
		"an annotation that is removed": `{"spec":{"template":{"metadata":{"annotations":{"example.com/kept":null}}}}}`,
		"a label of the pods":           `{"spec":{"template":{"metadata":{"labels":{"new":"1"}}}}}`,
		"a finalizer of the pods":       `{"spec":{"template":{"metadata":{"finalizers":["example.com/stay"]}}}}`,
		"an owner of the pods":          `{"spec":{"template":{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"a","uid":"b"}]}}}}`,
		"a namespace of the pods":       `{"spec":{"template":{"metadata":{"namespace":"kube-system"}}}}`,
		"a name of the pods":            `{"spec":{"template":{"metadata":{"generateName":"other-"}}}}`,
		"a label":                       `{"metadata":{"labels":{"new":"1"}}}`,
		"an annotation of the workload": `{"metadata":{"annotations":{"restart.secretsync.dev/db":"v2"}}}`,
		"a finalizer":                   `{"metadata":{"finalizers":["example.com/stay"]}}`,
		"a pause":                       `{"spec":{"paused":true}}`,
		"another strategy":              `{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}`,
		"no strategy of before":         `{"spec":{"progressDeadlineSeconds":7,"minReadySeconds":3}}`,
	} {
		if err := patch(operator, web, change); !refusedBy(err, policy) {
			t.Errorf("%s: %v", name, err)
		}
		if err := patch(s.env.Client, web, change); err != nil {
			t.Errorf("%s by another client: %v", name, err)
		}
	}
}
