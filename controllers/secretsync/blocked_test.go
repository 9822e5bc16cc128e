package secretsync

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// of is a Secret db that belongs to a SecretSync.
func of(owner string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: here.Namespace, Name: "db", UID: "uid-of-former",
		Labels: map[string]string{v1alpha1.LabelManaged: "true"}, Annotations: map[string]string{v1alpha1.AnnotationOwner: owner}},
		Data: map[string][]byte{"value": []byte("former")}}
}

func (w *world) ready(t *testing.T) metav1.Condition {
	t.Helper()
	return *meta.FindStatusCondition(w.now(t).Status.Conditions, v1alpha1.ConditionReady)
}

// TestABlockedSecretSyncIsWoken by its Secret and by the SecretSync that has it; not by a content that changes, which
// says nothing of whose the Secret is.
func TestABlockedSecretSyncIsWoken(t *testing.T) {
	for name, test := range map[string]struct {
		change func(w *world, secret *corev1.Secret) error
		after  time.Duration
		owns   bool
	}{
		"the Secret is gone": {func(w *world, secret *corev1.Secret) error { return w.server.Delete(context.Background(), secret) }, 0, true},
		"the Secret is handed over": {func(w *world, secret *corev1.Secret) error {
			secret.Annotations[v1alpha1.AnnotationOwner] = here.Name
			return w.server.Update(context.Background(), secret)
		}, unblockWait, true},
		"the content is another": {func(w *world, secret *corev1.Secret) error {
			secret.Data["value"] = []byte("x")
			return w.server.Update(context.Background(), secret)
		}, unblockWait, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fresh(), of("former"))
			w.settle(t)
			if ready := w.ready(t); ready.Reason != v1alpha1.ReasonTargetConflict || !strings.Contains(ready.Message, `"former" was deleted`) {
				t.Fatalf("the condition is %+v", ready)
			}
			secret := w.secret(t, "db")
			if err := test.change(w, secret); err != nil {
				t.Fatal(err)
			}
			if woken := w.writersOf(t.Context(), secret); len(woken) != 1 || woken[0].NamespacedName != here {
				t.Fatalf("woken are %v", woken)
			}
			tries := w.aws.asked
			w.turn(t) // Too soon for a Secret that is still there.
			if now := w.secret(t, "db"); test.after > 0 && (w.aws.asked != tries || metav1.GetControllerOf(now) != nil) {
				t.Error("it is tried again at once")
			}
			w.clock.SetTime(noon.Add(test.after))
			w.settle(t)
			if owns := metav1.GetControllerOf(w.secret(t, "db")) != nil; owns != test.owns {
				t.Errorf("it has the Secret: %v", owns)
			}
			if test.owns && w.ready(t).Reason != v1alpha1.ReasonSynced {
				t.Errorf("the condition is %+v", w.ready(t))
			}
		})
	}
}

// TestRivalsAreWoken by the deletion of a SecretSync, and by edits of its spec.
func TestRivalsAreWoken(t *testing.T) {
	w := newWorld(t, fresh(), of("former"))
	w.settle(t)
	former := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: here.Namespace, Name: "former"}}
	former.Spec.Target.Name = "db"
	if woken := w.rivalsOf(t.Context(), former); len(woken) != 1 || woken[0].NamespacedName != here {
		t.Errorf("by one that wants the Secret: %v", woken)
	}
	former.Spec.Target.Name, former.Status.Secret = "moved", &v1alpha1.SecretStatus{Name: "db"}
	if woken := w.rivalsOf(t.Context(), former); len(woken) != 1 || woken[0].NamespacedName != here {
		t.Errorf("by one that has written the Secret: %v", woken)
	}
	tries := w.aws.asked
	w.turn(t)
	w.clock.SetTime(noon.Add(unblockWait))
	w.turn(t)
	if w.aws.asked == tries {
		t.Error("it was woken, and nothing was tried")
	}
	if woken := w.rivalsOf(t.Context(), w.now(t)); len(woken) != 0 {
		t.Errorf("by itself: %v", woken)
	}
}

// TestASecretIsAwaited that is not in the cache: the one to merge into. Its watch ends with what it waits for.
func TestASecretIsAwaited(t *testing.T) {
	secretSync := fresh()
	secretSync.Spec.Target = v1alpha1.SecretTarget{Name: "app", CreationPolicy: v1alpha1.CreationPolicyMerge}
	w := newWorld(t, secretSync)
	began := make(chan struct{}, 1)
	w.Watcher = watching{w.server, began}
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer queue.ShutDown()
	if err := w.turns.Start(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	if reason := w.ready(t).Reason; reason != v1alpha1.ReasonTargetNotFound {
		t.Fatalf("the reason is %s", reason)
	}
	<-began
	app := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: here.Namespace, Name: "app", UID: "uid-of-app",
		Annotations: map[string]string{v1alpha1.AnnotationMergeFrom: "*"}}}
	if err := w.server.Create(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	if next, _ := queue.Get(); next.NamespacedName != here {
		t.Fatalf("%v is woken", next)
	}
	w.clock.SetTime(noon.Add(unblockWait))
	w.settle(t)
	if reason := w.ready(t).Reason; reason != v1alpha1.ReasonSynced || string(w.secret(t, "app").Data["value"]) != "of version-1" {
		t.Errorf("the reason is %s", reason)
	}
	if len(w.awaits.watches) != 0 {
		t.Error("the watch goes on")
	}
}

// watching says when a watch has begun.
type watching struct {
	client.WithWatch
	began chan struct{}
}

func (w watching) Watch(ctx context.Context, list client.ObjectList, _ ...client.ListOption) (watch.Interface, error) {
	watched, err := w.WithWatch.Watch(ctx, list, client.InNamespace(here.Namespace)) // The fake knows no field selectors.
	w.began <- struct{}{}
	return watched, err
}

func TestTooManySecretsAreNotAwaited(t *testing.T) {
	var a awaits
	nothing := func() {}
	for n := range awaitedMost {
		if !a.begin(types.NamespacedName{Name: string(rune('a' + n))}, &await{secret: "x", end: nothing}) {
			t.Fatalf("only %d Secrets are awaited", n)
		}
	}
	ended := false
	first := types.NamespacedName{Name: "a"}
	switch {
	case a.begin(types.NamespacedName{Name: "more"}, &await{end: nothing}):
		t.Error("any number of Secrets is awaited")
	case a.begin(first, &await{secret: "x", end: nothing}):
		t.Error("one is awaited twice")
	case !a.begin(first, &await{secret: "y", end: func() { ended = true }}):
		t.Error("another Secret is not awaited in the place of the first")
	}
	a.stop()
	if !ended || a.begin(types.NamespacedName{Name: "late"}, &await{end: nothing}) {
		t.Error("after a stop Secrets are awaited")
	}
}

func TestWhatChangesForABlockedSecretSync(t *testing.T) {
	there := blockage{secret: target.State{Exists: true, UID: "1", ResourceVersion: "7", Owner: ""}}
	is := func(uid types.UID, version, owner string) *metav1.PartialObjectMetadata {
		return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{UID: uid, ResourceVersion: version, Annotations: map[string]string{v1alpha1.AnnotationOwner: owner}}}
	}
	ofAKey := there
	ofAKey.key = true
	for name, test := range map[string]struct {
		kind    watch.EventType
		is      client.Object
		blocked blockage
		want    bool
	}{
		"a missing one comes":               {watch.Added, is("1", "7", ""), blockage{}, true},
		"a missing one goes":                {watch.Deleted, is("1", "7", ""), blockage{}, false},
		"it is there as before":             {watch.Added, is("1", "7", ""), there, false},
		"it has another content":            {watch.Modified, is("1", "8", ""), there, false},
		"it has another content, for a key": {watch.Modified, is("1", "8", ""), ofAKey, true},
		"it is handed over":                 {watch.Modified, is("1", "8", "db"), there, true},
		"it is another one":                 {watch.Added, is("2", "8", ""), there, true},
		"it goes":                           {watch.Deleted, is("1", "8", ""), there, true},
		"it is there as before, for a key":  {watch.Added, is("1", "7", ""), ofAKey, false},
		"another one has its number":        {watch.Added, is("2", "7", ""), there, true},
		"a bookmark":                        {watch.Bookmark, is("", "9", ""), there, false},
	} {
		if got := changed(test.kind, test.is, test.blocked); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestWhatBlocks a SecretSync: what a change of its Secret may end, until a try says something else.
func TestWhatBlocks(t *testing.T) {
	inTheWay := target.State{Exists: true, UID: "uid-of-former", Owner: "former"}
	former, key := blockage{since: noon.Add(-time.Hour), secret: inTheWay}, blockage{since: noon, secret: inTheWay, key: true}
	for name, test := range map[string]struct {
		err     error
		trigger trigger
		want    blockage
	}{
		"nothing was tried":            {nil, triggerNone, former},
		"it was tried, and went well":  {nil, triggerPoll, blockage{}},
		"another's Secret":             {&target.Error{Reason: v1alpha1.ReasonTargetConflict, ConflictingSecret: inTheWay}, triggerPoll, blockage{since: noon, secret: inTheWay}},
		"a key of another's":           {&target.Error{Reason: v1alpha1.ReasonTargetConflict, ConflictingSecret: inTheWay, KeyConflict: true}, triggerPoll, key},
		"no Secret":                    {&target.Error{Reason: v1alpha1.ReasonTargetNotFound}, triggerPoll, blockage{since: noon}},
		"no consent":                   {&target.Error{Reason: v1alpha1.ReasonMergeNotAllowed, ConflictingSecret: inTheWay}, triggerPoll, blockage{since: noon, secret: inTheWay}},
		"no permission":                {&target.Error{Reason: v1alpha1.ReasonTargetForbidden, ConflictingSecret: inTheWay}, triggerPoll, blockage{}},
		"AWS":                          {&source.Error{Kind: source.AccessDenied}, triggerPoll, blockage{}},
		"a look at the Secret, before": {&target.Error{Reason: v1alpha1.ReasonTargetForbidden}, triggerNone, blockage{}},
	} {
		d := newDesk(t)
		p := d.begin(fresh(), &memory{blocked: former})
		p.err, p.trigger = test.err, test.trigger
		d.secrets = &target.Writer{Client: &oneState{}, Live: &oneState{}}
		if d.noteBlocked(t.Context(), p, explain(p.err)); p.memory.blocked != test.want {
			t.Errorf("%s: blocked by %+v", name, p.memory.blocked)
		}
	}
}

// TestWhenABlockedSecretSyncIsTriedAgain after it was woken, surely or by a Secret that has changed in some way.
func TestWhenABlockedSecretSyncIsTriedAgain(t *testing.T) {
	const later, soon = time.Hour, unblockWait
	is := func(uid, owner string) target.State { return target.State{Exists: true, UID: uid, Owner: owner} }
	for name, test := range map[string]struct {
		blocked         target.State
		free            bool // nothing was in the way
		key, unreadable bool
		cached          string // UID of the Secret, whose owner is former; empty for none
		woken, surely   bool
		want            time.Duration
	}{
		"not woken":                      {blocked: is("1", "former"), cached: "2", want: later},
		"not blocked":                    {free: true, woken: true, surely: true, cached: "1", want: later},
		"gone":                           {blocked: is("1", "former"), woken: true, want: 0},
		"its content has changed":        {blocked: is("1", "former"), cached: "1", woken: true, want: later},
		"something else has changed":     {blocked: is("1", "former"), cached: "1", woken: true, surely: true, want: soon},
		"another one":                    {blocked: is("2", "former"), cached: "1", woken: true, want: soon},
		"it was handed over":             {blocked: is("1", "other"), cached: "1", woken: true, want: soon},
		"a key, the content has changed": {blocked: is("1", "former"), key: true, cached: "1", woken: true, want: soon},
		"a key, and the Secret is gone":  {blocked: is("1", "former"), key: true, woken: true, want: soon},
		"it can't be read":               {blocked: is("1", "former"), unreadable: true, woken: true, want: soon},
	} {
		d := newDesk(t)
		reads := 0
		cache := newWorld(t, fresh()).server
		if test.cached != "" {
			secret := of("former")
			secret.UID = types.UID(test.cached)
			if err := cache.Create(t.Context(), secret); err != nil {
				t.Fatal(err)
			}
		}
		if test.unreadable {
			cache = blind(cache, &reads)
		}
		d.secrets = &target.Writer{Client: cache}
		memory := d.memories.of(here, "uid")
		if memory.nextLook.set(noon.Add(later)); !test.free {
			memory.blocked = blockage{since: noon, secret: test.blocked, key: test.key}
		}
		if test.woken {
			d.memories.wake(here, test.surely)
		}
		if d.unblock(t.Context(), d.begin(fresh(), memory)); memory.nextLook.get().Sub(noon) != test.want {
			t.Errorf("%s: it is tried after %s", name, memory.nextLook.get().Sub(noon))
		}
	}
}

// TestASureWordIsNotForgotten because of one that is not, and a SecretSync is woken once by both.
func TestASureWordIsNotForgotten(t *testing.T) {
	for _, words := range [][]bool{{true}, {false}, {true, false}, {false, true}, {false, false}} {
		m := newMemories(time.Now)
		for _, surely := range words {
			m.wake(here, surely)
		}
		if woken, surely := m.takeWoken(here); !woken || surely != slices.Contains(words, true) {
			t.Errorf("%v: woken %t, surely %t", words, woken, surely)
		}
		if woken, surely := m.takeWoken(here); woken || surely {
			t.Errorf("%v: woken again", words)
		}
	}
}

// TestWhoIsWoken: those of the same namespace that want the Secret, each once.
func TestWhoIsWoken(t *testing.T) {
	w := newWorld(t, fresh())
	for _, name := range []types.NamespacedName{{Namespace: here.Namespace, Name: "rival"}, {Namespace: "other", Name: "rival"}} {
		rival := claimant(name.Name, 0, nil)
		rival.Namespace = name.Namespace
		if err := w.server.Create(t.Context(), &rival); err != nil {
			t.Fatal(err)
		}
	}
	secretSync := fresh()
	secretSync.Status.Secret = &v1alpha1.SecretStatus{Name: "db"}
	rival := types.NamespacedName{Namespace: here.Namespace, Name: "rival"}
	if woken := w.rivalsOf(t.Context(), secretSync); len(woken) != 1 || woken[0].NamespacedName != rival {
		t.Errorf("by a SecretSync: %v", woken)
	}
	if _, surely := w.memories.takeWoken(rival); !surely {
		t.Error("that a SecretSync may have gone is not sure")
	}
	if woken := w.writersOf(t.Context(), of("former")); len(woken) != 2 {
		t.Errorf("by a Secret: %v", woken)
	}
	if _, surely := w.memories.takeWoken(rival); surely {
		t.Error("whatever changes in a Secret frees it")
	}
	if woken := w.rivalsOf(t.Context(), of("other")); len(woken) != 0 {
		t.Errorf("by what is no SecretSync: %v", woken)
	}
}
