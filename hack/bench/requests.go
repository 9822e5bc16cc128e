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

// requests are those that the API server has had, by verb and resource, for the resources that the
// operator works with. Watches are not among them: there is one for as long as the operator runs.
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
		if labels["verb"] == "WATCH" || !slices.Contains([]string{"secrets", "secretsyncs", "events"}, labels["resource"]) {
			continue
		}
		counted[strings.TrimSuffix(labels["verb"]+" "+labels["resource"]+"/"+labels["subresource"], "/")] += metric.GetCounter().GetValue()
	}
	return counted, nil
}

// since takes away what had been counted before.
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

// writes are the requests that change something.
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
