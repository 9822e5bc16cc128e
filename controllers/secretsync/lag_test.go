package secretsync

import (
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

func TestTheCacheMayBeBehindOurOwnWrite(t *testing.T) {
	secretSync := &v1alpha1.SecretSync{}
	for name, test := range map[string]struct {
		written, read string
		want          bool
	}{
		"nothing written":    {"", "5", false},
		"behind":             {"10", "9", true},
		"there":              {"10", "10", false},
		"beyond":             {"10", "11", false},
		"not to be compared": {"10", "x", false},
	} {
		secretSync.ResourceVersion = test.read
		lag := &cacheLag{}
		lag.wrote(test.written)
		if fresh, _ := lag.judge(secretSync, noon); (fresh == lagging) != test.want {
			t.Errorf("%s: %v", name, fresh)
		}
	}
}
