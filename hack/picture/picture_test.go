package picture

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"
)

func dashboard() Dashboard {
	d := Dashboard{Title: "Fleet & more", Panels: []Panel{
		{Title: "Ready", Type: "stat", Targets: []Target{{Expr: "ready"}}},
		{Title: "Not ready for", Type: "timeseries", Targets: []Target{{Expr: "old", LegendFormat: "{{reason}} {{team}}"}}},
	}}
	d.Panels[0].GridPos.W, d.Panels[0].GridPos.H = 8, 8
	d.Panels[1].GridPos.X, d.Panels[1].GridPos.W, d.Panels[1].GridPos.H = 8, 8, 8
	d.Panels[1].FieldConfig.Defaults.Unit = "s"
	return d
}

func TestDraw(t *testing.T) {
	from := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	drawn, err := Draw(dashboard(), from, from.Add(time.Minute), func(target Target) ([]Series, error) {
		if target.Expr == "ready" {
			return []Series{{Points: []Point{{from, 7}, {from, math.NaN()}}}}, nil
		}
		return []Series{{Labels: map[string]string{"reason": "<AccessDenied>"}, Points: []Point{
			{from, 0}, {from.Add(30 * time.Second), 60}, {from.Add(40 * time.Second), math.NaN()}, {from.Add(time.Minute), 100}}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	decoder := xml.NewDecoder(strings.NewReader(drawn))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, drawn)
		}
	}
	// The plot begins at x=379 and is 248 wide; its scale ends at 100 s, and it is 82 high from y=63.
	for _, want := range []string{">7</text>", "Fleet &amp; more", "&lt;AccessDenied&gt;</text>", `d="M379.0 145.0L503.0 95.8M627.0 63.0h0.1"`, ">1.67 min</text>", ">12:00:30</text>"} {
		if !strings.Contains(drawn, want) {
			t.Errorf("%q is not in\n%s", want, drawn)
		}
	}
}

func TestAQueryThatFailsIsNamed(t *testing.T) {
	now := time.Now()
	_, err := Draw(dashboard(), now, now.Add(time.Second), func(Target) ([]Series, error) { return nil, errors.New("no Prometheus") })
	if err == nil || !strings.Contains(err.Error(), `panel "Ready": no Prometheus`) {
		t.Error(err)
	}
}

func TestAmounts(t *testing.T) {
	for want, got := range map[string]string{
		"1.5": amount(1.5, ""), "12.3": amount(12.34, ""), "1000": amount(1000, ""), "0.25/s": amount(0.25, "cps"),
		"64 MiB": amount(64<<20, "bytes"), "50 ms": amount(0.05, "s"), "0": amount(0, "s"), "2 s": amount(2, "s"), "1.5 min": amount(90, "s"), "3 h": amount(10800, "s"), "2 d": amount(172800, "s"),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for value, want := range map[float64]float64{0: 1, 1: 1, 1.1: 2, 0.03: 0.05, 600: 1000, 5000: 5000, math.Inf(1): 1} {
		if got := ceiling(value, ""); math.Abs(got-want) > want*1e-9 {
			t.Errorf("the scale for %v ends at %v, want %v", value, got, want)
		}
	}
}
