package events

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/secretsync/secretsync/hack/prometheus"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// maxSeries is how many series an operator may have with its defaults, however many SecretSyncs there are.
const maxSeries = 400

// TestDashboards: a real Prometheus scrapes an operator with rotations, change events, a secret that does not exist, and
// 1,000 SecretSyncs. Each query of each panel then gives data, and the number of series is bounded.
func TestDashboards(t *testing.T) {
	server := prometheus.Need(t, prometheus.Server)
	s := newSetup(t)
	s.start()
	_, content := s.create("db")
	s.sync("db", s.secretID("db"), 0)
	s.awaitValue("db", content)
	s.sync("missing", s.secretID("missing"), time.Minute)
	s.syncMany(1)
	if got := s.series(); got > maxSeries {
		t.Errorf("1,000 SecretSyncs have %d series, more than %d", got, maxSeries)
	}

	at := s.startPrometheus(server)
	s.await("Prometheus has scraped the operator", func() bool { return s.gives(at, "secretsync_build_info") })
	s.awaitValue("db", s.put(s.secretID("db")))
	for title, expression := range queriesOf(t) {
		s.await("the panel "+title+" has data", func() bool { return s.gives(at, expression) })
	}
}

// syncMany creates 1,000 SecretSyncs, and waits until they and the others are synced and counted.
func (s *setup) syncMany(others int) {
	s.Helper()
	_, content := s.create("many")
	for n := range 1000 {
		s.sync(fmt.Sprintf("many-%d", n), s.secretID("many"), 24*time.Hour)
	}
	s.await("all SecretSyncs are counted", func() bool {
		synced, _ := s.metric(`secretsync_ready{reason="Synced",secretsync_namespace="",status="True"}`)
		return synced == float64(1000+others)
	})
	s.awaitValue("many-999", content)
}

// series is how many series the manager serves.
func (s *setup) series() (count int) {
	s.Helper()
	for line := range strings.Lines(s.scrape()) {
		if !strings.HasPrefix(line, "#") {
			count++
		}
	}
	return count
}

// queriesOf are the queries of all dashboards, by their title and the number of the query. Grafana's variable for the
// range of rates is replaced by one that all of the test is in.
func queriesOf(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testsuite.Root, "config/monitoring/dashboards/*.json"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%d dashboards, %v", len(files), err)
	}
	queries := map[string]string{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var dashboard struct {
			Title  string
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
		}
		if err := json.Unmarshal(content, &dashboard); err != nil {
			t.Fatal(err)
		}
		for _, panel := range dashboard.Panels {
			for n, target := range panel.Targets {
				queries[fmt.Sprintf("%s / %s, query %d", dashboard.Title, panel.Title, n+1)] = strings.ReplaceAll(target.Expr, "$__rate_interval", "10m")
			}
		}
	}
	if len(queries) < 20 {
		t.Fatalf("only %d queries were found", len(queries))
	}
	return queries
}

// startPrometheus starts a Prometheus that scrapes the manager each second, and gives its address.
func (s *setup) startPrometheus(program string) (address string) {
	s.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	address = listener.Addr().String()
	listener.Close()
	folder := s.TempDir()
	rules, err := filepath.Abs(filepath.Join(testsuite.Root, "config/monitoring/alerts.yaml"))
	if err != nil {
		s.Fatal(err)
	}
	config := filepath.Join(folder, "prometheus.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [%s]\n"+
		"scrape_configs: [{job_name: secretsync, static_configs: [{targets: ['%s']}]}]\n", rules, s.manager.Metrics), 0o600); err != nil {
		s.Fatal(err)
	}
	command := exec.Command(program, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(folder, "data"), "--web.listen-address="+address, "--log.level=error")
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := command.Process.Kill(); err != nil {
			s.Error(err)
		}
		_ = command.Wait() // It was killed.
	})
	return address
}

// gives says whether a query gives a number.
func (s *setup) gives(address, expression string) bool {
	s.Helper()
	answer, err := http.Get("http://" + address + "/api/v1/query?query=" + url.QueryEscape(expression))
	if err != nil {
		return false // Prometheus is starting.
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusServiceUnavailable {
		return false
	}
	var result struct {
		Status, Error string
		Data          struct{ Result []struct{ Value [2]any } }
	}
	if err := json.NewDecoder(answer.Body).Decode(&result); err != nil || result.Status != "success" {
		s.Fatalf("%s: %v %s", expression, err, result.Error)
	}
	for _, series := range result.Data.Result {
		if series.Value[1] != "NaN" {
			return true
		}
	}
	return false
}
