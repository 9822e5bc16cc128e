package tenants

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// object is a part of a manifest.
type object = map[string]any

// attack is a SecretSync by which tenant "mallory" tries to read or change what belongs to tenant "mallory2".
type attack struct {
	spec object
	// refused are the allowed reasons of Ready. If there are none, the API server must refuse the manifest.
	refused []string
	// own are the keys of the Secret, all from the attacker's own secrets, for a manifest that is accepted and
	// harmless.
	own []string
}

// reading is an attack by the secret that is read.
func reading(secretID string, auth object, refused ...string) attack {
	return attack{spec: object{"source": object{"secretID": secretID}, "auth": auth}, refused: refused}
}

// from is an attack by other fields of the source.
func from(source object, refused ...string) attack {
	return attack{spec: object{"source": source}, refused: refused}
}

// to is an attack by where a secret is written that the attacker may read.
func to(own string, spec object, refused ...string) attack {
	whole := object{"source": object{"secretID": own}}
	maps.Copy(whole, spec)
	return attack{spec: whole, refused: refused}
}

func byRole(arn string, more ...string) object {
	auth := object{"roleARN": arn}
	for i := 0; i < len(more); i += 2 {
		auth[more[i]] = more[i+1]
	}
	return auth
}

func byServiceAccount(name string) object { return object{"serviceAccountRef": object{"name": name}} }

const (
	policyDenied, accessDenied, assumeDenied = v1alpha1.ReasonPolicyDenied, v1alpha1.ReasonAccessDenied, v1alpha1.ReasonAssumeRoleDenied
	unavailable, notFound                    = v1alpha1.ReasonCredentialsUnavailable, v1alpha1.ReasonSecretNotFound
)

// byTheOperatorsIdentity tries to read with the operator's own permissions.
func byTheOperatorsIdentity(setup *attackSetup) map[string]attack {
	theirs := setup.victim
	return map[string]attack{
		"their secret's name":                        reading(theirs.secretID, nil, policyDenied),
		"its full ARN":                               reading(theirs.arn, nil, policyDenied),
		"its partial ARN":                            reading(theirs.arn[:len(theirs.arn)-7], nil, policyDenied),
		"the ARN of its replica":                     reading(strings.Replace(theirs.arn, "eu-west-1", otherRegion, 1), nil, policyDenied),
		"the region of its replica":                  from(object{"secretID": theirs.secretID, "region": otherRegion}, policyDenied),
		"its name in capitals":                       reading(strings.ToUpper(theirs.secretID), nil, policyDenied),
		"a version of it":                            from(object{"secretID": theirs.secretID, "versionID": theirs.version}, policyDenied),
		"another label of it":                        from(object{"secretID": theirs.secretID, "versionStage": "AWSPREVIOUS"}, policyDenied),
		"a path that goes up from their own":         reading("/"+setup.attacker.namespace+"/../"+theirs.namespace+"/db", nil, notFound),
		"a wildcard":                                 reading("/*/db", nil),
		"a variable":                                 reading("/{namespace}/db", nil),
		"a line break behind their own":              reading(setup.attacker.secretID+"\n"+theirs.secretID, nil),
		"an ARN of another service":                  reading("arn:aws:ssm:eu-west-1:111122223333:parameter"+theirs.secretID, nil),
		"a secret of theirs in another account":      reading(setup.abroad, nil, policyDenied),
		"a shared secret that is tagged as theirs":   reading("/shared/tagged", nil, notFound),
		"another label of such a secret":             from(object{"secretID": "/shared/tagged", "versionStage": "blue"}, notFound),
		"the same by its ARN and a role of the hub":  reading(setup.tagged, byRole(setup.hub), notFound),
		"their secret, with a role of their own too": reading(theirs.secretID, byRole(setup.attacker.direct), policyDenied),
	}
}

// byRoles tries roles of other tenants, on top of the operator's identity or of the attacker's ServiceAccount.
func byRoles(setup *attackSetup) map[string]attack {
	own, theirs := setup.attacker, setup.victim
	return map[string]attack{
		"their role":                                reading("/shared/any", byRole(theirs.direct), assumeDenied),
		"their role, with its external id":          reading("/shared/any", byRole(setup.external, "externalID", "known"), assumeDenied),
		"their role, through the hub":               reading("/shared/any", object{"roleARN": setup.behindHub, "viaRoleARNs": []any{setup.hub}}, assumeDenied),
		"their role, through their ServiceAccount":  reading("/shared/any", object{"roleARN": theirs.direct, "serviceAccountRef": object{"name": "app"}}, assumeDenied),
		"the role of their ServiceAccount":          reading("/shared/any", byRole(theirs.web), assumeDenied),
		"the role of all, for a secret of theirs":   reading("/shared/abac", byRole(setup.hub), accessDenied),
		"session tags in the external id":           reading("/shared/any", byRole(theirs.direct, "externalID", "x&Tags.member.1.Value="+theirs.namespace)),
		"a role that is no role":                    reading("/shared/any", byRole("arn:aws:iam::111122223333:user/operator")),
		"a field that would set tags":               {spec: object{"source": object{"secretID": own.secretID}, "auth": object{"roleARN": theirs.direct, "sessionTags": object{"kubernetes-namespace": theirs.namespace}}}},
		"an external id without a role":             reading(theirs.secretID, object{"externalID": "known"}),
		"roles on the way to none":                  reading(theirs.secretID, object{"viaRoleARNs": []any{theirs.direct}}),
		"their role by their own ServiceAccount":    reading(theirs.arn, byServiceAccount("greedy"), assumeDenied),
		"a ServiceAccount of their own, their name": reading(theirs.arn, byServiceAccount("app"), accessDenied),
	}
}

// byServiceAccounts tries the ServiceAccounts of other tenants, and tokens with other audiences.
func byServiceAccounts(setup *attackSetup) map[string]attack {
	theirs := setup.victim
	return map[string]attack{
		"one that is theirs alone":        reading(theirs.arn, byServiceAccount("theirs"), unavailable),
		"their namespace before its name": reading(theirs.arn, byServiceAccount(theirs.namespace+"/theirs")),
		"its full name":                   reading(theirs.arn, byServiceAccount("system:serviceaccount:"+theirs.namespace+":theirs")),
		"a path to it":                    reading(theirs.arn, byServiceAccount("../../"+theirs.namespace+"/serviceaccounts/theirs")),
		"a field for its namespace":       reading(theirs.arn, object{"serviceAccountRef": object{"name": "theirs", "namespace": theirs.namespace}}),
		"a token for the API server":      reading(theirs.arn, byServiceAccount("cluster"), unavailable),
		"the region of the replica":       {spec: object{"source": object{"secretID": theirs.secretID, "region": otherRegion}, "auth": byServiceAccount("app")}, refused: []string{accessDenied}},
		"a secret of theirs, in any case": reading("/shared/abac", byServiceAccount("app"), accessDenied),
	}
}

// byTargets tries to write Secrets of other owners, or Secrets that other controllers would act on.
func byTargets(setup *attackSetup) map[string]attack {
	own, theirs := setup.attacker.secretID, setup.victim
	target := func(fields object, refused ...string) attack { return to(own, object{"target": fields}, refused...) }
	return map[string]attack{
		"their namespace in the target's name": target(object{"name": theirs.namespace + "/own"}),
		"a path in the target's name":          target(object{"name": "../" + theirs.namespace + "/own"}),
		"a field for the target's namespace":   target(object{"name": "own", "namespace": theirs.namespace}),
		"a token of a ServiceAccount":          target(object{"type": "kubernetes.io/service-account-token", "annotations": object{"kubernetes.io/service-account.name": "app"}}),
		"an annotation that names an account":  target(object{"annotations": object{"kubernetes.io/service-account.name": "app"}}),
		"a bootstrap token":                    target(object{"type": "bootstrap.kubernetes.io/token"}),
		"a release of Helm":                    target(object{"type": "helm.sh/release.v1"}),
		"a mark of ownership":                  target(object{"annotations": object{"secretsync.dev/owner": "other"}}),
		"the operator's label":                 target(object{"labels": object{"secretsync.dev/managed": "true"}}),
		"a field for owner references":         target(object{"ownerReferences": []any{object{"kind": "Secret", "name": "own"}}}),
		"a Secret of another owner":            target(object{"name": "taken"}, v1alpha1.ReasonTargetConflict),
	}
}

// attackSetup has the two tenants of the attacks, and what the attacker must not get.
type attackSetup struct {
	attacker, victim *tenant
	// hub is a role for every namespace, which reads secrets that are tagged for the namespace. behindHub trusts hub
	// for the victim's namespace; external trusts the operator with an external ID.
	hub, behindHub, external string
	// tagged is shared with the victim alone, by the tag of the operator's rules; abroad is a secret of the victim in
	// another account.
	tagged, abroad string
	values         []string
}

func newAttackSetup(t *testing.T) *attackSetup {
	t.Helper()
	// The victim's name begins with the attacker's.
	setup := &attackSetup{attacker: newTenant(t, "mallory"), victim: newTenant(t, "mallory2")}
	abac := `{"Statement": {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*",
		"Condition": {"StringEquals": {"secretsmanager:ResourceTag/kubernetes-namespace": "${aws:PrincipalTag/kubernetes-namespace}"}}}}`
	assume := `{"Statement": {"Effect": "Allow", "Action": "sts:*", "Resource": "*"}}`
	setup.hub = setup.victim.role("hub", trustRole(operator, ""), abac, assume)
	setup.behindHub = setup.victim.role("behind", trustRole(setup.hub, `"StringEquals": {"aws:PrincipalTag/kubernetes-namespace": "mallory2"}`), abac)
	setup.external = setup.victim.role("external", trustRole(operator, `"StringEquals": {"sts:ExternalId": "known", "aws:RequestTag/kubernetes-namespace": "mallory2"}`), abac)
	setup.attacker.account("greedy", map[string]string{"eks.amazonaws.com/role-arn": setup.victim.web})
	setup.attacker.account("cluster", map[string]string{"eks.amazonaws.com/role-arn": setup.attacker.web, "eks.amazonaws.com/audience": "https://kubernetes.default.svc"})
	setup.victim.account("theirs", map[string]string{"eks.amazonaws.com/role-arn": setup.victim.web})
	setup.attacker.create(&corev1.Secret{ObjectMeta: metaOf("mallory", "taken"), Data: map[string][]byte{"value": []byte("theirs")}})

	setup.values = []string{setup.victim.value, value(), value(), value(), value(), value()}
	setup.tagged, _ = createSecret(t, setup.victim.aws, "/shared/tagged", setup.values[1], "secretsync.dev/namespaces", "mallory2 others", "kubernetes-namespace", "mallory")
	createSecret(t, setup.victim.aws, "/shared/abac", setup.values[2], "kubernetes-namespace", "mallory2")
	createSecret(t, setup.victim.aws, "/shared/any", value())
	foreign := awsClient("foreign")
	setup.abroad, _ = createSecret(t, foreign, "/mallory2/abroad", setup.values[3])
	account := `{"Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "secretsmanager:*", "Resource": "*"}}`
	if _, err := foreign.PutResourcePolicy(t.Context(), &secretsmanager.PutResourcePolicyInput{SecretId: &setup.abroad, ResourcePolicy: &account}); err != nil {
		t.Fatal(err)
	}
	// Both have a secret with a tag of the same text, and the victim one with fields.
	setup.victim.secret("red", `{"password":"`+setup.values[4]+`"}`, "team", "red", "owner", "mallory2")
	setup.victim.secret("plain", setup.values[5], "team", "red", "owner", "mallory2")
	setup.attacker.secret("red", `{"mine":"`+value()+`"}`, "team", "red")
	setup.attacker.forbidden = setup.values
	region := otherRegion
	if _, err := setup.victim.aws.ReplicateSecretToRegions(t.Context(), &secretsmanager.ReplicateSecretToRegionsInput{
		SecretId: &setup.victim.arn, AddReplicaRegions: []types.ReplicaRegionType{{Region: &region}}}); err != nil {
		t.Fatal(err)
	}
	return setup
}

// TestNoTenantGetsAtAnothers: whatever a tenant writes into a SecretSync, no identity reads a secret of another tenant
// for it, and no Secret of another tenant is written.
func TestNoTenantGetsAtAnothers(t *testing.T) {
	setup := newAttackSetup(t)
	setup.victim.sync("own", setup.victim.secretID, v1alpha1.SourceAuth{})
	setup.victim.awaitValue("own", setup.victim.value)
	before := secrets(t, "")
	tried := 0
	for kind, attacks := range map[string]map[string]attack{
		"by the operator's identity": byTheOperatorsIdentity(setup), "by roles": byRoles(setup), "by ServiceAccounts": byServiceAccounts(setup), "by targets": byTargets(setup),
		"by sources": bySources(setup), "by find": byFind(setup), "by templates": byTemplates(setup), "by other shapes": byShapes(setup),
	} {
		for name, a := range attacks {
			tried++
			t.Run(kind+": "+name, func(t *testing.T) {
				shared.AWS.ResetCalls()
				setup.attacker.T = t
				setup.attacker.attack(a)
				for _, call := range shared.AWS.Calls() {
					for _, arn := range call.Read {
						if !strings.Contains(arn, ":secret:/mallory/") {
							t.Errorf("%s has read %s", call.Principal, arn)
						}
					}
				}
				if a.own != nil {
					// The operator may see the deletion of the Secret before that of the SecretSync, and recreate the
					// Secret; the garbage collector deletes it again.
					await(t, "the Secret of the attack is gone for good", func() bool { return len(difference(before, secrets(t, ""))) == 0 })
				}
				if touched := difference(before, secrets(t, "")); len(touched) > 0 {
					t.Errorf("touched were Secrets %v", touched)
				}
			})
		}
	}
	if tried < 110 {
		t.Errorf("only %d attacks were tried", tried)
	}
	for _, content := range setup.values {
		if where := secrets(t, content); len(where) > 1 || len(where) == 1 && where["mallory2/own"] == "" {
			t.Errorf("a value of the victim's is in %v", slices.Sorted(maps.Keys(where)))
		}
	}
}

// attack creates the SecretSync, checks that it is refused, and deletes it.
func (s *tenant) attack(a attack) {
	s.Helper()
	made := &unstructured.Unstructured{Object: object{"metadata": object{"name": "attack", "namespace": s.namespace}, "spec": a.spec}}
	made.SetGroupVersionKind(schema.GroupVersionKind{Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version, Kind: "SecretSync"})
	if a.spec["auth"] == nil || len(a.spec["auth"].(object)) == 0 {
		delete(a.spec, "auth")
	}
	err := shared.Client.Create(s.Context(), made, client.FieldValidation("Strict"))
	if len(a.refused) == 0 {
		if err == nil {
			s.Error("the API server accepts it")
			_ = shared.Client.Delete(s.Context(), made)
		}
		return
	}
	if err != nil {
		s.Fatal(err)
	}
	defer func() {
		if err := client.IgnoreNotFound(shared.Client.Delete(s.Context(), made)); err != nil {
			s.Error(err)
		}
		await(s.T, "the SecretSync is gone", func() bool { // A SecretSync that merges has a finalizer.
			return apierrors.IsNotFound(shared.Client.Get(s.Context(), client.ObjectKeyFromObject(made), made))
		})
	}()
	s.Log(s.awaitReason("attack", a.refused...))
	if a.own != nil {
		s.mustHoldItsOwn(a.own)
	}
}

// mustHoldItsOwn checks that the Secret of an attack has these keys alone, and deletes it.
func (s *tenant) mustHoldItsOwn(keys []string) {
	s.Helper()
	found := &corev1.Secret{ObjectMeta: metaOf(s.namespace, "attack")}
	if err := shared.Client.Get(s.Context(), client.ObjectKeyFromObject(found), found); err != nil {
		s.Fatal(err)
	}
	if has := slices.Sorted(maps.Keys(found.Data)); !slices.Equal(has, keys) {
		s.Errorf("the Secret has the keys %v, want %v", has, keys)
	}
	for key, held := range found.Data {
		if slices.ContainsFunc(s.forbidden, func(content string) bool { return strings.Contains(string(held), content) }) {
			s.Errorf("key %s has a value of the victim", key)
		}
	}
	// The SecretSync is deleted first, or it would recreate the Secret.
	if err := shared.Client.Delete(s.Context(), &v1alpha1.SecretSync{ObjectMeta: found.ObjectMeta}); err != nil {
		s.Error(err)
	}
	await(s.T, "the Secret of the attack is gone", func() bool {
		_, there := secrets(s.T, "")[s.namespace+"/attack"]
		return !there
	})
}

// difference are the Secrets that were written, and those of the two tenants that are gone. Secrets of other namespaces
// may still be deleted after their own tests.
func difference(before, after map[string]string) (touched []string) {
	for name, version := range after {
		if before[name] != version {
			touched = append(touched, name)
		}
	}
	for name := range before {
		if _, there := after[name]; !there && strings.HasPrefix(name, "mallory") {
			touched = append(touched, name)
		}
	}
	return touched
}

// secrets are the resource versions of all Secrets, or of those that hold a value, by namespace and name.
func secrets(t *testing.T, content string) map[string]string {
	t.Helper()
	var all corev1.SecretList
	if err := shared.Client.List(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, secret := range all.Items {
		holds := content == ""
		for _, held := range secret.Data {
			holds = holds || strings.Contains(string(held), content)
		}
		if holds {
			found[secret.Namespace+"/"+secret.Name] = secret.ResourceVersion
		}
	}
	return found
}
