package main

import (
	"io"
	"slices"

	"github.com/go-logr/logr"
	"go.uber.org/zap/zapcore"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// logger is the log of the process. Errors have no stack trace: it would show where the operator logs, not what failed.
// A panic has one.
func logger(o *options, output io.Writer) logr.Logger {
	level := zapcore.InfoLevel
	if o.logLevel == "debug" {
		level = zapcore.DebugLevel
	}
	return zap.New(zap.UseDevMode(o.logFormat == "console"), zap.Level(level), zap.StacktraceLevel(zapcore.DPanicLevel), zap.WriteTo(output))
}

// libraryLogger is the log of Kubernetes' libraries. What they report as an error they retry, as a watch that has ended, so
// that no person has to act: their lines are at level info.
func libraryLogger(log logr.Logger) logr.Logger {
	log = log.WithName("client-go")
	return log.WithSink(calmSink{log.GetSink()})
}

// calmSink writes errors at level info.
type calmSink struct{ logr.LogSink }

// Error writes a line of an error.
func (s calmSink) Error(err error, message string, pairs ...any) {
	if err != nil {
		pairs = append(slices.Clip(pairs), "error", err.Error())
	}
	s.Info(0, message, pairs...)
}

// WithValues is a sink that adds more keys and values.
func (s calmSink) WithValues(pairs ...any) logr.LogSink {
	return calmSink{s.LogSink.WithValues(pairs...)}
}

// WithName is a sink whose lines have a name.
func (s calmSink) WithName(name string) logr.LogSink { return calmSink{s.LogSink.WithName(name)} }

// logStart writes the first line of the log: which operator this is, what it works on, and how it was configured.
func logStart(log logr.Logger, o *options, region, identity string) {
	log.Info("starting", "version", version, "region", region, "identity", identity, "cluster", o.clusterName,
		"scope", o.scope(), "flags", o.changed)
}

// identityName says with which credentials the operator calls AWS, as far as its environment shows: no call is made.
func identityName(role string, getenv func(string) string) string {
	switch {
	case role != "":
		return role
	case getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI") != "":
		return "EKS Pod Identity"
	case getenv("AWS_ACCESS_KEY_ID") != "":
		return "the access key of the environment"
	}
	return "the SDK's default credentials"
}
