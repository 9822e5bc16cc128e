package serviceaccount

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/controllers/source"
)

// Annotations of a ServiceAccount that EKS's webhook reads too.
const (
	annotationRole     = "eks.amazonaws.com/role-arn"
	annotationAudience = "eks.amazonaws.com/audience"
)

const (
	// defaultAudience is what IAM's OIDC provider of a cluster accepts by default.
	defaultAudience = "sts.amazonaws.com"
	// tokenLasts is the least that the API server grants: the token is used at once, and once.
	tokenLasts = 10 * time.Minute
	// roleMost is the longest ARN of a role that STS takes (page "AssumeRoleWithWebIdentity"), and audienceMost the
	// longest audience of an OIDC provider that IAM does (page "CreateOpenIDConnectProvider").
	roleMost, audienceMost = 2048, 255
)

// roleARN is what the CRD takes as spec.auth.roleARN too.
var roleARN = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$`)

// +kubebuilder:rbac:groups="",resources=serviceaccounts,verbs=get
// +kubebuilder:rbac:groups="",resources=serviceaccounts/token,verbs=create

// Tokens has tokens made. Nothing is kept of them: they are credentials.
type Tokens struct {
	// Live reads ServiceAccounts from the API server itself: few are ever read, and seldom.
	Live client.Reader
	// Client has tokens made.
	Client client.Client
}

var _ source.ServiceAccounts = (*Tokens)(nil)

// Look looks a ServiceAccount up, with the role and the audience that it names.
func (t *Tokens) Get(ctx context.Context, namespace, name string) (source.ServiceAccount, error) {
	account := &corev1.ServiceAccount{}
	if err := t.Live.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, account); err != nil {
		return source.ServiceAccount{}, explain(ctx, namespace, name, "read", err)
	}
	role := account.Annotations[annotationRole]
	if role == "" {
		return source.ServiceAccount{}, unavailable(source.ErrNoServiceAccount, "ServiceAccount %s/%s names no role: annotate it with %s=<ARN of an IAM role>", namespace, name, annotationRole)
	}
	audience := cmp.Or(account.Annotations[annotationAudience], defaultAudience)
	switch {
	case len(role) > roleMost || !roleARN.MatchString(role):
		return source.ServiceAccount{}, unavailable(source.ErrNoServiceAccount, "the annotation %s of ServiceAccount %s/%s is not the ARN of an IAM role, "+
			"as arn:aws:iam::111122223333:role/payments-read is one: correct it", annotationRole, namespace, name)
	case len(audience) > audienceMost:
		return source.ServiceAccount{}, unavailable(source.ErrNoServiceAccount, "the annotation %s of ServiceAccount %s/%s is longer than %d characters: correct it, or remove it",
			annotationAudience, namespace, name, audienceMost)
	}
	return source.ServiceAccount{UID: string(account.UID), RoleARN: role, Audience: audience}, nil
}

// Token has a token made for a ServiceAccount, and for no other one of its name: the API server refuses a request with
// another UID from Kubernetes 1.34 on (feature TokenRequestServiceAccountUIDValidation), and the token says whose it is.
func (t *Tokens) Token(ctx context.Context, namespace, name string, account source.ServiceAccount) (source.Value, error) {
	seconds, uid := int64(tokenLasts.Seconds()), types.UID(account.UID)
	request := &authenticationv1.TokenRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: uid},
		Spec:       authenticationv1.TokenRequestSpec{Audiences: []string{account.Audience}, ExpirationSeconds: &seconds},
	}
	asked := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: uid}}
	err := t.Client.SubResource("token").Create(ctx, asked, request)
	switch {
	case apierrors.IsConflict(err), err == nil && anothers(request.Status.Token, account.UID):
		return source.Value{}, unavailable(source.ErrNoServiceAccount, "ServiceAccount %s/%s was made again since it was looked up: it is looked up again by itself", namespace, name)
	case err != nil:
		return source.Value{}, explain(ctx, namespace, name, "have a token made for", err)
	}
	return source.TextValue(request.Status.Token), nil
}

// anothers says whether a token names another ServiceAccount's UID. One that cannot be read, AWS does not take either.
func anothers(token, uid string) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	var claims struct {
		Kubernetes struct {
			ServiceAccount struct {
				UID string `json:"uid"`
			} `json:"serviceaccount"`
		} `json:"kubernetes.io"`
	}
	content, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(content, &claims) != nil {
		return false
	}
	return claims.Kubernetes.ServiceAccount.UID != uid
}

// explain words a refusal of the API server. What ended with the caller's context is the context's error.
func explain(ctx context.Context, namespace, name, attempt string, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	switch {
	case apierrors.IsNotFound(err):
		return unavailable(err, "there is no ServiceAccount %s in namespace %s: create it, or correct spec.auth.serviceAccountRef", name, namespace)
	case apierrors.IsForbidden(err):
		return unavailable(err, "the operator may not %s ServiceAccount %s/%s: it is installed without that permission, or without it for this ServiceAccount or its audience; "+
			"give it (chart value serviceAccountTokens, or the component service-account-tokens)", attempt, namespace, name)
	}
	return unavailable(err, "the API server did not let the operator %s ServiceAccount %s/%s (%s): it is tried again by itself",
		attempt, namespace, name, apierrors.ReasonForError(err))
}

// unavailable keeps of the API server's answer its code and reason alone: the text, as of a webhook, may quote a token.
func unavailable(answer error, format string, arguments ...any) error {
	refusal := &source.Error{Kind: source.CredentialsUnavailable, Explanation: fmt.Sprintf(format, arguments...)}
	switch status, ok := errors.AsType[*apierrors.StatusError](answer); {
	case ok && (apierrors.IsNotFound(answer) || apierrors.IsForbidden(answer)):
		refusal.Cause = fmt.Errorf("%w: the API server answered %d %s", source.ErrNoServiceAccount, status.ErrStatus.Code, status.ErrStatus.Reason)
	case ok:
		refusal.Cause = fmt.Errorf("the API server answered %d %s", status.ErrStatus.Code, status.ErrStatus.Reason)
	case errors.Is(answer, source.ErrNoServiceAccount):
		refusal.Cause = source.ErrNoServiceAccount
	default:
		refusal.Cause = errors.New("the API server was not reached")
	}
	return refusal
}
