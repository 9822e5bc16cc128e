package doctor

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// facts are those of a cluster with some objects, which the caller may read. AWS is not asked.
func facts(t *testing.T, objects ...client.Object) *Facts {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	return &Facts{
		Cluster:           fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build(),
		OperatorNamespace: "secretsync-system",
		Applied:           func(*v1alpha1.SecretSync) string { return "" },
		Policy:            func(context.Context, *v1alpha1.SecretSync, string, bool) string { return "" },
	}
}

// reported is a SecretSync that the operator reports.
func reported(reason, message string) *v1alpha1.SecretSync {
	made := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "db", Generation: 1}}
	made.Spec.Source.SecretID = "/prod/db"
	made.Status.ObservedGeneration = 1
	status := metav1.ConditionFalse
	if reason == v1alpha1.ReasonSynced {
		status = metav1.ConditionTrue
	}
	made.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: status, Reason: reason, Message: message}}
	return made
}

// reasonsOfReady are the constants of the API from the first one about AWS to the last one about the Secret.
func reasonsOfReady(t *testing.T) (all []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../../api/v1alpha1/conditions.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(node ast.Node) bool {
		spec, is := node.(*ast.ValueSpec)
		if is && strings.HasPrefix(spec.Names[0].Name, "Reason") {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Error(err)
			}
			all = append(all, value)
		}
		return true
	})
	begin, end := slices.Index(all, v1alpha1.ReasonSecretNotFound), slices.Index(all, v1alpha1.ReasonTargetFailed)
	if begin < 0 || end < begin {
		t.Fatalf("the reasons are %q", all)
	}
	return all[begin : end+1]
}

// TestEachReasonHasACheck: whatever the operator reports, a check names it, with something that fixes it and a section to
// read; also if the caller sees nothing else.
func TestEachReasonHasACheck(t *testing.T) {
	for _, reason := range reasonsOfReady(t) {
		found := facts(t).Examine(t.Context(), reported(reason, "what the operator says"), "")
		n := slices.IndexFunc(found.Checks, func(f Finding) bool { return f.Status == Broken })
		if found.Verdict != Broken || n < 0 || found.Checks[n].ID != found.First {
			t.Errorf("%s: %s %s", reason, found.Verdict, found.First)
			continue
		}
		cause := found.Checks[n]
		if len(cause.Fix) == 0 || cause.Evidence == "" || cause.Docs != docsPage+"#"+strings.ToLower(reason) {
			t.Errorf("%s: %+v", reason, cause)
		}
		for _, later := range found.Checks[n+1:] {
			if later.Status == Broken {
				t.Errorf("%s: beside %s, %s is broken", reason, cause.ID, later.ID)
			}
		}
	}
}

// TestEachCheckHasAName: ids and descriptions are there, and each id once.
func TestEachCheckHasAName(t *testing.T) {
	known := map[string]bool{}
	for _, listed := range All() {
		if listed.ID == "" || listed.About == "" || known[listed.ID] {
			t.Errorf("%+v is not complete, or listed twice", listed)
		}
		known[listed.ID] = true
	}
	if len(known) < 50 {
		t.Errorf("there are %d checks", len(known))
	}
}

// TestNothingIsBrokenWhereAllIsWell, and a failure that is retried while the Secret is right is a warning.
func TestNothingIsBrokenWhereAllIsWell(t *testing.T) {
	well := reported(v1alpha1.ReasonSynced, "")
	if found := facts(t).Examine(t.Context(), well, ""); found.Verdict != OK || found.First != "" {
		t.Errorf("%s %s", found.Verdict, found.First)
	}
	well.Status.Conditions = append(well.Status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionReconciling, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonThrottled, Message: "AWS throttles"})
	if found := facts(t).Examine(t.Context(), well, ""); found.Verdict != Warning || found.First != "net.throttle" {
		t.Errorf("%s %s, want a warning of net.throttle", found.Verdict, found.First)
	}
	well.Spec.Suspend = true
	if found := facts(t).Examine(t.Context(), well, ""); found.Verdict != Warning || found.First != "obj.mode" {
		t.Errorf("%s %s, want a warning of obj.mode", found.Verdict, found.First)
	}
}

// TestOnlyOneCheck runs alone.
func TestOnlyOneCheck(t *testing.T) {
	found := facts(t).Examine(t.Context(), reported(v1alpha1.ReasonThrottled, "AWS throttles"), "net.throttle")
	if len(found.Checks) != 1 || found.First != "net.throttle" {
		t.Errorf("%+v", found)
	}
}

// TestWhatIsRefusedDecides: status.refusal tells causes of one reason apart.
func TestWhatIsRefusedDecides(t *testing.T) {
	const credentials, role, read = v1alpha1.ReasonCredentialsUnavailable, v1alpha1.ReasonAssumeRoleDenied, v1alpha1.ReasonAccessDenied
	principal := "arn:aws:sts::111122223333:assumed-role/pay/session"
	for _, test := range []struct {
		reason  string
		refusal v1alpha1.RefusalStatus
		first   string
	}{
		{credentials, v1alpha1.RefusalStatus{Code: "InvalidIdentityToken"}, "oidc.provider"},
		{credentials, v1alpha1.RefusalStatus{Code: "RequestExpired"}, "creds.clock"},
		{credentials, v1alpha1.RefusalStatus{Action: "sts:AssumeRole"}, "net.sts"},
		{credentials, v1alpha1.RefusalStatus{Code: "InvalidClientTokenId"}, "creds.usable"},
		{role, v1alpha1.RefusalStatus{Action: "sts:TagSession"}, "trust.tags"},
		{role, v1alpha1.RefusalStatus{Action: "sts:AssumeRole", Policy: "identity-based policy", Principal: principal}, "hop.allow"},
		{role, v1alpha1.RefusalStatus{Action: "sts:AssumeRoleWithWebIdentity"}, "trust.allow"},
		{read, v1alpha1.RefusalStatus{Principal: principal, Policy: "VPC endpoint policy"}, "net.vpce"},
		{read, v1alpha1.RefusalStatus{Principal: principal, Policy: "resource-based policy"}, "sm.policy"},
		{read, v1alpha1.RefusalStatus{Principal: principal, Policy: "identity-based policy", Explicit: true}, "iam.deny"},
		{read, v1alpha1.RefusalStatus{Principal: principal, Policy: "session policy"}, "iam.deny"},
		{read, v1alpha1.RefusalStatus{Principal: principal, Policy: "identity-based policy"}, "iam.allow"},
	} {
		secretSync := reported(test.reason, "what the operator says")
		secretSync.Status.Refusal = &test.refusal
		if found := facts(t).Examine(t.Context(), secretSync, ""); found.First != test.first {
			t.Errorf("%s %+v: %s, want %s", test.reason, test.refusal, found.First, test.first)
		}
	}
}
