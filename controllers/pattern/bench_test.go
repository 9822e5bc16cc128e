package pattern

import (
	"context"
	"math"
	"strings"
	"testing"
)

// BenchmarkStep measures what one step takes, in the patterns that were found to take most.
func BenchmarkStep(b *testing.B) {
	for name, text := range map[string]string{
		"stars": strings.Repeat(`.*`, 300) + "Z", "repeated": strings.Repeat(`.{0,99}`, 10) + "Z", "classes": strings.Repeat(`(?i:\pL*)`, 70),
		"borders": strings.Repeat(`\b*a*`, 200) + "Z", "ordinary": `[A-Za-z0-9]{32}`,
	} {
		b.Run(name, func(b *testing.B) {
			budget := NewBudget(context.Background(), math.MaxInt64)
			made, err := CompileWhole(budget, text)
			if err != nil {
				b.Fatal(err)
			}
			before, against := budget.Spent(), strings.Repeat("a", 512)
			for b.Loop() {
				if _, err := made.MatchString(budget, against); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(budget.Spent()-before), "ns/step")
		})
	}
}
