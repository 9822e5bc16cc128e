package aws

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/refusal"
)

var templateReader = source.Reader{Namespace: "payments", Name: "db"}

// templateIn is the one that requests are made after, and what a request is for.
func templateIn(t *testing.T) (*requestTemplate, *scriptedAWS, *secretsmanager.DescribeSecretInput) {
	t.Helper()
	p := newScripted(t)
	p.says(1, "AWSCURRENT=v1")
	if _, err := p.source.Resolve(t.Context(), source.VersionQuery{Ref: current(scriptedID)}); err != nil {
		t.Fatal(err)
	}
	made := ownEndpoint(p.source).template.Load()
	if made == nil {
		t.Fatal("there is no template")
	}
	own := *made
	return &own, p, &secretsmanager.DescribeSecretInput{SecretId: aws.String(scriptedID)}
}

// Each line is what is unusual in a request: a request that is not understood in full is no template.
func TestARequestThatIsNotUnderstoodIsNoTemplate(t *testing.T) {
	const signature = "AWS4-HMAC-SHA256 Credential=AKIA/20260301/eu-west-1/secretsmanager/aws4_request, SignedHeaders=host, Signature=abc"
	e := newScripted(t).source.tenants.endpoint(endpointKey{region: "eu-west-1"})
	for name, test := range map[string]struct {
		change func(r *http.Request)
		reader source.Reader
		known  bool
	}{
		"nothing":           {func(*http.Request) {}, templateReader, true},
		"no date":           {func(r *http.Request) { r.Header.Del(headerDate) }, templateReader, false},
		"a date in words":   {func(r *http.Request) { r.Header.Set(headerDate, "today") }, templateReader, false},
		"no signature":      {func(r *http.Request) { r.Header.Del(headerSignature) }, templateReader, false},
		"another signature": {func(r *http.Request) { r.Header.Set(headerSignature, "Bearer x") }, templateReader, false},
		"another reader":    {func(r *http.Request) { r.Header.Set(headerAgent, "aws-sdk-go-v2") }, templateReader, false},
		"a header":          {func(r *http.Request) { r.Header.Set("X-Amz-Something", "new") }, templateReader, false},
		"another method":    {func(r *http.Request) { r.Method = http.MethodGet }, templateReader, false},
		"an odd reader": {func(r *http.Request) {
			r.Header.Set(headerAgent, readerInAgent(source.Reader{Namespace: "a b", Name: "c"}))
		}, source.Reader{Namespace: "a b", Name: "c"}, false},
		"a reader with no name": {func(r *http.Request) { r.Header.Set(headerAgent, readerInAgent(source.Reader{})) }, source.Reader{}, false},
	} {
		sent := &http.Request{Method: http.MethodPost, URL: &url.URL{Host: "example"}, Header: http.Header{
			headerDate: {time.Now().UTC().Format(dateFormat)}, headerSignature: {signature}, headerAgent: {"sdk" + readerInAgent(templateReader) + " end"},
		}}
		test.change(sent)
		if made := e.templateOf(sent, test.reader); (made != nil) != test.known {
			t.Errorf("%s: it is a template: %v", name, made != nil)
		} else if test.known && (made.service != "secretsmanager" || made.region != "eu-west-1" || made.before != "sdk" || made.after != " end") {
			t.Errorf("%s: the template is for %s in %s", name, made.service, made.region)
		}
	}
}

func TestTheScopeOfASignature(t *testing.T) {
	for signature, known := range map[string]bool{
		"AWS4-HMAC-SHA256 Credential=k/d/r/s/aws4_request, SignedHeaders=x":  true,
		"AWS4-ECDSA-P256-SHA256 Credential=k/d/r/s/aws4_request":             false,
		"AWS4-HMAC-SHA256 Credential=k/d/s/aws4_request, SignedHeaders=a/b":  false,
		"AWS4-HMAC-SHA256 Credential=k/d/r/s/x/aws4_request, SignedHeaders=": false,
		"": false,
	} {
		service, region, is := scopeOf(signature)
		if is != known || known && (service != "s" || region != "r") || !known && service+region != "" {
			t.Errorf("%q is for %q in %q: %v", signature, service, region, is)
		}
	}
}

func TestWhatMayStandInAUserAgent(t *testing.T) {
	for text, known := range map[string]bool{
		"abc-xyz.019": true, "": false, "`": false, "{": false, "/": false, ":": false, "A": false, "a_b": false, "a b": false, "a\r\n": false, "é": false, "!": false, "~": false,
	} {
		if got := plain(source.Reader{Namespace: "a", Name: text}); got != known {
			t.Errorf("name %q: %v", text, got)
		}
		if got := plain(source.Reader{Namespace: text, Name: "a"}); got != (known || text == "") {
			t.Errorf("namespace %q: %v", text, got)
		}
	}
}

// failing are credentials that can't be had, and a signer that can't sign.
type failing struct{ err error }

func (f failing) Retrieve(context.Context) (aws.Credentials, error) { return aws.Credentials{}, f.err }

func (f failing) SignHTTP(context.Context, aws.Credentials, *http.Request, string, string, string, time.Time, ...func(*v4.SignerOptions)) error {
	return f.err
}

// A request that can't be made, signed or sent is an error of the operation, as the SDK's are, and is not sent half.
func TestARequestThatCannotBeMadeIsNotSent(t *testing.T) {
	no := errors.New("no")
	for name, change := range map[string]func(made *requestTemplate){
		"no credentials": func(made *requestTemplate) { made.options.Credentials = failing{no} },
		"no signature":   func(made *requestTemplate) { made.options.HTTPSignerV4 = failing{no} },
		"no connection": func(made *requestTemplate) {
			made.options.HTTPClient = clientFunc(func(*http.Request) (*http.Response, error) { return nil, no })
		},
	} {
		made, p, input := templateIn(t)
		change(made)
		p.sent = nil
		output, err := made.describe(t.Context(), &apiCall{Call: refusal.Call{Ref: source.Ref{Reader: templateReader}}}, input)
		failed, ok := errors.AsType[*smithy.OperationError](err)
		if !errors.Is(err, no) || !ok || failed.ServiceID != secretsmanager.ServiceID || failed.OperationName != describeSecret || output != nil || len(p.sent) != 0 {
			t.Errorf("%s: %v, %d calls", name, err, len(p.sent))
		}
	}
}

// closing notes that a body is closed.
type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

// Connections are used again once an answer is read, and a refusal has the id by which AWS's support knows it.
func TestAnAnswerIsClosed(t *testing.T) {
	for status, body := range map[int]string{http.StatusOK: goodAnswer, http.StatusBadRequest: `{"__type":"ResourceNotFoundException","Message":"no"}`} {
		made, _, input := templateIn(t)
		answer := &closing{Reader: strings.NewReader(body)}
		made.options.HTTPClient = clientFunc(func(r *http.Request) (*http.Response, error) {
			header := http.Header{"Content-Type": {"application/x-amz-json-1.1"}, headerRequestID: {"id-1"}}
			return &http.Response{StatusCode: status, Header: header, Body: answer, Request: r}, nil
		})
		_, err := made.describe(t.Context(), &apiCall{Call: refusal.Call{Ref: source.Ref{Reader: templateReader}}}, input)
		if (err == nil) != (status == http.StatusOK) || !answer.closed {
			t.Errorf("status %d: closed: %v, %v", status, answer.closed, err)
		}
		if refused, ok := errors.AsType[*awshttp.ResponseError](err); err != nil && (!ok || refused.ServiceRequestID() != "id-1") {
			t.Errorf("the refusal has another id: %v", err)
		}
	}
}

// A request leaves nothing of itself in the template, and its body can be sent again where a connection turns out to be closed.
func TestARequestLeavesTheTemplateAlone(t *testing.T) {
	made, _, input := templateIn(t)
	before := made.header.Clone()
	request, err := made.request(t.Context(), templateReader, input)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, made.header); diff != "" || made.header.Get(headerSignature) != "" {
		t.Errorf("the template differs (-before +after):\n%s", diff)
	}
	for range 2 {
		again, err := request.GetBody()
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(again); err != nil || string(body) != `{"SecretId":"`+scriptedID+`"}` {
			t.Errorf("the body is %s, %v", body, err)
		}
	}
}
