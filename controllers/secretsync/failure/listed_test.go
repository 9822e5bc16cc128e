package failure

import (
	"fmt"
	"strings"
	"testing"
)

func TestManyKeysAreListedShortly(t *testing.T) {
	var keys []string
	for i := range 500 {
		keys = append(keys, fmt.Sprintf("key-%03d", i))
	}
	for many, end := range map[int]string{500: "key-019 and 480 more", 21: "key-019 and 1 more", 20: "key-018, key-019", 1: "key-000"} {
		if got := Listed(keys[:many]); !strings.HasSuffix(got, end) {
			t.Errorf("%d are listed as %q", many, got)
		}
	}
}
