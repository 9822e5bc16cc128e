package serviceaccount

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/controllers/source"
)

// TestATokenIsForTheServiceAccountThatWasRead tests whose token it is.
func TestATokenIsForOneAudienceAndTheShortestTime(t *testing.T) {
	asked := 0
	made := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
		SubResourceCreate: func(_ context.Context, _ client.Client, kind string, of, wanted client.Object, _ ...client.SubResourceCreateOption) error {
			asked++
			if _, ok := of.(*corev1.ServiceAccount); !ok || kind != "token" || of.GetNamespace() != "payments" || of.GetName() != "app" || of.GetUID() != "uid-1" {
				t.Errorf("%s of %T %s/%s with UID %q", kind, of, of.GetNamespace(), of.GetName(), of.GetUID())
			}
			request, ok := wanted.(*authenticationv1.TokenRequest)
			if !ok || !slices.Equal(request.Spec.Audiences, []string{"sts.example"}) || request.Spec.ExpirationSeconds == nil || *request.Spec.ExpirationSeconds != 600 {
				t.Errorf("the request is %+v", wanted)
			}
			return nil
		},
	}).Build()
	account := source.ServiceAccount{UID: "uid-1", Audience: "sts.example"}
	if _, err := (&Tokens{Client: made}).Token(t.Context(), "payments", "app", account); err != nil || asked != 1 {
		t.Errorf("asked %d times: %v", asked, err)
	}
}

// A token that cannot be parsed is returned: STS refuses it, and says why.
func TestWhoseATokenIs(t *testing.T) {
	claims := func(content string) string { return base64.RawURLEncoding.EncodeToString([]byte(content)) }
	const theirs = `{"kubernetes.io":{"serviceaccount":{"uid":"theirs"}}} ` // Of a length that leaves no bits over in base64.
	for name, test := range map[string]struct {
		token string
		want  bool
	}{
		"another's":        {"e30." + claims(theirs) + ".c2ln", true},
		"without a UID":    {"e30." + claims("{}") + ".c2ln", true},
		"its own":          {"e30." + claims(`{"kubernetes.io":{"serviceaccount":{"uid":"ours"}}}`) + ".c2ln", false},
		"no signature":     {"e30." + claims(theirs), false},
		"a part too many":  {"e30." + claims(theirs) + ".c2ln.c2ln", false},
		"not encoded":      {"e30." + claims(theirs) + "!.c2ln", false},
		"encoded, no JSON": {"e30." + claims("theirs") + ".c2ln", false},
	} {
		if ofAnother(test.token, "ours") != test.want {
			t.Errorf("%s is another's: %v", name, !test.want)
		}
	}
}

// look looks up a ServiceAccount with annotations.
func look(t *testing.T, annotations map[string]string) (source.ServiceAccount, error) {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "app", UID: "uid", Annotations: annotations}}
	return (&Tokens{Live: fake.NewClientBuilder().WithObjects(account).Build()}).Get(t.Context(), "payments", "app")
}

func TestTheLongestAnnotations(t *testing.T) {
	const arn = "arn:aws:iam::111122223333:role/"
	role := arn + strings.Repeat("x", 2048-len(arn))
	audience := strings.Repeat("x", 255)
	found, err := look(t, map[string]string{annotationRole: role, annotationAudience: audience})
	if err != nil {
		t.Errorf("the longest are refused: %v", err)
	}
	if found.RoleARN != role || found.Audience != audience {
		t.Errorf("the role has %d characters, want %d; the audience %d, want %d", len(found.RoleARN), len(role), len(found.Audience), len(audience))
	}
	for mention, annotations := range map[string]map[string]string{
		"role-arn of ServiceAccount payments/app is not the ARN": {annotationRole: role + "x"},
		"longer than 255 characters":                             {annotationRole: role, annotationAudience: audience + "x"},
		"names no role":                                          {annotationAudience: audience},
	} {
		if _, err := look(t, annotations); err == nil || !strings.Contains(err.Error(), mention) {
			t.Errorf("%v does not mention %q", err, mention)
		}
	}
}

// Cached answers are evicted (source.ErrNoServiceAccount) only if the API server says that the ServiceAccount does not
// exist, or that the operator may not request its tokens. An outage evicts nothing.
func TestWhichErrorsEndAnIdentity(t *testing.T) {
	accounts := schema.GroupResource{Resource: "serviceaccounts"}
	for name, test := range map[string]struct {
		refusal error
		ends    bool
		mention string
		cause   string
	}{
		"not found":         {apierrors.NewNotFound(accounts, "app"), true, "there is no ServiceAccount app in namespace payments: create it", "answered 404"},
		"forbidden":         {apierrors.NewForbidden(accounts, "app", errors.New("no")), true, "chart value serviceAccountTokens", "answered 403"},
		"an internal error": {apierrors.NewInternalError(errors.New("no")), false, "tried again by itself", "the API server answered 500"},
		"an outage":         {errors.New("connection refused"), false, "tried again by itself", "was not reached"},
	} {
		account, looked := (&Tokens{Live: fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
			Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
				return test.refusal
			},
		}).Build()}).Get(t.Context(), "payments", "app")
		if account != (source.ServiceAccount{}) {
			t.Errorf("%s: found %+v", name, account)
		}
		_, asked := tokens(test.refusal).Token(t.Context(), "payments", "app", source.ServiceAccount{UID: "uid"})
		for _, err := range []error{looked, asked} {
			refused, ok := errors.AsType[*source.Error](err)
			if !ok || refused.Kind != source.CredentialsUnavailable || !strings.Contains(err.Error(), test.mention) {
				t.Errorf("%s: %v, want it to mention %q", name, err, test.mention)
				continue
			}
			if ends := errors.Is(err, source.ErrNoServiceAccount); ends != test.ends {
				t.Errorf("%s: it ends the identity: %v, want %v", name, ends, test.ends)
			}
			if refused.Cause == nil || !strings.Contains(refused.Cause.Error(), test.cause) {
				t.Errorf("%s: the cause is %v, want it to mention %q", name, refused.Cause, test.cause)
			}
		}
	}
}

// A reconcile that is cancelled returns the context's error, which says nothing about the ServiceAccount.
func TestAStopIsNoRefusal(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	for name, refusal := range map[string]error{"cut off": context.Canceled, "answered": apierrors.NewNotFound(schema.GroupResource{}, "app")} {
		if _, err := tokens(refusal).Token(ctx, "payments", "app", source.ServiceAccount{}); !errors.Is(err, context.Canceled) || source.KindOf(err) == source.CredentialsUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}
