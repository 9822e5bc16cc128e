package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// failing lets each request of a cluster fail.
func failing(t *testing.T, f *Facts, err error) {
	t.Helper()
	inner, ok := f.Cluster.(client.WithWatch)
	if !ok {
		t.Fatal("the fake client can't be wrapped")
	}
	f.Cluster = interceptor.NewClient(inner, interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error { return err },
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return err
		},
	})
}

// TestWarningsDoNotHideWhatWasNotChecked: the verdict is unknown, and the warning is named.
func TestWarningsDoNotHideWhatWasNotChecked(t *testing.T) {
	f := facts(t)
	failing(t, f, apierrors.NewForbidden(corev1.Resource("deployments"), "", nil))
	secretSync := reported(v1alpha1.ReasonSynced, "")
	secretSync.Spec.Suspend = true
	if found := f.Examine(t.Context(), secretSync, ""); found.Verdict != Unknown || found.First != "obj.mode" || len(found.Needs()) == 0 {
		t.Errorf("%s %s, needs %+v", found.Verdict, found.First, found.Needs())
	}
	if found := f.Examine(t.Context(), secretSync, "obj.mode"); found.Verdict != Warning {
		t.Errorf("%s", found.Verdict)
	}
}

// TestFailuresAreNoMissingRights: a timeout is called what it is.
func TestFailuresAreNoMissingRights(t *testing.T) {
	for _, err := range []error{context.DeadlineExceeded, apierrors.NewTimeoutError("the API server is slow", 1)} {
		f := facts(t)
		failing(t, f, err)
		found := f.Examine(t.Context(), reported(v1alpha1.ReasonSynced, ""), "")
		if found.Verdict != Unknown || len(found.Needs()) > 0 {
			t.Errorf("%v: %s, needs %+v", err, found.Verdict, found.Needs())
		}
		for _, check := range found.Checks {
			if check.Status == Unknown && !strings.Contains(check.Evidence, err.Error()) {
				t.Errorf("%v: %+v", err, check)
			}
		}
	}
	f := facts(t, deployed())
	reviewed(f)
	if found := f.Examine(t.Context(), reported(v1alpha1.ReasonCredentialsUnavailable, "none"), ""); found.First != "irsa.mount" || len(found.Needs()) > 0 ||
		!strings.Contains(fmt.Sprint(found.Checks), "the operator's ServiceAccount secretsync-system/secretsync does not exist") {
		t.Errorf("without the ServiceAccount: %s, needs %+v", found.First, found.Needs())
	}
}

// awsFails answers each question with an error.
type awsFails struct{ error }

func (a awsFails) Describe(context.Context, string, string) (*Described, error) { return nil, a.error }

// TestWhyAWSWasNotChecked: only a denial is a missing right.
func TestWhyAWSWasNotChecked(t *testing.T) {
	for name, test := range map[string]struct {
		aws   AWS
		why   string
		needs int
	}{
		"denied":          {awsFails{fmt.Errorf("%w: no", ErrDenied)}, "you have no right secretsmanager:DescribeSecret on " + foreign, 1},
		"not reached":     {awsFails{errors.New("AWS was not reached: timeout")}, "AWS was not reached: timeout", 0},
		"it is not asked": {nil, "--no-aws is given", 0},
	} {
		secretSync := reported(v1alpha1.ReasonKMSAccessDenied, "pay may read secret "+foreign+" but not decrypt it")
		secretSync.Spec.Source.SecretID = foreign
		secretSync.Status.Refusal = &v1alpha1.RefusalStatus{Principal: reader, Action: "kms:Decrypt"}
		f := facts(t)
		f.AWS, f.NoAWS = test.aws, "--no-aws is given"
		found := f.Examine(t.Context(), secretSync, "kms.managed")
		if found.Verdict != Unknown || found.Checks[0].Evidence != test.why || len(found.Needs()) != test.needs {
			t.Errorf("%s: %s %+v", name, found.Verdict, found.Checks[0])
		}
		found = f.Examine(t.Context(), secretSync, "kms.allow")
		if noted := strings.Contains(found.Checks[0].Evidence, test.why); found.Verdict != Broken || len(found.Needs()) != test.needs || noted != (name == "not reached") {
			t.Errorf("%s: %s %+v", name, found.Verdict, found.Checks[0])
		}
	}
}

// TestRotationIsAWarning: the Secret is what AWS has. The fix names the secret of the condition, and a value that is too
// old is replaced: AWS may not rotate it.
func TestRotationIsAWarning(t *testing.T) {
	for reason, want := range map[string]string{
		v1alpha1.ReasonRotationOverdue: "command: aws secretsmanager rotate-secret --secret-id /prod/second",
		v1alpha1.ReasonRotationFailed:  "command: aws secretsmanager rotate-secret --secret-id /prod/second",
		v1alpha1.ReasonRotationTooOld:  "command: aws secretsmanager put-secret-value --secret-id /prod/second --secret-string file://VALUE.json",
	} {
		secretSync := reported(v1alpha1.ReasonSynced, "")
		secretSync.Spec.DataFrom = []v1alpha1.DataFrom{{Source: &v1alpha1.EntrySource{SecretID: "/prod/second"}}}
		secretSync.Status.Conditions = append(secretSync.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionRotationHealthy, Status: metav1.ConditionFalse,
			Reason: reason, Message: "The rotation of secret /prod/second did not happen"})
		found := facts(t).Examine(t.Context(), secretSync, "")
		if found.Verdict != Warning || found.First != "rot.health" {
			t.Errorf("%s: %s %s", reason, found.Verdict, found.First)
			continue
		}
		if cause := causeOf(t, &found); !strings.HasPrefix(textsOf(&cause), want) {
			t.Errorf("%s: %s", reason, textsOf(&cause))
		}
	}
}
