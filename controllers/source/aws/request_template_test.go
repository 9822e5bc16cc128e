package aws

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/hack/localaws"
)

// bySDK counts the calls of Secrets Manager that the SDK made itself.
type bySDK struct{ atomic.Int64 }

func (n *bySDK) option() func(*config.LoadOptions) error {
	count := middleware.InitializeMiddlewareFunc("count", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
		middleware.InitializeOutput, middleware.Metadata, error,
	) {
		if _, describes := in.Parameters.(*secretsmanager.DescribeSecretInput); describes {
			n.Add(1)
		}
		return next.HandleInitialize(ctx, in)
	})
	return config.WithAPIOptions([]func(*middleware.Stack) error{func(stack *middleware.Stack) error { return stack.Initialize.Add(count, middleware.Before) }})
}

const goodAnswer = `{"ARN":"arn:x-a1B2c3","VersionIdsToStages":{"v1":["AWSCURRENT"]}}`

// wired is a source whose requests are seen in place of AWS.
type wired struct {
	*Source
	bySDK  bySDK
	answer http.HandlerFunc
	mutex  sync.Mutex
	seen   []*http.Request
	bodies []string
}

func newWired(t *testing.T, options Options) *wired {
	t.Helper()
	w := &wired{}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.mutex.Lock()
		w.seen, w.bodies = append(w.seen, r), append(w.bodies, string(body))
		answer := w.answer
		w.mutex.Unlock()
		rw.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if answer != nil {
			answer(rw, r)
			return
		}
		_, _ = io.WriteString(rw, goodAnswer)
	}))
	t.Cleanup(server.Close)
	isolate(t, server.URL)
	t.Setenv("AWS_SESSION_TOKEN", "a-token")
	t.Setenv("AWS_SDK_UA_APP_ID", "an-app")
	options.Region, options.Version, options.Cluster = localaws.DefaultRegion, "1.2.3", "prod-eu-1"
	options.LoadOptions = append(options.LoadOptions, w.bySDK.option())
	made, err := New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	w.Source = made
	return w
}

func (w *wired) answerWith(answer http.HandlerFunc) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.answer = answer
}

func (w *wired) poll(t *testing.T, name string) error {
	t.Helper()
	ref := current("/prod/" + name)
	ref.Reader.Name = name
	_, err := w.Resolve(t.Context(), source.VersionQuery{Ref: ref})
	return err
}

// mustPoll polls, and gives how many calls the SDK has made so far.
func (w *wired) mustPoll(t *testing.T, name string) int64 {
	t.Helper()
	if err := w.poll(t, name); err != nil {
		t.Fatal(err)
	}
	return w.bySDK.Load()
}

func TestARequestIsTheSameAsTheSDKs(t *testing.T) {
	w := newWired(t, Options{})
	if first, second := w.mustPoll(t, "db"), w.mustPoll(t, "db"); first != 1 || second != 1 {
		t.Fatalf("the SDK has made %d and %d calls", first, second)
	}
	theirs, ours := w.seen[0], w.seen[1]
	for _, ofOneCall := range []string{headerInvocation, headerDate, headerSignature} {
		if ours.Header.Get(ofOneCall) == "" {
			t.Errorf("%s is missing", ofOneCall)
		}
	}
	if theirs.Header.Get(headerInvocation) == ours.Header.Get(headerInvocation) {
		t.Error("two calls have one id")
	}
	for _, r := range []*http.Request{theirs, ours} {
		r.Header.Del(headerInvocation)
		r.Header.Del(headerDate)
		signature, _, _ := strings.Cut(r.Header.Get(headerSignature), "Signature=")
		r.Header.Set(headerSignature, signature)
	}
	if diff := cmp.Diff(theirs.Header, ours.Header); diff != "" {
		t.Errorf("headers differ (-SDK +ours):\n%s", diff)
	}
	if ours.Header.Get(headerSession) != "a-token" || !strings.Contains(ours.Header.Get(headerAgent), "app/an-app") {
		t.Errorf("headers are %v", ours.Header)
	}
	type line struct{ Method, URL, Host, Body string }
	if diff := cmp.Diff(line{theirs.Method, theirs.URL.String(), theirs.Host, w.bodies[0]}, line{ours.Method, ours.URL.String(), ours.Host, w.bodies[1]}); diff != "" {
		t.Errorf("requests differ (-SDK +ours):\n%s", diff)
	}
}

func TestTheUserAgentNamesTheReaderOfEachCall(t *testing.T) {
	w := newWired(t, Options{})
	for _, name := range []string{"db", "cache.eu-1"} {
		w.mustPoll(t, name)
	}
	theirs := strings.ReplaceAll(w.seen[0].UserAgent(), "kubernetes-secretsync/db", "kubernetes-secretsync/cache.eu-1")
	if got := w.seen[1].UserAgent(); got != theirs || w.bySDK.Load() != 1 {
		t.Errorf("the user agent is %q, want %q; %d calls are the SDK's", got, theirs, w.bySDK.Load())
	}
	for _, odd := range []string{"Db", "d b", "d\r\nX-Evil: 1", ""} {
		if before := w.bySDK.Load(); w.mustPoll(t, odd) != before+1 {
			t.Errorf("the request for %q was not made by the SDK, which replaces what may not stand in a user agent", odd)
		}
	}
	before := w.bySDK.Load()
	if first, second := w.mustPoll(t, "db"), w.mustPoll(t, "db"); first != before+1 || second != before+1 {
		t.Error("a template was made of a request whose reader can't be told in it, or none of the next")
	}
}

// TestARequestIsAcceptedByAnAWSThatChecksIt: the signature, the session's token, and what follows when it expires.
func TestARequestIsAcceptedByAnAWSThatChecksIt(t *testing.T) {
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	env.strict(t)
	env.role(t, "teams/pay", testReader, assumeAndTag, "")
	var made bySDK
	s := env.again(t, Options{SessionTags: true, LoadOptions: []func(*config.LoadOptions) error{made.option()}})
	poll := func() {
		t.Helper()
		if answer, err := s.Resolve(t.Context(), as(onTop(payRole))); err != nil || answer.Version.ID == "" {
			t.Fatal(answer, err)
		}
	}
	for range 3 {
		poll()
	}
	calls := env.Calls()
	if last := calls[len(calls)-1]; made.Load() != 1 || len(calls) != 4 || !strings.Contains(last.Principal, ":assumed-role/pay/") || last.Region != localaws.DefaultRegion {
		t.Fatalf("the SDK has made %d calls, calls are %+v", made.Load(), calls)
	}
	env.Shift(2 * time.Hour) // Sessions end; the caller's clock stays.
	env.ResetCalls()
	poll()
	if diff := cmp.Diff([]string{"DescribeSecret", "AssumeRole", "DescribeSecret"}, env.operations()); diff != "" || made.Load() != 2 {
		t.Errorf("the SDK has made %d calls; calls differ (-want +got):\n%s", made.Load(), diff)
	}
	if got := env.counted(t, "DescribeSecret", "ok", localaws.DefaultRegion); got != 4 {
		t.Errorf("%v answers are counted, want 4", got)
	}
}

// TestARequestGoesWhereTheSDKWouldSendIt, whatever decides about that.
func TestARequestGoesWhereTheSDKWouldSendIt(t *testing.T) {
	for name, test := range map[string]struct {
		env    map[string]string
		region string
		want   string
	}{
		"the usual host":             {region: "eu-west-1", want: "https://secretsmanager.eu-west-1.amazonaws.com/"},
		"the FIPS host":              {env: map[string]string{"AWS_USE_FIPS_ENDPOINT": "true"}, region: "us-east-1", want: "https://secretsmanager-fips.us-east-1.amazonaws.com/"},
		"the dual-stack host":        {env: map[string]string{"AWS_USE_DUALSTACK_ENDPOINT": "true"}, region: "eu-west-1", want: "https://secretsmanager.eu-west-1.amazonaws.com/"},
		"another's dual-stack host":  {env: map[string]string{"AWS_USE_DUALSTACK_ENDPOINT": "true"}, region: "eusc-de-east-1", want: "https://secretsmanager.eusc-de-east-1.api.amazonwebservices.eu/"},
		"another partition":          {region: "cn-north-1", want: "https://secretsmanager.cn-north-1.amazonaws.com.cn/"},
		"an endpoint for all":        {env: map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:1/all"}, region: "eu-west-1", want: "http://127.0.0.1:1/all"},
		"an endpoint of the service": {env: map[string]string{"AWS_ENDPOINT_URL_SECRETS_MANAGER": "https://vpce-1.example:8443"}, region: "eu-west-1", want: "https://vpce-1.example:8443/"},
	} {
		t.Run(name, func(t *testing.T) {
			isolate(t, "")
			unset(t, "AWS_ENDPOINT_URL")
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			var made bySDK
			var urls []string
			client := clientFunc(func(r *http.Request) (*http.Response, error) {
				urls = append(urls, r.URL.String())
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(goodAnswer)), Request: r}, nil
			})
			s, err := New(t.Context(), Options{Region: test.region, LoadOptions: []func(*config.LoadOptions) error{config.WithHTTPClient(client), made.option()}})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, err := s.Resolve(t.Context(), source.VersionQuery{Ref: current("db")}); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff([]string{test.want, test.want}, urls); diff != "" || made.Load() != 1 {
				t.Errorf("the SDK has made %d calls; URLs differ (-want +got):\n%s", made.Load(), diff)
			}
		})
	}
}

// TestTroubleIsExplainedAsTheSDKsWouldBe, and the SDK makes the next request itself.
func TestTroubleIsExplainedAsTheSDKsWouldBe(t *testing.T) {
	refusing := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	cut := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   source.Kind
	}{
		"AWS throttles":               {refusing(http.StatusBadRequest, `{"__type":"ThrottlingException","message":"Rate exceeded"}`), source.Throttled},
		"a gateway throttles":         {refusing(http.StatusTooManyRequests, "no"), source.Throttled},
		"an error of the service":     {refusing(http.StatusInternalServerError, `{"__type":"InternalServiceError"}`), source.RegionUnavailable},
		"no such secret":              {refusing(http.StatusBadRequest, `{"__type":"ResourceNotFoundException","Message":"can't find the specified secret."}`), source.SecretNotFound},
		"a proxy's 403":               {refusing(http.StatusForbidden, "<html>"+valueMarker), source.Failed},
		"an unknown key":              {refusing(http.StatusBadRequest, `{"__type":"UnrecognizedClientException","message":"invalid"}`), source.CredentialsUnavailable},
		"garbage":                     {refusing(http.StatusOK, `{"ARN": `+valueMarker), source.RegionUnavailable},
		"a cut connection":            {cut, source.RegionUnavailable},
		"silence":                     {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, source.RegionUnavailable},
		"an answer that breaks off":   {func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Length", "500"); cut(w, r) }, source.RegionUnavailable},
		"an answer that does not end": {endless, source.RegionUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWired(t, Options{CallTimeout: time.Minute})
			w.mustPoll(t, "db")
			if name == "silence" {
				w.options.CallTimeout = 200 * time.Millisecond
			}
			w.answerWith(test.answer)
			ours := w.poll(t, "db")
			more := int64(0)
			if test.want == source.CredentialsUnavailable {
				more = 1 // What the SDK would do about that is for the SDK to try.
			}
			if got := w.bySDK.Load() - 1; got != more {
				t.Errorf("the SDK has asked %d times more, want %d", got, more)
			}
			theirs := w.poll(t, "db")
			if w.bySDK.Load() < 2 {
				t.Error("the SDK was not to make the next request")
			}
			if source.KindOf(ours) != test.want || ours.Error() != theirs.Error() {
				t.Errorf("got  %v\nfrom the SDK %v", ours, theirs)
			}
			if latency, other := retryAfter(ours), retryAfter(theirs); latency != other {
				t.Errorf("it is tried again after %s, with the SDK after %s", latency, other)
			}
			refuseValue(t, "the refusal", ours.Error())
		})
	}
}

// TestNoMoreOfAnAnswerIsReadThanItsBound, whether the SDK makes the request or not. What is sent beyond that is on its way.
func TestNoMoreOfAnAnswerIsReadThanItsBound(t *testing.T) {
	w := newWired(t, Options{CallTimeout: time.Minute})
	w.mustPoll(t, "db")
	var sent atomic.Int64
	w.answerWith(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"ARN":"`)
		for much := []byte(strings.Repeat("x", 1<<16)); sent.Load() < 4*maxAnswer; sent.Add(int64(len(much))) {
			if _, err := w.Write(much); err != nil {
				return
			}
		}
	})
	for _, by := range []string{"the operator", "the SDK"} {
		sent.Store(0)
		if err := w.poll(t, "db"); source.KindOf(err) != source.RegionUnavailable {
			t.Errorf("by %s: %v", by, err)
		}
		if got := sent.Load(); got < maxAnswer || got > 2*maxAnswer {
			t.Errorf("by %s: %d bytes of an answer are read, want some more than %d", by, got, maxAnswer)
		}
	}
}

func endless(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, `{"ARN":"`)
	for much := []byte(strings.Repeat("x", 1<<16)); r.Context().Err() == nil; {
		if _, err := w.Write(much); err != nil {
			return
		}
	}
}

func retryAfter(err error) time.Duration {
	if refused, ok := errors.AsType[*source.Error](err); ok {
		return refused.RetryAfter
	}
	return 0
}

// TestTheClocksDifferenceIsTheOneThatTheSDKFound: AWS refuses what is signed five minutes off.
func TestTheClocksDifferenceIsTheOneThatTheSDKFound(t *testing.T) {
	const ahead = 20 * time.Minute
	now := time.Now()
	w := newWired(t, Options{Now: func() time.Time { return now }})
	w.answerWith(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		_, _ = io.WriteString(w, goodAnswer)
	})
	w.mustPoll(t, "db") // The SDK learns of it.
	now = now.Add(templateLasts)
	w.mustPoll(t, "db") // It signs accordingly.
	if w.mustPoll(t, "db") != 2 {
		t.Fatal("the SDK has made the third call")
	}
	signed, err := time.Parse(dateFormat, w.seen[2].Header.Get(headerDate))
	if off := signed.Sub(time.Now().Add(ahead)); err != nil || off.Abs() > time.Minute {
		t.Errorf("the request is signed %s off: %v", off, err)
	}
	theirs, ours := w.seen[1].Header.Get(headerAttempt), w.seen[2].Header.Get(headerAttempt)
	if !strings.HasPrefix(theirs, "attempt=1; max=1; ttl=") || ours != "attempt=1; max=1" {
		t.Errorf("the SDK says %q of its attempt, and %q is said of ours: it would be out of time at once", theirs, ours)
	}
}

func TestATemplateLastsAMinute(t *testing.T) {
	now := time.Now()
	w := newWired(t, Options{Now: func() time.Time { return now }})
	for _, step := range []struct {
		after time.Duration
		want  int64
	}{{0, 1}, {templateLasts - 1, 1}, {1, 2}, {templateLasts - 1, 2}} {
		now = now.Add(step.after)
		if got := w.mustPoll(t, "db"); got != step.want {
			t.Errorf("%s later the SDK has made %d calls, want %d", step.after, got, step.want)
		}
	}
}

// TestWhatIsNotKnownIsLeftToTheSDK: a request with something new in it is no template.
func TestWhatIsNotKnownIsLeftToTheSDK(t *testing.T) {
	header := middleware.BuildMiddlewareFunc("header", func(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (
		middleware.BuildOutput, middleware.Metadata, error,
	) {
		in.Request.(*smithyhttp.Request).Header.Set("X-Amz-Something", "new")
		return next.HandleBuild(ctx, in)
	})
	w := newWired(t, Options{LoadOptions: []func(*config.LoadOptions) error{config.WithAPIOptions([]func(*middleware.Stack) error{
		func(stack *middleware.Stack) error { return stack.Build.Add(header, middleware.After) }})}})
	for range 3 {
		w.mustPoll(t, "db")
	}
	if w.bySDK.Load() != 3 || w.seen[2].Header.Get("X-Amz-Something") != "new" {
		t.Errorf("the SDK has made %d calls, the last with %v", w.bySDK.Load(), w.seen[2].Header)
	}
}

// TestManyPollAfterOneTemplate: what they share they only read.
func TestManyPollAfterOneTemplate(t *testing.T) {
	env := newEnvironment(t)
	env.strict(t)
	var names []string
	for i := range 8 {
		names = append(names, "s"+string(rune('a'+i)))
		env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String(names[i])})
	}
	var all sync.WaitGroup
	for _, name := range names {
		all.Go(func() {
			for range 20 {
				if answer, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: current(name)}); err != nil || !strings.Contains(answer.Version.ARN, name) {
					t.Error(answer, err)
				}
			}
		})
	}
	all.Wait()
}
