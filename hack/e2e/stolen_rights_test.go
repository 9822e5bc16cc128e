package e2e

import (
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// rightsEverywhere are the operator's permissions in each namespace, in an installation with everything.
func (f *thief) rightsEverywhere() map[string]right {
	all := f.rightsOfMetrics()
	maps.Copy(all, f.rightsOnSecrets())
	maps.Copy(all, f.rightsOnSecretSyncs())
	maps.Copy(all, f.rightsOnWorkloads())
	maps.Copy(all, f.rightsOnServiceAccounts())
	maps.Copy(all, f.rightsOnEvents())
	return all
}

func (f *thief) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "payments", Name: name}
}

// create, patch and list are attempts.
func (f *thief) create(object client.Object) func() error {
	return func() error { return f.by.Create(f.Context(), object, client.DryRunAll) }
}

func (f *thief) patch(object client.Object, patch string) func() error {
	return func() error { return f.by.Patch(f.Context(), object, merge(patch), client.DryRunAll) }
}

func (f *thief) list(all client.ObjectList) func() error {
	return func() error { return f.by.List(f.Context(), all, client.InNamespace("")) }
}

func (f *thief) watch(all client.ObjectList) func() error {
	return func() error {
		watching, err := f.by.Watch(f.Context(), all, client.InNamespace(""))
		if err == nil {
			watching.Stop()
		}
		return err
	}
}

// rightsOfMetrics are the permissions by which the operator authenticates clients of its metrics.
func (f *thief) rightsOfMetrics() map[string]right {
	return map[string]right{
		"create authentication.k8s.io tokenreviews": {remains: attempts{"whose another token is": func() error {
			return f.by.Create(f.Context(), &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: "not-one"}})
		}}},
		"create authorization.k8s.io subjectaccessreviews": {remains: attempts{"what others may do": func() error {
			return f.by.Create(f.Context(), &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: "admin",
				ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "get", Resource: "secrets"}}})
		}}},
	}
}

func (f *thief) rightsOnSecrets() map[string]right {
	token := func(kind corev1.SecretType) *corev1.Secret {
		made := &corev1.Secret{Type: kind, ObjectMeta: f.meta("made")}
		made.Annotations = map[string]string{corev1.ServiceAccountNameKey: "app"}
		return made
	}
	return map[string]right{
		"get  secrets": {remains: attempts{"any value": func() error {
			return f.by.Get(f.Context(), client.ObjectKey{Namespace: "payments", Name: "db"}, &corev1.Secret{})
		}}},
		"list  secrets":  {remains: attempts{"all values": f.list(&corev1.SecretList{})}},
		"watch  secrets": {remains: attempts{"all values, as they change": f.watch(&corev1.SecretList{})}},
		"create  secrets": {
			remains: attempts{"a Secret": f.create(&corev1.Secret{ObjectMeta: f.meta("made")})},
			refused: attempts{"a token of a ServiceAccount": f.create(token(corev1.SecretTypeServiceAccountToken)), "a token of a node": f.create(token(corev1.SecretTypeBootstrapToken))},
			policy:  "token-secrets",
		},
		"patch  secrets": {
			remains: attempts{"another value": f.patch(&corev1.Secret{ObjectMeta: f.meta("db")}, `{"data":{"a":"Yg=="}}`)},
			refused: attempts{"whose token it holds": f.patch(&corev1.Secret{ObjectMeta: f.meta("token")}, `{"metadata":{"labels":{"a":"b"}}}`)},
			policy:  "token-secrets",
		},
		"delete  secrets": {remains: attempts{"a Secret": func() error {
			return f.by.Delete(f.Context(), &corev1.Secret{ObjectMeta: f.meta("db")}, client.DryRunAll)
		}}},
	}
}

func (f *thief) rightsOnSecretSyncs() map[string]right {
	of := func(patch string) func() error { return f.patch(&v1alpha1.SecretSync{ObjectMeta: f.meta("db")}, patch) }
	return map[string]right{
		"list secretsync.dev secretsyncs":  {remains: attempts{"names of secrets and roles": f.list(&v1alpha1.SecretSyncList{})}},
		"watch secretsync.dev secretsyncs": {remains: attempts{"the same, as they change": f.watch(&v1alpha1.SecretSyncList{})}},
		"patch secretsync.dev secretsyncs": {
			remains: attempts{"the operator's finalizer": of(`{"metadata":{"finalizers":["` + v1alpha1.FinalizerMerge + `"]}}`)},
			refused: attempts{
				"another secret":        of(`{"spec":{"source":{"secretID":"/prod/other"}}}`),
				"another role":          of(`{"spec":{"auth":{"roleARN":"arn:aws:iam::111122223333:role/admin"}}}`),
				"a refresh":             of(`{"metadata":{"annotations":{"secretsync.dev/refresh-requested-at":"now"}}}`),
				"another's shard":       of(`{"metadata":{"labels":{"shard":"other"}}}`),
				"another's finalizer":   of(`{"metadata":{"finalizers":["example.com/stay"]}}`),
				"an owner that is gone": of(`{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"a","uid":"b"}]}}`),
			},
			policy: "finalizers-alone",
		},
		"patch secretsync.dev secretsyncs/status": {remains: attempts{"any status": func() error {
			return f.by.Status().Patch(f.Context(), &v1alpha1.SecretSync{ObjectMeta: f.meta("db")}, merge(`{"status":{"observedGeneration":7}}`), client.DryRunAll)
		}}},
	}
}

// otherWorkloads are one object of each kind that is restarted, except Deployment.
func (c *cluster) otherWorkloads(name string) []client.Object {
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: name}, Spec: appsv1.StatefulSetSpec{Replicas: new(int32)}}
	set.Spec.Template, set.Spec.Selector = template(name, uses("db"))
	daemon := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: name}}
	daemon.Spec.Template, daemon.Spec.Selector = template("daemon", uses("db"))
	argo := argoRollout(name)
	argo.Object["spec"] = map[string]any{"replicas": int64(1)}
	return []client.Object{set, daemon, argo}
}

func argoRollout(name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
		"metadata": map[string]any{"namespace": "payments", "name": name}}}
}

func (f *thief) rightsOnWorkloads() map[string]right {
	const restart, image = `{"spec":{"template":{"metadata":{"annotations":{"restart.secretsync.dev/db":"v2"}}}}}`,
		`{"spec":{"template":{"spec":{"serviceAccountName":"admin"}}}}`
	all := map[string]right{}
	for resource, of := range map[string]struct {
		object client.Object
		list   client.ObjectList
	}{
		"deployments":  {&appsv1.Deployment{ObjectMeta: f.meta("web")}, &appsv1.DeploymentList{}},
		"statefulsets": {&appsv1.StatefulSet{ObjectMeta: f.meta("web")}, &appsv1.StatefulSetList{}},
		"daemonsets":   {&appsv1.DaemonSet{ObjectMeta: f.meta("web")}, &appsv1.DaemonSetList{}},
	} {
		all["list apps "+resource] = right{remains: attempts{"what runs": f.list(of.list)}}
		all["patch apps "+resource] = right{
			remains: attempts{"a restart": f.patch(of.object, restart)}, refused: attempts{"another ServiceAccount": f.patch(of.object, image)}, policy: "restarts-alone",
		}
	}
	many := &unstructured.UnstructuredList{}
	many.SetGroupVersionKind(schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "RolloutList"})
	all["list argoproj.io rollouts"] = right{remains: attempts{"what runs": f.list(many)}}
	all["patch argoproj.io rollouts"] = right{
		remains: attempts{"a restart": f.patch(argoRollout("web"), `{"spec":{"restartAt":"2026-03-01T12:00:00Z"}}`)},
		refused: attempts{"more replicas": f.patch(argoRollout("web"), `{"spec":{"replicas":2}}`)},
		policy:  "restarts-alone",
	}
	return all
}

func (f *thief) rightsOnServiceAccounts() map[string]right {
	token := func(audiences ...string) func() error {
		return func() error {
			_, err := f.token(f.clients, "payments", "app", audiences...)
			return err
		}
	}
	return map[string]right{
		"get  serviceaccounts": {remains: attempts{"its role": func() error {
			return f.by.Get(f.Context(), client.ObjectKey{Namespace: "payments", Name: "app"}, &corev1.ServiceAccount{})
		}}},
		"create  serviceaccounts/token": {
			remains: attempts{"a token for AWS": token("sts.amazonaws.com")},
			refused: attempts{"one for the API server": token(), "one for another": token("vault"), "one for AWS and another": token("sts.amazonaws.com", "vault")},
			policy:  "token-audience",
		},
	}
}

func (f *thief) rightsOnEvents() map[string]right {
	event := func(name string) *eventsv1.Event {
		return &eventsv1.Event{ObjectMeta: f.meta(name), EventTime: metav1.NowMicro(), ReportingController: "any", ReportingInstance: "any", Type: "Warning",
			Action: "Any", Reason: "Any", Regarding: corev1.ObjectReference{Kind: "Pod", Namespace: "payments", Name: "any"}}
	}
	return map[string]right{
		"create events.k8s.io events": {remains: attempts{"an event about anything": f.create(event("made"))}},
		"patch events.k8s.io events": {remains: attempts{"an event of others": func() error {
			there := event("there")
			if err := f.env.Client.Create(f.Context(), there); client.IgnoreAlreadyExists(err) != nil {
				return err
			}
			return f.by.Patch(f.Context(), event("there"), merge(`{"metadata":{"labels":{"a":"b"}}}`), client.DryRunAll)
		}}},
	}
}

// rightsAtHome are the permissions in the operator's own namespace alone, for leader election by Leases.
func (f *thief) rightsAtHome() map[string]right {
	at := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: f.home, Name: name} }
	key := client.ObjectKey{Namespace: f.home, Name: f.lease}
	return map[string]right{
		"get coordination.k8s.io leases": {remains: attempts{"who leads": func() error {
			return f.by.Get(f.Context(), key, &coordinationv1.Lease{})
		}}},
		"create coordination.k8s.io leases": {remains: attempts{"a Lease": f.create(&coordinationv1.Lease{ObjectMeta: at("made")})}},
		"update coordination.k8s.io leases": {remains: attempts{"that another leads": func() error {
			lease := &coordinationv1.Lease{}
			if err := f.by.Get(f.Context(), key, lease); err != nil {
				return err
			}
			return f.by.Update(f.Context(), lease, client.DryRunAll)
		}}},
		"delete coordination.k8s.io leases": {remains: attempts{"that the leader must create it again": func() error {
			return f.by.Delete(f.Context(), &coordinationv1.Lease{ObjectMeta: at(f.lease)}, client.DryRunAll)
		}}},
		"create  events": {remains: attempts{"an event about what is there": f.create(&corev1.Event{ObjectMeta: at("made"),
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: f.home, Name: "any"}})}},
	}
}

// addKind installs a CRD for a foreign kind, whose objects may have any fields.
func (c *cluster) addKind(group, version, plural, kind string) {
	c.Helper()
	anything := true
	made := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: plural + "." + group},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: group, Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Kind: kind, Plural: plural},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{Name: version, Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: &anything}}}},
		},
	}
	if _, err := envtest.InstallCRDs(c.env.Plane.Config(), envtest.CRDInstallOptions{CRDs: []*apiextensionsv1.CustomResourceDefinition{made}}); err != nil {
		c.Fatal(err)
	}
}
