package serve

import (
	"net/http"
	"net/netip"
	"sync"

	"golang.org/x/time/rate"
)

// addressesMost bounds the addresses whose requests are counted, some 150 bytes each.
const addressesMost = 1000

// limited answers 429 to an address that asks too often.
type limited struct {
	handler   http.Handler
	perSecond rate.Limit
	burst     int

	mutex    sync.Mutex
	limiters map[netip.Addr]*rate.Limiter
}

// PerAddress lets each address ask perSecond times a second, and burst times at once: for handlers that cost others
// something, such as asking Kubernetes who a client is.
func PerAddress(handler http.Handler, perSecond rate.Limit, burst int) http.Handler {
	return &limited{handler: handler, perSecond: perSecond, burst: burst, limiters: map[netip.Addr]*rate.Limiter{}}
}

// ServeHTTP hands a request on, or answers 429.
func (l *limited) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	if !l.limiter(request.RemoteAddr).Allow() {
		writer.Header().Set("Retry-After", "1")
		http.Error(writer, "too many requests: try again", http.StatusTooManyRequests)
		return
	}
	l.handler.ServeHTTP(writer, request)
}

func (l *limited) limiter(remote string) *rate.Limiter {
	address := addressOf(remote)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	known := l.limiters[address]
	if known == nil {
		if len(l.limiters) >= addressesMost {
			clear(l.limiters) // Each of them gets its burst once more.
		}
		known = rate.NewLimiter(l.perSecond, l.burst)
		l.limiters[address] = known
	}
	return known
}
