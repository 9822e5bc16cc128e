package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
)

const (
	// probeWatchWithin bounds the question that comes before a watch. The API server waits for three seconds for a
	// resourceVersion that it does not know yet.
	probeWatchWithin = 15 * time.Second
	// answerMost bounds what is read of the answer.
	answerMost = 1 << 20
	// absentName is the name that the question asks for: its answer lists no object, or one.
	absentName = "secretsync-asks-for-a-resource-version"
)

// watches stands before the API server and lets no watch begin at a resourceVersion that the API server has not
// reached. After a restore of etcd from a backup, a watch that goes on where it ended begins in the future: the API
// server accepts it, and sends nothing until it has counted as far again, which may take days. Clients list again
// only when they are refused.
//
// The question costs one small request each time that a watch is started again: some times an hour, and after the
// connection was lost. The API server answers it from memory.
type watches struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (w watches) RoundTrip(request *http.Request) (*http.Response, error) {
	query := request.URL.Query()
	from := query.Get("resourceVersion")
	// A watch that begins with a list is refused by the API server itself.
	if watch, err := strconv.ParseBool(query.Get("watch")); err != nil || !watch || from == "" || from == "0" || query.Get("sendInitialEvents") == "true" {
		return w.next.RoundTrip(request)
	}
	answer, err := w.ask(request, from)
	if err != nil || answer.StatusCode != http.StatusOK {
		return answer, err // What is in the way of the question would be in the way of the watch.
	}
	return w.next.RoundTrip(request)
}

// ask has the API server list a single object, as of that resourceVersion or later.
func (w watches) ask(request *http.Request, from string) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(request.Context(), probeWatchWithin)
	defer cancel()
	question := request.Clone(ctx)
	query := question.URL.Query()
	for parameter := range query {
		if parameter != "labelSelector" {
			query.Del(parameter)
		}
	}
	query.Set("fieldSelector", "metadata.name="+absentName)
	query.Set("resourceVersion", from)
	query.Set("resourceVersionMatch", string(metav1.ResourceVersionMatchNotOlderThan))
	question.URL.RawQuery = query.Encode()
	question.Header.Set("Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json")
	answer, err := w.next.RoundTrip(question)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(io.LimitReader(answer.Body, answerMost))
	if err != nil {
		return nil, err
	}
	answer.Body, answer.Request = io.NopCloser(bytes.NewReader(content)), request
	if !unreached(answer, content) {
		return answer, nil
	}
	ctrl.Log.WithName("watch").Info("the API server has not reached the resourceVersion that the watch has come to, as after a restore of etcd from a backup: listing all again",
		"path", request.URL.Path, "resourceVersion", from)
	return expired(request, from)
}

// unreached says whether an answer refuses a resourceVersion because it is in the future.
func unreached(answer *http.Response, content []byte) bool {
	var status metav1.Status
	return answer.StatusCode != http.StatusOK && json.Unmarshal(content, &status) == nil && status.Details != nil &&
		slices.ContainsFunc(status.Details.Causes, func(cause metav1.StatusCause) bool {
			return cause.Type == metav1.CauseTypeResourceVersionTooLarge
		})
}

// expired is the answer by which the API server has clients list again.
func expired(request *http.Request, from string) (*http.Response, error) {
	status := apierrors.NewResourceExpired(fmt.Sprintf("resourceVersion %s is not known", from)).Status()
	status.Kind, status.APIVersion = "Status", "v1"
	content, err := json.Marshal(status)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		Status: http.StatusText(http.StatusGone), StatusCode: http.StatusGone,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/json"}},
		ContentLength: int64(len(content)), Body: io.NopCloser(bytes.NewReader(content)), Request: request,
	}, nil
}
