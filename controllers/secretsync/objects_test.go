package secretsync

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

var errAway = errors.New("etcd is away")

// rules are those of kstatus and our own that hold for every status, whatever happened.
func rules(secretSync *v1alpha1.SecretSync) (broken []string) {
	status := func(kind string) metav1.ConditionStatus {
		if found := meta.FindStatusCondition(secretSync.Status.Conditions, kind); found != nil {
			return found.Status
		}
		return ""
	}
	ready, reconciling, stalled := status(v1alpha1.ConditionReady), status(v1alpha1.ConditionReconciling), status(v1alpha1.ConditionStalled)
	for rule, holds := range map[string]bool{
		"Ready is there": ready != "",
		"Reconciling and Stalled are True or not there": slices.Contains([]metav1.ConditionStatus{"", "True"}, reconciling) && slices.Contains([]metav1.ConditionStatus{"", "True"}, stalled),
		"Ready is not True while Stalled":               ready != "True" || stalled == "",
		"never Reconciling and Stalled":                 reconciling == "" || stalled == "",
		"observedGeneration is not ahead of generation": secretSync.Status.ObservedGeneration <= secretSync.Generation,
		"every condition has a reason, a time, a message": !slices.ContainsFunc(secretSync.Status.Conditions, func(c metav1.Condition) bool {
			return c.Reason == "" || c.Message == "" || c.LastTransitionTime.IsZero()
		}),
	} {
		if !holds {
			broken = append(broken, rule)
		}
	}
	return broken
}

// merging is a SecretSync that has put a key into a Secret of another owner, and that Secret.
func merging() (*v1alpha1.SecretSync, *corev1.Secret) {
	secretSync := fresh()
	secretSync.Spec.Target = v1alpha1.SecretTarget{Name: "app", CreationPolicy: v1alpha1.CreationPolicyMerge}
	return secretSync, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: here.Namespace, Name: "app", UID: "uid-of-app",
		Annotations: map[string]string{v1alpha1.AnnotationMergeFrom: secretSync.Name}}}
}

// mute is an API server that lists no SecretSyncs.
func (e *environment) mute() client.Reader {
	return interceptor.NewClient(e.server, interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error { return errAway },
	})
}

// through lets the requests of the operator, but for those of a live reader, pass through these functions.
func (e *environment) through(funcs interceptor.Funcs) {
	e.options.Client = interceptor.NewClient(e.options.Client.(client.WithWatch), funcs)
	e.secrets.Client = e.options.Client
}

// liveThrough does so with what is read from the API server itself.
func (e *environment) liveThrough(funcs interceptor.Funcs) {
	e.options.Live = interceptor.NewClient(e.server, funcs)
	e.secrets.Live = e.options.Live
}

// tamper edits the Secret as a user does.
func (e *environment) tamper(t *testing.T, change func(*corev1.Secret)) {
	t.Helper()
	secret := e.secret(t, "db")
	change(secret)
	if err := e.server.Update(t.Context(), secret, client.FieldOwner("kubectl-edit")); err != nil {
		t.Fatal(err)
	}
}

// lose deletes the Secret.
func (e *environment) lose(t *testing.T) {
	t.Helper()
	if err := e.server.Delete(t.Context(), e.secret(t, "db")); err != nil {
		t.Fatal(err)
	}
}

// replace deletes the SecretSync and creates another one under its name.
func (e *environment) replace(t *testing.T) {
	t.Helper()
	former := e.now(t)
	if err := e.server.Delete(t.Context(), former); err != nil {
		t.Fatal(err)
	}
	made := former.DeepCopy()
	made.UID, made.ResourceVersion = "another", ""
	if err := e.server.Create(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	made.Status = former.Status
	if err := e.server.Status().Update(t.Context(), made); err != nil {
		t.Fatal(err)
	}
}

func forbidden(name string) error {
	return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, name, errors.New("no Role"))
}

// next lets time pass until the next look is due, and looks.
func (e *environment) next(t *testing.T) time.Duration {
	t.Helper()
	due := e.state().schedule.Next()
	passed := due.Sub(e.clock.Now())
	e.clock.SetTime(due)
	e.turn(t)
	return passed
}

// value is what the Secret holds under the key value.
func (e *environment) value(t *testing.T) string {
	t.Helper()
	return string(e.secret(t, "db").Data["value"])
}

// oneState is a reader of one Secret at a version; empty for none.
type oneState struct {
	client.Client
	version string
	uid     types.UID // empty for that of the Secret in status
	refusal error
	asked   int
}

func (s *oneState) Get(_ context.Context, key client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	s.asked++
	if s.refusal != nil {
		return s.refusal
	}
	if s.version == "" {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, key.Name)
	}
	object.SetUID(cmp.Or(s.uid, "secret"))
	object.SetResourceVersion(s.version)
	return nil
}

// errSilent is what silent answers.
var errSilent = errors.New("the API server is away")

// silent is an API server that answers no read.
func silent() interceptor.Funcs {
	return interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return errSilent
		},
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return errSilent
		},
	}
}

// mergeOf is a target whose keys are merged into a Secret of another owner.
func mergeOf(name string, retain bool) v1alpha1.SecretTarget {
	made := v1alpha1.SecretTarget{Name: name, CreationPolicy: v1alpha1.CreationPolicyMerge}
	if retain {
		made.DeletionPolicy = v1alpha1.DeletionPolicyRetain
	}
	return made
}

// rival is another SecretSync that wants the Secret of that name.
func rival(name, secret string) *v1alpha1.SecretSync {
	other := fresh()
	other.Name, other.UID = name, types.UID("uid-of-"+name)
	other.Spec.Target.Name = secret
	return other
}

// requestHere asks for a reconcile.
func requestHere() reconcile.Request { return reconcile.Request{NamespacedName: here} }
