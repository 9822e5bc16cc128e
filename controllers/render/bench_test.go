package render

import (
	"fmt"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// BenchmarkRender makes keys of values of the usual size, and of a large one.
func BenchmarkRender(b *testing.B) {
	for _, fields := range []int{5, 500} {
		parts := make([]string, fields)
		for i := range parts {
			parts[i] = fmt.Sprintf(`"field-%d": "of some length, with a \"quote\" and %d"`, i, i)
		}
		value := source.TextValue("{" + strings.Join(parts, ",") + "}")
		b.Run(fmt.Sprintf("fields=%d", fields), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if data, err := renderData(newWork(), &v1alpha1.SecretSyncSpec{}, Inputs{Source: &value}); err != nil || len(data) != fields {
					b.Fatal(len(data), err)
				}
			}
		})
	}
}
