package events

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/picture"
	"github.com/secretsync/secretsync/hack/prometheus"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// TestPictures draws the dashboards for the documentation from what a real Prometheus has scraped from a live operator:
// rotations, announced and polled, while some secrets are missing and AWS throttles for a while.
func TestPictures(t *testing.T) {
	folder := os.Getenv("SECRETSYNC_PICTURES")
	if folder == "" {
		t.Skip("the pictures are drawn by `make pictures`, which sets SECRETSYNC_PICTURES to their folder")
	}
	s := newSetup(t)
	s.start()
	at := s.startPrometheus(prometheus.Need(t, prometheus.Server))
	s.await("Prometheus has scraped the operator", func() bool { return s.gives(at, "secretsync_build_info") })
	from := time.Now()
	const secrets, each, stages, turn = 8, 5, 4, 45 * time.Second
	for n := range secrets {
		name := fmt.Sprintf("db-%d", n)
		s.create(name)
		for m := range each {
			s.sync(fmt.Sprintf("%s-%d", name, m), s.secretID(name), 10*time.Second)
		}
	}
	for stage := range stages {
		switch stage {
		case 1:
			for n := range 6 {
				s.sync(fmt.Sprintf("missing-%d", n), s.secretID(fmt.Sprintf("missing-%d", n/2)), 10*time.Second)
			}
		case 2:
			s.env.AWS.SetFaults(localaws.Fault{Every: 3, Code: "ThrottlingException", Status: 400})
		case 3:
			s.env.AWS.SetFaults()
			s.create("missing-0")
		}
		for end := time.Now().Add(turn); time.Now().Before(end); time.Sleep(3 * time.Second) {
			s.put(s.secretID(fmt.Sprintf("db-%d", time.Now().Second()%secrets)))
		}
	}
	to := time.Now()
	for _, name := range []string{"fleet", "operator"} {
		dashboard, err := picture.Read(filepath.Join(testsuite.Root, "config/monitoring/dashboards", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		drawn, err := picture.Draw(dashboard, from, to, picture.From(t.Context(), at, from, to, "20s"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "dashboard-"+name+".svg"), []byte(drawn), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
