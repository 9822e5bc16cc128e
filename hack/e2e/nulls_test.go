package e2e

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// TestNullInAWS: null gives an empty value, to templates too, but does not empty a key with a value unless the entry
// allows it.
func TestNullInAWS(t *testing.T) {
	s := newSetup(t)
	user, password := value(), value()
	null := fmt.Sprintf(`{"username":%q,"password":null}`, user)
	full := fmt.Sprintf(`{"username":%q,"password":%q}`, user, password)
	id, _ := s.createSecret("null", null)
	s.sync("null", v1alpha1.SecretSyncSpec{
		Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast,
		Template: &v1alpha1.Template{Data: map[string]string{"login": "{{ .username }}:{{ .password }}"}},
	})
	empty := map[string]string{"username": user, "password": "", "login": user + ":"}
	s.awaitKeys("null", empty)
	s.awaitReady("null")
	s.putValue(id, full)
	s.awaitKeys("null", map[string]string{"username": user, "password": password, "login": user + ":" + password})
	s.awaitReady("null")
	before := keptSecrets{"null": s.secret("null")}

	s.putValue(id, null)
	held := s.awaitReason("null", metav1.ConditionFalse, v1alpha1.ReasonValueRejected)
	if message := meta.FindStatusCondition(held.Status.Conditions, v1alpha1.ConditionReady).Message; !strings.Contains(message, "have a value in the Secret: password;") {
		t.Errorf("the message is %q", message)
	}
	s.edit("null", func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.Data = []v1alpha1.DataKey{{Key: "password", Property: "password"}, {Key: "username", Property: "username"}}
	})
	s.await("the edit is refused too", func() bool {
		ready := meta.FindStatusCondition(s.get("null").Status.Conditions, v1alpha1.ConditionReady)
		return ready.ObservedGeneration == s.get("null").Generation && ready.Reason == v1alpha1.ReasonValueRejected
	})
	before.check(s, "after null")
	s.edit("null", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Data[0].Nulls = v1alpha1.NullEmpty })
	s.awaitKeys("null", empty)
	s.awaitReady("null")
	least := int64(1)
	s.sync("guarded", v1alpha1.SecretSyncSpec{
		Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast,
		Guards: &v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "*", MinBytes: &least}}},
	})
	s.awaitReason("guarded", metav1.ConditionFalse, v1alpha1.ReasonValueRejected)
	if s.secret("guarded") != nil {
		t.Error("the guard let an empty value pass")
	}
}
