package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/cmd/kubectl-secretsync/doctor"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// fault is something that is broken.
type fault struct {
	// cause breaks it, before the SecretSync is created. The spec reads the secret of the row.
	cause func(p *subject, spec *v1alpha1.SecretSyncSpec)
	// after breaks it once the SecretSync is synced.
	after func(p *subject)
	// reason is that of Ready; empty if the operator does not see the SecretSync.
	reason string
	// first is the check that names the cause.
	first string
	// fill has what stands in the fix for words in capitals.
	fill func(p *subject) map[string]string
	// hand does what a fix of kind Edit says.
	hand func(p *subject, fix doctor.Fix)
	// blind are checks that may be named by a caller who has half of the rights.
	blind []string
}

// object is a value with the key that templates and guards of the rows use.
const object = `{"username":"app","password":"` + hidden + `"}`

type specOf = v1alpha1.SecretSyncSpec

// edit changes the SecretSync as "kubectl edit" does.
func (p *subject) edit(change func(*v1alpha1.SecretSync)) {
	p.setup.Helper()
	found := p.get("db")
	before := found.DeepCopy()
	change(found)
	if err := shared.Client.Patch(p.setup.Context(), found, client.MergeFrom(before)); err != nil {
		p.setup.Fatal(err)
	}
}

// made creates an object in the namespace.
func (p *subject) made(object client.Object) {
	p.setup.Helper()
	object.SetNamespace(p.namespace)
	if err := shared.Client.Create(p.setup.Context(), object); err != nil {
		p.setup.Fatal(err)
	}
}

// account creates a ServiceAccount, and makes it read for the SecretSync.
func (p *subject) account(spec *specOf, annotations map[string]string) {
	p.setup.Helper()
	p.made(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "pay", Annotations: annotations}})
	spec.Auth.ServiceAccountRef = &v1alpha1.ServiceAccountReference{Name: "pay"}
}

// own is the role of the row's ServiceAccount; it may read all.
func (p *subject) own() string {
	return p.role("own-"+p.namespace, p.trustAccount("pay"), readAll)
}

// faultsOfIdentity are what may be wrong with who reads.
func faultsOfIdentity() map[string]fault {
	const unavailable, denied = v1alpha1.ReasonCredentialsUnavailable, v1alpha1.ReasonAssumeRoleDenied
	return map[string]fault{
		"the ServiceAccount does not exist": {
			cause: func(p *subject, spec *specOf) {
				p.put(object)
				spec.Auth.ServiceAccountRef = &v1alpha1.ServiceAccountReference{Name: "pay"}
			},
			reason: unavailable, first: "sa.there", blind: []string{"creds.usable"},
			hand: func(p *subject, _ doctor.Fix) {
				annotations := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, annotationRole, p.own())
				p.apply(doctor.Fix{Kind: doctor.Command, Text: "kubectl patch serviceaccount pay -n " + p.namespace + " -p '" + annotations + "'"}, nil)
			},
		},
		"the ServiceAccount names no role": {
			cause:  func(p *subject, spec *specOf) { p.put(object); p.account(spec, nil) },
			reason: unavailable, first: "sa.role", blind: []string{"creds.usable"},
			fill: func(p *subject) map[string]string { return map[string]string{"ROLE_ARN": p.own()} },
		},
		"the role is no ARN": {
			cause: func(p *subject, spec *specOf) {
				p.put(object)
				p.account(spec, map[string]string{annotationRole: "payments"})
			},
			reason: unavailable, first: "sa.role", blind: []string{"creds.usable"},
			fill: func(p *subject) map[string]string { return map[string]string{"ROLE_ARN": p.own()} },
		},
		"the audience is another one": {
			cause: func(p *subject, spec *specOf) {
				p.put(object)
				p.account(spec, map[string]string{annotationRole: p.own(), "eks.amazonaws.com/audience": "vault"})
			},
			reason: unavailable, first: "sa.audience", blind: []string{"oidc.provider"},
		},
		"the account does not know the cluster": {
			cause: func(p *subject, spec *specOf) {
				p.put(object)
				p.account(spec, map[string]string{annotationRole: "arn:aws:iam::" + otherAccount + ":role/far"})
			},
			reason: unavailable, first: "oidc.provider",
			hand: func(p *subject, _ doctor.Fix) {
				found := &corev1.ServiceAccount{}
				if err := shared.Client.Get(p.setup.Context(), clientKey(p.namespace, "pay"), found); err != nil {
					p.setup.Fatal(err)
				}
				found.Annotations[annotationRole] = p.own()
				if err := shared.Client.Update(p.setup.Context(), found); err != nil {
					p.setup.Fatal(err)
				}
			},
		},
		"the role trusts another ServiceAccount": {
			cause: func(p *subject, spec *specOf) {
				p.put(object)
				p.account(spec, map[string]string{annotationRole: p.role("own-"+p.namespace, p.trustAccount("other"), readAll)})
			},
			reason: denied, first: "trust.allow", hand: func(p *subject, _ doctor.Fix) { p.own() },
		},
		"the role does not allow tags": {
			cause: func(p *subject, spec *specOf) {
				p.put(object)
				spec.Auth.RoleARN = p.role("reach-"+p.namespace, trustUntagged, readAll)
			},
			reason: denied, first: "trust.tags", hand: func(p *subject, _ doctor.Fix) { p.role("reach-"+p.namespace, trustFully, readAll) },
		},
		"no policy allows the role": {
			cause: func(p *subject, spec *specOf) {
				p.put(object)
				spec.Auth.RoleARN = p.role("off-"+p.namespace, trustFully, readAll)
			},
			reason: denied, first: "hop.allow",
			hand: func(p *subject, _ doctor.Fix) { // The tags of the session need a right of their own.
				p.policies = append(p.policies, `{"Statement": {"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Resource": "*"}}`)
				p.applyPolicies()
			},
		},
	}
}

// faultsOfSecret are what may be wrong with a secret in AWS.
func faultsOfSecret() map[string]fault {
	return map[string]fault{
		"the secret does not exist": {
			cause:  func(*subject, *specOf) {},
			reason: v1alpha1.ReasonSecretNotFound, first: "sm.exists",
		},
		"the secret was recreated": {
			cause: func(p *subject, spec *specOf) {
				arn := p.put(object)
				spec.Source.SecretID = arn[:len(arn)-6] + "aaaaaa"
			},
			reason: v1alpha1.ReasonSecretNotFound, first: "sm.suffix", blind: []string{"sm.exists"},
		},
		"find matches nothing": {
			cause: func(p *subject, spec *specOf) {
				p.put(object)
				spec.DataFrom = []v1alpha1.DataFrom{{Find: &v1alpha1.Find{NamePrefix: "/doctor/none/"}}}
			},
			reason: v1alpha1.ReasonSecretNotFound, first: "sm.find",
			hand: func(p *subject, _ doctor.Fix) {
				p.edit(func(of *v1alpha1.SecretSync) { of.Spec.DataFrom = nil })
			},
		},
		"the secret is marked for deletion": {
			cause: func(p *subject, _ *specOf) {
				id := p.put(object)
				if _, err := p.admin.DeleteSecret(p.setup.Context(), &secretsmanager.DeleteSecretInput{SecretId: &id}); err != nil {
					p.setup.Fatal(err)
				}
			},
			reason: v1alpha1.ReasonSecretPendingDeletion, first: "sm.deleted",
		},
		"no version has the label": {
			cause:  func(p *subject, spec *specOf) { p.put(object); spec.Source.VersionStage = "BLUE" },
			reason: v1alpha1.ReasonVersionNotFound, first: "sm.label",
		},
		"the pinned version is gone": {
			cause: func(p *subject, spec *specOf) {
				p.put(object)
				spec.Source.VersionID = "713bb4ae-c082-4e3b-b5f1-e75e21d91762"
			},
			reason: v1alpha1.ReasonVersionNotFound, first: "sm.label",
		},
		"a pattern of the operator does not allow the secret": {
			cause:  func(p *subject, spec *specOf) { spec.Source.SecretID = "/off/" + p.namespace },
			reason: v1alpha1.ReasonPolicyDenied, first: "rules.pattern",
			hand: func(p *subject, _ doctor.Fix) {
				p.put(object)
				p.edit(func(of *v1alpha1.SecretSync) { of.Spec.Source.SecretID = p.secretID() })
			},
		},
		"the tag lists other namespaces": {
			cause:  func(p *subject, _ *specOf) { p.put(object, withTag("secretsync.dev/namespaces", "other")) },
			reason: v1alpha1.ReasonSecretNotFound, first: "rules.tag", blind: []string{"sm.exists"},
		},
		"the Secret would be a release of Helm": {
			cause:  func(p *subject, spec *specOf) { p.put(object); spec.Target.Name = "sh.helm.release.v1.db" },
			reason: v1alpha1.ReasonPolicyDenied, first: "tgt.type",
		},
	}
}

// faultsOfPermission are what may be wrong with permissions to read.
func faultsOfPermission() map[string]fault {
	const denied = v1alpha1.ReasonAccessDenied
	rule := func(first, because string) fault {
		return fault{
			cause:  func(p *subject, _ *specOf) { p.put(object); p.deny(because) },
			reason: denied, first: first, hand: func(p *subject, _ doctor.Fix) { p.permit() },
		}
	}
	key := func(p *subject) string {
		return "arn:aws:kms:" + localaws.DefaultRegion + ":" + accountHere + ":key/" + p.namespace
	}
	return map[string]fault{
		"no policy allows the read": {
			cause: func(p *subject, spec *specOf) {
				p.put(object)
				spec.Auth.RoleARN = p.role("reach-"+p.namespace, trustFully)
			},
			reason: denied, first: "iam.allow",
		},
		"a policy of the identity denies it": rule("iam.deny", "with an explicit deny in an identity-based policy"),
		"the organization denies it":         rule("iam.deny", "with an explicit deny in a service control policy"),
		"a resource control policy denies":   rule("iam.deny", "with an explicit deny in a resource control policy"),
		"the boundary does not allow it":     rule("iam.deny", "because no permissions boundary allows the secretsmanager:GetSecretValue action"),
		"the endpoint's policy denies it":    rule("net.vpce", "with an explicit deny in a VPC endpoint policy"),
		"the secret's policy denies it": {
			cause: func(p *subject, _ *specOf) {
				id := p.put(object)
				policy := `{"Statement": {"Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::` + accountHere + `:user/secretsync"}, "Action": "secretsmanager:*", "Resource": "*"}}`
				if _, err := p.admin.PutResourcePolicy(p.setup.Context(), &secretsmanager.PutResourcePolicyInput{SecretId: &id, ResourcePolicy: &policy}); err != nil {
					p.setup.Fatal(err)
				}
			},
			reason: denied, first: "sm.policy", hand: func(p *subject, fix doctor.Fix) {
				id := p.secretID()
				if !strings.Contains(fix.Text, "aws secretsmanager get-resource-policy --secret-id ") || !strings.Contains(fix.Text, id) {
					p.setup.Errorf("the fix does not show the policy: %s", fix.Text)
				}
				if _, err := p.admin.DeleteResourcePolicy(p.setup.Context(), &secretsmanager.DeleteResourcePolicyInput{SecretId: &id}); err != nil {
					p.setup.Error(err)
				}
			},
		},
		"the KMS key is not allowed": {
			cause: func(p *subject, spec *specOf) {
				p.put(object, withKey(key(p)))
				spec.Auth.RoleARN = p.role("reach-"+p.namespace, trustFully, readAll)
			},
			reason: v1alpha1.ReasonKMSAccessDenied, first: "kms.allow",
		},
		"the KMS key is disabled": {
			cause: func(p *subject, _ *specOf) {
				p.put(object, withKey(key(p)))
				p.aws.DisableKey(key(p), true)
			},
			reason: v1alpha1.ReasonDecryptionFailed, first: "kms.state", fill: func(p *subject) map[string]string { return map[string]string{"KMS_KEY_ID": key(p)} },
		},
	}
}

// faultsOfTarget are what may be wrong with the value and the Secret.
func faultsOfTarget() map[string]fault {
	correct := func(change func(spec *specOf)) func(*subject, doctor.Fix) {
		return func(p *subject, _ doctor.Fix) { p.edit(func(of *v1alpha1.SecretSync) { change(&of.Spec) }) }
	}
	with := func(content string, change func(spec *specOf)) func(*subject, *specOf) {
		return func(p *subject, spec *specOf) { p.put(content); change(spec) }
	}
	merge := func(spec *specOf) {
		spec.Target = v1alpha1.SecretTarget{Name: "host", CreationPolicy: v1alpha1.CreationPolicyMerge}
	}
	return map[string]fault{
		"a property is missing": {
			cause:  with(object, func(spec *specOf) { spec.Data = []v1alpha1.DataKey{{Key: "a", Property: "absent"}} }),
			reason: v1alpha1.ReasonPropertyNotFound, first: "val.property", hand: correct(func(spec *specOf) { spec.Data = nil }),
		},
		"the value is no JSON": {
			cause:  with(`{"password":"`+hidden, func(spec *specOf) { spec.Data = []v1alpha1.DataKey{{Key: "a", Property: "password"}} }),
			reason: v1alpha1.ReasonInvalidValue, first: "val.type", hand: correct(func(spec *specOf) { spec.Data = []v1alpha1.DataKey{{Key: "a"}} }),
		},
		"a template fails": {
			cause: with(object, func(spec *specOf) {
				spec.Template = &v1alpha1.Template{Data: map[string]string{"URL": "{{ .absent }}"}}
			}),
			reason: v1alpha1.ReasonTemplateFailed, first: "val.template", hand: correct(func(spec *specOf) { spec.Template = nil }),
		},
		"a guard rejects the value": {
			cause:  with(object, func(spec *specOf) { spec.Guards = &v1alpha1.Guards{RequiredKeys: []string{"absent"}} }),
			reason: v1alpha1.ReasonValueRejected, first: "val.guard", hand: correct(func(spec *specOf) { spec.Guards = nil }),
		},
		"the Secret to merge into does not exist": {
			cause:  with(object, merge),
			reason: v1alpha1.ReasonTargetNotFound, first: "tgt.there",
			hand: func(p *subject, _ doctor.Fix) {
				p.apply(doctor.Fix{Text: "kubectl annotate secret host -n " + p.namespace + " " + v1alpha1.AnnotationMergeFrom + "=db"}, nil)
			},
		},
		"the owner does not allow to merge": {
			cause: func(p *subject, spec *specOf) {
				p.put(object)
				merge(spec)
				p.made(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "host"}})
			},
			reason: v1alpha1.ReasonMergeNotAllowed, first: "tgt.consent",
		},
		"the Secret is another owner's": {
			cause: func(p *subject, _ *specOf) {
				p.put(object)
				p.made(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "db"}, StringData: map[string]string{"a": hidden}})
			},
			reason: v1alpha1.ReasonTargetConflict, first: "tgt.owner",
		},
		"the Secret is of another type": {
			cause: with(object, func(*specOf) {}),
			after: func(p *subject) {
				p.edit(func(of *v1alpha1.SecretSync) { of.Spec.Target.Type = string(corev1.SecretTypeBasicAuth) })
			},
			reason: v1alpha1.ReasonTargetImmutable, first: "tgt.immutable",
		},
		"the quota is used up": {
			cause: func(p *subject, _ *specOf) {
				p.put(object)
				p.made(&corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "few"}, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/secrets": resource.MustParse("0")}}})
				probe := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: p.namespace, GenerateName: "probe-"}}
				testsuite.Await(p.setup.T, "Secrets are refused", func() bool { return shared.Client.Create(p.setup.Context(), probe.DeepCopy(), client.DryRunAll) != nil }, func() string { return "" })
			},
			reason: v1alpha1.ReasonAdmissionDenied, first: "tgt.quota", blind: []string{"tgt.admission"},
		},
	}
}

// merged are rows of several tables.
func merged(t *testing.T, tables ...map[string]fault) map[string]fault {
	t.Helper()
	all := map[string]fault{}
	for _, table := range tables {
		for name, row := range table {
			if _, twice := all[name]; twice || strings.TrimSpace(name) == "" {
				t.Errorf("two rows are named %q", name)
			}
			all[name] = row
		}
	}
	return all
}
