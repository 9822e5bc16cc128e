package picture

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
	"time"
)

// Sizes in pixels.
const (
	column, row = 40, 20
	gap         = 6
	titleHeight = 24
	lineHeight  = 14
	axisWidth   = 56
	axisHeight  = 16
	// legendMost is how many series a legend names.
	legendMost = 4
	// lines is how many lines divide a chart.
	lines = 4
	// header is the height of the dashboard's title.
	header = 36
)

// palette are colours that most people can tell apart (Okabe and Ito, "Color Universal Design").
func palette() []string {
	return []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"}
}

// Data gives the series of a panel's query.
type Data func(target Target) ([]Series, error)

// span is the time that charts show.
type span struct{ from, to time.Time }

// Draw draws a dashboard from the data between two times. A query without data gives an empty chart.
func Draw(d Dashboard, from, to time.Time, data Data) (string, error) {
	var body strings.Builder
	width, height := 0, header
	for _, p := range d.Panels {
		all := make([][]Series, len(p.Targets))
		for i, target := range p.Targets {
			var err error
			if all[i], err = data(target); err != nil {
				return "", fmt.Errorf("panel %q: %w", p.Title, err)
			}
		}
		box := frame{x: p.GridPos.X*column + gap/2, y: header + p.GridPos.Y*row + gap/2, w: p.GridPos.W*column - gap, h: p.GridPos.H*row - gap}
		box.open(&body, p.Title)
		if p.Type == "stat" {
			box.stat(&body, p, all)
		} else {
			box.chart(&body, p, all, span{from, to})
		}
		width, height = max(width, box.x+box.w+gap/2), max(height, box.y+box.h+gap/2)
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11" fill="#333">
<title>%s</title>
<rect width="100%%" height="100%%" fill="#f4f5f5"/>
<text x="%d" y="24" font-size="16" font-weight="bold">%s</text>
%s</svg>
`, width, height, html.EscapeString(d.Title), gap, html.EscapeString(d.Title), body.String()), nil
}

// frame is the place of a panel.
type frame struct{ x, y, w, h int }

func (f frame) open(to *strings.Builder, title string) {
	fmt.Fprintf(to, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"3\" fill=\"#fff\" stroke=\"#ddd\"/>\n", f.x, f.y, f.w, f.h)
	fmt.Fprintf(to, "<text x=\"%d\" y=\"%d\" font-weight=\"bold\">%s</text>\n", f.x+8, f.y+16, html.EscapeString(title))
}

// stat writes the last value of each series, with its name where it has one.
func (f frame) stat(to *strings.Builder, p Panel, all [][]Series) {
	var texts []string
	for i, series := range all {
		for _, line := range series {
			if last, known := lastOf(line); known {
				texts = append(texts, strings.TrimSpace(p.Targets[i].legend(line)+" "+amount(last, p.FieldConfig.Defaults.Unit)))
			}
		}
	}
	size := 40
	if len(texts) != 1 {
		size = 20
	}
	for n, text := range texts {
		fmt.Fprintf(to, "<text x=\"%d\" y=\"%d\" font-size=\"%d\" fill=\"%s\" text-anchor=\"middle\">%s</text>\n",
			f.x+f.w/2, f.y+f.h/2+size/2+n*(size+4), size, palette()[0], html.EscapeString(text))
	}
}

func lastOf(series Series) (value float64, known bool) {
	for _, point := range series.Points {
		if !math.IsNaN(point.Value) {
			value, known = point.Value, true
		}
	}
	return value, known
}

// named is a series with its legend and its highest value.
type named struct {
	Series
	legend string
	most   float64
}

// byHeight are all series of a panel, the highest first: the legend has no room for all.
func byHeight(p Panel, all [][]Series) (sorted []named) {
	for i, series := range all {
		for _, line := range series {
			most := 0.0
			for _, point := range line.Points {
				if point.Value > most { // False for a gap.
					most = point.Value
				}
			}
			sorted = append(sorted, named{line, p.Targets[i].legend(line), most})
		}
	}
	slices.SortStableFunc(sorted, func(a, b named) int { return cmp.Compare(b.most, a.most) })
	return sorted
}

// chart draws the series as lines, over a scale from zero, and names the highest of them below.
func (f frame) chart(to *strings.Builder, p Panel, all [][]Series, shown span) {
	unit, sorted, most := p.FieldConfig.Defaults.Unit, byHeight(p, all), 0.0
	if len(sorted) > 0 {
		most = sorted[0].most
	}
	plot := frame{x: f.x + axisWidth, y: f.y + titleHeight, w: f.w - axisWidth - 10, h: f.h - titleHeight - axisHeight - legendMost/2*lineHeight - 4}
	top := ceiling(most, unit)
	for n := range lines + 1 {
		y := plot.y + plot.h - n*plot.h/lines
		fmt.Fprintf(to, "<path d=\"M%d %dh%d\" stroke=\"#e5e5e5\"/>\n", plot.x, y, plot.w)
		fmt.Fprintf(to, "<text x=\"%d\" y=\"%d\" font-size=\"10\" text-anchor=\"end\">%s</text>\n", plot.x-4, y+3, amount(top*float64(n)/lines, unit))
	}
	for n, anchor := range []string{"start", "middle", "end"} {
		at := shown.from.Add(shown.to.Sub(shown.from) * time.Duration(n) / 2)
		fmt.Fprintf(to, "<text x=\"%d\" y=\"%d\" font-size=\"10\" text-anchor=\"%s\">%s</text>\n",
			plot.x+plot.w*n/2, plot.y+plot.h+12, anchor, at.UTC().Format("15:04:05"))
	}
	for n, series := range sorted {
		colour := palette()[n%len(palette())]
		plot.line(to, series.Series, shown, top, colour)
		if series.legend != "" && n < legendMost {
			x, y := f.x+8+n%2*(f.w/2), plot.y+plot.h+axisHeight+lineHeight*(n/2)+10
			fmt.Fprintf(to, "<rect x=\"%d\" y=\"%d\" width=\"10\" height=\"3\" fill=\"%s\"/>\n", x, y-5, colour)
			fmt.Fprintf(to, "<text x=\"%d\" y=\"%d\" font-size=\"10\">%s</text>\n", x+14, y, html.EscapeString(cut(series.legend)))
		}
	}
}

// cut shortens a name for half of a panel.
func cut(name string) string {
	const most = 26
	if letters := []rune(name); len(letters) > most {
		return string(letters[:most-1]) + "…"
	}
	return name
}

// line draws a series. A gap ends a line, and a single point is a short one.
func (f frame) line(to *strings.Builder, series Series, shown span, top float64, colour string) {
	var path strings.Builder
	drawing := false
	for _, point := range series.Points {
		if math.IsNaN(point.Value) {
			drawing = false
			continue
		}
		x := float64(f.x) + float64(f.w)*float64(point.At.Sub(shown.from))/float64(shown.to.Sub(shown.from))
		y := float64(f.y+f.h) - float64(f.h)*math.Min(point.Value/top, 1)
		command := "L"
		if !drawing {
			command = "M"
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", command, x, y)
		drawing = true
	}
	if path.Len() > 0 {
		fmt.Fprintf(to, "<path d=\"%sh0.1\" fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\"/>\n", path.String(), colour)
	}
}
