package e2e

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonproto "go.opentelemetry.io/proto/otlp/common/v1"
	traceproto "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
)

// collected are the spans that a collector has received, and the bodies they came in.
type collected struct {
	mutex  sync.Mutex
	spans  []*traceproto.Span
	bodies [][]byte
}

// newCollector receives spans by OTLP over HTTP.
func newCollector(t *testing.T) (*collected, string) {
	c := &collected{}
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		if err := c.receive(request); err != nil {
			t.Error(err)
			http.Error(answer, err.Error(), http.StatusBadRequest)
		}
	}))
	t.Cleanup(server.Close)
	return c, server.URL
}

func (c *collected) receive(request *http.Request) error {
	var body io.Reader = request.Body
	if request.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			return err
		}
		body = unpacked
	}
	content, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	exported := &collector.ExportTraceServiceRequest{}
	if err := proto.Unmarshal(content, exported); err != nil {
		return err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.bodies = append(c.bodies, content)
	for _, resource := range exported.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
	return nil
}

// of are the spans of reconciles of a SecretSync.
func (c *collected) of(namespace, name string) (found []*traceproto.Span) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, span := range c.spans {
		if len(span.GetParentSpanId()) == 0 && attribute(span, "k8s.namespace.name") == namespace && attribute(span, "secretsync.name") == name {
			found = append(found, span)
		}
	}
	return found
}

// below are the spans below others, by their names.
func (c *collected) below(parents []*traceproto.Span) map[string]*traceproto.Span {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	found := map[string]*traceproto.Span{}
	for _, span := range c.spans {
		if slices.ContainsFunc(parents, func(parent *traceproto.Span) bool { return bytes.Equal(parent.GetSpanId(), span.GetParentSpanId()) }) {
			found[span.GetName()] = span
		}
	}
	return found
}

func (c *collected) contain(text string) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return slices.ContainsFunc(c.bodies, func(body []byte) bool { return bytes.Contains(body, []byte(text)) })
}

// attribute is the text of an attribute of a span; empty if it has none of that key.
func attribute(span *traceproto.Span, key string) string {
	found := slices.IndexFunc(span.GetAttributes(), func(pair *commonproto.KeyValue) bool { return pair.GetKey() == key })
	if found < 0 {
		return ""
	}
	return span.GetAttributes()[found].GetValue().GetStringValue()
}

// TestTraces: each reconcile is a span, with a child for each call to AWS and each request to the API server, and says why
// AWS was asked and why it failed. No span has a value.
func TestTraces(t *testing.T) {
	s := newSetup(t)
	s.end((*testenv.Manager).Stop)
	t.Cleanup(func() { s.start("after-traces") })
	received, address := newCollector(t)
	tracing := *s.env
	tracing.Variables = append(slices.Clone(s.env.Variables), "OTEL_EXPORTER_OTLP_ENDPOINT="+address, "OTEL_BSP_SCHEDULE_DELAY=100")
	manager, err := tracing.StartManager(s.namespace, "--watch-namespaces="+s.namespace)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = manager.Kill() }) // Does nothing once it has stopped.

	password := value()
	id, _ := s.createSecret("db", password)
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitReady("db")
	has := func(name, key, want string) func() bool {
		return func() bool {
			return slices.ContainsFunc(received.of(s.namespace, name), func(span *traceproto.Span) bool { return attribute(span, key) == want })
		}
	}
	s.await("the first sync is a span", has("db", "secretsync.trigger", "spec"))
	s.await("a poll is a span", has("db", "secretsync.trigger", "poll"))
	s.sync("missing", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: s.secretID("missing")}})
	s.await("a failure is a span", has("missing", "secretsync.reason", v1alpha1.ReasonSecretNotFound))
	for _, name := range []string{"POST secrets", "PATCH secretsyncs/status", "Secrets Manager/DescribeSecret", "Secrets Manager/GetSecretValue"} {
		s.await("there is a span "+name, func() bool { return received.below(received.of(s.namespace, "db"))[name] != nil })
	}
	refused := received.below(received.of(s.namespace, "missing"))["Secrets Manager/DescribeSecret"]
	if attribute(refused, "error.type") != "ResourceNotFoundException" || attribute(refused, "aws.request_id") == "" || attribute(refused, "cloud.region") != localaws.DefaultRegion {
		t.Errorf("the refused call is %v, below %v", refused, received.below(received.of(s.namespace, "missing")))
	}
	if err := manager.Stop(); err != nil { // What is left is sent.
		t.Fatalf("%v: %s", err, manager.Tail())
	}
	if received.contain(password) {
		t.Error("a span has a value")
	}
}
