package picture

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// amount is a value in a unit of Grafana.
func amount(value float64, unit string) string {
	switch unit {
	case "s":
		return duration(value)
	case "cps":
		return number(value) + "/s"
	case "bytes":
		return number(value/(1<<20)) + " MiB"
	}
	return number(value)
}

// duration is a time in seconds, in the largest unit that gives at least one.
func duration(seconds float64) string {
	for _, unit := range []struct {
		name string
		has  float64
	}{{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}} {
		if seconds >= unit.has {
			return number(seconds/unit.has) + " " + unit.name
		}
	}
	if seconds == 0 {
		return "0"
	}
	return number(seconds*1000) + " ms"
}

// number has three digits at most, and no zeros at its end.
func number(value float64) string {
	switch size := math.Abs(value); {
	case size >= 100:
		return strconv.FormatFloat(value, 'f', 0, 64)
	case size >= 10:
		return trimmed(fmt.Sprintf("%.1f", value))
	}
	return trimmed(fmt.Sprintf("%.2f", value))
}

func trimmed(text string) string { return strings.TrimSuffix(strings.TrimRight(text, "0"), ".") }

// ceiling is where the scale for a value ends: the least of 1, 2 and 5, times a power of ten, that is not less, in MiB for
// bytes.
func ceiling(value float64, unit string) float64 {
	if unit == "bytes" {
		return ceiling(value/(1<<20), "") * (1 << 20)
	}
	if value <= 0 || math.IsInf(value, 0) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(value)))
	for _, step := range []float64{1, 2, 5} {
		if step*power >= value {
			return step * power
		}
	}
	return 10 * power
}
