package serviceaccount

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
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

// theToken must not be shown.
const theToken = "eyJ-a-token-that-must-not-be-shown"

// tokens returns theToken, or an error.
func tokens(refusal error) *Tokens {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "app", UID: "uid",
		Annotations: map[string]string{annotationRole: "arn:aws:iam::111122223333:role/app"}}}
	made := fake.NewClientBuilder().WithObjects(account).WithInterceptorFuncs(interceptor.Funcs{
		SubResourceCreate: func(_ context.Context, _ client.Client, _ string, _, answer client.Object, _ ...client.SubResourceCreateOption) error {
			if request, ok := answer.(*authenticationv1.TokenRequest); ok {
				request.Status.Token = theToken
			}
			return refusal
		},
	}).Build()
	return &Tokens{Live: made, Client: made}
}

// A token is shown neither by the value that contains it, nor by the error of a request.
func TestNoTokenIsEverShown(t *testing.T) {
	account, err := tokens(nil).Get(t.Context(), "payments", "app")
	if want := (source.ServiceAccount{UID: "uid", RoleARN: "arn:aws:iam::111122223333:role/app", Audience: defaultAudience}); err != nil || account != want {
		t.Fatalf("the ServiceAccount is %+v, %v", account, err)
	}
	token, err := tokens(nil).Token(t.Context(), "payments", "app", account)
	if err != nil || string(token.Bytes()) != theToken {
		t.Fatalf("the token is not handed on: %v", err)
	}
	encoded, err := json.Marshal(token)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprint(token), fmt.Sprintf("%+v", token), fmt.Sprintf("%#v", &token), string(encoded)} {
		if strings.Contains(shown, theToken) {
			t.Error("the token is shown")
		}
	}
	accounts := schema.GroupResource{Resource: "serviceaccounts"}
	for name, refusal := range map[string]error{
		"forbidden":   apierrors.NewForbidden(accounts, "app", errors.New("you sent "+theToken)),
		"invalid":     apierrors.NewInvalid(schema.GroupKind{Kind: "TokenRequest"}, "app", nil),
		"unencodable": fmt.Errorf("encoding %s failed", theToken),
		"a breakdown": apierrors.NewInternalError(errors.New(theToken)),
	} {
		_, err := tokens(refusal).Token(t.Context(), "payments", "app", account)
		if kind := source.KindOf(err); kind != source.CredentialsUnavailable {
			t.Errorf("%s: the kind is %q", name, kind)
		}
		if strings.Contains(fmt.Sprint(err, errors.Unwrap(err)), theToken) {
			t.Errorf("%s: the token is shown", name)
		}
	}
}

// Annotations are checked before they are used, and long ones are not quoted.
func TestAnnotationsThatSTSWouldRefuse(t *testing.T) {
	const good = "arn:aws:iam::111122223333:role/app"
	for name, annotations := range map[string]map[string]string{
		"none":             nil,
		"no ARN":           {annotationRole: "app"},
		"a user's ARN":     {annotationRole: "arn:aws:iam::111122223333:user/app"},
		"a line break":     {annotationRole: good + "\n"},
		"a long role":      {annotationRole: good + strings.Repeat("x", 200_000)},
		"a long audience":  {annotationRole: good, annotationAudience: strings.Repeat("x", 200_000)},
		"a blank audience": {annotationRole: "", annotationAudience: "x"},
	} {
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "app", UID: "uid", Annotations: annotations}}
		_, err := (&Tokens{Live: fake.NewClientBuilder().WithObjects(account).Build()}).Get(t.Context(), "payments", "app")
		if source.KindOf(err) != source.CredentialsUnavailable || !errors.Is(err, source.ErrNoServiceAccount) || len(err.Error()) > 400 {
			t.Errorf("%s: %.400v", name, err)
		}
	}
}

// The request has the UID of the ServiceAccount, and a token of another ServiceAccount of the same name is not
// returned, neither by the API server nor by the operator.
func TestATokenIsForTheServiceAccountThatWasRead(t *testing.T) {
	const mine = "a-uid"
	token := func(uid string) string {
		claims := fmt.Sprintf(`{"kubernetes.io":{"namespace":"payments","serviceaccount":{"name":"app","uid":%q}}}`, uid)
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
	}
	for name, test := range map[string]struct {
		// uid is the current UID of the ServiceAccount, and validates says whether the API server compares it.
		uid       string
		validates bool
		good      bool
	}{
		"the same one":                               {mine, true, true},
		"the same one, and an older API server":      {mine, false, true},
		"another one":                                {"another-uid", true, false},
		"another one, and an API server before 1.34": {"another-uid", false, false},
	} {
		client := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
			SubResourceCreate: func(_ context.Context, _ client.Client, _ string, _, body client.Object, _ ...client.SubResourceCreateOption) error {
				request, ok := body.(*authenticationv1.TokenRequest)
				if !ok || request.UID != mine || request.Name != "app" || request.Namespace != "payments" {
					t.Errorf("%s: the request is for %s/%s with the UID %q", name, body.GetNamespace(), body.GetName(), body.GetUID())
				}
				if test.validates && string(body.GetUID()) != test.uid {
					return apierrors.NewConflict(schema.GroupResource{Group: "authentication.k8s.io", Resource: "TokenRequest"}, "app", errors.New("the UID does not match"))
				}
				request.Status.Token = token(test.uid)
				return nil
			},
		}).Build()
		made, err := (&Tokens{Client: client}).Token(t.Context(), "payments", "app", source.ServiceAccount{UID: mine, Audience: defaultAudience})
		if good := err == nil && string(made.Bytes()) == token(mine); good != test.good {
			t.Errorf("%s: %v", name, err)
		}
		if test.good {
			continue
		}
		if len(made.Bytes()) > 0 {
			t.Errorf("%s: a token is returned", name)
		}
		if !errors.Is(err, source.ErrNoServiceAccount) || source.KindOf(err) != source.CredentialsUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}
