package doctor

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/arns"
)

// Annotations of a ServiceAccount (IRSA).
const annotationRole, annotationAudience = "eks.amazonaws.com/role-arn", "eks.amazonaws.com/audience"

// audience is the one that AWS STS accepts by default.
const audience = "sts.amazonaws.com"

func rightAccounts() Right { return Right{"kubernetes", "get", "serviceaccounts"} }

// refusal is what AWS has refused; empty if it is not known.
func (s *subject) refusal() v1alpha1.RefusalStatus {
	if s.Status.Refusal == nil {
		return v1alpha1.RefusalStatus{}
	}
	return *s.Status.Refusal
}

// account is the name of the ServiceAccount of spec.auth; empty for none.
func (s *subject) account() string {
	if s.Spec.Auth.ServiceAccountRef == nil {
		return ""
	}
	return s.Spec.Auth.ServiceAccountRef.Name
}

// onAccount calls look with the ServiceAccount of spec.auth.
func (s *subject) onAccount(ctx context.Context, look func(*corev1.ServiceAccount) Finding) Finding {
	name := s.account()
	if name == "" {
		return absent("it reads with the operator's own identity")
	}
	account := &corev1.ServiceAccount{}
	switch err := s.Cluster.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: name}, account); {
	case apierrors.IsNotFound(err):
		return broken(fmt.Sprintf("there is no ServiceAccount %s in namespace %s", name, s.Namespace), Fix{Command, fmt.Sprintf("kubectl create serviceaccount %s -n %s", name, s.Namespace)})
	case err != nil:
		return unchecked(err, rightAccounts())
	}
	return look(account)
}

func accountThere(ctx context.Context, s *subject) Finding {
	return s.onAccount(ctx, func(*corev1.ServiceAccount) Finding { return ok("") })
}

func accountRole(ctx context.Context, s *subject) Finding {
	return s.onAccount(ctx, func(account *corev1.ServiceAccount) Finding {
		role := account.Annotations[annotationRole]
		parts := strings.SplitN(role, ":", 6)
		if arns.Account(role) != "" && len(parts) == 6 && parts[2] == "iam" && strings.HasPrefix(parts[5], "role/") {
			return ok(role)
		}
		evidence := fmt.Sprintf("ServiceAccount %s/%s names no role", account.Namespace, account.Name)
		if role != "" {
			evidence = fmt.Sprintf("the annotation %s of ServiceAccount %s/%s is not the ARN of a role", annotationRole, account.Namespace, account.Name)
		}
		return broken(evidence, Fix{Command, fmt.Sprintf("kubectl annotate serviceaccount %s -n %s --overwrite %s=ROLE_ARN", account.Name, account.Namespace, annotationRole)})
	})
}

func accountToken(ctx context.Context, s *subject) Finding {
	name := s.account()
	if name == "" {
		return absent("it reads with the operator's own identity")
	}
	mine, none := s.inScope(ctx)
	if none != nil {
		return *none
	}
	o := &mine[0]
	for _, attributes := range []authorizationv1.ResourceAttributes{
		{Namespace: s.Namespace, Verb: "get", Resource: "serviceaccounts", Name: name},
		{Namespace: s.Namespace, Verb: "create", Resource: "serviceaccounts", Subresource: "token", Name: name},
	} {
		allowed, err := s.may(ctx, o.user(), attributes)
		if err != nil {
			return unchecked(err, rightReview())
		}
		if !allowed {
			fixes := []Fix{s.bind(o, "secretsync-service-account-tokens"), {Edit, "add the component config/components/service-account-tokens, if there is no such ClusterRole"}}
			if o.byHelm() {
				fixes = []Fix{o.setValue("serviceAccountTokens.enabled=true"), {Edit, "add " + name + " to the value serviceAccountTokens.names, if it is set"}}
			}
			return broken(fmt.Sprintf("%s may not %s %s of ServiceAccount %s/%s", o.user(), attributes.Verb,
				cmp.Or(attributes.Subresource, "the object"), s.Namespace, name), fixes...)
		}
	}
	return ok("")
}

func accountAudience(ctx context.Context, s *subject) Finding {
	if s.refusal().Code != codeToken {
		return ok("")
	}
	return s.onAccount(ctx, func(account *corev1.ServiceAccount) Finding {
		asked := account.Annotations[annotationAudience]
		if asked == "" || asked == audience {
			return ok(audience)
		}
		return broken(fmt.Sprintf("AWS refuses tokens for the audience %s, which ServiceAccount %s/%s asks for", asked, account.Namespace, account.Name),
			Fix{Command, fmt.Sprintf("kubectl annotate serviceaccount %s -n %s %s-", account.Name, account.Namespace, annotationAudience)},
			Fix{Edit, "add the audience to the cluster's OIDC provider in IAM"})
	})
}

// codeToken is the code of AWS STS for a token that it does not accept.
const codeToken = "InvalidIdentityToken"

func operatorCredentials(ctx context.Context, s *subject) Finding {
	refused := s.refusal()
	if s.account() != "" || refused.Code != "" || refused.Action != "" {
		return ok("")
	}
	mine, none := s.inScope(ctx)
	if none != nil {
		return *none
	}
	o := &mine[0]
	account := &corev1.ServiceAccount{}
	switch err := s.Cluster.Get(ctx, client.ObjectKey{Namespace: o.Namespace, Name: o.account()}, account); {
	case apierrors.IsNotFound(err):
		return broken(fmt.Sprintf("the operator's ServiceAccount %s/%s does not exist", o.Namespace, o.account()), Fix{Edit, "create it as the chart or the manifests do, with its annotations"})
	case err != nil:
		return unchecked(err, rightAccounts())
	}
	role := account.Annotations[annotationRole]
	if role == "" {
		return ok("")
	}
	var pods corev1.PodList
	if err := s.Cluster.List(ctx, &pods, client.InNamespace(o.Namespace), client.MatchingLabels(o.Spec.Selector.MatchLabels)); err != nil {
		return unchecked(err, Right{"kubernetes", "list", "pods"})
	}
	for i := range pods.Items {
		if !mounts(&pods.Items[i]) {
			return broken(fmt.Sprintf("pod %s was created before ServiceAccount %s/%s was annotated with %s, or without EKS's webhook: it has no AWS_WEB_IDENTITY_TOKEN_FILE",
				pods.Items[i].Name, account.Namespace, account.Name, role), o.kubectl("rollout restart", ""))
		}
	}
	return ok("")
}

// mounts says whether a pod was given a token for AWS.
func mounts(pod *corev1.Pod) bool {
	for i := range pod.Spec.Containers {
		for _, variable := range pod.Spec.Containers[i].Env {
			if variable.Name == "AWS_WEB_IDENTITY_TOKEN_FILE" || variable.Name == "AWS_CONTAINER_CREDENTIALS_FULL_URI" {
				return true
			}
		}
	}
	return false
}

func provider(_ context.Context, s *subject) Finding {
	if s.refusal().Code != codeToken {
		return ok("")
	}
	return broken(s.message,
		Fix{Edit, "let IAM, in the account of the role, know the cluster's OIDC provider, with the audience " + audience + "; its issuer is in kubectl get --raw /.well-known/openid-configuration"},
		Fix{Command, "aws iam create-open-id-connect-provider --url ISSUER --client-id-list " + audience})
}

func clock(_ context.Context, s *subject) Finding {
	switch s.refusal().Code {
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture":
		return broken(s.message, Fix{Edit, "compare the clocks of the nodes, of the API server and of AWS"})
	}
	return ok("")
}

func stsReached(_ context.Context, s *subject) Finding {
	if refused := s.refusal(); refused.Code != "" || !strings.HasPrefix(refused.Action, "sts:") {
		return ok("")
	}
	return broken(s.message, Fix{Edit, "let the operator's pods reach AWS STS: look at NetworkPolicies, proxies and the VPC endpoint of STS"})
}

func credentialsUsable(_ context.Context, s *subject) Finding {
	if s.account() != "" || s.refusal().Code != "" {
		return broken(s.message, Fix{Edit, "correct what the message names"})
	}
	return broken(s.message, Fix{Edit, "give the operator credentials: annotate its ServiceAccount with " + annotationRole + " (IRSA), or associate it with a role (EKS Pod Identity)"})
}

func trustTags(_ context.Context, s *subject) Finding {
	refused := s.refusal()
	if refused.Action != "sts:TagSession" {
		return ok("")
	}
	return broken(fmt.Sprintf("%s may not tag the session of %s", cmp.Or(refused.Principal, "the identity"), cmp.Or(refused.Resource, "the role")),
		Fix{Edit, fmt.Sprintf("let the trust policy of %s allow sts:TagSession too", cmp.Or(refused.Resource, "the role"))},
		Fix{Edit, "or start the operator with --session-tags=false"})
}

func hopAllow(_ context.Context, s *subject) Finding {
	refused := s.refusal()
	if refused.Action != "sts:AssumeRole" || refused.Policy != "identity-based policy" {
		return ok("")
	}
	return broken(fmt.Sprintf("no policy of %s allows sts:AssumeRole on %s", refused.Principal, refused.Resource), s.put(refused.Principal, "-assume", statement("sts:AssumeRole", refused.Resource)))
}

func trustAllow(_ context.Context, s *subject) Finding {
	refused := s.refusal()
	fix := Fix{Command, "kubectl secretsync policy --trust -n " + s.Namespace}
	if _, path, is := strings.Cut(refused.Resource, ":role/"); is {
		fix.Text += " # put it by aws iam update-assume-role-policy --role-name " + path[strings.LastIndex(path, "/")+1:]
	}
	return broken(s.message, fix)
}
