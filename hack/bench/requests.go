package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"k8s.io/client-go/kubernetes"
)

// requests counts the requests to the API server by verb and resource, for the resources that the operator uses.
// Watches are not counted, as each lasts as long as the operator. Nor is GET of SecretSyncs: the operator's role does not
// have it, and Kubernetes' garbage collector looks up owners by it until it watches them.
type requests map[string]float64

func (b *bench) requests(ctx context.Context) (requests, error) {
	clients, err := kubernetes.NewForConfig(b.Plane.Config())
	if err != nil {
		return nil, err
	}
	content, err := clients.RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	counted := requests{}
	for _, metric := range families["apiserver_request_total"].GetMetric() {
		labels := map[string]string{}
		for _, label := range metric.GetLabel() {
			labels[label.GetName()] = label.GetValue()
		}
		owner := labels["verb"] == "GET" && labels["resource"] == "secretsyncs"
		if labels["verb"] == "WATCH" || owner || !slices.Contains([]string{"secrets", "secretsyncs", "events"}, labels["resource"]) {
			continue
		}
		counted[strings.TrimSuffix(labels["verb"]+" "+labels["resource"]+"/"+labels["subresource"], "/")] += metric.GetCounter().GetValue()
	}
	return counted, nil
}

// since subtracts an earlier count.
func (r requests) since(before requests) requests {
	left := requests{}
	for what, count := range r {
		if count > before[what] {
			left[what] = count - before[what]
		}
	}
	return left
}

func (r requests) total() (sum float64) {
	for _, count := range r {
		sum += count
	}
	return sum
}

// writes is the number of requests that change an object.
func (r requests) writes() (sum float64) {
	for what, count := range r {
		if !strings.HasPrefix(what, "GET ") && !strings.HasPrefix(what, "LIST ") {
			sum += count
		}
	}
	return sum
}

func (r requests) String() string {
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(r)) {
		parts = append(parts, fmt.Sprintf("%s %g", what, r[what]))
	}
	return strings.Join(parts, ", ")
}
