package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/testenv"
)

// rolloutsRole is what the component rollouts allows.
const rolloutsRole = "components/rollouts/role.yaml"

// actAs replaces the manager of all namespaces, until the test ends, by one with another ServiceAccount, which has the
// operator's own roles and those of some files.
func (s *setup) actAs(account string, flags []string, roles ...string) {
	s.Helper()
	s.put(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: testenv.OperatorNamespace, Name: account}})
	bind := func(roleName string) {
		s.put(&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: account + "-" + roleName},
			Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: testenv.OperatorNamespace, Name: account}},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: roleName},
		})
	}
	bind("secretsync-manager")
	bind("secretsync-service-account-tokens") // SecretSyncs of earlier tests are polled as well.
	s.awaitRules(account, s.namespace, []rbacv1.PolicyRule{{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"secretsyncs"}, Verbs: []string{"watch"}}})
	for _, file := range roles {
		content, err := os.ReadFile(filepath.Join(root, "config", file))
		if err != nil {
			s.Fatal(err)
		}
		clusterRole := &rbacv1.ClusterRole{}
		if err := yaml.UnmarshalStrict(content, clusterRole); err != nil {
			s.Fatal(err)
		}
		s.put(clusterRole)
		bind(clusterRole.Name)
		s.awaitRules(account, s.namespace, clusterRole.Rules)
	}
	become := func(ctx context.Context, account string, flags ...string) {
		s.Helper()
		if err := end(ctx, running, (*testenv.Manager).Stop); err != nil {
			s.Fatal(err)
		}
		if err := s.env.ActAs(ctx, testenv.OperatorNamespace, account); err != nil {
			s.Fatal(err)
		}
		var err error
		if running, err = s.env.StartManager("as-"+account, flags...); err != nil {
			s.Fatal(err)
		}
	}
	s.Cleanup(func() { become(context.Background(), testenv.OperatorAccount) })
	become(s.Context(), account, flags...)
}

// actingAs is a client of one of the operator's ServiceAccounts.
func (s *setup) actingAs(account string) client.Client {
	s.Helper()
	config, err := s.env.Plane.ServiceAccountConfig(s.Context(), testenv.OperatorNamespace, account)
	if err != nil {
		s.Fatal(err)
	}
	made, err := client.New(config, client.Options{Scheme: s.env.Client.Scheme()})
	if err != nil {
		s.Fatal(err)
	}
	return made
}

// may gives the operator the role of a file, in the setup's namespace.
func (s *setup) may(file string) {
	s.Helper()
	content, err := os.ReadFile(filepath.Join(root, "config", file))
	if err != nil {
		s.Fatal(err)
	}
	var component rbacv1.ClusterRole
	if err := yaml.UnmarshalStrict(content, &component); err != nil {
		s.Fatal(err)
	}
	objectMeta := metav1.ObjectMeta{Namespace: s.namespace, Name: component.Name}
	s.put(&rbacv1.Role{ObjectMeta: objectMeta, Rules: component.Rules})
	s.put(&rbacv1.RoleBinding{ObjectMeta: objectMeta,
		Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: testenv.OperatorNamespace, Name: testenv.OperatorAccount}},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: component.Name}})
	// This asks and does not try: after the last test, a forbidden request of the operator's account counts as a
	// failure.
	s.awaitRules(testenv.OperatorAccount, s.namespace, component.Rules)
}

// awaitRules waits until the API server enforces rules for a ServiceAccount of the operator's namespace.
func (s *setup) awaitRules(account, namespace string, rules []rbacv1.PolicyRule) {
	s.Helper()
	for _, rule := range rules {
		resource, subresource, _ := strings.Cut(rule.Resources[0], "/")
		s.await(account+" may "+rule.Verbs[0]+" "+rule.Resources[0], func() bool {
			return s.allowed(account, authorizationv1.ResourceAttributes{Namespace: namespace, Verb: rule.Verbs[0],
				Group: rule.APIGroups[0], Resource: resource, Subresource: subresource})
		})
	}
}

// uses is a pod template that reads Secrets as environment variables.
func uses(secrets ...string) corev1.PodSpec {
	pod := corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app"}}}
	for _, name := range secrets {
		pod.Containers[0].EnvFrom = append(pod.Containers[0].EnvFrom,
			corev1.EnvFromSource{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}}})
	}
	return pod
}

func template(name string, pod corev1.PodSpec) (corev1.PodTemplateSpec, *metav1.LabelSelector) {
	labels := map[string]string{"app": name}
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod}, &metav1.LabelSelector{MatchLabels: labels}
}

// deploy creates a Deployment without replicas, as no kubelet makes pods ready, and waits until its controller has
// rolled it out.
func (s *setup) deploy(name string, pod corev1.PodSpec, changes ...func(*appsv1.DeploymentSpec)) *appsv1.Deployment {
	s.Helper()
	made := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}, Spec: appsv1.DeploymentSpec{Replicas: new(int32)}}
	made.Spec.Template, made.Spec.Selector = template(name, pod)
	for _, change := range changes {
		change(&made.Spec)
	}
	s.put(made)
	s.await("Deployment "+name+" is seen by its controller", func() bool {
		return s.exists(made) && made.Status.ObservedGeneration == made.Generation
	})
	return made
}

// stampOf is the annotation of a pod template that says what it was restarted for.
func stampOf(template *corev1.PodTemplateSpec, sync string) string {
	return template.Annotations["restart.secretsync.dev/"+sync]
}

// generation is the generation of a workload: how often its spec was written.
func (s *setup) generation(workload client.Object) int64 {
	s.Helper()
	if !s.exists(workload) {
		s.Fatalf("%s is gone", workload.GetName())
	}
	return workload.GetGeneration()
}

// awaitRollout waits until the condition WorkloadsRestarted has a reason, for a revision unless that is empty.
func (s *setup) awaitRollout(name, reason, revision string) *v1alpha1.SecretSync {
	s.Helper()
	var found *v1alpha1.SecretSync
	s.await(name+" has WorkloadsRestarted for "+reason+" "+revision, func() bool {
		found = s.get(name)
		is := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionWorkloadsRestarted)
		return is != nil && is.Reason == reason && (revision == "" || found.Status.Rollout.Revision == revision)
	})
	return found
}

// refresh requests a refresh and waits until it is done.
func (s *setup) refresh(token string, names ...string) {
	s.Helper()
	for _, name := range names {
		s.edit(name, func(secretSync *v1alpha1.SecretSync) {
			secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: token}
		})
	}
	for _, name := range names {
		s.await("the refresh of "+name+" is echoed", func() bool { return s.get(name).Status.LastHandledRefresh == token })
	}
}

// states are the states in status, by workload.
func states(secretSync *v1alpha1.SecretSync) map[string]string {
	all := map[string]string{}
	for _, workload := range secretSync.Status.Rollout.Workloads {
		all[workload.Kind+" "+workload.Name] = workload.State
	}
	return all
}

// everyWay are pod specs that use a Secret, each in another way.
func everyWay(secret string) map[string]corev1.PodSpec {
	reference := corev1.LocalObjectReference{Name: secret}
	key := corev1.EnvVar{Name: "PASSWORD", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: reference, Key: "password"}}}
	volume := func(source corev1.VolumeSource) corev1.PodSpec {
		pod := uses()
		pod.Volumes = []corev1.Volume{{Name: "v", VolumeSource: source}}
		return pod
	}
	env, initial, pulls := uses(), uses(), uses()
	env.Containers[0].Env = []corev1.EnvVar{key}
	initial.InitContainers = []corev1.Container{{Name: "init", Image: "init", Env: []corev1.EnvVar{key}}}
	pulls.ImagePullSecrets = []corev1.LocalObjectReference{reference}
	return map[string]corev1.PodSpec{
		"env": env, "env-from": uses(secret), "init": initial, "pulls": pulls,
		"volume": volume(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: secret}}),
		"projected": volume(corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{Secret: &corev1.SecretProjection{LocalObjectReference: reference}}}}}),
		"csi": volume(corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: "csi.example.com", NodePublishSecretRef: &reference}}),
	}
}

// restarts counts the requests by which the operator has restarted workloads of the setup, by verb and kind.
func (s *setup) restarts() map[string]int {
	s.Helper()
	count := map[string]int{}
	for _, request := range s.requests() {
		if group := request.Object.APIGroup; group == "apps" || group == "argoproj.io" {
			count[request.Verb+" "+request.Object.Resource]++
		}
	}
	return count
}
