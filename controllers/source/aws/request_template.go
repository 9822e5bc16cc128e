package aws

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/schemas"
	"github.com/aws/smithy-go"
	smithyrand "github.com/aws/smithy-go/rand"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/refusal"
)

// templateLasts is how long requests are made after a template. The SDK makes the next one, and so reads the clock, the
// environment and the chain of credentials again.
const templateLasts = time.Minute

// Headers of a request that the SDK makes.
const (
	headerAgent      = "User-Agent"
	headerSignature  = "Authorization"
	headerDate       = "X-Amz-Date"
	headerSession    = "X-Amz-Security-Token"
	headerInvocation = "Amz-Sdk-Invocation-Id"
	headerAttempt    = "Amz-Sdk-Request"
	headerRequestID  = "X-Amzn-Requestid"
)

// dateFormat is that of X-Amz-Date (page "Elements of an AWS API request signature" of the IAM User Guide).
const dateFormat = "20060102T150405Z"

// template is a DescribeSecret that the SDK made and AWS answered. Those that follow are made after it: to the
// same endpoint, with the same headers, the SDK's signer, credentials, connections and decoder. Only the stack
// of middleware is left out, which the SDK sets up for each call and which polls would spend most of their
// processor time and garbage on. It does not change once made.
type requestTemplate struct {
	made    time.Time
	options secretsmanager.Options
	url     url.URL
	// header has what is the same for all calls.
	header http.Header
	// before and after are the user agent, without the reader who stands in between.
	before, after string
	// service and region that requests are signed for.
	service, region string
	// skew is what the SDK has found the clock of AWS to be ahead of ours.
	skew time.Duration
}

// describeSecret makes a call after the template, or has the SDK make it where there is none yet, where the one
// there is has served its time, where AWS did not take a request that was made after it, or where calls are traced, as the
// spans are made by middleware.
func (e *endpoint) describeSecret(ctx context.Context, c *apiCall, input *secretsmanager.DescribeSecretInput) (
	*secretsmanager.DescribeSecretOutput, error,
) {
	known := e.template.Load()
	if known == nil || e.s.options.Tracer != nil || e.s.options.Now().Sub(known.made) >= templateLasts || !plain(c.Ref.Reader) {
		return e.describeBySDK(ctx, c, input)
	}
	output, err := known.describe(ctx, c, input)
	if err != nil {
		e.template.CompareAndSwap(known, nil)
	}
	if refusal.OfCredentials(err) { // AWS refuses how it is signed, or with what credentials: the SDK may know better.
		c.remake = true
	}
	return output, err
}

// describeBySDK takes a request that was answered for the new template.
func (e *endpoint) describeBySDK(ctx context.Context, c *apiCall, input *secretsmanager.DescribeSecretInput) (
	*secretsmanager.DescribeSecretOutput, error,
) {
	var made *requestTemplate
	output, err := e.client.DescribeSecret(ctx, input, e.s.audit(c.Ref.Reader), watchWire(&c.Host, func(sent *http.Request) {
		made = e.templateOf(sent, c.Ref.Reader)
	}))
	if err != nil {
		return nil, err
	}
	e.template.Store(made)
	return output, nil
}

// templateOf makes a template of a request, or nil where there is anything in it that is not known here.
func (e *endpoint) templateOf(sent *http.Request, reader source.Reader) *requestTemplate {
	made := &requestTemplate{made: e.s.options.Now(), options: e.client.Options(), url: *sent.URL, header: http.Header{}}
	for name, values := range sent.Header {
		switch name {
		case "Content-Type", "X-Amz-Target":
			made.header[name] = slices.Clone(values)
		case headerAttempt:
			number, _, _ := strings.Cut(sent.Header.Get(name), "; ttl=") // When that call's caller gives up.
			made.header[name] = []string{number}
		case headerAgent, headerSignature, headerDate, headerSession, headerInvocation:
		default:
			return nil
		}
	}
	signed, err := time.Parse(dateFormat, sent.Header.Get(headerDate))
	if err != nil {
		return nil
	}
	made.skew = time.Until(signed)
	var scoped, framed bool
	made.service, made.region, scoped = scopeOf(sent.Header.Get(headerSignature))
	made.before, made.after, framed = strings.Cut(sent.Header.Get(headerAgent), readerInAgent(reader))
	if !scoped || !framed || !plain(reader) || sent.Method != http.MethodPost {
		return nil
	}
	return made
}

// scopeOf reads what a request is signed for from AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request, …
func scopeOf(signature string) (service, region string, known bool) {
	credential, _, _ := strings.Cut(signature, ",")
	parts := strings.Split(credential, "/")
	if !strings.HasPrefix(signature, "AWS4-HMAC-SHA256 ") || len(parts) != 5 {
		return "", "", false
	}
	return parts[3], parts[2], true
}

// plain says whether a reader's names need nothing replaced to stand in a user agent, as names in Kubernetes do.
func plain(reader source.Reader) bool {
	odd := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.' }
	return reader.Name != "" && !strings.ContainsFunc(reader.Namespace, odd) && !strings.ContainsFunc(reader.Name, odd)
}

// describe makes a DescribeSecret. Its errors are of the types that the SDK's own have.
func (t *requestTemplate) describe(ctx context.Context, c *apiCall, input *secretsmanager.DescribeSecretInput) (
	*secretsmanager.DescribeSecretOutput, error,
) {
	request, err := t.request(ctx, c.Ref.Reader, input)
	if err != nil {
		return nil, failedCall(err)
	}
	c.Host = t.url.Host
	answer, err := t.options.HTTPClient.Do(request)
	if err != nil {
		return nil, failedCall(&smithyhttp.RequestSendError{Err: err})
	}
	defer answer.Body.Close()
	answer.Body = &bounded{ReadCloser: answer.Body, left: maxAnswer}
	output, read := &secretsmanager.DescribeSecretOutput{}, &smithyhttp.Response{Response: answer}
	operation := smithy.NewOperationSchema(schemas.DescribeSecret, schemas.DescribeSecretRequest, schemas.DescribeSecretResponse)
	if err := t.options.Protocol.DeserializeResponse(ctx, operation, secretsmanager.TypeRegistry, read, output); err != nil {
		return nil, failedCall(&awshttp.ResponseError{
			ResponseError: &smithyhttp.ResponseError{Response: read, Err: err}, RequestID: answer.Header.Get(headerRequestID),
		})
	}
	return output, nil
}

func failedCall(err error) error {
	return &smithy.OperationError{ServiceID: secretsmanager.ServiceID, OperationName: describeSecret, Err: err}
}

// request makes and signs a request.
func (t *requestTemplate) request(ctx context.Context, reader source.Reader, input *secretsmanager.DescribeSecretInput) (*http.Request, error) {
	credentials, err := t.options.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(struct {
		SecretID string `json:"SecretId"`
	}{aws.ToString(input.SecretId)})
	if err != nil {
		return nil, err
	}
	invocation, err := smithyrand.NewUUID(rand.Reader).GetUUID()
	if err != nil {
		return nil, err
	}
	target := t.url
	request := (&http.Request{
		Method: http.MethodPost, URL: &target, Header: maps.Clone(t.header), ContentLength: int64(len(body)),
		Body:    io.NopCloser(bytes.NewReader(body)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}).WithContext(ctx)
	request.Header[headerAgent] = []string{t.before + readerInAgent(reader) + t.after}
	request.Header[headerInvocation] = []string{invocation}
	digest := sha256.Sum256(body)
	return request, t.options.HTTPSignerV4.SignHTTP(ctx, credentials, request, hex.EncodeToString(digest[:]), t.service, t.region, time.Now().Add(t.skew))
}
