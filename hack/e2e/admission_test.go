package e2e

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/testenv"
)

// enforce creates the policies of a file in config/admission. They apply to the setup's namespace alone and have unique
// names, as other tests share the server. probe is a request that they refuse. lists become the data of the file's
// ConfigMaps.
func (s *setup) enforce(file string, lists map[string]string, probe func() error) {
	s.Helper()
	content, err := os.ReadFile(filepath.Join(root, "config/admission", file))
	if err != nil {
		s.Fatal(err)
	}
	var names []string
	for _, object := range decoded(s.T, content) {
		made, ok := object.(client.Object)
		if !ok {
			s.Fatalf("%T is no object", object)
		}
		made.SetName(s.unique(made.GetName()))
		switch o := made.(type) {
		case *corev1.ConfigMap:
			o.Data = lists
		case *admissionv1.ValidatingAdmissionPolicy:
			names = append(names, o.Name)
		case *admissionv1.ValidatingAdmissionPolicyBinding:
			o.Spec.PolicyName = s.unique(o.Spec.PolicyName)
			if o.Spec.ParamRef != nil {
				o.Spec.ParamRef.Name = s.unique(o.Spec.ParamRef.Name)
			}
			o.Spec.MatchResources = &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{
				MatchLabels: map[string]string{corev1.LabelMetadataName: s.namespace}}}
		}
		s.put(made)
	}
	if len(names) != 1 {
		s.Fatalf("config/admission/%s has the policies %s, want one", file, names)
	}
	s.await("policy "+names[0]+" in force", func() bool { return refusedBy(probe(), names[0]) })
	s.checkTypes(names[0])
}

// unique is a name that no policy of another test has.
func (s *setup) unique(name string) string { return name + "-" + s.namespace }

// put creates an object and deletes it when the test ends.
func (s *setup) put(object client.Object) {
	s.Helper()
	if err := s.env.Client.Create(s.Context(), object); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := s.env.Client.Delete(context.Background(), object); client.IgnoreNotFound(err) != nil {
			s.Error(err)
		}
	})
}

// refusedBy says whether a policy has refused a request as forbidden.
func refusedBy(err error, policy string) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "ValidatingAdmissionPolicy '"+policy+"'")
}

// checkTypes checks that Kubernetes has type-checked the policy's expressions and found no unknown field in them.
func (s *setup) checkTypes(name string) {
	s.Helper()
	policy := &admissionv1.ValidatingAdmissionPolicy{}
	s.await("the expressions of policy "+name+" checked", func() bool {
		if err := s.env.Client.Get(s.Context(), client.ObjectKey{Name: name}, policy); err != nil {
			s.Fatal(err)
		}
		return policy.Status.ObservedGeneration == policy.Generation && policy.Status.TypeChecking != nil
	})
	for _, warning := range policy.Status.TypeChecking.ExpressionWarnings {
		s.Errorf("%s of policy %s: %s", warning.FieldRef, name, warning.Warning)
	}
}

// try asks the API server, by a dry run, whether it would accept a SecretSync in the setup's namespace.
func (s *setup) try(spec v1alpha1.SecretSyncSpec) error {
	return s.env.Client.Create(s.Context(), &v1alpha1.SecretSync{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "tried"}, Spec: spec}, client.DryRunAll)
}

func following(id string) v1alpha1.SecretSyncSpec {
	return v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}}
}

// TestNamingConvention tests the sample with secrets named in each way that AWS accepts.
func TestNamingConvention(t *testing.T) {
	s := newSetup(t)
	s.enforce("naming-convention.yaml", nil, func() error { return s.try(following("elsewhere")) })
	const arn, otherARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:", "arn:aws-cn:secretsmanager:cn-north-1:444455556666:secret:"
	own := "/prod/" + s.namespace + "/"
	for name, test := range map[string]struct{ id, refused string }{
		"its own by name":                        {own + "db", ""},
		"its own, further down":                  {own + "db/main", ""},
		"its own of another environment":         {"/test/" + s.namespace + "/db", ""},
		"its own by full ARN":                    {arn + own + "db-a1b2c3", ""},
		"its own by partial ARN":                 {arn + own + "db", ""},
		"its own in another region and account":  {otherARN + own + "db-a1b2c3", ""},
		"another's by name":                      {"/prod/other/db", "/prod/other/db"},
		"another's by full ARN":                  {arn + "/prod/other/db-a1b2c3", "/prod/other/db-a1b2c3"},
		"another's by partial ARN":               {arn + "/prod/other/db", "/prod/other/db"},
		"another's in another region":            {otherARN + "/prod/other/db", "/prod/other/db"},
		"another's below which it is named":      {"/prod/other/" + s.namespace + "/db", "/prod/other/"},
		"another's whose name begins alike":      {"/prod/" + s.namespace + "-eu/db", s.namespace + "-eu/db"},
		"another's whose name ends alike":        {"/prod/eu-" + s.namespace + "/db", "eu-" + s.namespace},
		"capitals":                               {"/prod/" + strings.ToUpper(s.namespace) + "/db", strings.ToUpper(s.namespace)},
		"no environment":                         {"/" + s.namespace + "/db", "is called /" + s.namespace},
		"an empty environment":                   {"//" + s.namespace + "/db", "is called //"},
		"no slash at the beginning":              {"prod/" + s.namespace + "/db", "is called prod/"},
		"something before the slash":             {"x" + own + "db", "is called x/prod"},
		"the namespace's name alone":             {"/prod/" + s.namespace, "is called /prod/" + s.namespace},
		"the namespace's name alone by full ARN": {arn + "/prod/" + s.namespace + "-a1b2c3", s.namespace + "-a1b2c3"},
		"nothing below the namespace":            {own, "is called " + own},
		"a name without slashes":                 {"db", "is called db"},
	} {
		t.Run(name, func(t *testing.T) {
			err := s.try(following(test.id))
			if test.refused == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			expected := []string{"secretID: namespace " + s.namespace, "begins with /<anything>/" + s.namespace + "/", test.refused}
			if !refusedBy(err, s.unique("secretsync-naming-convention")) || !containsAll(err.Error(), expected) {
				t.Errorf("got %v, want a refusal that mentions %q", err, expected)
			}
		})
	}
}

// TestPoliciesLeaveWhatWasThere: a SecretSync from before the policy is still synced. It can be labelled and deleted,
// with its finalizer, and cannot be edited into another spec that the policy refuses.
func TestPoliciesLeaveWhatWasThere(t *testing.T) {
	s := newSetup(t)
	id, _ := s.createSecret("db", value())
	s.put(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "db", Annotations: anyMayMerge()}})
	spec := following(id) // Its name has no environment.
	spec.PollInterval = fast
	spec.Target.CreationPolicy = v1alpha1.CreationPolicyMerge
	s.sync("db", spec)
	s.awaitReady("db")
	s.enforce("naming-convention.yaml", nil, func() error { return s.try(following("elsewhere")) })

	s.edit("db", func(secretSync *v1alpha1.SecretSync) { secretSync.Labels = map[string]string{"team": "payments"} })
	second := value()
	s.putValue(id, second)
	s.awaitKeys("db", map[string]string{"value": second})
	edited := s.get("db")
	before := edited.DeepCopy()
	edited.Spec.Source.SecretID = s.secretID("other")
	// An update would conflict with the status that the operator writes after the Secret.
	if err := s.env.Client.Patch(t.Context(), edited, client.MergeFrom(before)); !refusedBy(err, s.unique("secretsync-naming-convention")) {
		t.Errorf("an edit to a secret of another name: %v", err)
	}
	found := s.get("db")
	if len(found.Finalizers) == 0 {
		t.Fatal("there is no finalizer: nothing is shown")
	}
	if err := s.env.Client.Delete(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	s.await("the SecretSync is gone", func() bool {
		return !s.exists(&v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "db"}})
	})
}

// TestNamingConventionKnowsEverySecretID: the convention must check every field by which a SecretSync names a secret.
func TestNamingConventionKnowsEverySecretID(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(root, "config/crd/secretsync.dev_secretsyncs.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(content, crd); err != nil {
		t.Fatal(err)
	}
	spec := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	naming := secretsNamed("spec", &spec)
	slices.Sort(naming)
	looked := []string{"spec.source.secretID", "spec.data[].source.secretID", "spec.dataFrom[].source.secretID", "spec.dataFrom[].find"}
	slices.Sort(looked)
	if !slices.Equal(looked, naming) {
		t.Errorf("SecretSyncs name secrets by %s; config/admission/naming-convention.yaml looks at %s", naming, looked)
	}
}

// TestNamingConventionLooksEverywhere: it checks single keys, whole secrets, and finds.
func TestNamingConventionLooksEverywhere(t *testing.T) {
	s := newSetup(t)
	s.enforce("naming-convention.yaml", nil, func() error { return s.try(following("elsewhere")) })
	own, other := "/prod/"+s.namespace+"/", "/prod/other/"
	byKey := func(id string) v1alpha1.SecretSyncSpec {
		spec := following(own + "db")
		spec.Data = []v1alpha1.DataKey{{Key: "a"}, {Key: "b", Source: &v1alpha1.EntrySource{VersionStage: "AWSPREVIOUS"}}, {Key: "c", Source: from(id)}}
		return spec
	}
	whole := func(id string) v1alpha1.SecretSyncSpec {
		return v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{{Source: from(own + "db")}, {Source: from(id), Prefix: "x"}}}
	}
	finding := func(find v1alpha1.Find) v1alpha1.SecretSyncSpec {
		return v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{{Find: &find}}}
	}
	for name, test := range map[string]struct {
		spec    v1alpha1.SecretSyncSpec
		refused string
	}{
		"keys of its own":                       {byKey(own + "stripe"), ""},
		"a key of another's":                    {byKey(other + "stripe"), "is called " + other + "stripe"},
		"a key of another's by ARN":             {byKey("arn:aws:secretsmanager:eu-west-1:111122223333:secret:" + other + "db"), "is called " + other + "db"},
		"whole secrets of its own":              {whole(own + "flags"), ""},
		"a whole secret of another's":           {whole(other + "flags"), "is called " + other + "flags"},
		"what it finds of its own":              {finding(v1alpha1.Find{NamePrefix: own}), ""},
		"what it finds further down":            {finding(v1alpha1.Find{NamePrefix: own + "extra/", Tags: map[string]string{"a": "b"}}), ""},
		"what it finds of another's":            {finding(v1alpha1.Find{NamePrefix: other}), "such as /prod/" + s.namespace + "/"},
		"what begins like its own":              {finding(v1alpha1.Find{NamePrefix: "/prod/" + s.namespace}), `this one is "/prod/` + s.namespace + `"`},
		"what has a tag, whatever it is called": {finding(v1alpha1.Find{Tags: map[string]string{"a": "b"}}), `this one is ""`},
		"what matches a pattern alone":          {finding(v1alpha1.Find{NamePattern: own + ".*"}), `this one is ""`},
	} {
		t.Run(name, func(t *testing.T) {
			err := s.try(test.spec)
			if test.refused == "" && err != nil || test.refused != "" && (!refusedBy(err, s.unique("secretsync-naming-convention")) || !containsAll(err.Error(), []string{test.refused})) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// secretsNamed are the paths below a field by which secrets are named or found.
func secretsNamed(path string, schema *apiextensionsv1.JSONSchemaProps) (paths []string) {
	for name, property := range schema.Properties {
		if name == "secretID" || name == "find" {
			paths = append(paths, path+"."+name)
		}
		paths = append(paths, secretsNamed(path+"."+name, &property)...)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		paths = append(paths, secretsNamed(path+"[]", schema.Items.Schema)...)
	}
	return paths
}

// reading asks whether the API server would accept a SecretSync that reads with an identity.
func (s *setup) reading(auth v1alpha1.SourceAuth) error {
	spec := following("db")
	spec.Auth = auth
	return s.try(spec)
}

func as(account string) v1alpha1.SourceAuth {
	return v1alpha1.SourceAuth{ServiceAccountRef: &v1alpha1.ServiceAccountReference{Name: account}}
}

// byRole is a role that the operator's own identity assumes.
func byRole() v1alpha1.SourceAuth {
	return v1alpha1.SourceAuth{RoleARN: "arn:aws:iam::111122223333:role/payments-read"}
}

// byOperator is the operator's own identity.
func byOperator() v1alpha1.SourceAuth { return v1alpha1.SourceAuth{} }

// TestListsOfServiceAccounts tests the sample with the identities that a namespace with a list can name.
func TestListsOfServiceAccounts(t *testing.T) {
	s := newSetup(t)
	policy := s.unique("secretsync-service-accounts")
	s.enforce("service-accounts.yaml", map[string]string{s.namespace: "payments-read,\n reports ", "_others": "_operator else"},
		func() error { return s.reading(as("unlisted")) })
	for name, test := range map[string]struct {
		auth    v1alpha1.SourceAuth
		refused string
	}{
		"the first of the list":               {as("payments-read"), ""},
		"the last of the list":                {as("reports"), ""},
		"one that begins like one of them":    {as("report"), "may not read with ServiceAccount report;"},
		"one that goes on where one ends":     {as("reports-2"), "may not read with ServiceAccount reports-2;"},
		"one that is for other namespaces":    {as("else"), "may not read with ServiceAccount else;"},
		"the operator's own identity":         {byOperator(), "may not read with the operator's own identity;"},
		"a role by the operator's identity":   {byRole(), "may not read with the operator's own identity;"},
		"a ServiceAccount called as the word": {as("operator"), "may not read with ServiceAccount operator;"},
	} {
		t.Run(name, func(t *testing.T) {
			err := s.reading(test.auth)
			if test.refused == "" && err != nil {
				t.Errorf("refused: %v", err)
			}
			if test.refused != "" && (!refusedBy(err, policy) || !containsAll(err.Error(), []string{"namespace " + s.namespace + " " + test.refused,
				testenv.OperatorNamespace + "/" + policy + " allows it: payments-read, reports"})) {
				t.Errorf("got %v, want a refusal that mentions %q", err, test.refused)
			}
		})
	}
}

// TestListsOfServiceAccountsChange: a namespace without a list may use what the default allows; without any list
// nothing is allowed.
func TestListsOfServiceAccountsChange(t *testing.T) {
	s := newSetup(t)
	policy := s.unique("secretsync-service-accounts")
	s.enforce("service-accounts.yaml", map[string]string{"_others": "_operator else"}, func() error { return s.reading(as("payments-read")) })
	for name, auth := range map[string]v1alpha1.SourceAuth{
		"the operator's own identity": byOperator(), "a role by the operator's identity": byRole(), "a ServiceAccount": as("else"),
	} {
		if err := s.reading(auth); err != nil {
			t.Errorf("%s, which is for namespaces without a list: %v", name, err)
		}
	}
	lists := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: testenv.OperatorNamespace, Name: policy}}
	update := func(data map[string]string) {
		lists.Data = data
		if err := s.env.Client.Update(t.Context(), lists); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range map[string]map[string]string{"an empty list": {s.namespace: "", "_others": "_operator"}, "no list at all": {}} {
		// A refusal by the former list must not be mistaken for one by this list.
		update(map[string]string{"_others": "_operator else"})
		s.await("something is allowed before "+name, func() bool { return s.reading(byOperator()) == nil && s.reading(as("else")) == nil })
		update(data)
		s.await(name+" allows nothing, and says so", func() bool {
			err := s.reading(byOperator())
			return refusedBy(err, policy) && strings.Contains(err.Error(), "allows it: nothing") && refusedBy(s.reading(as("else")), policy)
		})
	}
	if err := s.env.Client.Delete(t.Context(), lists); err != nil {
		t.Fatal(err)
	}
	s.await("everything refused without the ConfigMap", func() bool {
		err := s.reading(as("payments-read"))
		return err != nil && strings.Contains(err.Error(), "no params found for policy binding")
	})
}
