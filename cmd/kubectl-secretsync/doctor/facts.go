package doctor

import (
	"context"
	"errors"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// Facts are what is read for the checks, each thing once. It is not safe for concurrent use.
type Facts struct {
	// Cluster has the rights of the caller.
	Cluster client.Client
	// OperatorNamespace is where the operator is looked for if the caller may not look in all namespaces.
	OperatorNamespace string
	// AWS is what the caller may see there; nil if it is not asked, for the reason NoAWS.
	AWS   AWS
	NoAWS string
	// Applied names who applies an object from Git, and so reverts changes of its spec; empty for no such owner.
	Applied func(*v1alpha1.SecretSync) string
	// Policy is the least IAM policy for a SecretSync, as JSON; empty if it is not known. With described it allows to describe
	// the secrets, which the operator's rules about tags need.
	Policy func(ctx context.Context, secretSync *v1alpha1.SecretSync, account string, described bool) string

	operators memo[[]operator]
	schema    memo[map[string]any]
	reviews   map[string]memo[bool]
}

// AWS is what the checks ask.
type AWS interface {
	// Describe describes a secret, and reads no value. Its errors are ErrNoSecret, ErrDenied, and others that say why the secret
	// was not checked.
	Describe(ctx context.Context, id, region string) (*Described, error)
}

// ErrNoSecret means that AWS has no such secret.
var ErrNoSecret = errors.New("AWS has no such secret")

// ErrDenied means that the caller may not describe the secret.
var ErrDenied = errors.New("you may not describe the secret")

// Described is what AWS says of a secret.
type Described struct {
	ARN string
	// Key is its KMS key; empty for that of AWS.
	Key  string
	Tags map[string]string
	// Labels are its staging labels, sorted.
	Labels []string
}

// rightDescribe is the right to describe a secret.
func rightDescribe(id string) Right { return Right{"aws", "secretsmanager:DescribeSecret", id} }

// memo keeps an answer.
type memo[T any] struct {
	asked bool
	value T
	err   error
}

func (m *memo[T]) get(ask func() (T, error)) (T, error) {
	if !m.asked {
		m.asked = true
		m.value, m.err = ask()
	}
	return m.value, m.err
}

// unchecked is the finding for something that could not be read. It names the right only where that is missing.
func unchecked(err error, right Right) Finding {
	if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
		return Finding{Status: Unknown, Evidence: "you have no right " + right.String(), Needs: []Right{right}}
	}
	return Finding{Status: Unknown, Evidence: "to " + right.Verb + " " + right.Resource + " failed: " + err.Error()}
}

// may asks whether a user may do something.
func (f *Facts) may(ctx context.Context, user string, attributes authorizationv1.ResourceAttributes) (bool, error) {
	if f.reviews == nil {
		f.reviews = map[string]memo[bool]{}
	}
	key := user + " " + attributes.String()
	answer := f.reviews[key]
	allowed, err := answer.get(func() (bool, error) {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: user, Groups: groupsOf(user), ResourceAttributes: &attributes}}
		err := f.Cluster.Create(ctx, review)
		return review.Status.Allowed, err
	})
	f.reviews[key] = answer
	return allowed, err
}

// rightReview is the right to ask what others may do.
func rightReview() Right { return Right{"kubernetes", "create", "subjectaccessreviews"} }
