package main

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
)

// apiServer is a fake API server that answers probes in one way and watches in another, and records the requests.
type apiServer struct {
	status int
	answer string
	err    error
	// requests are the queries of all requests.
	requests []string
}

func (a *apiServer) RoundTrip(request *http.Request) (*http.Response, error) {
	a.requests = append(a.requests, request.URL.RawQuery)
	if a.err != nil {
		return nil, a.err
	}
	status, content := a.status, a.answer
	if request.URL.Query().Get("watch") != "" {
		status, content = http.StatusOK, "the stream"
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(content)), Request: request}, nil
}

// tooLarge is how the API server refuses a resourceVersion in the future (package storage,
// NewTooLargeResourceVersionError).
func tooLarge(t *testing.T) string {
	t.Helper()
	refused := apierrors.NewTimeoutError("Too large resource version: 2000, current: 1500", 1)
	refused.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: metav1.CauseTypeResourceVersionTooLarge, Message: "Too large resource version"}}
	encoded, err := runtime.Encode(scheme.Codecs.LegacyCodec(metav1.SchemeGroupVersion), &refused.ErrStatus)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

func TestNoWatchBeginsInTheFuture(t *testing.T) {
	const watch = "allowWatchBookmarks=true&labelSelector=a%3Db&resourceVersion=2000&timeoutSeconds=400&watch=true"
	const probe = "fieldSelector=metadata.name%3D" + absentName + "&labelSelector=a%3Db&resourceVersion=2000&resourceVersionMatch=NotOlderThan"
	for name, c := range map[string]struct {
		query   string
		server  apiServer
		want    []string
		status  int
		expires bool
	}{
		"reached":                         {query: watch, server: apiServer{status: http.StatusOK, answer: "{}"}, want: []string{probe, watch}, status: http.StatusOK},
		"the future":                      {query: watch, server: apiServer{status: http.StatusGatewayTimeout, answer: tooLarge(t)}, want: []string{probe}, status: http.StatusGone, expires: true},
		"not ready":                       {query: watch, server: apiServer{status: http.StatusTooManyRequests, answer: "{}"}, want: []string{probe}, status: http.StatusTooManyRequests},
		"another time-out":                {query: watch, server: apiServer{status: http.StatusGatewayTimeout, answer: "<html>"}, want: []string{probe}, status: http.StatusGatewayTimeout},
		"a watch from now on":             {query: "watch=true", want: []string{"watch=true"}, status: http.StatusOK},
		"a watch from anywhere":           {query: "resourceVersion=0&watch=true", want: []string{"resourceVersion=0&watch=true"}, status: http.StatusOK},
		"a watch that begins with a list": {query: "resourceVersion=7&sendInitialEvents=true&watch=true", want: []string{"resourceVersion=7&sendInitialEvents=true&watch=true"}, status: http.StatusOK},
		"a list":                          {query: "resourceVersion=7", server: apiServer{status: http.StatusOK}, want: []string{"resourceVersion=7"}, status: http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://kubernetes/api/v1/secrets?"+c.query, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := watchProber{&c.server}.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			content, err := io.ReadAll(answer.Body)
			if err != nil || answer.StatusCode != c.status {
				t.Errorf("%d: %q, %v", answer.StatusCode, content, err)
			}
			if got, want := strings.Join(c.server.requests, "\n"), strings.Join(c.want, "\n"); got != want {
				t.Errorf("requests:\n%s\nwant:\n%s", got, want)
			}
			decoded, _, err := scheme.Codecs.UniversalDeserializer().Decode(content, nil, nil)
			status, _ := decoded.(*metav1.Status)
			if expires := err == nil && status != nil && apierrors.IsResourceExpired(apierrors.FromObject(status)); expires != c.expires {
				t.Errorf("has clients list again: %t: %s", expires, content)
			}
		})
	}
}

func TestAWatchFailsIfTheAPIServerIsUnreachable(t *testing.T) {
	unreachable := errors.New("connection refused")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://kubernetes/api/v1/secrets?watch=1&resourceVersion=7", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := watchProber{&apiServer{err: unreachable}}.RoundTrip(request)
	if !errors.Is(err, unreachable) {
		t.Errorf("got %v", err)
	}
	if answer != nil {
		answer.Body.Close()
		t.Error("there is an answer")
	}
}
