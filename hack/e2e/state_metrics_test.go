package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// startStateMetrics starts kube-state-metrics with the shipped file, and gives the address of its metrics.
func (s *setup) startStateMetrics() (address string) {
	s.Helper()
	build := exec.CommandContext(s.Context(), "make", "--no-print-directory", "bin/kube-state-metrics")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		s.Fatalf("building kube-state-metrics: %v: %s", err, output)
	}
	ports := make([]string, 2)
	for n := range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			s.Fatal(err)
		}
		_, ports[n], err = net.SplitHostPort(listener.Addr().String())
		if err != nil {
			s.Fatal(err)
		}
		listener.Close()
	}
	log, err := os.Create(filepath.Join(s.TempDir(), "log"))
	if err != nil {
		s.Fatal(err)
	}
	command := exec.Command(filepath.Join(root, "bin/kube-state-metrics"), "--kubeconfig="+s.env.Plane.Kubeconfig(), "--custom-resource-state-only",
		"--custom-resource-state-config-file="+filepath.Join(root, "config/monitoring/kube-state-metrics.yaml"), "--namespaces="+s.namespace,
		"--host=127.0.0.1", "--telemetry-host=127.0.0.1", "--port="+ports[0], "--telemetry-port="+ports[1])
	command.Stderr = log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := command.Process.Kill(); err != nil {
			s.Error(err)
		}
		_ = command.Wait() // It was killed.
		if said, err := os.ReadFile(log.Name()); err != nil || s.Failed() {
			s.Logf("kube-state-metrics: %v %s", err, said)
		}
	})
	return "127.0.0.1:" + ports[0]
}

// stateSeries are the values of the series at an address, by name and labels, without those that all series of
// kube-state-metrics have; empty while it starts.
func (s *setup) stateSeries(address string) map[string]float64 {
	s.Helper()
	answer, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		return nil
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return nil
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(content)))
	if err != nil {
		s.Fatalf("%v: %s", err, content)
	}
	all := map[string]float64{}
	for name, family := range families {
		for _, series := range family.GetMetric() {
			var labels []string
			for _, label := range series.GetLabel() {
				if !strings.HasPrefix(label.GetName(), "customresource_") && label.GetName() != "namespace" {
					labels = append(labels, fmt.Sprintf("%s=%q", label.GetName(), label.GetValue()))
				}
				if label.GetName() == "namespace" && label.GetValue() != s.namespace {
					s.Errorf("%s has the namespace %q", name, label.GetValue())
				}
			}
			key := name + "{" + strings.Join(labels, ",") + "}"
			if _, twice := all[key]; twice {
				s.Errorf("%s is there twice", key)
			}
			all[key] = series.GetGauge().GetValue() + series.GetUntyped().GetValue()
		}
	}
	return all
}

// TestStateMetrics: kube-state-metrics with the shipped file gives series of each SecretSync: one that is synced, one whose
// secret does not exist, and one that is suspended from the start. docs/operations.md names each metric.
func TestStateMetrics(t *testing.T) {
	s := newSetup(t)
	id, version := s.createSecret("db", value())
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id, VersionStage: "AWSCURRENT"}, Target: v1alpha1.SecretTarget{Name: "app"}})
	s.sync("missing", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: s.secretID("missing")}})
	s.sync("paused", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, Suspend: true})
	synced := s.awaitReady("db")
	missing := s.awaitReason("missing", metav1.ConditionFalse, v1alpha1.ReasonSecretNotFound)
	s.awaitReason("paused", metav1.ConditionTrue, v1alpha1.ReasonSuspended)
	transition := func(of *v1alpha1.SecretSync) float64 {
		return float64(meta.FindStatusCondition(of.Status.Conditions, v1alpha1.ConditionReady).LastTransitionTime.Unix())
	}
	source := synced.Status.Sources[0]
	want := map[string]float64{
		`kube_secretsync_info{secret="app",secretsync="db",source="` + id + `",stage="AWSCURRENT"}`:                                 1,
		`kube_secretsync_info{secretsync="missing",source="` + s.secretID("missing") + `"}`:                                         1,
		`kube_secretsync_status_condition{condition="Ready",reason="Synced",secretsync="db",status="True"}`:                         1,
		`kube_secretsync_status_condition{condition="Ready",reason="SecretNotFound",secretsync="missing",status="False"}`:           1,
		`kube_secretsync_status_condition{condition="Ready",reason="Suspended",secretsync="paused",status="True"}`:                  1,
		`kube_secretsync_status_condition_last_transition_time_seconds{condition="Ready",secretsync="db"}`:                          transition(synced),
		`kube_secretsync_status_condition_last_transition_time_seconds{condition="Ready",secretsync="missing"}`:                     transition(missing),
		`kube_secretsync_spec_suspend{secretsync="db"}`:                                                                             0,
		`kube_secretsync_spec_suspend{secretsync="paused"}`:                                                                         1,
		`kube_secretsync_status_source_info{arn="` + source.ARN + `",secretsync="db",stage="AWSCURRENT",version="` + version + `"}`: 1,
		`kube_secretsync_status_last_sync_time_seconds{secretsync="db"}`:                                                            float64(synced.Status.LastSyncTime.Unix()),
		`kube_secretsync_status_last_sync_time_seconds{secretsync="missing"}`:                                                       0,
	}
	address := s.startStateMetrics()
	var got map[string]float64
	s.await("kube-state-metrics has series of all", func() bool {
		got = s.stateSeries(address)
		return got[`kube_secretsync_spec_suspend{secretsync="paused"}`] == 1 && len(got) >= len(want)
	})
	for series, value := range want {
		if found, ok := got[series]; !ok || found != value {
			t.Errorf("%s is %v (%v), want %v, in\n%v", series, found, ok, value, got)
		}
	}
	page, err := os.ReadFile(filepath.Join(root, "docs/operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(kube_secretsync_\\w+)` \\|").FindAllStringSubmatch(string(page), -1) {
		documented[row[1]] = false
	}
	for series := range got {
		name, _, _ := strings.Cut(series, "{")
		if _, found := documented[name]; !found {
			t.Errorf("docs/operations.md does not have %s", name)
		}
		documented[name] = true
	}
	for name, found := range documented {
		if !found {
			t.Errorf("kube-state-metrics has no %s", name)
		}
	}
}
