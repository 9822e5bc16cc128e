package aws

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
)

const (
	// serveVariable makes the test's binary a server and nothing else, so that its processor time is its own.
	serveVariable = "SECRETSYNC_BENCH_SERVER"
	// benchLatency and benchWorkers are those of hack/bench: a caller that waits costs something too.
	benchLatency, benchWorkers = 5 * time.Millisecond, 10
)

func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) == "" {
		os.Exit(m.Run())
	}
	answers := benchAnswers()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		time.Sleep(benchLatency)
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.Header().Set("X-Amzn-Requestid", "8a6b1f2e-0000-4000-8000-000000000000")
		_, _ = io.WriteString(w, answers[operation])
	}))
	fmt.Println(server.URL)
	_, _ = io.Copy(io.Discard, os.Stdin) // Until the benchmark ends.
}

// serveBench starts the server and gives its URL.
func serveBench(b *testing.B) string {
	b.Helper()
	server := exec.CommandContext(b.Context(), os.Args[0])
	server.Env = append(os.Environ(), serveVariable+"=1")
	input, err := server.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	output, err := server.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _, _ = input.Close(), server.Wait() })
	url, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(url)
}

// BenchmarkObserveOverHTTP is a DescribeSecret over a connection, as many at once as an operator has workers.
// What counts is cpu-µs/op, the processor time of this process: most of the time it waits.
func BenchmarkObserveOverHTTP(b *testing.B) {
	isolate(b, serveBench(b))
	s, err := New(b.Context(), Options{Region: "eu-west-1", Version: "1.2.3", Cluster: "prod-eu-1"})
	if err != nil {
		b.Fatal(err)
	}
	var next atomic.Int64
	var workers sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	began := processorTime(b)
	for range benchWorkers {
		workers.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				ref := source.Ref{SecretID: fmt.Sprintf("/prod/payments/%d", i%1000),
					Reader: source.Reader{Namespace: "payments", Name: fmt.Sprintf("db-%d", i%1000)}}
				if _, err := s.Resolve(b.Context(), source.VersionQuery{Ref: ref, Routine: true}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	workers.Wait()
	b.ReportMetric(float64((processorTime(b)-began).Microseconds())/float64(b.N), "cpu-µs/op")
}

// processorTime is what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
