package rollout

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// judgement is what is expected of a workload's status: whether it moves, and what has come of a restart.
type judgement struct {
	moving bool
	state  State
	says   string
}

func (want judgement) check(t *testing.T, name string, got *workload) {
	t.Helper()
	if got.replacingPods != want.moving || got.latest.state != want.state || !strings.Contains(got.latest.message, want.says) || want.says == "" && got.latest.message != "" {
		t.Errorf("%s: moving %t, %+v; want %+v", name, got.replacingPods, got.latest, want)
	}
}

func TestDeploymentsAreJudgedAsByKubectl(t *testing.T) {
	three := int32(3)
	late := []appsv1.DeploymentCondition{{Type: appsv1.DeploymentAvailable, Status: corev1.ConditionTrue},
		{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Reason: "ProgressDeadlineExceeded"}}
	for name, test := range map[string]struct {
		replicas *int32
		status   appsv1.DeploymentStatus
		want     judgement
	}{
		"its controller is behind":    {&three, appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: 3, UpdatedReplicas: 3, AvailableReplicas: 3}, judgement{true, RollingOut, "not seen"}},
		"some pods are new":           {&three, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 1, AvailableReplicas: 3}, judgement{true, RollingOut, "1 of 3 pods are new"}},
		"one by default":              {nil, appsv1.DeploymentStatus{ObservedGeneration: 2}, judgement{true, RollingOut, "0 of 1 pods are new"}},
		"former pods are still there": {&three, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 4, UpdatedReplicas: 3, AvailableReplicas: 4}, judgement{true, RollingOut, "have not ended: 1"}},
		"new pods are not available":  {&three, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 3, AvailableReplicas: 2}, judgement{false, RollingOut, "2 of 3 new pods are available"}},
		"all are":                     {&three, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 3, AvailableReplicas: 3}, judgement{false, Done, ""}},
		"its time is used up":         {&three, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 4, UpdatedReplicas: 1, AvailableReplicas: 3, UnavailableReplicas: 1, Conditions: late}, judgement{false, Failed, "progressDeadlineSeconds, with 0 of 1 new pods available"}},
		"with one new pod available":  {&three, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 4, UpdatedReplicas: 2, AvailableReplicas: 3, UnavailableReplicas: 1, Conditions: late}, judgement{false, Failed, "with 1 of 2 new pods available"}},
		"former ones fail as well":    {&three, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 4, UpdatedReplicas: 1, AvailableReplicas: 0, UnavailableReplicas: 4, Conditions: late}, judgement{false, Failed, "with 0 of 1 new pods available"}},
		"no new pod may be created":   {&three, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 3, AvailableReplicas: 3, Conditions: late}, judgement{false, Failed, "no new pod was created"}},
		"the new pod is not ready":    {&three, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 4, UpdatedReplicas: 1, AvailableReplicas: 3, UnavailableReplicas: 1}, judgement{true, RollingOut, "1 of 3 pods are new, and pods that are not available: 1"}},
		"a former one's time was":     {&three, appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: 4, UpdatedReplicas: 1, Conditions: late}, judgement{true, RollingOut, "not seen"}},
		"there is nothing to run":     {new(int32), appsv1.DeploymentStatus{ObservedGeneration: 2}, judgement{false, Done, ""}},
	} {
		test.want.check(t, name, deployment(&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Generation: 2},
			Spec: appsv1.DeploymentSpec{Replicas: test.replicas}, Status: test.status}))
	}
}

func TestStatefulSetsAreJudgedAsByKubectl(t *testing.T) {
	three, two := int32(3), int32(2)
	start := &appsv1.StatefulSetOrdinals{Start: 5}
	partition := appsv1.StatefulSetUpdateStrategy{RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: &two}}
	for name, test := range map[string]struct {
		strategy appsv1.StatefulSetUpdateStrategy
		status   appsv1.StatefulSetStatus
		pods     appsv1.PodManagementPolicyType
		ordinals *appsv1.StatefulSetOrdinals
		want     judgement
	}{
		"its controller is behind":  {status: appsv1.StatefulSetStatus{ObservedGeneration: 1, ReadyReplicas: 3}, want: judgement{true, RollingOut, "not seen"}},
		"some pods are new":         {status: appsv1.StatefulSetStatus{ObservedGeneration: 2, ReadyReplicas: 3, UpdatedReplicas: 1, CurrentRevision: "a", UpdateRevision: "b"}, want: judgement{true, RollingOut, "1 of 3 pods are new"}},
		"the last is not ready":     {status: appsv1.StatefulSetStatus{ObservedGeneration: 2, ReadyReplicas: 2, UpdatedReplicas: 3, CurrentRevision: "a", UpdateRevision: "b"}, want: judgement{false, RollingOut, "2 of 3 pods are ready"}},
		"all are new":               {status: appsv1.StatefulSetStatus{ObservedGeneration: 2, ReadyReplicas: 3, CurrentRevision: "b", UpdateRevision: "b"}, want: judgement{false, Done, ""}},
		"it is on its way to a pod": {strategy: partition, status: appsv1.StatefulSetStatus{ObservedGeneration: 2, ReadyReplicas: 3, CurrentRevision: "a", UpdateRevision: "b"}, want: judgement{true, RollingOut, "0 of 1 pods are new"}},
		"it has come to the pod":    {strategy: partition, status: appsv1.StatefulSetStatus{ObservedGeneration: 2, ReadyReplicas: 3, UpdatedReplicas: 1, CurrentRevision: "a", UpdateRevision: "b"}, want: judgement{false, Done, "the 2 pods below its partition"}},
		"pods wait to be deleted": {strategy: appsv1.StatefulSetUpdateStrategy{Type: appsv1.OnDeleteStatefulSetStrategyType},
			status: appsv1.StatefulSetStatus{ObservedGeneration: 1, CurrentRevision: "a", UpdateRevision: "b"}, want: judgement{false, Done, "OnDelete"}},
		"the new pod is not ready": {status: appsv1.StatefulSetStatus{ObservedGeneration: 2, Replicas: 3, ReadyReplicas: 2, CurrentReplicas: 2, UpdatedReplicas: 1, CurrentRevision: "a", UpdateRevision: "b"},
			want: judgement{true, RollingOut, "1 of 3 pods are new, new pod queue-2 is not Ready"}},
		"a pod of a restart before is not ready": {status: appsv1.StatefulSetStatus{ObservedGeneration: 2, Replicas: 3, ReadyReplicas: 2, CurrentReplicas: 2, CurrentRevision: "a", UpdateRevision: "c"},
			want: judgement{true, RollingOut, "OrderedReady no pod is replaced before all are Ready: delete pod queue-2"}},
		"the same, after some that are ready": {status: appsv1.StatefulSetStatus{ObservedGeneration: 2, Replicas: 3, ReadyReplicas: 2, CurrentReplicas: 1, CurrentRevision: "a", UpdateRevision: "c"},
			want: judgement{true, RollingOut, "delete pod queue-1"}},
		"the same, with ordinals of its own": {ordinals: start, status: appsv1.StatefulSetStatus{ObservedGeneration: 2, Replicas: 3, ReadyReplicas: 2, CurrentReplicas: 2, CurrentRevision: "a", UpdateRevision: "c"},
			want: judgement{true, RollingOut, "delete pod queue-7"}},
		"the same, without an order": {pods: appsv1.ParallelPodManagement, status: appsv1.StatefulSetStatus{ObservedGeneration: 2, Replicas: 3, ReadyReplicas: 2, CurrentReplicas: 2, CurrentRevision: "a", UpdateRevision: "c"},
			want: judgement{true, RollingOut, "and pods that are not Ready: 1"}},
		"none of before is ready": {status: appsv1.StatefulSetStatus{ObservedGeneration: 2, Replicas: 3, CurrentReplicas: 3, CurrentRevision: "a", UpdateRevision: "b"},
			want: judgement{true, RollingOut, "pods that are not Ready: 3, and with podManagementPolicy OrderedReady no pod is replaced before all are Ready: delete those"}},
		"its template was taken back": {status: appsv1.StatefulSetStatus{ObservedGeneration: 2, Replicas: 3, ReadyReplicas: 3, CurrentReplicas: 2, UpdatedReplicas: 2, CurrentRevision: "a", UpdateRevision: "a"},
			want: judgement{true, RollingOut, "2 of 3 pods are new"}},
	} {
		test.want.check(t, name, statefulSet(&appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "queue", Generation: 2},
			Spec: appsv1.StatefulSetSpec{Replicas: &three, UpdateStrategy: test.strategy, PodManagementPolicy: test.pods, Ordinals: test.ordinals}, Status: test.status}))
	}
}

func TestDaemonSetsAreJudgedAsByKubectl(t *testing.T) {
	for name, test := range map[string]struct {
		strategy appsv1.DaemonSetUpdateStrategyType
		status   appsv1.DaemonSetStatus
		want     judgement
	}{
		"its controller is behind":   {status: appsv1.DaemonSetStatus{ObservedGeneration: 1}, want: judgement{true, RollingOut, "not seen"}},
		"some pods are new":          {status: appsv1.DaemonSetStatus{ObservedGeneration: 2, DesiredNumberScheduled: 5, UpdatedNumberScheduled: 2, NumberAvailable: 5}, want: judgement{true, RollingOut, "2 of 5 pods are new"}},
		"new pods are not available": {status: appsv1.DaemonSetStatus{ObservedGeneration: 2, DesiredNumberScheduled: 5, UpdatedNumberScheduled: 5, NumberAvailable: 4}, want: judgement{false, RollingOut, "4 of 5 new pods"}},
		"all are":                    {status: appsv1.DaemonSetStatus{ObservedGeneration: 2, DesiredNumberScheduled: 5, UpdatedNumberScheduled: 5, NumberAvailable: 5}, want: judgement{false, Done, ""}},
		"its only node is not Ready": {status: appsv1.DaemonSetStatus{ObservedGeneration: 2, CurrentNumberScheduled: 0, NumberMisscheduled: 1}, want: judgement{false, RollingOut, "nodes that are not Ready, or have a taint that it does not tolerate, and are not restarted: 1"}},
		"one of its nodes is not":    {status: appsv1.DaemonSetStatus{ObservedGeneration: 2, DesiredNumberScheduled: 5, UpdatedNumberScheduled: 5, NumberAvailable: 5, NumberMisscheduled: 1}, want: judgement{false, Done, "are not restarted: 1"}},
		"the new pod is not ready":   {status: appsv1.DaemonSetStatus{ObservedGeneration: 2, DesiredNumberScheduled: 5, UpdatedNumberScheduled: 2, NumberAvailable: 4, NumberUnavailable: 1}, want: judgement{true, RollingOut, "2 of 5 pods are new, and pods that are not available: 1"}},
		"no node wants it":           {status: appsv1.DaemonSetStatus{ObservedGeneration: 2}, want: judgement{false, Done, ""}},
		"pods wait to be deleted":    {appsv1.OnDeleteDaemonSetStrategyType, appsv1.DaemonSetStatus{DesiredNumberScheduled: 5}, judgement{false, Done, "OnDelete"}},
	} {
		test.want.check(t, name, daemonSet(&appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Generation: 2},
			Spec: appsv1.DaemonSetSpec{UpdateStrategy: appsv1.DaemonSetUpdateStrategy{Type: test.strategy}}, Status: test.status}))
	}
}

func TestArgoRolloutsAreJudgedByTheirRestarts(t *testing.T) {
	const early, late = "2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z"
	for name, test := range map[string]struct {
		restartAt, restartedAt string
		want                   judgement
	}{
		"it was never restarted": {"", "", judgement{false, Done, ""}},
		"it restarts":            {late, "", judgement{true, RollingOut, late}},
		"it restarts again":      {late, early, judgement{true, RollingOut, late}},
		"it has restarted":       {late, late, judgement{false, Done, ""}},
	} {
		u := &unstructured.Unstructured{Object: map[string]any{
			"spec": map[string]any{}, "status": map[string]any{},
		}}
		if test.restartAt != "" {
			u.Object["spec"] = map[string]any{"restartAt": test.restartAt}
		}
		if test.restartedAt != "" {
			u.Object["status"] = map[string]any{"restartedAt": test.restartedAt}
		}
		test.want.check(t, name, rollout(u, nil))
	}
}
