package secretsync

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// traced is the controller with a span around each reconcile; without a tracer it is the controller itself.
func (c *Controller) traced() reconcile.Reconciler {
	if c.options.Tracer == nil {
		return c
	}
	return reconcile.Func(func(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
		ctx, span := c.options.Tracer.Start(ctx, "reconcile SecretSync", trace.WithAttributes(
			semconv.K8SNamespaceName(request.Namespace), attribute.String("secretsync.name", request.Name)))
		defer span.End()
		result, err := c.Reconcile(ctx, request)
		if err != nil {
			span.SetAttributes(semconv.ErrorType(err))
			span.SetStatus(codes.Error, "")
		}
		return result, err
	})
}

// trace says in the span of a reconcile why AWS was asked, and why the sync failed: by the reason, as messages are long.
func (r *report) trace(ctx context.Context) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.String("secretsync.trigger", string(r.trigger)), attribute.Bool("secretsync.written", r.outcome.Write != nil))
	if failed := r.outcome.Failure; failed != nil {
		span.SetAttributes(attribute.String("secretsync.reason", failed.Reason), semconv.AWSRequestID(failed.RequestID))
		span.SetStatus(codes.Error, failed.Reason)
	}
}
