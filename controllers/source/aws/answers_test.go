package aws

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/hack/localaws"
)

// What answers for AWS must not get all of the operator's memory.
func TestAnAnswerWithoutEndIsGivenUp(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = w.Write([]byte(`{"SecretString":"`))
		for much := []byte(strings.Repeat("x", 1<<16)); r.Context().Err() == nil; {
			if _, err := w.Write(much); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	isolate(t, server.URL)
	s, err := New(t.Context(), Options{Region: localaws.DefaultRegion})
	if err != nil {
		t.Fatal(err)
	}
	fetched, err := s.Fetch(t.Context(), current("db"), source.Version{})
	if source.KindOf(err) != source.RegionUnavailable || !strings.Contains(err.Error(), "longer than any answer of AWS") || fetched.Value.Bytes() != nil {
		t.Errorf("got %v", err)
	}
}

// TestAnswersThatAreNotAWSs are what proxies, captive portals and cut connections make of an answer.
func TestAnswersThatAreNotAWSs(t *testing.T) {
	const json = "application/x-amz-json-1.1"
	for name, test := range map[string]struct {
		status      int
		contentType string
		body        string
		length      string
		want        source.Kind
		mention     string
	}{
		"a value that breaks off":    {http.StatusOK, json, `{"ARN":"a","SecretString":"` + valueMarker, "", source.RegionUnavailable, "could not be understood"},
		"a value with garbage in it": {http.StatusOK, json, `{"SecretString": ` + valueMarker + `}`, "", source.RegionUnavailable, "could not be understood"},
		"an answer that is cut":      {http.StatusOK, json, `{"SecretString":"` + valueMarker, "5000", source.RegionUnavailable, ""},
		"a login page":               {http.StatusOK, "text/html", "<html>" + valueMarker + "</html>", "", source.RegionUnavailable, "could not be understood"},
		"a proxy's 403":              {http.StatusForbidden, "text/html", "<html>" + valueMarker + "</html>", "", source.Failed, "HTTP status 403"},
		"a balancer's 502":           {http.StatusBadGateway, "text/html", "<html>" + valueMarker + "</html>", "", source.RegionUnavailable, "HTTP status 502"},
		"a 429 of a gateway":         {http.StatusTooManyRequests, "text/plain", valueMarker, "", source.Throttled, "throttles"},
		"a redirect":                 {http.StatusFound, "text/html", valueMarker, "", source.RegionUnavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.contentType)
				if test.length != "" {
					w.Header().Set("Content-Length", test.length)
				}
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}))
			defer server.Close()
			isolate(t, server.URL)
			s, err := New(t.Context(), Options{Region: localaws.DefaultRegion})
			if err != nil {
				t.Fatal(err)
			}
			fetched, err := s.Fetch(t.Context(), current("db"), source.Version{})
			refused, ok := errors.AsType[*source.Error](err)
			if !ok || refused.Kind != test.want || !strings.Contains(refused.Explanation, test.mention) {
				t.Fatalf("got %v", err)
			}
			if len(fetched.Value.Bytes()) > 0 {
				t.Error("half a value came with the refusal")
			}
			for _, printed := range []string{refused.Error(), refused.Cause.Error(), fmt.Sprintf("%+v %#v %#v", refused, refused, refused.Cause)} {
				refuseValue(t, "the refusal", printed)
			}
		})
	}
}
