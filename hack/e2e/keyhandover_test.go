package e2e

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// TestAKeyIsHandedOverWithoutAGap follows docs/user-guide.md: another tool merged a key into a Secret, as External Secrets
// does into argocd-secret. Its owner hands the key over, and the key is there at every moment, also after the SecretSync.
func TestAKeyIsHandedOverWithoutAGap(t *testing.T) {
	s := newSetup(t)
	s.createAs(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "app", Annotations: anyMayMerge()},
		Data: map[string][]byte{"theirs": []byte("1"), "token": []byte("former"), "same": []byte("same")}}, "external-secrets")
	states, err := s.clients().CoreV1().Secrets(s.namespace).Watch(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=app"})
	if err != nil {
		t.Fatal(err)
	}
	defer states.Stop()
	newer := value()
	id, _ := s.createSecret("app", `{"token":"`+newer+`","same":"same","extra":"extra"}`)
	s.sync("merger", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast,
		Target: v1alpha1.SecretTarget{Name: "app", CreationPolicy: v1alpha1.CreationPolicyMerge}})
	s.awaitReason("merger", metav1.ConditionFalse, v1alpha1.ReasonTargetConflict)
	remedy := fmt.Sprintf("kubectl annotate secret app -n %s %s=merger/same,merger/token", s.namespace, v1alpha1.AnnotationHandOver)
	if message := s.readyMessage("merger"); !containsAll(message, []string{`"same"`, "external-secrets", remedy}) {
		t.Errorf("the message is %q", message)
	}

	untouched := map[string]string{"theirs": "1", "token": "former", "same": "same"}
	for token, handed := range map[string]string{"1": "other/token,other/same", "2": "merger/sam,merger/token/same,merger", "3": "merger/same"} {
		s.patchSecret("app", func(secret *corev1.Secret) { secret.Annotations[v1alpha1.AnnotationHandOver] = handed })
		s.refresh(token, "merger")
		s.awaitReason("merger", metav1.ConditionFalse, v1alpha1.ReasonTargetConflict)
		s.awaitKeys("app", untouched)
	}

	s.patchSecret("app", func(secret *corev1.Secret) {
		secret.Annotations[v1alpha1.AnnotationHandOver] = "merger/same, merger/token"
	})
	s.awaitKeys("app", map[string]string{"theirs": "1", "token": newer, "same": "same", "extra": "extra"})
	s.awaitReady("merger")
	newest := value()
	s.putValue(id, `{"token":"`+newest+`","extra":"extra"}`) // The key "same" is handed back.
	s.awaitKeys("app", map[string]string{"theirs": "1", "token": newest, "same": "same", "extra": "extra"})
	s.awaitReady("merger")
	s.remove("merger")
	s.awaitKeys("app", map[string]string{"theirs": "1", "token": newest, "same": "same"})

	last := s.secret("app").ResourceVersion
	for state := range states.ResultChan() {
		secret, ok := state.Object.(*corev1.Secret)
		if !ok {
			t.Fatalf("the watch ended with %v", state.Type)
		}
		if len(secret.Data["token"]) == 0 || len(secret.Data["same"]) == 0 {
			t.Errorf("at resourceVersion %s a key is away", secret.ResourceVersion)
		}
		if secret.ResourceVersion == last {
			break
		}
	}
}

// TestAKeyThatIsHandedBackStaysAfterTheLastOne: the Secret was applied, so that no record of another field manager holds
// the keys as a whole, and they would go with the last key that the SecretSync removes.
func TestAKeyThatIsHandedBackStaysAfterTheLastOne(t *testing.T) {
	s := newSetup(t)
	applied := corev1ac.Secret("app", s.namespace).WithAnnotations(map[string]string{v1alpha1.AnnotationMergeFrom: "*", v1alpha1.AnnotationHandOver: "merger/token"}).
		WithData(map[string][]byte{"token": []byte("former")})
	if _, err := s.clients().CoreV1().Secrets(s.namespace).Apply(t.Context(), applied, metav1.ApplyOptions{FieldManager: "flux"}); err != nil {
		t.Fatal(err)
	}
	newer := value()
	id, _ := s.createSecret("app", `{"token":"`+newer+`","extra":"extra"}`)
	s.sync("merger", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast,
		Target: v1alpha1.SecretTarget{Name: "app", CreationPolicy: v1alpha1.CreationPolicyMerge}})
	s.awaitKeys("app", map[string]string{"token": newer, "extra": "extra"})
	s.remove("merger")
	s.awaitKeys("app", map[string]string{"token": newer})
}

func (s *setup) clients() *kubernetes.Clientset {
	s.Helper()
	clients, err := kubernetes.NewForConfig(s.env.Plane.Config())
	if err != nil {
		s.Fatal(err)
	}
	return clients
}
