package aws

import (
	"context"
	"errors"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// traced makes a span for each call to AWS that is part of a trace, whatever the service: those that get credentials too.
// Attributes are those of OpenTelemetry's "Semantic conventions for AWS SDK". Input and output are none of them, nor is the
// text of an error.
func traced(tracer trace.Tracer) func(*middleware.Stack) error {
	handle := func(ctx context.Context, input middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		if !trace.SpanContextFromContext(ctx).IsValid() {
			return next.HandleInitialize(ctx, input)
		}
		method := awsmiddleware.GetServiceID(ctx) + "/" + awsmiddleware.GetOperationName(ctx)
		ctx, span := tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
			semconv.RPCSystemNameKey.String("aws-api"), semconv.RPCMethod(method), semconv.CloudRegion(awsmiddleware.GetRegion(ctx))))
		defer span.End()
		output, metadata, err := next.HandleInitialize(ctx, input)
		if id, found := awsmiddleware.GetRequestIDMetadata(metadata); found {
			span.SetAttributes(semconv.AWSRequestID(id))
		}
		if err != nil {
			span.SetAttributes(errorType(err))
			span.SetStatus(codes.Error, "")
		}
		return output, metadata, err
	}
	return func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("SecretSyncTrace", handle), middleware.After)
	}
}

// errorType is AWS's error code, or the type of the error where AWS did not answer.
func errorType(err error) attribute.KeyValue {
	if answered, ok := errors.AsType[smithy.APIError](err); ok {
		return semconv.ErrorTypeKey.String(answered.ErrorCode())
	}
	return semconv.ErrorType(err)
}
