package secretsync

import (
	"slices"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// logConstructor gives each reconcile a logger that names the SecretSync. The builder's own does so twice and by
// reflection, which took a sixth of the processor time of a poll that finds nothing new.
func logConstructor(base logr.Logger) func(*reconcile.Request) logr.Logger {
	lazy := base.WithSink(newLazySink(base.GetSink()))
	return func(request *reconcile.Request) logr.Logger {
		if request == nil {
			return base
		}
		return lazy.WithValues("namespace", request.Namespace, "name", request.Name)
	}
}

// lazySink adds keys and values to a line of the log when that is written. Most reconciles write none; zap encodes them
// whenever a logger with values is made, which was a tenth of the garbage of a poll that finds nothing new.
type lazySink struct {
	logr.LogSink
	pairs []any
}

// newLazySink wraps a sink that is initialized. It is one call more between the code that logs and the sink.
func newLazySink(sink logr.LogSink) logr.LogSink {
	if deep, ok := sink.(logr.CallDepthLogSink); ok {
		sink = deep.WithCallDepth(1)
	}
	return lazySink{LogSink: sink}
}

// Init does nothing: the sink is initialized.
func (s lazySink) Init(logr.RuntimeInfo) {}

// Info writes a line.
func (s lazySink) Info(level int, message string, pairs ...any) {
	s.LogSink.Info(level, message, slices.Concat(s.pairs, pairs)...)
}

// retried is the message of controller-runtime for a reconcile that returned an error, and is retried.
const retried = "Reconciler error"

// Error writes a line of an error. A reconcile that returns one is retried, and each retry would be logged as an error:
// what needs a person is logged on its own, once.
func (s lazySink) Error(err error, message string, pairs ...any) {
	if message == retried && err != nil {
		s.Info(0, "the reconcile failed: it is retried", append(slices.Clip(pairs), "error", err.Error())...)
		return
	}
	s.LogSink.Error(err, message, slices.Concat(s.pairs, pairs)...)
}

// WithValues is a sink that adds more keys and values.
func (s lazySink) WithValues(pairs ...any) logr.LogSink {
	return lazySink{LogSink: s.LogSink, pairs: slices.Concat(s.pairs, pairs)}
}

// WithName is a sink whose lines have a name.
func (s lazySink) WithName(name string) logr.LogSink {
	return lazySink{LogSink: s.LogSink.WithName(name), pairs: s.pairs}
}
