package aws

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/secretsync/secretsync/controllers/source"
)

// question is what was asked, for explaining why it was not answered.
type question struct {
	operation string
	ref       source.Ref
	region    string
}

// explain turns an error of the SDK into a *source.Error. Codes decide; texts only where one code
// stands for several things. The caller's own cancellation passes through.
func explain(ctx context.Context, err error, q question) error {
	if err == nil {
		return nil
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if refusal := credentialsTrouble(err); refusal != nil {
		return refusal
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return unavailable(err, q, "it did not answer")
	}
	if refusal := byCode(api, q); refusal != nil {
		refusal.Cause = err
		return refusal
	}
	if response, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && response.HTTPStatusCode() >= 500 {
		return unavailable(err, q, fmt.Sprintf("it answered with HTTP status %d", response.HTTPStatusCode()))
	}
	return &source.Error{Kind: source.Failed, Cause: err, Explanation: fmt.Sprintf(
		"%s of secret %s in %s was refused by AWS with %s: %s", q.operation, q.ref.SecretID, q.region, api.ErrorCode(), api.ErrorMessage())}
}

// byCode knows the codes of Secrets Manager and the common ones (page "Common Errors" of the AWS
// Secrets Manager API Reference).
func byCode(api smithy.APIError, q question) *source.Error {
	message := api.ErrorMessage()
	switch api.ErrorCode() {
	case "ResourceNotFoundException":
		return notFound(message, q)
	case "AccessDeniedException", "AccessDenied":
		if strings.Contains(message, "KMS") {
			return kmsDenied(q, "")
		}
		return denied(message, q)
	case "DecryptionFailure":
		return &source.Error{Kind: source.DecryptionFailed, Explanation: fmt.Sprintf(
			"the KMS key of secret %s cannot decrypt it: look whether the key is disabled or pending deletion, and enable it", q.ref.SecretID)}
	case "InvalidRequestException":
		if strings.Contains(message, "marked for deletion") || strings.Contains(message, "deleted") {
			return &source.Error{Kind: source.SecretPendingDeletion, Explanation: fmt.Sprintf(
				"secret %s was marked for deletion in AWS: restore it with `aws secretsmanager restore-secret`, or follow another secret", q.ref.SecretID)}
		}
	case "ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown":
		return &source.Error{Kind: source.Throttled, Explanation: fmt.Sprintf(
			"AWS throttles %s in %s: the controller slows down and tries again; more poll interval or a higher quota helps", q.operation, q.region)}
	case "UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch",
		"IncompleteSignature", "MissingAuthenticationToken", "ExpiredTokenException", "ExpiredToken", "RequestExpired":
		return &source.Error{Kind: source.CredentialsUnavailable, Explanation: fmt.Sprintf(
			"AWS does not accept the operator's credentials (%s): %s", api.ErrorCode(), credentialsAdvice(api.ErrorCode()))}
	}
	return nil
}

func notFound(message string, q question) *source.Error {
	switch {
	case strings.Contains(message, "staging label"):
		return &source.Error{Kind: source.VersionNotFound, Explanation: fmt.Sprintf(
			"secret %s has no version with staging label %s", q.ref.SecretID, q.ref.VersionStage)}
	case strings.Contains(message, "VersionId"):
		return &source.Error{Kind: source.VersionNotFound, Explanation: fmt.Sprintf(
			"secret %s has no version %s: AWS removes versions without a staging label in time", q.ref.SecretID, q.ref.VersionID)}
	}
	return &source.Error{Kind: source.SecretNotFound, Explanation: fmt.Sprintf(
		"AWS has no secret %s in %s: create it, or correct spec.source.secretID or region; a secret of another account needs its full ARN",
		q.ref.SecretID, q.region)}
}

func unavailable(err error, q question, how string) error {
	return &source.Error{Kind: source.RegionUnavailable, Cause: err, Explanation: fmt.Sprintf(
		"Secrets Manager in %s could not be read (%s): the controller tries again; look at the network path, "+
			"the VPC endpoint and the AWS Health Dashboard", q.region, how)}
}
