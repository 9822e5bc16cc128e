// Package picture draws a dashboard of Grafana as SVG from the answers of a Prometheus, for the documentation: the
// pictures there show what the dashboards show, without a Grafana. It may import nothing of the operator.
package picture
