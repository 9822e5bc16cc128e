package hostile

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// attacker is a tenant with secrets in AWS and a namespace, in which it may do whatever Kubernetes allows.
type attacker struct {
	*testing.T
	*setup
	namespace string
	// objects is how many SecretSyncs it created. questions is how many different things these make the operator read
	// from AWS: secrets, roles, lists, regions. Both limit the requests that the operator may send to the API server
	// and AWS.
	objects, questions atomic.Int64
	// edits is how often it edited a SecretSync, requested a refresh, or sent an event; each triggers a fresh read.
	edits   atomic.Int64
	secrets []string
}

func newAttacker(t *testing.T, s *setup) *attacker {
	t.Helper()
	return &attacker{T: t, setup: s, namespace: testsuite.Namespace(t, shared.Client, "attacker-")}
}

// parallel calls do n times, some at a time.
func (a *attacker) parallel(n int, do func(i int) error) {
	a.Helper()
	var group sync.WaitGroup
	const atOnce = 8
	problems, next := make([]error, n), make(chan int)
	for range min(atOnce, n) {
		group.Go(func() {
			for i := range next {
				problems[i] = do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	group.Wait()
	if err := errors.Join(problems...); err != nil {
		a.Fatal(cut(err.Error()))
	}
}

// newID is a random version ID.
func newID() string { return fmt.Sprintf("%x-%s", time.Now().UnixNano(), rand.Text()) }

// cut shortens what is printed, as manifests may have a megabyte.
func cut(text string) string { return text[:min(len(text), 2000)] }

// many creates n objects in the attacker's namespace.
func (a *attacker) many(n int, object func(i int) client.Object) {
	a.Helper()
	a.parallel(n, func(i int) error {
		made := object(i)
		made.SetNamespace(a.namespace)
		return shared.Client.Create(a.Context(), made)
	})
}

// syncs creates n SecretSyncs, with the shortest poll interval that is allowed.
func (a *attacker) syncs(n int, spec func(i int) v1alpha1.SecretSyncSpec) {
	a.Helper()
	a.objects.Add(int64(n))
	a.many(n, func(i int) client.Object { return a.sync(i, spec(i)) })
}

func (a *attacker) sync(i int, spec v1alpha1.SecretSyncSpec) *v1alpha1.SecretSync {
	if spec.PollInterval == nil {
		spec.PollInterval = &metav1.Duration{Duration: time.Second}
	}
	return &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: nameOf(i)}, Spec: spec}
}

func nameOf(i int) string { return fmt.Sprintf("s-%d", i) }

// refused fails the test unless the API server refuses a SecretSync with a reason.
func (a *attacker) refused(spec v1alpha1.SecretSyncSpec, says string) {
	a.Helper()
	err := shared.Client.Create(a.Context(), a.sync(-1, spec))
	if err == nil {
		a.Errorf("the API server took what it has to refuse: %s", says)
		return
	}
	if !strings.Contains(err.Error(), says) {
		a.Errorf("the API server says %q, which does not mention %q", cut(err.Error()), says)
	}
}

// secret creates a secret in AWS, and gives its name.
func (a *attacker) secret(name, content string, tags ...types.Tag) string {
	a.Helper()
	if err := a.newSecret(name, content, tags...); err != nil {
		a.Fatal(err)
	}
	id := "/" + a.namespace + "/" + name
	a.questions.Add(1)
	a.secrets = append(a.secrets, id)
	return id
}

func (a *attacker) newSecret(name, content string, tags ...types.Tag) error {
	id := "/" + a.namespace + "/" + name
	_, err := a.aws.CreateSecret(a.Context(), &secretsmanager.CreateSecretInput{Name: &id, SecretString: &content, Tags: tags})
	return err
}

// AWS is the setup's local AWS.
func (a *attacker) AWS() *localaws.Running { return a.env.AWS }

// renew gives a secret a new version, and announces it.
func (a *attacker) renew(id, content string) {
	a.Helper()
	a.announce(a.T, labelUpdated(id, a.put(a.T, id, content)))
}

// refresh requests a refresh of each of n SecretSyncs.
func (a *attacker) refresh(n, round int) {
	a.Helper()
	a.patch(n, &v1alpha1.SecretSync{}, fmt.Sprintf(`{"metadata":{"annotations":{%q:"%d"}}}`, v1alpha1.AnnotationRefreshRequestedAt, round))
}

// patch merges a patch into n objects of a kind.
func (a *attacker) patch(n int, kind client.Object, patch string) {
	a.Helper()
	if _, is := kind.(*v1alpha1.SecretSync); is {
		a.edits.Add(int64(n))
	}
	a.parallel(n, func(i int) error {
		object := kind.DeepCopyObject().(client.Object)
		object.SetNamespace(a.namespace)
		object.SetName(nameOf(i))
		return client.IgnoreNotFound(shared.Client.Patch(a.Context(), object, client.RawPatch("application/merge-patch+json", []byte(patch))))
	})
}

// reasons counts the SecretSyncs by their reason of Ready.
func (a *attacker) reasons() map[string]int {
	a.Helper()
	var all v1alpha1.SecretSyncList
	if err := shared.Client.List(a.Context(), &all, client.InNamespace(a.namespace)); err != nil {
		a.Fatal(err)
	}
	counts := map[string]int{}
	for i := range all.Items {
		if ready := meta.FindStatusCondition(all.Items[i].Status.Conditions, v1alpha1.ConditionReady); ready != nil {
			counts[ready.Reason]++
		}
	}
	return counts
}

// remove deletes all objects of the attacker, and waits until they are gone.
func (a *attacker) remove() {
	a.Helper()
	ctx := context.WithoutCancel(a.Context())
	for _, kind := range []client.Object{&v1alpha1.SecretSync{}, &corev1.Secret{}, &corev1.ServiceAccount{}, &appsv1.Deployment{}, &corev1.ResourceQuota{}} {
		if err := shared.Client.DeleteAllOf(ctx, kind, client.InNamespace(a.namespace)); err != nil {
			a.Error(err)
		}
	}
	a.AWS().SetRules()
	if err := a.AWS().SetOutages(); err != nil {
		a.Error(err)
	}
	testsuite.Await(a, "the attacker's objects are gone", func() bool { return a.gone(ctx) }, a.manager.Tail)
	// A reconcile that has begun continues while its SecretSync is deleted.
	testsuite.Await(a, "the reconciles of them have ended", func() bool {
		return a.metric(a.T, `controller_runtime_active_workers{controller="secretsync"}`) == 0
	}, a.manager.Tail)
}

// gone says whether the attacker has no SecretSyncs and no Secrets any more. It removes its finalizer from those left.
func (a *attacker) gone(ctx context.Context) bool {
	a.Helper()
	var syncs v1alpha1.SecretSyncList
	var secrets corev1.SecretList
	if err := errors.Join(shared.Client.List(ctx, &syncs, client.InNamespace(a.namespace)), shared.Client.List(ctx, &secrets, client.InNamespace(a.namespace))); err != nil {
		a.Fatal(err)
	}
	var left []client.Object
	for i := range syncs.Items {
		left = append(left, &syncs.Items[i])
	}
	for i := range secrets.Items {
		left = append(left, &secrets.Items[i])
	}
	for _, object := range left {
		if slices.Contains(object.GetFinalizers(), hold) {
			patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
			if err := shared.Client.Patch(ctx, object, patch); client.IgnoreNotFound(err) != nil {
				a.Fatal(err)
			}
		}
	}
	return len(left) == 0
}
