package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// promptly is how soon a SecretSync that waits for a Secret must have it: much sooner than its backoff ends.
const promptly = 10 * time.Second

// failing makes a SecretSync fail a few more times, so that its backoff is long.
func (s *setup) failing(name, reason string) {
	s.Helper()
	for n := range 4 {
		token := fmt.Sprintf("try-%d", n)
		s.askForRefresh(name, token)
		s.await("try "+token+" has failed", func() bool { return s.get(name).Status.LastHandledRefresh == token })
	}
	s.awaitReason(name, metav1.ConditionFalse, reason)
}

// within fails the test unless a condition holds promptly after the call.
func (s *setup) within(what string, since time.Time, holds func() bool) {
	s.Helper()
	s.await(what, holds)
	if took := time.Since(since); took > promptly {
		s.Errorf("%s: only after %s", what, took)
	}
}

func (s *setup) messageOf(name string) string {
	s.Helper()
	if ready := meta.FindStatusCondition(s.get(name).Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		return ready.Message
	}
	return ""
}

// holds says whether a Secret belongs to a SecretSync and has its key.
func (s *setup) holds(secret, owner, content string) bool {
	s.Helper()
	now := s.secret(secret)
	return now != nil && metav1.IsControlledBy(now, s.get(owner)) && len(now.Data) == 1 && string(now.Data["value"]) == content
}

// rivals creates two SecretSyncs of the same Secret. The second has failed a few times.
func (s *setup) rivals(policy v1alpha1.DeletionPolicy) (first, second string) {
	s.Helper()
	first, second = value(), value()
	firstID, _ := s.createSecret("one", first)
	secondID, _ := s.createSecret("two", second)
	s.sync("first", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: firstID}, Target: v1alpha1.SecretTarget{Name: "shared", DeletionPolicy: policy}})
	s.awaitReady("first")
	s.sync("second", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: secondID}, Target: v1alpha1.SecretTarget{Name: "shared"}})
	s.awaitReason("second", metav1.ConditionFalse, v1alpha1.ReasonTargetConflict)
	s.failing("second", v1alpha1.ReasonTargetConflict)
	s.knownToCollector()
	return first, second
}

// knownToCollector waits until Kubernetes' garbage collector knows all present SecretSyncs and Secrets. It discovers
// kinds every half a minute, and sees objects in order. A Secret that it does not know yet is not deleted with its
// SecretSync, but later, as one without an owner.
func (s *setup) knownToCollector() {
	s.Helper()
	s.sync("last", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "none"}, Suspend: true})
	owned := metav1.ObjectMeta{Namespace: s.namespace, Name: "last", OwnerReferences: []metav1.OwnerReference{target.OwnerReference(s.get("last"))}}
	if err := s.env.Client.Create(s.Context(), &corev1.Secret{ObjectMeta: owned}); err != nil {
		s.Fatal(err)
	}
	s.remove("last")
	s.await("what is deleted with a SecretSync is gone", func() bool { return s.secret("last") == nil })
}

// TestTheSuccessorOfADeletedSecretSync: it gets the Secret as soon as Kubernetes has deleted the former one.
func TestTheSuccessorOfADeletedSecretSync(t *testing.T) {
	s := newSetup(t)
	_, second := s.rivals("")
	s.remove("first")
	s.within("the successor has the Secret", time.Now(), func() bool { return s.holds("shared", "second", second) })
	s.awaitReady("second")
}

// TestTheSuccessorOfARenamedTarget: it gets the Secret at once, and the Secret is never missing.
func TestTheSuccessorOfARenamedTarget(t *testing.T) {
	s := newSetup(t)
	first, second := s.rivals("")
	before := s.secret("shared").UID
	s.edit("first", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = "moved" })
	s.within("the successor has the Secret", time.Now(), func() bool { return s.holds("shared", "second", second) })
	s.await("the first one has its new one", func() bool { return s.holds("moved", "first", first) })
	if s.secret("shared").UID != before {
		t.Error("the Secret was deleted in between")
	}
	s.awaitReady("first")
	s.awaitReady("second")
	s.remove("first")
	s.await("the Secret of the first one is collected", func() bool { return s.secret("moved") == nil })
	s.never("the Secret of its successor is deleted with it", func() bool { return !s.holds("shared", "second", second) })
}

// TestTheSuccessorOfAKeptSecret: the message has a command that hands the Secret over, and works as it is.
func TestTheSuccessorOfAKeptSecret(t *testing.T) {
	for name, test := range map[string]struct {
		policy  v1alpha1.DeletionPolicy
		leave   func(s *setup)
		mention string
	}{
		"retained": {v1alpha1.DeletionPolicyRetain, func(s *setup) { s.remove("first") }, `SecretSync "first" was deleted`},
		"orphaned": {"", func(s *setup) {
			s.remove("first", client.PropagationPolicy(metav1.DeletePropagationOrphan))
		}, `SecretSync "first" was deleted`},
		"left for another one": {v1alpha1.DeletionPolicyRetain, func(s *setup) {
			s.edit("first", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = "moved" })
		}, `SecretSync "first" moved to Secret "moved"`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			_, second := s.rivals(test.policy)
			if message := s.messageOf("second"); !strings.Contains(message, "delete one of the two") {
				t.Errorf("the message is %q", message)
			}
			before := s.secret("shared").UID
			test.leave(s)
			began := time.Now()
			s.within("the advice is another", began, func() bool {
				return containsAll(s.messageOf("second"), []string{test.mention, "kubectl annotate"})
			})
			_, command, _ := strings.Cut(s.messageOf("second"), `"kubectl `)
			command, _, _ = strings.Cut(command, `"`)
			arguments := append(strings.Fields(command), "--kubeconfig", s.env.Plane.Kubeconfig())
			began = time.Now()
			if said, err := exec.CommandContext(t.Context(), s.env.Plane.Kubectl(), arguments...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, said)
			}
			s.within("the successor has the Secret", began, func() bool {
				now := s.secret("shared")
				return metav1.IsControlledBy(now, s.get("second")) && string(now.Data["value"]) == second
			})
			if s.secret("shared").UID != before {
				t.Error("the Secret was deleted in between")
			}
		})
	}
}

// TestSecretsAreExchanged: each of several SecretSyncs takes the name of the next one's Secret. No Secret is missing at
// any time. Each SecretSync ends with the Secret that it asks for, with its own keys alone.
func TestSecretsAreExchanged(t *testing.T) {
	for _, many := range []int{2, 3} {
		t.Run(fmt.Sprint(many), func(t *testing.T) {
			s := newSetup(t)
			name := func(n int) string { return fmt.Sprintf("app-%d", n%many) }
			contents, uids := make([]string, many), make([]string, many)
			for n := range many {
				contents[n] = value()
				id, _ := s.createSecret(name(n), fmt.Sprintf(`{"key-%d":%q,"same":%q}`, n, contents[n], contents[n]))
				s.sync(name(n), v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}})
				s.awaitReady(name(n))
				if n == 0 { // Written by an apply too, not only by the create.
					s.putValue(id, fmt.Sprintf(`{"key-%d":%q,"same":%q}`, n, contents[n], contents[n]))
					s.askForRefresh(name(n), "apply")
					s.await("the refresh is echoed", func() bool { return s.get(name(n)).Status.LastHandledRefresh == "apply" })
				}
				uids[n] = string(s.secret(name(n)).UID)
			}
			for n := range many {
				s.edit(name(n), func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = name(n + 1) })
			}
			for n := range many {
				s.awaitReady(name(n))
				secret := s.awaitKeys(name(n+1), map[string]string{fmt.Sprintf("key-%d", n): contents[n], "same": contents[n]})
				if !metav1.IsControlledBy(secret, s.get(name(n))) || len(secret.OwnerReferences) != 1 {
					t.Errorf("Secret %s has the owners %+v", name(n+1), secret.OwnerReferences)
				}
				if string(secret.UID) != uids[(n+1)%many] {
					t.Errorf("Secret %s was deleted in between", name(n+1))
				}
			}
			s.never("a Secret is touched again", func() bool {
				for n := range many {
					if found := s.get(name(n)); found.Status.Secret.ResourceVersion != s.secret(found.Status.Secret.Name).ResourceVersion {
						return true
					}
				}
				return false
			})
			s.remove(name(0))
			s.await("its Secret is collected", func() bool { return s.secret(name(1)) == nil })
			s.never("another Secret is deleted with it", func() bool { return s.secret(name(0)) == nil })
		})
	}
}

// TestRetainedSecretsAreNotExchanged: nothing that a SecretSync retains is overwritten, and the message says what to
// do.
func TestRetainedSecretsAreNotExchanged(t *testing.T) {
	s := newSetup(t)
	contents := map[string]string{"a": value(), "b": value()}
	for _, name := range []string{"a", "b"} {
		id, _ := s.createSecret(name, contents[name])
		s.sync(name, v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, Target: v1alpha1.SecretTarget{Name: name, DeletionPolicy: v1alpha1.DeletionPolicyRetain}})
		s.awaitReady(name)
	}
	s.edit("a", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = "b" })
	s.edit("b", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = "a" })
	for name, other := range map[string]string{"a": "b", "b": "a"} {
		s.await(name+" says how to go on", func() bool {
			return containsAll(s.messageOf(name), []string{fmt.Sprintf("SecretSync %q moved to Secret %q", other, name), "kubectl annotate secret " + other})
		})
	}
	for name, content := range contents {
		s.awaitKeys(name, map[string]string{"value": content})
	}
}

// TestASecretThatComes: the Secret to merge into is created after the SecretSync, without the operator's label.
func TestASecretThatComes(t *testing.T) {
	s := newSetup(t)
	content := value()
	id, _ := s.createSecret("db", content)
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, Target: v1alpha1.SecretTarget{Name: "app", CreationPolicy: v1alpha1.CreationPolicyMerge}})
	s.awaitReason("db", metav1.ConditionFalse, v1alpha1.ReasonTargetNotFound)
	s.failing("db", v1alpha1.ReasonTargetNotFound)
	began := time.Now()
	s.foreign("app")
	s.within("the key is merged", began, func() bool { return string(s.secret("app").Data["value"]) == content })
	s.awaitReady("db")
}

// TestAForeignSecretThatGoes: a Secret that no SecretSync manages is deleted, or handed over.
func TestAForeignSecretThatGoes(t *testing.T) {
	for name, leave := range map[string]func(s *setup){
		"deleted": func(s *setup) {
			if err := s.env.Client.Delete(s.Context(), s.secret("app")); err != nil {
				s.Fatal(err)
			}
		},
		"handed over": func(s *setup) {
			s.patchSecret("app", func(secret *corev1.Secret) { secret.Annotations = map[string]string{v1alpha1.AnnotationOwner: "app"} })
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			content := value()
			id, _ := s.createSecret("app", content)
			s.foreign("app")
			s.sync("app", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}})
			s.awaitReason("app", metav1.ConditionFalse, v1alpha1.ReasonTargetConflict)
			s.failing("app", v1alpha1.ReasonTargetConflict)
			began := time.Now()
			leave(s)
			s.within("the Secret is written", began, func() bool {
				now := s.secret("app")
				return now != nil && string(now.Data["value"]) == content
			})
			s.awaitReady("app")
		})
	}
}

// TestAKeyThatIsLetGo: two SecretSyncs merge the same key, and the one that has it drops it.
func TestAKeyThatIsLetGo(t *testing.T) {
	for name, own := range map[string]bool{"in a foreign Secret": false, "in the Secret of the first": true} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			first, second := value(), value()
			id, _ := s.createSecret("db", fmt.Sprintf(`{"first":%q,"second":%q}`, first, second))
			into := v1alpha1.SecretTarget{Name: "app", CreationPolicy: v1alpha1.CreationPolicyMerge}
			holder := v1alpha1.SecretTarget{Name: "app", Annotations: map[string]v1alpha1.AnnotationValue{v1alpha1.AnnotationMergeFrom: "second"}}
			if !own {
				s.foreign("app")
				holder = into
			}
			s.sync("first", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, Target: holder,
				Data: []v1alpha1.DataKey{{Key: "key", Property: "first"}, {Key: "other", Property: "first"}}})
			s.awaitReady("first")
			s.sync("second", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, Target: into, Data: []v1alpha1.DataKey{{Key: "key", Property: "second"}}})
			s.awaitReason("second", metav1.ConditionFalse, v1alpha1.ReasonTargetConflict)
			s.failing("second", v1alpha1.ReasonTargetConflict)
			began := time.Now()
			s.edit("first", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Data = secretSync.Spec.Data[1:] })
			s.within("the key is the second's", began, func() bool { return string(s.secret("app").Data["key"]) == second })
			s.awaitReady("second")
		})
	}
}
