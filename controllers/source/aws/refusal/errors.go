package refusal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/source"
)

// Explain turns an error of the SDK into a *source.Error. Codes decide, texts only where AWS uses one
// code for several things. What ended with the caller's context is the context's error.
//
// Explanations stay the same while the trouble does: no request id, no time and no port is in them, so
// that a condition does not change with every try.
func (c Call) Explain(caller context.Context, err error) error {
	if ended := caller.Err(); ended != nil {
		return ended
	}
	refused := c.classify(err)
	if refused.Cause == nil {
		refused.Cause = loggable(err)
	}
	refused.RequestID = requestID(err)
	return refused
}

// requestID is AWS's id of the request, from the header of its answer. What is not an id is not passed on.
func requestID(err error) string {
	answer, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok || !idOfRequest.MatchString(answer.RequestID) {
		return ""
	}
	return answer.RequestID
}

var idOfRequest = regexp.MustCompile(`^[A-Za-z0-9=/+_-]{1,128}$`)

func (c Call) classify(err error) *source.Error {
	if trouble, ok := errors.AsType[*CredentialsError](err); ok {
		return c.credentialsTrouble(trouble)
	}
	status, retryAfter := statusOf(err)
	var refused smithy.APIError
	if errors.As(err, &refused) {
		if refused := c.byCode(refused.ErrorCode(), refused.ErrorMessage()); refused != nil {
			refused.RetryAfter = retryAfter
			return refused
		}
	}
	switch {
	case status == http.StatusTooManyRequests:
		refused := c.throttled()
		refused.RetryAfter = retryAfter
		return refused
	case status == http.StatusProxyAuthRequired:
		return c.unavailable(refusedByProxy(c.proxyFor(err), status, proxyVariable(targetOf(err))))
	case status >= http.StatusInternalServerError:
		refused := c.unavailable(c.answeredWith(fmt.Sprintf("HTTP status %d", status), err))
		refused.RetryAfter = retryAfter
		return refused
	case refused != nil || status >= http.StatusBadRequest:
		return c.refused(refused, status, c.proxyFor(err))
	case c.Host == "":
		return c.unsent(err)
	}
	return c.unavailable(c.outageOf(err))
}

// notFound tells a missing version from a missing secret: AWS has one code for both.
func (c Call) notFound(message string) *source.Error {
	if !strings.Contains(message, "secret value") {
		return &source.Error{Kind: source.SecretNotFound, Explanation: fmt.Sprintf(
			"AWS has no secret %s in %s: create it, or correct spec.source.secretID or region; %s", c.Ref.SecretID, c.Region, idAdvice(c.Ref.SecretID))}
	}
	if c.Ref.VersionID != "" {
		return &source.Error{Kind: source.VersionNotFound, Explanation: fmt.Sprintf(
			"secret %s has no version %s: AWS removes versions without a staging label in time; pin another version, or follow a staging label",
			c.Ref.SecretID, c.Ref.VersionID)}
	}
	return &source.Error{Kind: source.VersionNotFound, Explanation: fmt.Sprintf(
		"secret %s has no version with staging label %s: put a value into it, move the label in AWS, or follow another one",
		c.Ref.SecretID, cmp.Or(c.Ref.VersionStage, "AWSCURRENT"))}
}

// idAdvice is what else may be wrong with the id of a secret that is not found.
func idAdvice(id string) string {
	if arns.TakenForFull(id) {
		return "AWS takes the last six characters of an ARN for the random ones that it puts behind a name: if these belong to the name, " +
			"write the whole ARN, as aws secretsmanager list-secrets shows it, or the name alone"
	}
	return "a secret of another account needs its full ARN, with the six random characters behind the name"
}

func (c Call) throttled() *source.Error {
	return &source.Error{Kind: source.Throttled, Explanation: fmt.Sprintf(
		"AWS throttles %s in %s: it is tried again by itself, more slowly; a longer pollInterval or a higher quota ends it",
		c.Operation, c.Region)}
}

// refused is a refusal without a kind. AWS's own text is passed on where there is a code, as then it
// comes from the service and speaks of the request's parameters. The refusal may be nil.
func (c Call) refused(refused smithy.APIError, status int, proxy string) *source.Error {
	if refused != nil && refused.ErrorCode() != "" && refused.ErrorCode() != "UnknownError" {
		return &source.Error{Kind: source.Failed, Explanation: fmt.Sprintf("AWS refuses %s in %s with %s: %s",
			c.request(), c.Region, refused.ErrorCode(), Shortened(refused.ErrorMessage()))}
	}
	between := "look for a proxy or a wrong endpoint in between"
	if proxy != "" {
		between = fmt.Sprintf("look at proxy %s, through which it was asked, and at its rules", proxy)
	}
	return &source.Error{Kind: source.Failed, Explanation: fmt.Sprintf(
		"%s answered %s with HTTP status %d and no AWS error code: %s", c.endpoint(), c.request(), status, between)}
}

// unsent is a request that the SDK could not make, for example for a region that is no name of a host.
// Its text speaks of the configuration alone.
func (c Call) unsent(err error) *source.Error {
	if operation, ok := errors.AsType[*smithy.OperationError](err); ok {
		err = operation.Err
	}
	return &source.Error{Kind: source.Failed, Explanation: fmt.Sprintf(
		"%s in %s could not be asked for (%s): correct the region or the endpoint's settings",
		c.request(), c.Region, Shortened(err.Error()))}
}

// request names the operation, and the secret where it is about one.
func (c Call) request() string {
	if c.Ref.SecretID == "" {
		return c.Operation
	}
	return c.Operation + " of secret " + c.Ref.SecretID
}

// maxRetryAfter bounds the wait that an answer asks for: a gateway in front of AWS may ask for any, and nothing else ends
// it.
const maxRetryAfter = 10 * time.Minute

// statusOf is the answer's HTTP status and the wait it asks for; zero where there was no answer.
func statusOf(err error) (status int, retryAfter time.Duration) {
	answer, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok || answer.Response == nil {
		return 0, 0
	}
	seconds, err := strconv.Atoi(answer.Response.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		seconds = 0
	}
	return answer.HTTPStatusCode(), time.Duration(min(seconds, int(maxRetryAfter/time.Second))) * time.Second
}

// maxMessage bounds what is passed on of a text of AWS.
const maxMessage = 300

// Shortened is a text of AWS, cut where it is too long to be passed on.
func Shortened(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	return strings.ToValidUTF8(message[:maxMessage], "") + "…"
}
