package secretsync

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	uberzap "go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// jsonLog is the manager's logger, with the caller in each line, and what it has written.
func jsonLog() (logr.Logger, *bytes.Buffer) {
	var written bytes.Buffer
	return zap.New(zap.WriteTo(&written), zap.JSONEncoder(), zap.RawZapOpts(uberzap.AddCaller()), zap.Level(zapcore.InfoLevel)), &written
}

// lines are those of the log, without their times and stack traces.
func lines(t *testing.T, written *bytes.Buffer) (all []map[string]any) {
	t.Helper()
	decoder := json.NewDecoder(written)
	for decoder.More() {
		line := map[string]any{}
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(err)
		}
		delete(line, "ts")
		delete(line, "stacktrace")
		all = append(all, line)
	}
	return all
}

// TestTheLogOfAReconcileHasAllValues: as those of a logger that encodes them at once, in names and callers too.
func TestTheLogOfAReconcileHasAllValues(t *testing.T) {
	write := func(log logr.Logger) {
		log = log.WithValues("reconcileID", 7)
		log.Info("applied", "version", "v1")
		log.WithName("part").WithValues("more", true).Info("named")
		log.Error(errors.New("away"), "failed", "try", 2)
		log.V(1).Info("is not written")
		log.Info("the last one")
	}
	want, expected := jsonLog()
	write(want.WithName("secretsync").WithValues("namespace", here.Namespace, "name", here.Name))
	base, written := jsonLog()
	write(logConstructor(base.WithName("secretsync"))(&reconcile.Request{NamespacedName: here}))
	if diff := cmp.Diff(lines(t, expected), lines(t, written)); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
}

// TestTwoLoggersOfAReconcileAreApart: values of one do not get into lines of the other.
func TestTwoLoggersOfAReconcileAreApart(t *testing.T) {
	base, written := jsonLog()
	log := logConstructor(base)(&reconcile.Request{NamespacedName: here})
	first, second := log.WithValues("of", "first"), log.WithValues("of", "second")
	first.Info("a")
	second.Info("b")
	log.Info("c")
	all := lines(t, written)
	if len(all) != 3 {
		t.Fatalf("%d lines", len(all))
	}
	if got := []any{all[0]["of"], all[1]["of"], all[2]["of"]}; !cmp.Equal(got, []any{"first", "second", nil}) {
		t.Errorf("the values are %v", got)
	}
}

// TestWithoutARequestTheLogIsTheControllers.
func TestWithoutARequestTheLogIsTheControllers(t *testing.T) {
	base, written := jsonLog()
	logConstructor(base)(nil).Info("started")
	if all := lines(t, written); len(all) != 1 || all[0]["msg"] != "started" {
		t.Errorf("the log is %v", all)
	}
}

// BenchmarkLogger is what a reconcile that writes no line costs its logger: controller-runtime adds an id.
func BenchmarkLogger(b *testing.B) {
	base, _ := jsonLog()
	log := logConstructor(base)
	request := &reconcile.Request{NamespacedName: here}
	b.ReportAllocs()
	for b.Loop() {
		log(request).WithValues("reconcileID", "7").V(1).Info("not written")
	}
}

// TestARetriedReconcileIsNoError: controller-runtime logs each reconcile that returned an error, and retries it.
func TestARetriedReconcileIsNoError(t *testing.T) {
	base, written := jsonLog()
	ended := make(chan struct{})
	made, err := controller.NewTypedUnmanaged("retries", controller.TypedOptions[reconcile.Request]{
		LogConstructor: logConstructor(base),
		Reconciler: reconcile.Func(func(_ context.Context, request reconcile.Request) (reconcile.Result, error) {
			if request.Name == "second" {
				close(ended)
				return reconcile.Result{}, nil
			}
			return reconcile.Result{}, errors.New("the API server does not answer")
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Watch(source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		queue.Add(reconcile.Request{NamespacedName: here})
		queue.Add(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: here.Namespace, Name: "second"}})
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- made.Start(ctx) }()
	<-ended // One worker: the first reconcile has been logged.
	cancel()
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	for _, line := range lines(t, written) {
		if line["error"] != "the API server does not answer" {
			continue
		}
		if line["level"] != "info" || line["namespace"] != here.Namespace || line["name"] != here.Name {
			t.Errorf("logged as %v", line)
		}
		return
	}
	t.Error("the error is not logged")
}
