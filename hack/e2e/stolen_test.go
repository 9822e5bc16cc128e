package e2e

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/testenv"
)

// thief has stolen the token of an installation's operator. It only requests dry runs.
type thief struct {
	*cluster
	// home is the operator's namespace, lease its Lease; policies is the prefix of the names of the policies about the
	// operator.
	home, lease, policies string
	by                    client.WithWatch
	clients               kubernetes.Interface
}

// attempts are what a thief tries, by description.
type attempts map[string]func() error

// right is a permission of the operator: what a thief can do with it, and what a policy refuses.
type right struct {
	remains, refused attempts
	policy           string
}

// TestWhatAStolenTokenMayDo tries each permission of the operator's token, as the API server lists them, in an
// installation with everything, for each way of installing: what a policy refuses, and what remains. A new permission
// needs a row.
func TestWhatAStolenTokenMayDo(t *testing.T) {
	c := newCluster(t)
	c.await("a namespace for the chart", func() bool {
		return client.IgnoreAlreadyExists(c.env.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "tools"}})) == nil
	})
	if output, err := c.apply(string(overlay(t, nil, "service-account-tokens", "rollouts"))); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	c.release = "sync"
	c.install("--namespace", "tools", "--set", "fullnameOverride=syncer", "--set", "serviceAccount.name=sync-operator", "--set", "crds.enabled=false",
		"--set", "serviceAccountTokens.enabled=true", "--set", "rollouts.enabled=true")
	c.await("SecretSyncs are served", c.served)
	c.addLoot()
	for way, robber := range map[string]*thief{
		"kustomize": c.thief(testenv.OperatorNamespace, testenv.OperatorAccount, "secretsync", "secretsync-operator-"),
		"chart":     c.thief("tools", "sync-operator", "syncer", "syncer-"),
	} {
		t.Run(way, func(t *testing.T) {
			inTest := *robber.setup
			inTest.T = t
			inCluster := *robber.cluster
			inCluster.setup = &inTest
			robber.cluster = &inCluster
			everywhere, atHome := robber.rightsEverywhere(), robber.rightsAtHome()
			robber.checkRules("payments", everywhere)
			maps.Copy(atHome, everywhere)
			robber.checkRules(robber.home, atHome)
			for name, tried := range atHome {
				robber.try(name, tried)
			}
			robber.checkForbidden()
		})
	}
}

func (c *cluster) thief(home, account, lease, policies string) *thief {
	c.Helper()
	config, err := c.env.Plane.ServiceAccountConfig(c.Context(), home, account)
	if err != nil {
		c.Fatal(err)
	}
	by, err := client.NewWithWatch(config, client.Options{Scheme: c.env.Client.Scheme()})
	if err != nil {
		c.Fatal(err)
	}
	return &thief{cluster: c, home: home, lease: lease, policies: policies, by: by, clients: c.withTokensOf(home, account)}
}

// addLoot creates objects that a thief may want.
func (c *cluster) addLoot() {
	c.Helper()
	c.addKind("argoproj.io", "v1alpha1", "rollouts", "Rollout")
	c.deploy("web", uses("db"))
	for _, object := range append(c.otherWorkloads("web"),
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "app"}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "db"}},
		&corev1.Secret{Type: corev1.SecretTypeServiceAccountToken, ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "token",
			Annotations: map[string]string{corev1.ServiceAccountNameKey: "app"}}},
		&v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "db"},
			Spec: v1alpha1.SecretSyncSpec{Suspend: true, Source: v1alpha1.SecretSource{SecretID: "/payments/db"}}},
		&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: testenv.OperatorNamespace, Name: "secretsync"}},
		&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "tools", Name: "syncer"}},
	) {
		if err := c.env.Client.Create(c.Context(), object); err != nil {
			c.Fatal(err)
		}
	}
}

// try checks that the policy refuses some attempts, a moment after an installation, and that others succeed.
func (f *thief) try(name string, tried right) {
	f.Helper()
	if len(tried.remains)+len(tried.refused) == 0 {
		f.Errorf("%s: nothing is tried", name)
	}
	for what, attempt := range tried.refused {
		err := error(nil)
		f.await(f.policies+tried.policy+" refuses: "+name+": "+what, func() bool {
			err = attempt()
			return refusedBy(err, f.policies+tried.policy)
		})
	}
	for what, attempt := range tried.remains {
		if err := attempt(); err != nil {
			f.Errorf("%s: %s: %v", name, what, err)
		}
	}
}

// checkRules compares the token's permissions in a namespace, as the API server lists them, with these, each as "verb
// group resource". Permissions of every ServiceAccount are left out.
func (f *thief) checkRules(namespace string, rights map[string]right) {
	f.Helper()
	want := slices.Sorted(maps.Keys(rights))
	ofAll := f.rulesOf(f.withTokensOf("other", "default"), "other")
	var got []string
	f.await("the roles of the operator are in force in "+namespace, func() bool {
		got = slices.DeleteFunc(f.rulesOf(f.clients, namespace), func(rule string) bool { return slices.Contains(ofAll, rule) })
		return len(got) >= len(want)
	})
	if diff := cmp.Diff(want, got); diff != "" {
		f.Errorf("permissions in %s (-table +API server):\n%s", namespace, diff)
	}
}

// rulesOf asks the API server for the permissions of a token in a namespace.
func (f *thief) rulesOf(token kubernetes.Interface, namespace string) []string {
	f.Helper()
	review := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}
	answer, err := token.AuthorizationV1().SelfSubjectRulesReviews().Create(f.Context(), review, metav1.CreateOptions{})
	if err != nil {
		f.Fatal(err)
	}
	if answer.Status.Incomplete {
		f.Fatalf("not all rules are said: %s", answer.Status.EvaluationError)
	}
	return flat(answer.Status.ResourceRules)
}

// flat are rules as "verb group resource", each once.
func flat(rules []authorizationv1.ResourceRule) []string {
	all := map[string]bool{}
	for _, rule := range rules {
		for _, verb := range rule.Verbs {
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					all[verb+" "+group+" "+resource] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// checkForbidden tries the worst attempts, although checkRules has shown already that they are not allowed, and Leases of
// other operators in the same namespace, which it does not show.
func (f *thief) checkForbidden() {
	f.Helper()
	for _, verb := range []string{"get", "update", "delete"} {
		if f.may(&authorizationv1.ResourceAttributes{Namespace: f.home, Verb: verb, Group: "coordination.k8s.io", Resource: "leases", Name: "another"}) {
			f.Errorf("may %s the Lease of another operator", verb)
		}
	}
	for _, what := range []string{
		"update  secrets", "deletecollection  secrets", "create secretsync.dev secretsyncs", "delete secretsync.dev secretsyncs", "get  configmaps",
		"get  pods", "create  pods", "create  pods/exec", "create  serviceaccounts", "patch  serviceaccounts", "impersonate  serviceaccounts",
		"impersonate  users", "get  nodes/proxy", "create apps deployments", "create batch jobs", "create rbac.authorization.k8s.io rolebindings",
		"escalate rbac.authorization.k8s.io clusterroles", "bind rbac.authorization.k8s.io clusterroles",
		"patch admissionregistration.k8s.io mutatingwebhookconfigurations", "patch admissionregistration.k8s.io validatingadmissionpolicies",
		"patch apiextensions.k8s.io customresourcedefinitions", "create certificates.k8s.io certificatesigningrequests", "create coordination.k8s.io leases",
	} {
		asked := strings.Split(what, " ")
		resource, part, _ := strings.Cut(asked[2], "/")
		if f.may(&authorizationv1.ResourceAttributes{Namespace: "kube-system", Verb: asked[0], Group: asked[1], Resource: resource, Subresource: part}) {
			f.Errorf("may %s", what)
		}
	}
}

func (f *thief) may(attempt *authorizationv1.ResourceAttributes) bool {
	f.Helper()
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: attempt}}
	if err := f.by.Create(f.Context(), review); err != nil {
		f.Fatal(err)
	}
	return review.Status.Allowed
}
