package doctor

import (
	"context"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// deployed is a Deployment of an operator that is available.
func deployed(arguments ...string) *appsv1.Deployment {
	labels := map[string]string{labelName: operatorName}
	made := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "secretsync-system", Name: "secretsync", Labels: labels}}
	made.Spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
	made.Spec.Template.Spec.ServiceAccountName = "secretsync"
	made.Spec.Template.Spec.Containers = []corev1.Container{{Name: "proxy"}, {Name: "manager", Args: append([]string{"--leader-elect=false"}, arguments...)}}
	made.Status.AvailableReplicas = 1
	return made
}

// podWith is a pod of the operator with a container in a state.
func podWith(status corev1.ContainerStatus) *corev1.Pod {
	status.Name = "manager"
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "secretsync-system", Name: "secretsync-1", Labels: map[string]string{labelName: operatorName}},
		Status:     corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{status}},
	}
}

// down is a Deployment without an available pod.
func down() *appsv1.Deployment {
	made := deployed()
	made.Status.AvailableReplicas = 0
	return made
}

// lease is that of the operator, renewed so long ago.
func lease(ago time.Duration) *coordinationv1.Lease {
	made := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "secretsync-system", Name: "secretsync"}}
	holder, seconds := "secretsync-1", int32(8)
	made.Spec = coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &seconds, RenewTime: &metav1.MicroTime{Time: time.Now().Add(-ago)}}
	return made
}

// reviewed answers what the operator may do: all but some resources.
func reviewed(f *Facts, without ...string) {
	inner, ok := f.Cluster.(client.WithWatch)
	if !ok {
		panic("the fake client can't be wrapped")
	}
	f.Cluster = interceptor.NewClient(inner, interceptor.Funcs{Create: func(ctx context.Context, to client.WithWatch, object client.Object, options ...client.CreateOption) error {
		review, is := object.(*authorizationv1.SubjectAccessReview)
		if !is {
			return to.Create(ctx, object, options...)
		}
		asked := review.Spec.ResourceAttributes
		review.Status.Allowed = true
		for _, resource := range without {
			review.Status.Allowed = review.Status.Allowed && asked.Resource != resource
		}
		return nil
	}})
}

// unseen is a SecretSync that no operator has handled.
func unseen() *v1alpha1.SecretSync {
	made := reported(v1alpha1.ReasonProgressing, "")
	made.Status = v1alpha1.SecretSyncStatus{}
	return made
}

func TestTheInstallation(t *testing.T) {
	second := deployed()
	second.Name = "second"
	none, zero := down(), int32(0)
	none.Spec.Replicas = &zero
	waiting := func(reason string) corev1.ContainerStatus {
		return corev1.ContainerStatus{Image: "registry/manager:v9", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}
	}
	killed := corev1.ContainerStatus{LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "OOMKilled"}}}
	for name, test := range map[string]struct {
		objects []client.Object
		without []string
		want    Status
		first   string
		fix     string
	}{
		"nothing is installed":           {nil, nil, Broken, "op.there", "helm install secretsync"},
		"it watches other namespaces":    {[]client.Object{deployed("--watch-namespaces=a,b")}, nil, Broken, "scope.namespace", "add payments to --watch-namespaces"},
		"by an environment variable":     {[]client.Object{withVariable(deployed(), "SECRETSYNC_WATCH_NAMESPACES", "a")}, nil, Broken, "scope.namespace", "add payments"},
		"its selector wants a label":     {[]client.Object{deployed("--watch-label-selector", "shard=a")}, nil, Broken, "scope.shard", "kubectl label secretsyncs.secretsync.dev db -n payments shard=a --overwrite"},
		"two operators work on it":       {[]client.Object{deployed(), second}, nil, Broken, "obj.seen", "kubectl logs"},
		"no replicas":                    {[]client.Object{none}, nil, Broken, "op.pod", "kubectl scale deployment/secretsync -n secretsync-system --replicas=1"},
		"out of memory":                  {[]client.Object{down(), podWith(killed)}, nil, Broken, "op.pod", "--limits=memory="},
		"no image":                       {[]client.Object{down(), podWith(waiting("ImagePullBackOff"))}, nil, Broken, "op.pod", "kubectl set image deployment/secretsync -n secretsync-system manager=IMAGE"},
		"it crashes":                     {[]client.Object{down(), podWith(waiting("CrashLoopBackOff"))}, nil, Broken, "op.pod", "kubectl logs secretsync-1"},
		"no replica has led for an hour": {[]client.Object{deployed("--leader-elect"), lease(time.Hour)}, nil, Broken, "op.leader", "kubectl rollout restart"},
		"there is no Lease":              {[]client.Object{deployed("--leader-elect=true")}, nil, Broken, "op.leader", "kubectl rollout restart"},
		"a right is missing":             {[]client.Object{deployed()}, []string{"secrets"}, Broken, "op.rbac", "kubectl create clusterrolebinding secretsync-manager-doctor --clusterrole=secretsync-manager --serviceaccount=secretsync-system:secretsync"},
		"all is well, and nothing seen":  {[]client.Object{deployed("--leader-elect"), lease(0)}, nil, Broken, "obj.seen", "kubectl logs deployment/secretsync -n secretsync-system"},
	} {
		f := facts(t, test.objects...)
		reviewed(f, test.without...)
		found := f.Examine(t.Context(), unseen(), "")
		if found.Verdict != test.want || found.First != test.first {
			t.Errorf("%s: %s %s, want %s", name, found.Verdict, found.First, test.first)
			continue
		}
		for _, check := range found.Checks {
			if check.ID == test.first && (len(check.Fix) == 0 || !strings.Contains(check.Fix[0].Text, test.fix)) {
				t.Errorf("%s: %+v, want %q", name, check.Fix, test.fix)
			}
		}
	}
}

// TestWithoutRights: what may not be seen is unknown, and never broken or well.
func TestWithoutRights(t *testing.T) {
	f := facts(t, deployed("--watch-namespaces=a"))
	inner, ok := f.Cluster.(client.WithWatch)
	if !ok {
		t.Fatal("the fake client can't be wrapped")
	}
	f.Cluster = interceptor.NewClient(inner, interceptor.Funcs{List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
		return apierrors.NewForbidden(appsv1.Resource("deployments"), "", nil)
	}})
	found := f.Examine(t.Context(), unseen(), "")
	if found.First != "obj.seen" || len(found.Needs()) == 0 {
		t.Errorf("%s %s, needs %+v", found.Verdict, found.First, found.Needs())
	}
	for _, check := range found.Checks {
		if strings.HasPrefix(check.ID, "op.") || strings.HasPrefix(check.ID, "scope.n") || strings.HasPrefix(check.ID, "scope.s") {
			if check.Status != Unknown || len(check.Needs) != 1 || !strings.Contains(check.Evidence, "list deployments") {
				t.Errorf("%+v", check)
			}
		}
	}
	if well := f.Examine(t.Context(), reported(v1alpha1.ReasonSynced, ""), ""); well.Verdict != Unknown || well.First != "" {
		t.Errorf("of a SecretSync that is Ready: %s %s", well.Verdict, well.First)
	}
}

func withVariable(of *appsv1.Deployment, name, value string) *appsv1.Deployment {
	of.Spec.Template.Spec.Containers[1].Env = []corev1.EnvVar{{Name: name, Value: value}}
	return of
}

// TestWhatGitAppliesIsCommitted: the fix of a spec that Flux applies is no command.
func TestWhatGitAppliesIsCommitted(t *testing.T) {
	f := facts(t)
	f.Applied = func(*v1alpha1.SecretSync) string { return "Flux's Kustomization apps" }
	found := f.Examine(t.Context(), reported(v1alpha1.ReasonTargetImmutable, "it is immutable"), "tgt.immutable")
	if fix := found.Checks[0].Fix[0]; fix.Kind != Edit || !strings.Contains(fix.Text, "commit") || !strings.Contains(fix.Text, "Recreate") {
		t.Errorf("%+v", fix)
	}
}
