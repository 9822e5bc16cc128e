package main

import (
	"fmt"
	"html"
	"os"
	"strings"
)

// row is one comparison of the picture.
type row struct {
	label string
	// scenario and figures name what was measured; several figures are added up.
	scenario string
	figures  []string
	unit     string
	// other is what was measured of External Secrets Operator (main of August 2026, its AWS provider alone)
	// with 1,000 objects, a refresh interval of 60 s, 10 workers and the same local AWS on such a machine.
	other float64
}

func rows() []row {
	values := valueCalls()
	return []row{
		{"reads of values while 1,000 secrets are polled six times", "steady-poll", values, "", 6000},
		{"calls of AWS for a poll of 1,000 secrets, at the default interval", "steady-sweep", append([]string{"DescribeSecret", "ListSecrets"}, values...), "", 1000},
		{"requests of the API server for those polls", "steady-sweep", []string{"kubernetes-requests"}, "", 3000},
		{"processor time for one of them", "steady-sweep", []string{"processor-time-per-poll"}, " ms", 6.6},
		{"processor time for a poll by DescribeSecret", "steady-poll", []string{"processor-time-per-poll"}, " ms", 6.6},
		{"calls that read values at the first sync of 1,000", "first-sync", values, "", 1000},
		{"reads of one secret for 500 namespaces", "shared-secret", []string{"values-read-per-rotation"}, "", 500},
		{"memory with 1,000 objects", "memory", []string{"steady"}, " MB", 554},
	}
}

// measured adds up the figures of a row, and says whether all exist.
func (r row) measured(figures []figure) (sum float64, all bool) {
	found := 0
	for _, f := range figures {
		for _, name := range r.figures {
			if f.Scenario == r.scenario && f.Name == name {
				sum += f.Value
				found++
			}
		}
	}
	return sum, found == len(r.figures)
}

// Sizes of the picture, in pixels.
const (
	plotWidth, rowHeight, barHeight = 760, 62, 14
	barLeft, barMost                = 12, 560
	plotTop                         = 44
)

// plot draws the rows that were measured. The larger of the two bars of a row has the full length.
func plot(figures []figure) string {
	var out strings.Builder
	drawn := 0
	for _, r := range rows() {
		ours, all := r.measured(figures)
		if !all {
			continue
		}
		most := max(ours, r.other)
		top := plotTop + drawn*rowHeight
		fmt.Fprintf(&out, "<text class=\"label\" x=\"%d\" y=\"%d\">%s</text>\n", barLeft, top, html.EscapeString(r.label))
		bar(&out, "ours", top+8, ours, most, r.unit)
		bar(&out, "other", top+8+barHeight+3, r.other, most, r.unit)
		drawn++
	}
	height := plotTop + drawn*rowHeight
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-label="SecretSync and External Secrets Operator, measured">
<style>
text { font: 13px system-ui, sans-serif; fill: #24292f }
.label { font-weight: 600 }
.ours { fill: #1a7f5a }
.other { fill: #b8bec6 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .other { fill: #6e7681 } }
</style>
<rect class="ours" x="%d" y="10" width="12" height="12"/><text x="%d" y="21">SecretSync</text>
<rect class="other" x="%d" y="10" width="12" height="12"/><text x="%d" y="21">External Secrets Operator, main of August 2026</text>
%s</svg>
`, plotWidth, height, plotWidth, height, barLeft, barLeft+18, barLeft+110, barLeft+128, out.String())
}

func bar(out *strings.Builder, class string, top int, value, most float64, unit string) {
	width := max(1, value/most*barMost)
	fmt.Fprintf(out, "<rect class=%q x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\"/><text x=\"%.1f\" y=\"%d\">%s%s</text>\n",
		class, barLeft, top, width, barHeight, barLeft+width+8, top+barHeight-3, short(value), unit)
}

// short formats a value with few digits, for the picture.
func short(value float64) string {
	switch {
	case value >= 10 || value == float64(int64(value)):
		return fmt.Sprintf("%.0f", value)
	case value >= 1:
		return fmt.Sprintf("%.1f", value)
	}
	return fmt.Sprintf("%.2f", value)
}

// savePlot draws the figures of a file that an earlier run saved.
func savePlot(results, path string) error {
	figures, err := load(results)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(plot(figures)), 0o644)
}
