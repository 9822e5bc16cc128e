package doctor

import (
	"context"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// check looks at one thing.
type check struct {
	id, about string
	// reasons are those of Ready that the check may explain. Without reasons it always looks.
	reasons []string
	// beside says that what the check finds is no consequence of what others have found.
	beside bool
	look   func(context.Context, *subject) Finding
}

// About is a check for a list of them.
type About struct {
	ID    string `json:"id"`
	About string `json:"about"`
}

// All are all checks, in their order.
func All() (all []About) {
	for _, c := range checks() {
		all = append(all, About{c.id, c.about})
	}
	return all
}

// checks are all checks, causes before their effects. Of those for a reason, the last one explains what the others do
// not: it is broken whenever it looks.
func checks() []check {
	const (
		denied, credentials, role   = v1alpha1.ReasonAccessDenied, v1alpha1.ReasonCredentialsUnavailable, v1alpha1.ReasonAssumeRoleDenied
		notFound, rule, kms, source = v1alpha1.ReasonSecretNotFound, v1alpha1.ReasonPolicyDenied, v1alpha1.ReasonKMSAccessDenied, v1alpha1.ReasonSourceFailed
	)
	by := func(reasons ...string) []string { return reasons }
	return []check{
		{id: "crd.version", about: "the CRD has all fields that this version knows", reasons: by(v1alpha1.ReasonInvalidSpec), look: crdVersion},
		{id: "obj.spec", about: "the operator can read the spec", reasons: by(v1alpha1.ReasonInvalidSpec), look: objectSpec},
		{id: "op.there", about: "an operator is installed", look: operatorThere},
		{id: "scope.namespace", about: "an operator watches the namespace", look: scopeNamespace},
		{id: "scope.shard", about: "one operator selects the SecretSync", look: scopeShard},
		{id: "op.pod", about: "a pod of the operator is available", look: operatorPod},
		{id: "op.leader", about: "a replica leads", look: operatorLeader},
		{id: "op.rbac", about: "roles allow the operator to write", look: operatorRBAC},
		{id: "obj.mode", about: "the SecretSync is not suspended", look: objectMode},
		{id: "obj.seen", about: "the operator has handled the present spec", look: objectSeen},
		{id: "sa.there", about: "the ServiceAccount of spec.auth exists", reasons: by(credentials), look: accountThere},
		{id: "sa.role", about: "the ServiceAccount names a role", reasons: by(credentials), look: accountRole},
		{id: "sa.token", about: "the operator may request tokens of the ServiceAccount", reasons: by(credentials), look: accountToken},
		{id: "sa.audience", about: "AWS accepts the audience of the ServiceAccount's tokens", reasons: by(credentials), look: accountAudience},
		{id: "irsa.mount", about: "the operator's pod was given credentials", reasons: by(credentials), look: operatorCredentials},
		{id: "oidc.provider", about: "AWS accepts tokens of the cluster", reasons: by(credentials), look: provider},
		{id: "creds.clock", about: "AWS and the cluster agree on the time", reasons: by(credentials), look: clock},
		{id: "net.sts", about: "AWS STS answers", reasons: by(credentials), look: stsReached},
		{id: "creds.usable", about: "AWS accepts the credentials", reasons: by(credentials), look: credentialsUsable},
		{id: "trust.tags", about: "trust policies allow session tags", reasons: by(role), look: trustTags},
		{id: "hop.allow", about: "a role may assume the next one", reasons: by(role), look: hopAllow},
		{id: "trust.allow", about: "trust policies allow to assume the role", reasons: by(role), look: trustAllow},
		{id: "net.throttle", about: "AWS does not throttle", reasons: by(v1alpha1.ReasonThrottled), look: throttle},
		{id: "net.sm", about: "Secrets Manager answers", reasons: by(v1alpha1.ReasonRegionUnavailable), look: managerReached},
		{id: "tgt.type", about: "the Secret hands out no credentials of Kubernetes", reasons: by(rule), look: targetType},
		{id: "rules.tag", about: "the secret's tag allows the namespace", reasons: by(rule, notFound), look: rulesTag},
		{id: "rules.pattern", about: "the operator's name patterns allow the secret", reasons: by(rule), look: rulesPattern},
		{id: "sm.find", about: "find matches neither too few secrets nor too many", reasons: by(v1alpha1.ReasonFindTooBroad, notFound), look: managerFind},
		{id: "sm.suffix", about: "the ARN is that of the present secret", reasons: by(notFound), look: managerSuffix},
		{id: "sm.exists", about: "the secret exists", reasons: by(notFound), look: managerExists},
		{id: "sm.deleted", about: "the secret is not marked for deletion", reasons: by(v1alpha1.ReasonSecretPendingDeletion), look: managerDeleted},
		{id: "sm.label", about: "a version has the staging label or id", reasons: by(v1alpha1.ReasonVersionNotFound), look: managerLabel},
		{id: "net.vpce", about: "the policy of the VPC endpoint allows the read", reasons: by(denied), look: endpointPolicy},
		{id: "sm.policy", about: "the resource policy of the secret allows the read", reasons: by(denied), look: resourcePolicy},
		{id: "iam.deny", about: "no policy denies the read", reasons: by(denied), look: iamDeny},
		{id: "iam.allow", about: "a policy of the identity allows the read", reasons: by(denied), look: iamAllow},
		{id: "kms.managed", about: "the KMS key can be used from another account", reasons: by(kms, source), look: kmsManaged},
		{id: "kms.allow", about: "the identity may decrypt by the KMS key", reasons: by(kms), look: kmsAllow},
		{id: "kms.state", about: "the KMS key is enabled", reasons: by(v1alpha1.ReasonDecryptionFailed), look: kmsState},
		{id: "sm.answer", about: "Secrets Manager accepts the request", reasons: by(source), look: managerAnswer},
		{id: "val.property", about: "the value has each property", reasons: by(v1alpha1.ReasonPropertyNotFound), look: valueProperty},
		{id: "val.type", about: "the value can be converted", reasons: by(v1alpha1.ReasonInvalidValue), look: valueType},
		{id: "val.template", about: "the templates work with the value", reasons: by(v1alpha1.ReasonTemplateFailed), look: valueTemplate},
		{id: "val.guard", about: "guards accept the value", reasons: by(v1alpha1.ReasonValueRejected), look: valueGuard},
		{id: "tgt.there", about: "the Secret to merge into exists", reasons: by(v1alpha1.ReasonTargetNotFound), look: targetThere},
		{id: "tgt.consent", about: "the owner of the Secret allows to merge into it", reasons: by(v1alpha1.ReasonMergeNotAllowed), look: targetConsent},
		{id: "tgt.fight", about: "no other field manager undoes the writes", reasons: by(v1alpha1.ReasonTargetConflict), look: targetFight},
		{id: "tgt.owner", about: "the SecretSync manages the Secret", reasons: by(v1alpha1.ReasonTargetConflict), look: targetOwner},
		{id: "tgt.immutable", about: "Kubernetes allows to change the Secret", reasons: by(v1alpha1.ReasonTargetImmutable), look: targetImmutable},
		{id: "tgt.size", about: "the Secret has at most 1 MiB", reasons: by(v1alpha1.ReasonTargetTooLarge), look: targetSize},
		{id: "tgt.quota", about: "the quota has room for the Secret", reasons: by(v1alpha1.ReasonAdmissionDenied), look: targetQuota},
		{id: "tgt.admission", about: "admission policies and webhooks allow the Secret", reasons: by(v1alpha1.ReasonAdmissionDenied), look: targetAdmission},
		{id: "tgt.right", about: "the operator may write the Secret", reasons: by(v1alpha1.ReasonTargetForbidden), look: targetRight},
		{id: "tgt.write", about: "the API server writes the Secret", reasons: by(v1alpha1.ReasonTargetFailed), look: targetWrite},
		{id: "scope.rival", about: "one operator writes the SecretSync", reasons: by(v1alpha1.ReasonOperatorConflict), look: scopeRival},
		{id: "rot.health", about: "AWS rotates the secret as planned", beside: true, look: rotationHealth},
		{id: "roll.right", about: "the operator may restart workloads", beside: true, look: rolloutRight},
	}
}
