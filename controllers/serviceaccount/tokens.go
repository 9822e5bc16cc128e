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

// Annotations of a ServiceAccount, which EKS's webhook reads too.
const (
	annotationRole     = "eks.amazonaws.com/role-arn"
	annotationAudience = "eks.amazonaws.com/audience"
)

const (
	// defaultAudience is the audience that IAM's OIDC provider of a cluster accepts by default.
	defaultAudience = "sts.amazonaws.com"
	// tokenLifetime is the minimum that the API server grants. A token is used once, and at once.
	tokenLifetime = 10 * time.Minute
	// maxRole is the maximum length of a role's ARN in STS (page "AssumeRoleWithWebIdentity"), and maxAudience that
	// of an audience in IAM (page "CreateOpenIDConnectProvider").
	maxRole, maxAudience = 2048, 255
)

// roleARN matches the ARN of a role, as the CRD does for spec.auth.roleARN.
var roleARN = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$`)

// +kubebuilder:rbac:groups="",resources=serviceaccounts,verbs=get
// +kubebuilder:rbac:groups="",resources=serviceaccounts/token,verbs=create

// Tokens requests tokens of ServiceAccounts. It keeps no token: tokens are credentials. Safe for concurrent use.
type Tokens struct {
	// Live reads ServiceAccounts from the API server, without a cache: only few are read, and not often.
	Live client.Reader
	// Client requests tokens.
	Client client.Client
}

var _ source.ServiceAccounts = (*Tokens)(nil)

// Get reads a ServiceAccount, with the role and the audience that it names.
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
	case len(role) > maxRole || !roleARN.MatchString(role):
		return source.ServiceAccount{}, unavailable(source.ErrNoServiceAccount, "the annotation %s of ServiceAccount %s/%s is not the ARN of an IAM role, "+
			"for example arn:aws:iam::111122223333:role/payments-read: correct it", annotationRole, namespace, name)
	case len(audience) > maxAudience:
		return source.ServiceAccount{}, unavailable(source.ErrNoServiceAccount, "the annotation %s of ServiceAccount %s/%s is longer than %d characters: correct it, or remove it",
			annotationAudience, namespace, name, maxAudience)
	}
	return source.ServiceAccount{UID: string(account.UID), RoleARN: role, Audience: audience}, nil
}

// Token requests a token of a ServiceAccount, and of no other ServiceAccount of its name: from Kubernetes 1.34 on,
// the API server refuses a request with another UID (feature TokenRequestServiceAccountUIDValidation), and the token
// has the UID.
func (t *Tokens) Token(ctx context.Context, namespace, name string, account source.ServiceAccount) (source.Value, error) {
	seconds, uid := int64(tokenLifetime.Seconds()), types.UID(account.UID)
	request := &authenticationv1.TokenRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: uid},
		Spec:       authenticationv1.TokenRequestSpec{Audiences: []string{account.Audience}, ExpirationSeconds: &seconds},
	}
	subject := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: uid}}
	err := t.Client.SubResource("token").Create(ctx, subject, request)
	switch {
	case apierrors.IsConflict(err), err == nil && ofAnother(request.Status.Token, account.UID):
		return source.Value{}, unavailable(source.ErrNoServiceAccount, "ServiceAccount %s/%s was recreated since it was read: it is read again by itself", namespace, name)
	case err != nil:
		return source.Value{}, explain(ctx, namespace, name, "request a token of", err)
	}
	return source.TextValue(request.Status.Token), nil
}

// ofAnother says whether a token has the UID of another ServiceAccount. AWS refuses a token that cannot be parsed.
func ofAnother(token, uid string) bool {
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

// explain adds to an error of the API server what to do about it. If the caller's context has ended, it returns the
// context's error.
func explain(ctx context.Context, namespace, name, action string, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	switch {
	case apierrors.IsNotFound(err):
		return unavailable(err, "there is no ServiceAccount %s in namespace %s: create it, or correct spec.auth.serviceAccountRef", name, namespace)
	case apierrors.IsForbidden(err):
		return unavailable(err, "the operator may not %s ServiceAccount %s/%s: it is installed without that permission, or without it for this ServiceAccount or its audience; "+
			"grant it (chart value serviceAccountTokens, or the component service-account-tokens)", action, namespace, name)
	}
	return unavailable(err, "the API server did not let the operator %s ServiceAccount %s/%s (%s): it is tried again by itself",
		action, namespace, name, apierrors.ReasonForError(err))
}

// unavailable is the error for a ServiceAccount that gives no credentials. Its cause has the code and the reason of
// the API server's answer, and not the text, which may quote a token, for example if it comes from a webhook.
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
