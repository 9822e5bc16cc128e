package secretsync

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllertest"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/queue"
)

// fakeCache is a cache that sends the events that the test has happen.
type fakeCache struct {
	informertest.FakeInformers
	refusal error // of an index

	mutex      sync.Mutex
	index      map[string]client.IndexerFunc
	handlers   map[string][]toolscache.ResourceEventHandler // by the type of their objects
	registered chan struct{}
}

func (c *fakeCache) IndexField(_ context.Context, _ client.Object, field string, values client.IndexerFunc) error {
	c.index = map[string]client.IndexerFunc{field: values}
	return c.refusal
}

func (c *fakeCache) GetInformer(_ context.Context, object client.Object, _ ...cache.InformerGetOption) (cache.Informer, error) {
	return &informer{controllertest.NewFakeInformer(controllertest.Synced), c, fmt.Sprintf("%T", object)}, nil
}

type informer struct {
	*controllertest.FakeInformer
	cache *fakeCache
	kind  string
}

func (i *informer) AddEventHandlerWithOptions(handler toolscache.ResourceEventHandler, options toolscache.HandlerOptions) (toolscache.ResourceEventHandlerRegistration, error) {
	i.cache.mutex.Lock()
	defer i.cache.mutex.Unlock()
	i.cache.handlers[i.kind] = append(i.cache.handlers[i.kind], handler)
	i.cache.registered <- struct{}{}
	return i.FakeInformer.AddEventHandlerWithOptions(handler, options)
}

// each has something happen to all handlers of objects of that type.
func (c *fakeCache) each(kind client.Object, happens func(toolscache.ResourceEventHandler)) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, handler := range c.handlers[fmt.Sprintf("%T", kind)] {
		happens(handler)
	}
}

// managed is a manager without an API server.
func managed(t *testing.T, informers *fakeCache, scheme *runtime.Scheme, log func(prefix, line string)) ctrl.Manager {
	t.Helper()
	informers.handlers, informers.registered = map[string][]toolscache.ResourceEventHandler{}, make(chan struct{}, 10)
	skip := true
	made, err := ctrl.NewManager(&rest.Config{Host: "http://127.0.0.1:1"}, manager.Options{
		Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"}, Controller: config.Controller{SkipNameValidation: &skip}, Logger: funcr.New(log, funcr.Options{}),
		NewCache:       func(*rest.Config, cache.Options) (cache.Cache, error) { return informers, nil },
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return meta.NewDefaultRESTMapper(nil), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// noLog drops the log.
func noLog(string, string) {}

// TestWhatIsMissingStopsTheStart: an index, a kind of object, or gauges.
func TestWhatIsMissingStopsTheStart(t *testing.T) {
	for name, test := range map[string]struct {
		refusal error
		scheme  *runtime.Scheme
		twice   bool
		message string
	}{
		"nothing":        {},
		"the index":      {refusal: errAway, message: "indexing SecretSyncs by target: etcd is away"},
		"the kind":       {scheme: runtime.NewScheme(), message: "SecretSync"},
		"a gauge's name": {twice: true, message: "duplicate"},
	} {
		e := newEnvironment(t, fresh())
		informers := &fakeCache{refusal: test.refusal}
		scheme := test.scheme
		if scheme == nil {
			scheme = e.server.Scheme()
		}
		if test.twice {
			if err := e.options.Metrics.watch(e.Controller); err != nil {
				t.Fatal(err)
			}
		}
		err := e.Register(t.Context(), managed(t, informers, scheme, noLog))
		if (err != nil) != (test.message != "") || err != nil && !strings.Contains(err.Error(), test.message) {
			t.Errorf("%s: %v", name, err)
		}
		if got := informers.index[targetIndex](fresh()); !slices.Equal(got, []string{"db"}) {
			t.Errorf("%s: a SecretSync is found by %q", name, got)
		}
	}
}

// run is an environment that a manager runs. It shows which SecretSyncs are reconciled; none of them is there.
type run struct {
	*environment
	informers *fakeCache
	reads     chan string
	timely    bool // each reconcile has a deadline
	log       strings.Builder
	stop      func() error
}

func running(t *testing.T) *run {
	t.Helper()
	r := &run{environment: newEnvironment(t, fresh()), informers: &fakeCache{}, reads: make(chan string, 100), timely: true}
	r.options.Workers = 1
	r.shares = queue.NewShares(1)
	r.options.Client = interceptor.NewClient(r.server, interceptor.Funcs{
		Get: func(ctx context.Context, _ client.WithWatch, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
			_, timely := ctx.Deadline()
			r.timely = r.timely && timely
			ctrl.LoggerFrom(ctx).Info("is read")
			r.reads <- key.Name
			return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
		},
	})
	made := managed(t, r.informers, r.server.Scheme(), func(_, line string) {
		if strings.Contains(line, "is read") { // By its one worker.
			r.log.WriteString(line + "\n")
		}
	})
	if err := r.Register(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- made.Start(ctx) }()
	r.stop = func() error {
		cancel()
		return <-ended
	}
	for range 3 { // Two watches of SecretSyncs, one of Secrets.
		select {
		case <-r.informers.registered:
		case <-time.After(20 * time.Second):
			t.Fatal("a watch is missing")
		}
	}
	timely, end := context.WithTimeout(t.Context(), 20*time.Second)
	defer end()
	if err := r.inserter.Wait(timely); err != nil {
		t.Fatal("reconciles that are asked for have no queue")
	}
	return r
}

// until lists the SecretSyncs that are reconciled until all that has happened is done.
func (r *run) until(t *testing.T) (names []string) {
	t.Helper()
	last := revised(fresh(), func(secretSync *v1alpha1.SecretSync) { secretSync.Name = "last" })
	r.informers.each(last, func(handler toolscache.ResourceEventHandler) {
		handler.OnUpdate(last, revised(last, func(secretSync *v1alpha1.SecretSync) { secretSync.Generation++ }))
	})
	for {
		select {
		case name := <-r.reads:
			if name == "last" {
				slices.Sort(names)
				return names
			}
			names = append(names, name)
		case <-time.After(20 * time.Second):
			t.Fatal("the queue does not move")
		}
	}
}

// revised is the next state of a SecretSync.
func revised(secretSync *v1alpha1.SecretSync, change func(*v1alpha1.SecretSync)) *v1alpha1.SecretSync {
	next := secretSync.DeepCopy()
	next.ResourceVersion = map[string]string{"": "5", "5": "6", "6": "7"}[secretSync.ResourceVersion]
	if change != nil {
		change(next)
	}
	return next
}

// TestWhatSetsOffAReconcile of which SecretSyncs: "other" is the SecretSync that something happens to, "db" wants the
// Secret db.
func TestWhatSetsOffAReconcile(t *testing.T) {
	now := metav1.NewTime(noon)
	before := revised(fresh(), func(secretSync *v1alpha1.SecretSync) { secretSync.Name, secretSync.Spec.Target.Name = "other", "db" })
	secret := func(version string) *metav1.PartialObjectMetadata {
		is := shownAs("db", version)
		is.Annotations[v1alpha1.AnnotationOwner] = here.Name
		return is
	}
	became := func(change func(*v1alpha1.SecretSync)) func(toolscache.ResourceEventHandler) {
		return func(handler toolscache.ResourceEventHandler) { handler.OnUpdate(before, revised(before, change)) }
	}
	r := running(t)
	for _, test := range []struct {
		name    string
		kind    client.Object
		happens func(toolscache.ResourceEventHandler)
		want    []string
	}{
		{"it is created", before, func(handler toolscache.ResourceEventHandler) { handler.OnAdd(before, false) }, []string{"other"}},
		{"its spec is edited", before, became(func(secretSync *v1alpha1.SecretSync) { secretSync.Generation++ }), []string{"db", "other"}},
		{"its status is written", before, became(func(secretSync *v1alpha1.SecretSync) { secretSync.Status.LastHandledRefresh = "x" }), nil},
		{"its labels are edited", before, became(func(secretSync *v1alpha1.SecretSync) { secretSync.Labels = map[string]string{"a": "b"} }), nil},
		{"a refresh is asked for", before, became(func(secretSync *v1alpha1.SecretSync) { secretSync.Annotations = map[string]string{"a": "b"} }), []string{"other"}},
		{"its deletion starts", before, became(func(secretSync *v1alpha1.SecretSync) { secretSync.DeletionTimestamp = &now }), []string{"other"}},
		{"it goes back in time", before, became(func(secretSync *v1alpha1.SecretSync) { secretSync.ResourceVersion = "4" }), []string{"other"}},
		{"it is gone", before, func(handler toolscache.ResourceEventHandler) { handler.OnDelete(before) }, []string{"db", "other"}},
		{"its Secret is created", secret("1"), func(handler toolscache.ResourceEventHandler) { handler.OnAdd(secret("1"), false) }, []string{"db"}},
		{"its Secret is edited", secret("1"), func(handler toolscache.ResourceEventHandler) { handler.OnUpdate(secret("1"), secret("2")) }, []string{"db"}},
		{"its Secret is gone", secret("1"), func(handler toolscache.ResourceEventHandler) { handler.OnDelete(secret("2")) }, []string{"db"}},
		{"its Secret was written by the operator", secret("1"), func(handler toolscache.ResourceEventHandler) {
			known := r.states.of(here, "uid")
			known.writes.Begin()
			known.writes.End("2", noon)
			handler.OnUpdate(secret("1"), secret("2"))
		}, nil},
	} {
		r.informers.each(test.kind, test.happens)
		if got := r.until(t); !slices.Equal(got, test.want) {
			t.Errorf("%s: reconciled are %q, want %q", test.name, got, test.want)
		}
	}
	r.inserter.Add([]reconcile.Request{{NamespacedName: here}})
	if got := r.until(t); !slices.Equal(got, []string{"db"}) {
		t.Errorf("a reconcile that was asked for: reconciled are %q", got)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r.checkRun(t)
}

// checkRun checks a run once it has stopped.
func (r *run) checkRun(t *testing.T) {
	t.Helper()
	if !r.timely {
		t.Error("a reconcile has no deadline")
	}
	if !r.deferred.stopping {
		t.Error("what was deferred is not reported at the stop")
	}
	if first, _, _ := strings.Cut(r.log.String(), "\n"); strings.Count(first, `"other"`) != 1 || !strings.Contains(first, `"namespace"="payments" "name"="other"`) {
		t.Errorf("a reconcile is logged as %s", first)
	}
	families, err := r.options.Metrics.registerer.(*prometheus.Registry).Gather()
	if err != nil || !slices.ContainsFunc(families, func(family *dto.MetricFamily) bool { return family.GetName() == "secretsync_parked_objects" }) {
		t.Errorf("the gauges are not there (%v)", err)
	}
}

// TestWhatIsNoReconcileIsLoggedWithoutAName, and a reconcile with that of its SecretSync.
func TestWhatIsNoReconcileIsLoggedWithoutAName(t *testing.T) {
	for want, request := range map[string]*reconcile.Request{"": nil, `"namespace"="payments" "name"="db"`: {NamespacedName: here}} {
		var logged string
		logConstructor(funcr.New(func(_, line string) { logged = line }, funcr.Options{}))(request).Info("x")
		if got := strings.TrimSpace(strings.TrimPrefix(logged, `"level"=0 "msg"="x"`)); got != want {
			t.Errorf("logged with %q, want %q", got, want)
		}
	}
}
