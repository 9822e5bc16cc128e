package node

import (
	"strings"
	"testing"
)

func TestMissingNamesProgramsAndPackages(t *testing.T) {
	all := func(string) bool { return true }
	if err := missing(0, all); err != nil {
		t.Errorf("nothing is missing, but: %v", err)
	}
	for name, test := range map[string]struct {
		user   int
		absent string
		want   string
	}{
		"no root":            {user: 1000, want: "a node needs root, for namespaces and mounts of its own"},
		"a program":          {absent: "runc", want: "a node needs runc; on Debian: apt-get install --no-install-recommends runc"},
		"a plugin":           {absent: "/usr/lib/cni/ptp", want: "a node needs /usr/lib/cni/ptp; on Debian: apt-get install --no-install-recommends containernetworking-plugins"},
		"root and a program": {user: 1, absent: "ip", want: "own\na node needs ip; on Debian: apt-get install --no-install-recommends iproute2"},
	} {
		err := missing(test.user, func(path string) bool { return path != test.absent })
		if err == nil || !strings.HasSuffix(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A package that has several of the programs is named once.
	err := missing(0, func(path string) bool { return path != "containerd" && path != "ctr" })
	if want := "a node needs containerd, ctr; on Debian: apt-get install --no-install-recommends containerd"; err == nil || err.Error() != want {
		t.Errorf("two programs of a package: %v", err)
	}
}
