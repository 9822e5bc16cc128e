package e2e

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	admissionreviewv1 "k8s.io/api/admission/v1"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
	"github.com/secretsync/secretsync/hack/testenv"
)

// inNamespace selects the setup's namespace, as other tests share the server.
func (s *setup) inNamespace() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: s.namespace}}
}

// webhook makes the API server call an admission webhook before it creates or changes a Secret of the setup's
// namespace.
func (s *setup) webhook(name, url string, bundle []byte) {
	s.Helper()
	fail, none, all := admissionv1.Fail, admissionv1.SideEffectClassNone, admissionv1.AllScopes
	s.put(&admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: s.unique("webhook")},
		Webhooks: []admissionv1.ValidatingWebhook{{
			Name: name, ClientConfig: admissionv1.WebhookClientConfig{URL: &url, CABundle: bundle}, FailurePolicy: &fail, SideEffects: &none,
			AdmissionReviewVersions: []string{"v1"}, TimeoutSeconds: new(int32(1)), NamespaceSelector: s.inNamespace(),
			Rules: []admissionv1.RuleWithOperations{{
				Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
				Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"secrets"}, Scope: &all},
			}},
		}},
	})
	s.awaitRefusal()
}

// answering is a webhook that answers each review with a text that quotes the object with its values.
func (s *setup) answering(answer func(http.ResponseWriter, *admissionreviewv1.AdmissionReview)) {
	s.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		var review admissionreviewv1.AdmissionReview
		body, err := io.ReadAll(request.Body)
		if err == nil {
			err = json.Unmarshal(body, &review)
		}
		if err != nil {
			http.Error(writer, "not a review", http.StatusBadRequest)
			return
		}
		answer(writer, &review)
	}))
	s.Cleanup(server.Close)
	s.webhook("strict.example.com", server.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}

// denying answers with a code and a reason, as a webhook may choose them.
func (s *setup) denying(code int32, reason metav1.StatusReason) {
	s.Helper()
	s.answering(func(writer http.ResponseWriter, review *admissionreviewv1.AdmissionReview) {
		secret := &corev1.Secret{}
		_ = json.Unmarshal(review.Request.Object.Raw, secret)
		review.Response = &admissionreviewv1.AdmissionResponse{UID: review.Request.UID, Result: &metav1.Status{
			Code: code, Reason: reason, Message: fmt.Sprintf("denied: %s", secret.Data),
			Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Field: "metadata.uid", Message: fmt.Sprintf("%s", secret.Data)}}},
		}}
		_ = json.NewEncoder(writer).Encode(review)
	})
}

// policy makes an admission policy refuse every Secret of the setup's namespace, with a text that quotes its values.
func (s *setup) policy(reason *metav1.StatusReason) {
	s.Helper()
	s.put(&admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: s.unique("no-secrets")},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: new(admissionv1.Fail),
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
				Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
				Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"secrets"}},
			}}}},
			Validations: []admissionv1.Validation{{Expression: "false", Reason: reason,
				MessageExpression: "'denied: ' + (has(object.data) ? object.data.map(k, object.data[k]).join(',') : 'nothing')"}},
		},
	})
	s.put(&admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: s.unique("everywhere")},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: s.unique("no-secrets"), ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			MatchResources: &admissionv1.MatchResources{NamespaceSelector: s.inNamespace()},
		},
	})
	s.awaitRefusal()
}

func (s *setup) quota() {
	s.Helper()
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "few"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/secrets": resource.MustParse("0")}},
	}
	s.put(quota)
	s.awaitRefusal()
}

// awaitRefusal waits until the API server refuses Secrets of the setup's namespace.
func (s *setup) awaitRefusal() {
	s.Helper()
	probe := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, GenerateName: "probe-"}}
	s.await("Secrets are refused", func() bool { return s.env.Client.Create(s.Context(), probe.DeepCopy(), client.DryRunAll) != nil })
}

// TestRefusalsByTheClusterNameWhoRefuses runs each way in which a cluster refuses a Secret. The message says what
// refuses which request, and never quotes the text of a policy or a webhook, which may contain values.
func TestRefusalsByTheClusterNameWhoRefuses(t *testing.T) {
	denied := []string{v1alpha1.ConditionStalled, v1alpha1.ReasonAdmissionDenied}
	retried := []string{v1alpha1.ConditionReconciling, v1alpha1.ReasonTargetFailed}
	for name, test := range map[string]struct {
		refuse   func(s *setup)
		reported []string
		mentions []string
	}{
		"a policy without a reason":       {func(s *setup) { s.policy(nil) }, denied, []string{"ValidatingAdmissionPolicy", "no-secrets-", "everywhere-", "kubectl describe"}},
		"a policy that forbids":           {func(s *setup) { s.policy(new(metav1.StatusReasonForbidden)) }, denied, []string{"ValidatingAdmissionPolicy", "no-secrets-", "everywhere-"}},
		"a policy about the size":         {func(s *setup) { s.policy(new(metav1.StatusReasonRequestEntityTooLarge)) }, denied, []string{"ValidatingAdmissionPolicy", "no-secrets-"}},
		"a webhook with code 400":         {func(s *setup) { s.denying(400, "") }, denied, []string{`"strict.example.com"`, "code 400"}},
		"a webhook with code 403":         {func(s *setup) { s.denying(403, metav1.StatusReasonForbidden) }, denied, []string{`"strict.example.com"`, "code 403"}},
		"a webhook with code 409":         {func(s *setup) { s.denying(409, metav1.StatusReasonConflict) }, denied, []string{`"strict.example.com"`, "code 409"}},
		"a webhook that says it is there": {func(s *setup) { s.denying(409, metav1.StatusReasonAlreadyExists) }, denied, []string{`"strict.example.com"`, "code 409"}},
		"a webhook with code 422":         {func(s *setup) { s.denying(422, metav1.StatusReasonInvalid) }, denied, []string{`"strict.example.com"`, "code 422"}},
		"a webhook with code 500":         {func(s *setup) { s.denying(500, metav1.StatusReasonInternalError) }, retried, []string{`"strict.example.com"`, "code 500", "trying again"}},
		"a webhook without a word":        {func(s *setup) { s.denying(0, "") }, denied, []string{`"strict.example.com"`, "code 400"}},
		"a webhook whose server fails": {func(s *setup) {
			s.answering(func(writer http.ResponseWriter, _ *admissionreviewv1.AdmissionReview) {
				writer.WriteHeader(http.StatusInternalServerError)
			})
		}, retried, []string{`"strict.example.com"`, "trying again"}},
		"a webhook that is down": {func(s *setup) { s.webhook("nowhere.example.com", "https://127.0.0.1:1/", nil) }, retried, []string{`"nowhere.example.com"`, "connection refused"}},
		"a webhook that is slow": {func(s *setup) {
			s.answering(func(_ http.ResponseWriter, _ *admissionreviewv1.AdmissionReview) { time.Sleep(1500 * time.Millisecond) })
		}, retried, []string{`"strict.example.com"`, "in time"}},
		"a quota": {func(s *setup) { s.quota() }, denied, []string{`ResourceQuota "few"`, "raise the quota"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			test.refuse(s)
			// This value is not one of those that are searched for: the API server itself logs the answers of webhooks.
			content := "quoted-" + rand.Text()
			id, _ := s.createSecret("db", content)
			s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
			found := s.awaitReason("db", metav1.ConditionFalse, test.reported[1])
			s.awaitTrouble("db", test.reported[0], test.reported[1])
			message := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionReady).Message
			if !containsAll(message, append(test.mentions, `create Secret "db"`)) || strings.Contains(message, "denied: ") {
				t.Errorf("the message is %q", message)
			}
			s.awaitEvent("db", "SyncFailed", test.reported[1])
			s.checkUnsaid("db", content)
		})
	}
}

// checkUnsaid searches for a value in all outputs of the operator about a SecretSync.
func (s *setup) checkUnsaid(name, content string) {
	s.Helper()
	status, err := json.Marshal(s.get(name))
	if err != nil {
		s.Fatal(err)
	}
	log, err := running.Log()
	if err != nil {
		s.Fatal(err)
	}
	said := string(status) + strings.Join(s.events(name, "SyncFailed"), "\n") + string(log)
	if strings.Contains(said, content) || strings.Contains(said, base64.StdEncoding.EncodeToString([]byte(content))) {
		s.Error("the value is in status, an event or the log")
	}
}

// TestAnUpdateThatIsRefused: the message says that an update was refused, and the Secret keeps its values.
func TestAnUpdateThatIsRefused(t *testing.T) {
	s := newSetup(t)
	first := value()
	id, _ := s.createSecret("db", first)
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitReady("db")
	s.policy(nil)
	s.putValue(id, "quoted-"+rand.Text())
	found := s.awaitReason("db", metav1.ConditionFalse, v1alpha1.ReasonAdmissionDenied)
	message := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionReady).Message
	if !containsAll(message, []string{`update Secret "db"`, "keeps version"}) {
		t.Errorf("the message is %q", message)
	}
	s.awaitKeys("db", map[string]string{"value": first})
}

// TestWithoutARole: the message has the missing permission as RBAC names it.
func TestWithoutARole(t *testing.T) {
	s := newSetup(t)
	s.awaitAccount()
	config, err := s.env.Plane.ServiceAccountConfig(t.Context(), s.namespace, "default")
	if err != nil {
		t.Fatal(err)
	}
	powerless, err := client.New(config, client.Options{Scheme: s.env.Client.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	writer := &target.Writer{Client: blind{powerless}, Live: s.env.Client}
	_, err = writer.Apply(t.Context(), target.Desired{Namespace: s.namespace, Name: "db", Owner: "db", Data: map[string][]byte{"value": []byte(value())}})
	refused, ok := errors.AsType[*target.Error](err)
	if !ok || refused.Reason != v1alpha1.ReasonTargetForbidden || !refused.Transient ||
		!containsAll(refused.Message, []string{"system:serviceaccount:" + s.namespace + ":default", `create Secret "db"`, `"create" on secrets`}) {
		t.Errorf("%v", err)
	}
}

// blind is a client that sees no Secret, as with an empty cache.
type blind struct{ client.Client }

func (blind) Get(_ context.Context, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	return apierrors.NewNotFound(corev1.Resource("secrets"), key.Name)
}

// TestLabelsThatKubernetesRefuses: the message names the labels.
func TestLabelsThatKubernetesRefuses(t *testing.T) {
	for field, spec := range map[string]v1alpha1.SecretTarget{
		"spec.target.labels":      {Labels: map[string]v1alpha1.LabelValue{"team": "a b", "fine": "x"}},
		"spec.target.annotations": {Annotations: map[string]v1alpha1.AnnotationValue{"team/a/b": "x", "fine": "x"}},
	} {
		s := newSetup(t)
		id, _ := s.createSecret("db", value())
		s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast, Target: spec})
		found := s.awaitReason("db", metav1.ConditionFalse, v1alpha1.ReasonInvalidValue)
		message := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionReady).Message
		if !containsAll(message, []string{field, `"team`}) || strings.Contains(message, "fine") || strings.Contains(message, "spec.data") {
			t.Errorf("the message is %q", message)
		}
	}
}

// TestARefusedUpdateIsNoEdit: the operator changes a Secret's managed fields before an update. If the update is then
// refused, that change is not reported as an edit by another field manager.
func TestARefusedUpdateIsNoEdit(t *testing.T) {
	s := newSetup(t)
	id, _ := s.createSecret("db", `{"username":"app","password":"`+value()+`"}`)
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitReady("db")
	s.edit("db", func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.Target.Type = string(corev1.SecretTypeBasicAuth)
	})
	s.awaitReason("db", metav1.ConditionFalse, v1alpha1.ReasonTargetImmutable)
	s.await("status knows the Secret as it is", func() bool {
		return s.get("db").Status.Secret.ResourceVersion == s.secret("db").ResourceVersion
	})
	s.never("an event of an edit by others", func() bool {
		ready := meta.FindStatusCondition(s.get("db").Status.Conditions, v1alpha1.ConditionReady)
		return strings.Contains(ready.Message, "edited or deleted")
	})
	s.edit("db", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Type = "" })
	s.awaitReady("db")
	if notes := s.events("db", "SecretRepaired"); len(notes) > 0 {
		t.Errorf("events: %q", notes)
	}
}

// written counts the operator's writes of a resource in the setup's namespace.
func (s *setup) written(kind string) (count int) {
	s.Helper()
	for _, request := range s.requests() {
		if what := request.What(); strings.HasSuffix(what, " "+kind) && !strings.HasPrefix(what, "get ") && !strings.HasPrefix(what, "list ") && !strings.HasPrefix(what, "watch ") {
			count++
		}
	}
	return count
}

// TestWhatOthersAddIsNoEdit: annotations, labels and keys of other field managers in a Secret cause no write, and after
// a restart no read.
func TestWhatOthersAddIsNoEdit(t *testing.T) {
	s := newSetup(t)
	content := value()
	id, _ := s.createSecret("db", content)
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}})
	before := s.awaitReady("db")
	s.awaitEvent("db", "SecretCreated")
	secrets, statuses := s.written("secrets"), s.written("secretsyncs/status")
	for n := range 10 {
		s.patchSecret("db", func(secret *corev1.Secret) {
			secret.Annotations["example.com/seen"] = fmt.Sprint(n)
			secret.Labels[fmt.Sprintf("example.com/l%d", n)] = "x"
			secret.Data["theirs"] = fmt.Append(nil, n)
		})
		s.await("the operator has read it", func() bool { return s.secretReads() > n })
	}
	if writes := s.written("secrets") - secrets; writes > 0 {
		t.Errorf("the Secret was written %d times", writes)
	}
	if writes := s.written("secretsyncs/status") - statuses; writes > 0 {
		t.Errorf("status was written %d times", writes)
	}
	if s.get("db").ResourceVersion != before.ResourceVersion {
		t.Error("the SecretSync was written")
	}
	if notes := s.events("db", "SecretRepaired"); len(notes) > 0 {
		t.Errorf("events: %q", notes)
	}
	for _, request := range s.requests() {
		if request.What() == "list secretsync.dev secretsyncs" {
			t.Error("the SecretSync was requested from the API server although its Secret was not lost")
		}
	}
	arn := before.Status.Sources[0].ARN
	s.end((*testenv.Manager).Stop)
	read, described := s.read(arn), s.described()
	s.start("after-edits")
	s.askForRefresh("db", "now")
	s.await("the refresh is echoed", func() bool { return s.get("db").Status.LastHandledRefresh == "now" })
	if reads := s.read(arn) - read; reads != 0 {
		t.Errorf("after the restart the value was read %d times", reads)
	}
	if s.described() == described {
		t.Error("after the restart the secret was not described")
	}
	// The operator's own keys are still restored, and foreign keys stay.
	s.patchSecret("db", func(secret *corev1.Secret) { secret.Data["value"] = []byte("by hand") })
	s.awaitKeys("db", map[string]string{"value": content, "theirs": "9"})
	s.awaitEvent("db", "SecretRepaired", "intruder")
}

// secretReads counts the operator's reads of Secrets with their values.
func (s *setup) secretReads() (count int) {
	s.Helper()
	for _, request := range s.requests() {
		if request.What() == "get  secrets" {
			count++
		}
	}
	return count
}

// TestMergedKeysAreNoEditOfTheOwner: a key that another SecretSync merges into a SecretSync's Secret is not drift.
func TestMergedKeysAreNoEditOfTheOwner(t *testing.T) {
	s := newSetup(t)
	own, merged := value(), value()
	id, _ := s.createSecret("own", own)
	other, _ := s.createSecret("other", `{"merged":"`+merged+`"}`)
	s.sync("own", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast,
		Target: v1alpha1.SecretTarget{Annotations: map[string]v1alpha1.AnnotationValue{v1alpha1.AnnotationMergeFrom: "guest"}}})
	s.awaitReady("own")
	s.sync("guest", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: other}, PollInterval: fast,
		Target: v1alpha1.SecretTarget{Name: "own", CreationPolicy: v1alpha1.CreationPolicyMerge}})
	s.awaitReady("guest")
	s.awaitKeys("own", map[string]string{"value": own, "merged": merged})
	s.await("the owner was reconciled", func() bool { return s.secretReads() > 1 })
	s.never("the key is fought over", func() bool {
		return len(s.events("own", "SecretRepaired"))+len(s.events("guest", "SecretRepaired")) > 0
	})
}

// TestAnEditThatChangesNothingWritesNothing: an edit of the poll interval, the first after the creation, writes
// nothing.
func TestAnEditThatChangesNothingWritesNothing(t *testing.T) {
	s := newSetup(t)
	id, _ := s.createSecret("db", value())
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}})
	before, secret := s.awaitReady("db"), s.secret("db")
	time.Sleep(time.Until(before.Status.LastSyncTime.Add(time.Second))) // Times in status have whole seconds.
	s.edit("db", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.PollInterval = fast })
	after := s.awaitReady("db")
	if now := s.secret("db"); now.ResourceVersion != secret.ResourceVersion {
		t.Error("the Secret was written")
	}
	if !after.Status.LastSyncTime.Equal(before.Status.LastSyncTime) {
		t.Errorf("the last sync moved from %s to %s", before.Status.LastSyncTime, after.Status.LastSyncTime)
	}
	s.never("an event of a change", func() bool { return len(s.events("db", "SecretUpdated")) > 0 })
	// A key that an edit drops is still removed.
	s.edit("db", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Data = []v1alpha1.DataKey{{Key: "renamed"}} })
	s.await("the key has its new name", func() bool {
		now := s.secret("db")
		return now.UID == types.UID(after.Status.Secret.UID) && len(now.Data) == 1 && len(now.Data["renamed"]) > 0
	})
}
