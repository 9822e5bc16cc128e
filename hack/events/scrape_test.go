package events

import (
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// scrapesPerAddress is fewer scrapes than the manager answers to an address at once.
const scrapesPerAddress = 10

// BenchmarkScrape measures a scrape of an operator with 1,000 SecretSyncs, without compression: the time until its last
// byte is read, the fastest time, what the operator's process uses for it on a processor, its size, and the number of
// series. The last three do not depend on what else the machine does.
func BenchmarkScrape(b *testing.B) {
	s := newSetup(b)
	s.start()
	s.syncMany(0)
	var (
		scraper      *http.Client
		size, scrape int
		fastest      = time.Hour
	)
	used := func() time.Duration {
		spent, err := s.manager.ProcessorTime()
		if err != nil {
			b.Fatal(err)
		}
		return spent
	}
	before := used()
	for b.Loop() {
		if scrape%scrapesPerAddress == 0 { // The manager limits the scrapes of an address.
			b.StopTimer()
			from := &net.TCPAddr{IP: net.IPv4(127, 0, byte(1+scrape/scrapesPerAddress/250), byte(1+scrape/scrapesPerAddress%250))}
			scraper = &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{LocalAddr: from}).DialContext, DisableCompression: true}}
			b.StartTimer()
		}
		scrape++
		began := time.Now()
		answer, err := scraper.Get("http://" + s.manager.Metrics + "/metrics")
		if err != nil {
			b.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK {
			b.Fatal(answer.Status, err)
		}
		size, fastest = len(text), min(fastest, time.Since(began))
	}
	b.ReportMetric(float64((used()-before).Nanoseconds())/float64(scrape), "cpu-ns/op")
	b.ReportMetric(float64(fastest.Nanoseconds()), "fastest-ns")
	b.ReportMetric(float64(size), "bytes")
	b.ReportMetric(float64(s.series()), "series")
}
