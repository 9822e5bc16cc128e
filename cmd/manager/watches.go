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
	// watchProbeTimeout bounds the probe that precedes a watch. The API server waits three seconds for a
	// resourceVersion that it does not know yet.
	watchProbeTimeout = 15 * time.Second
	// maxAnswer bounds how much of the answer is read, in bytes.
	maxAnswer = 1 << 20
	// absentName is the name that the probe selects: the answer lists no object, or one.
	absentName = "secretsync-asks-for-a-resource-version"
)

// watchProber is a transport that starts no watch at a resourceVersion that the API server has not reached. After
// etcd was restored from a backup, a client resumes its watch at a resourceVersion in the future. The API server
// accepts the watch and sends nothing until it has reached that resourceVersion, which may take days. Clients list
// again only if the watch is refused.
//
// The probe is one small request before each watch: some times an hour, and after the connection was lost. The API
// server answers it from memory.
type watchProber struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (w watchProber) RoundTrip(request *http.Request) (*http.Response, error) {
	query := request.URL.Query()
	from := query.Get("resourceVersion")
	// The API server itself refuses a watch that begins with a list.
	if watch, err := strconv.ParseBool(query.Get("watch")); err != nil || !watch || from == "" || from == "0" || query.Get("sendInitialEvents") == "true" {
		return w.next.RoundTrip(request)
	}
	answer, err := w.probe(request, from)
	if err != nil || answer.StatusCode != http.StatusOK {
		return answer, err // The watch would fail in the same way.
	}
	return w.next.RoundTrip(request)
}

// probe lists a single object at that resourceVersion or later.
func (w watchProber) probe(request *http.Request, from string) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(request.Context(), watchProbeTimeout)
	defer cancel()
	probe := request.Clone(ctx)
	query := probe.URL.Query()
	for parameter := range query {
		if parameter != "labelSelector" {
			query.Del(parameter)
		}
	}
	query.Set("fieldSelector", "metadata.name="+absentName)
	query.Set("resourceVersion", from)
	query.Set("resourceVersionMatch", string(metav1.ResourceVersionMatchNotOlderThan))
	probe.URL.RawQuery = query.Encode()
	probe.Header.Set("Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json")
	answer, err := w.next.RoundTrip(probe)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	answer.Body, answer.Request = io.NopCloser(bytes.NewReader(content)), request
	if !unreached(answer, content) {
		return answer, nil
	}
	ctrl.Log.WithName("watch").Info("the API server has not reached the resourceVersion of the watch, as after a restore of etcd from a backup: listing all objects again",
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

// expired is the answer of the API server after which clients list again.
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
