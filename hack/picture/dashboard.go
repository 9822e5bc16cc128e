package picture

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// Dashboard is a dashboard of Grafana, as far as it is drawn.
type Dashboard struct {
	Title  string
	Panels []Panel
}

// Panel is a panel of a dashboard. One of type stat shows the last value, any other a chart.
type Panel struct {
	Title, Type string
	// GridPos is its place in Grafana's grid of 24 columns.
	GridPos     struct{ X, Y, W, H int }
	Targets     []Target
	FieldConfig struct{ Defaults struct{ Unit string } }
}

// Target is a query of a panel and the legend of its series.
type Target struct{ Expr, LegendFormat string }

// Read reads a dashboard from a file.
func Read(file string) (Dashboard, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return Dashboard{}, err
	}
	var read Dashboard
	if err := json.Unmarshal(content, &read); err != nil {
		return Dashboard{}, fmt.Errorf("%s: %w", file, err)
	}
	return read, nil
}

// Query is a query with a range in place of Grafana's variable for that of rates.
func (t Target) Query(rateInterval string) string {
	return strings.ReplaceAll(t.Expr, "$__rate_interval", rateInterval)
}

// Series is one series of the answer to a range query.
type Series struct {
	Labels map[string]string
	Points []Point
}

// Point is a value of a series. NaN is a gap.
type Point struct {
	At    time.Time
	Value float64
}

// legend is the name of a series.
func (t Target) legend(of Series) string {
	name := t.LegendFormat
	for label, value := range of.Labels {
		name = strings.ReplaceAll(name, "{{"+label+"}}", value)
	}
	for strings.Contains(name, "{{") { // A label that the series lacks.
		before, rest, _ := strings.Cut(name, "{{")
		_, after, _ := strings.Cut(rest, "}}")
		name = before + after
	}
	return strings.TrimSpace(name)
}
