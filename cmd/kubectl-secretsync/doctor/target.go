package doctor

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

func valueProperty(_ context.Context, s *subject) Finding {
	return broken(s.message, Fix{Edit, "correct property in spec.data, or set optional on the entry, or add the field to the value in AWS"})
}

func valueType(_ context.Context, s *subject) Finding {
	return broken(s.message, Fix{Edit, "correct the value in AWS, or the keys that are made of it"})
}

func valueTemplate(_ context.Context, s *subject) Finding {
	return broken(s.message, Fix{Edit, "correct the template, and try it by kubectl secretsync render"})
}

func valueGuard(_ context.Context, s *subject) Finding {
	return broken(s.message, Fix{Edit, "correct the value in AWS; the Secret keeps the last good one"}, Fix{Edit, "or change spec.guards"})
}

func targetThere(_ context.Context, s *subject) Finding {
	return broken(s.message,
		Fix{Command, fmt.Sprintf("kubectl create secret generic %s -n %s", s.TargetName(), s.Namespace)},
		s.edit(`{"spec":{"target":{"creationPolicy":"Owner"}}}`))
}

func targetConsent(_ context.Context, s *subject) Finding {
	consent := Fix{Command, fmt.Sprintf("kubectl annotate secret %s -n %s %s=%s", s.TargetName(), s.Namespace, v1alpha1.AnnotationMergeFrom, s.Name)}
	if strings.Contains(s.message, "names others") {
		consent = Fix{Edit, fmt.Sprintf("add %s, after a comma, to the annotation %s of Secret %s", s.Name, v1alpha1.AnnotationMergeFrom, s.TargetName())}
	}
	return broken(s.message, consent, s.edit(`{"spec":{"target":{"creationPolicy":"Owner","name":"`+s.TargetName()+`-synced"}}}`))
}

// contested says whether the operator waits before it writes again. Otherwise only an edit can help.
func (s *subject) contested() bool {
	return meta.IsStatusConditionTrue(s.Status.Conditions, v1alpha1.ConditionReconciling)
}

func targetFight(_ context.Context, s *subject) Finding {
	if !s.contested() {
		return ok("")
	}
	found := broken(s.message, Fix{Edit, "stop the other writer of the Secret"})
	if !s.Spec.Target.Merges() {
		found.Fix = append(found.Fix, s.rename())
	}
	return found
}

// rename writes another Secret.
func (s *subject) rename() Fix {
	return s.edit(`{"spec":{"target":{"name":"` + s.TargetName() + `-synced"}}}`)
}

// handOver is the command in a message that hands a key over.
var handOver = regexp.MustCompile(`"(kubectl annotate secret [^"]+)"`)

// keyConflict is a key of a Secret to merge into that another field manager holds. Another name would be that of no Secret.
func (s *subject) keyConflict() Finding {
	if found := handOver.FindStringSubmatch(s.message); found != nil {
		return broken(s.message, Fix{Command, found[1]}, Fix{Edit, "or choose another key in spec.data"})
	}
	return broken(s.message, Fix{Edit, "take the key that the message names out of this SecretSync, or out of its other owner"})
}

func targetOwner(ctx context.Context, s *subject) Finding {
	if s.Spec.Target.Merges() {
		return s.keyConflict()
	}
	found := broken(s.message, s.rename())
	secret := &metav1.PartialObjectMetadata{}
	secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	switch err := s.Cluster.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: s.TargetName()}, secret); {
	case apierrors.IsNotFound(err):
		return found
	case err != nil:
		return found.with(unchecked(err, Right{"kubernetes", "get", "secrets"}).Needs...)
	}
	if owner := secret.Annotations[v1alpha1.AnnotationOwner]; owner != "" && owner != s.Name {
		found.Evidence = fmt.Sprintf("Secret %s is that of SecretSync %s", secret.Name, owner)
	}
	return found
}

func targetImmutable(_ context.Context, s *subject) Finding {
	return broken(s.message, s.edit(`{"spec":{"target":{"replacePolicy":"Recreate"}}}`))
}

func targetSize(_ context.Context, s *subject) Finding {
	return broken(s.message, Fix{Edit, "take fewer keys by spec.data, or divide the SecretSync into several"})
}

func targetQuota(ctx context.Context, s *subject) Finding {
	var quotas corev1.ResourceQuotaList
	if err := s.Cluster.List(ctx, &quotas, client.InNamespace(s.Namespace)); err != nil {
		return unchecked(err, Right{"kubernetes", "list", "resourcequotas"})
	}
	for i := range quotas.Items {
		quota := &quotas.Items[i]
		for _, name := range []corev1.ResourceName{"count/secrets", "secrets"} { // Both count Secrets.
			hard, limits := quota.Spec.Hard[name]
			if used := quota.Status.Used[name]; limits && strings.Contains(s.message, `ResourceQuota "`+quota.Name+`"`) {
				more := hard.DeepCopy()
				more.Add(*resource.NewQuantity(1, resource.DecimalSI))
				return broken(fmt.Sprintf("ResourceQuota %s allows %s Secrets, and there are %s", quota.Name, hard.String(), used.String()),
					Fix{Command, fmt.Sprintf(`kubectl patch resourcequota %s -n %s --type=merge -p '{"spec":{"hard":{"%s":"%s"}}}'`, quota.Name, s.Namespace, name, more.String())})
			}
		}
	}
	return ok("")
}

func targetAdmission(_ context.Context, s *subject) Finding {
	return broken(s.message, Fix{Edit, "let the policy, webhook or quota that the message names allow the Secret, or change spec.target as it asks for"})
}

func targetRight(_ context.Context, s *subject) Finding {
	return broken(s.message, Fix{Edit, "grant the operator the permissions of its ClusterRole in namespace " + s.Namespace})
}

func targetWrite(_ context.Context, s *subject) Finding {
	return broken(s.message, Fix{Edit, "restore what the message names; the operator tries again by itself"})
}

func scopeRival(_ context.Context, s *subject) Finding {
	return broken(s.message, Fix{Edit, "give each operator SecretSyncs of its own, by --watch-namespaces or --watch-label-selector, or uninstall one"})
}

// condition is a condition about the present spec; nil if there is none.
func (s *subject) condition(kind string) *metav1.Condition {
	if !s.fresh {
		return nil
	}
	return meta.FindStatusCondition(s.Status.Conditions, kind)
}

func rotationHealth(_ context.Context, s *subject) Finding {
	health := s.condition(v1alpha1.ConditionRotationHealthy)
	switch {
	case health == nil, health.Status == metav1.ConditionUnknown:
		return absent("AWS does not rotate the secret")
	case health.Status == metav1.ConditionTrue:
		return ok(health.Message)
	}
	secret := s.secretIn(health.Message)
	found := warning(health.Message, s.aws("rotate-secret", &secret, "")) // The Secret is what AWS has.
	if health.Reason == v1alpha1.ReasonRotationTooOld {                   // AWS may not rotate the secret at all.
		rotate := found.Fix[0].Text
		found.Fix = []Fix{s.aws("put-secret-value", &secret, "--secret-string file://VALUE.json"), {Edit, "or, if AWS rotates it: " + rotate}}
	}
	found.Docs = docsPage + "#the-condition-rotationhealthy"
	return found
}

func rolloutRight(_ context.Context, s *subject) Finding {
	restarted := s.condition(v1alpha1.ConditionWorkloadsRestarted)
	switch {
	case restarted == nil, restarted.Status == metav1.ConditionUnknown:
		return absent("no workloads are to be restarted")
	case restarted.Reason == v1alpha1.ReasonRolloutForbidden, restarted.Reason == v1alpha1.ReasonRolloutFailed:
		found := broken(restarted.Message, Fix{Edit, "let the operator restart workloads (value rollouts.enabled of the chart, component rollouts), or correct the workload that the message names"})
		found.Docs = docsPage + "#the-condition-workloadsrestarted"
		return found
	}
	return ok(restarted.Message)
}
