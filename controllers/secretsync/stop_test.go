package secretsync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// errReplaced answers a write of status after another SecretSync has got the name: the patch tests the UID, and the API
// server calls it invalid.
var errReplaced = apierrors.NewGenericServerResponse(422, "", schema.GroupResource{}, "", "test failed", 0, false)

// saving is an environment of which a Secret was seen since status was written. Its API server gives these answers to
// writes of status first, and how often it is read itself is counted.
func saving(t *testing.T, answers ...error) (e *environment, reads *int) {
	t.Helper()
	e = newEnvironment(t, fresh())
	e.settle(t)
	e.annotate(t, "1")
	e.settle(t)
	e.options.Client = interceptor.NewClient(e.options.Client.(client.WithWatch), interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, c client.Client, part string, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
			if len(answers) > 0 {
				answer := answers[0]
				answers = answers[1:]
				if errors.Is(answer, errReplaced) {
					e.replace(t)
				}
				return answer
			}
			return c.SubResource(part).Patch(ctx, object, patch, options...)
		},
	})
	return e, e.countLists()
}

// see notes a Secret that was found as desired.
func (e *environment) see(uid, resourceVersion string) {
	e.state().seen.Note(target.Result{UID: uid, ResourceVersion: resourceVersion})
}

// shows has the cache show the SecretSync in another way than the API server.
func (e *environment) shows(t *testing.T, secretSync *v1alpha1.SecretSync) {
	t.Helper()
	e.options.Client = interceptor.NewClient(e.options.Client.(client.WithWatch), interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			if into, ok := object.(*v1alpha1.SecretSync); ok {
				secretSync.DeepCopyInto(into)
				return nil
			}
			return c.Get(ctx, key, object, options...)
		},
	})
}

// TestWhatWasSeenIsSavedAtTheStop in the status that is there, and in no other. What can't be saved is said, unless
// nothing is lost by it.
func TestWhatWasSeenIsSavedAtTheStop(t *testing.T) {
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "secretsyncs"}, "db", errAway)
	invalid := apierrors.NewGenericServerResponse(422, "", schema.GroupResource{}, "", "no such field", 0, false)
	lists := func(err error, items ...v1alpha1.SecretSync) func(*environment, *int) {
		return func(e *environment, reads *int) {
			e.options.Live = interceptor.NewClient(e.server, interceptor.Funcs{
				List: func(_ context.Context, _ client.WithWatch, list client.ObjectList, _ ...client.ListOption) error {
					*reads++
					list.(*v1alpha1.SecretSyncList).Items = items
					return err
				},
			})
		}
	}
	for name, test := range map[string]struct {
		answers []error
		change  func(*environment, *int)
		saved   bool
		reads   int // of the SecretSync at the API server
		fails   bool
	}{
		"as it was read":                 {saved: true},
		"changed since the cache":        {answers: []error{conflict}, saved: true, reads: 1},
		"changed again and again":        {answers: []error{conflict, conflict}, reads: 1},
		"another one by now":             {answers: []error{errReplaced}, reads: 1},
		"another one, by the API server": {answers: []error{conflict, errReplaced}, reads: 2},
		"refused as invalid":             {answers: []error{invalid}, reads: 1, fails: true},
		"invalid after a conflict":       {answers: []error{conflict}, change: lists(invalid), reads: 2, fails: true},
		"gone":                           {answers: []error{apierrors.NewNotFound(schema.GroupResource{}, "db")}},
		"gone, by the API server":        {answers: []error{conflict}, change: lists(nil), reads: 1},
		"the API server is away":         {answers: []error{errAway}, fails: true},
		"it is away after a conflict":    {answers: []error{conflict}, change: lists(errAway), reads: 1, fails: true},
		"it fails after a conflict":      {answers: []error{conflict, errAway}, reads: 1, fails: true},
		"the cache is away":              {change: func(e *environment, _ *int) { e.options.Client = &oneState{refusal: errAway} }, fails: true},
		"another one in the cache":       {change: func(e *environment, _ *int) { e.state().uid = "former" }},
		"nothing was seen":               {change: func(e *environment, _ *int) { e.state().seen.Clear() }},
		"another Secret was seen":        {change: func(e *environment, _ *int) { e.see("another", "1000") }},
		"an earlier state of it was seen": {change: func(e *environment, _ *int) {
			secretSync := e.now(t)
			secretSync.Status.Secret.ResourceVersion = "50"
			if err := e.server.Status().Update(t.Context(), secretSync); err != nil {
				t.Fatal(err)
			}
			e.see(string(e.secret(t, "db").UID), "40")
		}},
		"no Secret is in status, in the cache": {change: func(e *environment, _ *int) {
			secretSync := e.now(t)
			secretSync.Status.Secret = nil
			e.shows(t, secretSync)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			e, reads := saving(t, test.answers...)
			if test.change != nil {
				test.change(e, reads)
			}
			before := e.inStatus(t)
			if err := e.saveSeen(t.Context()); (err != nil) != test.fails {
				t.Errorf("it fails: %v", err)
			}
			if *reads != test.reads {
				t.Errorf("the API server was read %d times", *reads)
			}
			after := e.inStatus(t)
			if test.saved && after != e.secret(t, "db").ResourceVersion || !test.saved && after != before {
				t.Errorf("status had resourceVersion %s and has %s", before, after)
			}
		})
	}
}

// TestOneThatCannotBeSavedKeepsNoOtherBack, and each one is said.
func TestOneThatCannotBeSavedKeepsNoOtherBack(t *testing.T) {
	e, _ := saving(t)
	for _, name := range []string{"a", "z"} {
		lost := e.states.of(client.ObjectKey{Namespace: "nowhere", Name: name}, "uid")
		lost.seen.Note(target.Result{UID: "1", ResourceVersion: "9"})
	}
	e.states.of(client.ObjectKey{Namespace: "nowhere", Name: "of which nothing was seen"}, "uid")
	e.options.Client = interceptor.NewClient(e.options.Client.(client.WithWatch), interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			if key.Namespace == "nowhere" {
				return fmt.Errorf("%s is away", key.Name)
			}
			return c.Get(ctx, key, object, options...)
		},
	})
	err := e.saveSeen(t.Context())
	if err == nil || !strings.Contains(err.Error(), "a is away") || !strings.Contains(err.Error(), "z is away") {
		t.Errorf("the error is %v", err)
	}
	if err != nil && strings.Contains(err.Error(), "nothing was seen") {
		t.Errorf("a SecretSync with nothing to save is read: %v", err)
	}
	if said, is := e.inStatus(t), e.secret(t, "db").ResourceVersion; said != is {
		t.Errorf("status says resourceVersion %s of %s", said, is)
	}
}

// What was deferred is reported at the stop once the reconciles that are running have ended, and no other one begins.
func TestTheStopWaitsForPassesThatAreUnderWay(t *testing.T) {
	e := newEnvironment(t, fresh())
	stop, cancel := context.WithCancel(t.Context())
	cancel()
	stopped := make(chan struct{})
	e.interrupt(func(context.Context) {
		go func() {
			defer close(stopped)
			if err := e.Start(stop); err != nil {
				t.Error(err)
			}
		}()
		select {
		case <-stopped:
			t.Error("the stop has not waited for the reconcile")
		case <-time.After(200 * time.Millisecond):
		}
	})
	e.turn(t)
	<-stopped
	if synced := e.now(t).Status.Sources; len(synced) != 1 {
		t.Errorf("status names %d sources", len(synced))
	}
	asked := false
	e.interrupt(func(context.Context) { asked = true })
	e.clock.SetTime(noon.Add(time.Hour))
	if e.turn(t); asked {
		t.Error("a reconcile begins after the stop")
	}
}

// crowd is a controller of many SecretSyncs, which counts by their names what it reports of them. Its API server takes
// nothing once a context has ended.
type crowd struct {
	*Controller
	server client.WithWatch
	names  []types.NamespacedName

	mutex    sync.Mutex
	statuses map[string]int
	created  map[string]int
}

func newCrowd(t *testing.T, size int) *crowd {
	t.Helper()
	e := newEnvironment(t, fresh())
	c := &crowd{server: e.server, statuses: map[string]int{}, created: map[string]int{}}
	for n := range size {
		secretSync := fresh()
		secretSync.Name = fmt.Sprint("s-", n)
		secretSync.UID = types.UID("uid-of-" + secretSync.Name)
		if err := e.server.Create(t.Context(), secretSync); err != nil {
			t.Fatal(err)
		}
		c.names = append(c.names, client.ObjectKeyFromObject(secretSync))
	}
	options := e.options
	version := source.Version{ARN: "arn", ID: "version-1", Created: noon}
	options.Source = &fakeSource{
		resolve: func(source.VersionQuery) (source.Resolution, error) { return source.Resolution{Version: version}, nil },
		fetch: func(source.Ref, source.Version) (source.Fetched, error) {
			return source.Fetched{Version: version, Value: source.TextValue("v")}, nil
		},
	}
	options.Events = c
	options.Client = interceptor.NewClient(e.server, interceptor.Funcs{
		Create: func(ctx context.Context, next client.WithWatch, object client.Object, options ...client.CreateOption) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			object.SetUID(types.UID("uid-of-secret-" + object.GetName()))
			return next.Create(ctx, object, options...)
		},
		SubResourcePatch: func(ctx context.Context, next client.Client, part string, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			c.count(c.statuses, object.GetName())
			time.Sleep(time.Millisecond) // The API server takes a while, in which others may begin.
			return next.SubResource(part).Patch(ctx, object, patch, options...)
		},
	})
	c.Controller = New(options)
	return c
}

func (c *crowd) count(in map[string]int, name string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	in[name]++
}

// Eventf counts the events of Secrets that were created.
func (c *crowd) Eventf(regarding, _ runtime.Object, _, reason, _, _ string, _ ...any) {
	if reason == status.EventCreated {
		c.count(c.created, regarding.(*v1alpha1.SecretSync).Name)
	}
}

// reconcile reconciles SecretSyncs again and again, and notes each time that it does. A reconcile may only fail as it has
// been stopped.
func (c *crowd) reconcile(ctx context.Context, t *testing.T, names []types.NamespacedName, note func()) {
	for range 4 {
		for _, name := range names {
			if _, err := c.Reconcile(ctx, reconcile.Request{NamespacedName: name}); err != nil && ctx.Err() == nil {
				t.Errorf("%s: %v", name, err)
			}
			note()
		}
	}
}

// reportedOnce wants each Secret that was written to be in status, and both status and event to be written once.
func (c *crowd) reportedOnce(t *testing.T) (written int) {
	t.Helper()
	for _, name := range c.names {
		secret, secretSync := &corev1.Secret{}, &v1alpha1.SecretSync{}
		err := c.server.Get(t.Context(), name, secret)
		if client.IgnoreNotFound(err) != nil {
			t.Fatal(err)
		}
		want := 0
		if err == nil {
			want, written = 1, written+1
		}
		if err := c.server.Get(t.Context(), name, secretSync); err != nil {
			t.Fatal(err)
		}
		if (secretSync.Status.Secret != nil) != (want == 1) {
			t.Errorf("%s is written %d times, and in status: %t", name, want, secretSync.Status.Secret != nil)
		}
		if got := c.statuses[name.Name]; got != want {
			t.Errorf("%s is written %d times, and status %d times", name, want, got)
		}
		if got := c.created[name.Name]; got != want {
			t.Errorf("%s is written %d times, and %d events say so", name, want, got)
		}
	}
	return written
}

// TestAStopReportsEachSecretOnce: whenever it comes, while workers begin reconciles, write Secrets, and make reports that
// were deferred. Workers whose context does not end with it must not begin a reconcile either. Run it with -race.
func TestAStopReportsEachSecretOnce(t *testing.T) {
	const size, workers = 16, 4
	early, late := 0, 0 // stops before all Secrets were written, and after that
	for after := 1; after < 2*size; after += 4 {
		for _, outlives := range []bool{false, true} {
			c := newCrowd(t, size)
			ctx, stop := context.WithCancel(t.Context())
			working := ctx
			if outlives {
				working = t.Context()
			}
			var begun atomic.Int64
			note := func() {
				if begun.Add(1) == int64(after) {
					stop()
				}
			}
			var all sync.WaitGroup
			all.Go(func() {
				if err := c.Start(ctx); err != nil {
					t.Error(err)
				}
			})
			for names := range slices.Chunk(c.names, size/workers) { // The queue gives a SecretSync to one worker at a time.
				all.Go(func() { c.reconcile(working, t, names, note) })
			}
			all.Wait()
			stop()
			if left := len(c.deferred.byName); left > 0 {
				t.Errorf("after %d reconciles %d reports are lost", after, left)
			}
			if c.reportedOnce(t) < size {
				early++
			} else {
				late++
			}
		}
	}
	t.Logf("%d stops came before all Secrets were written, %d after that", early, late)
	if early == 0 {
		t.Error("no stop came while Secrets were written")
	}
}
