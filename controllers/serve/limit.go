package serve

import (
	"net/http"
	"net/netip"
	"sync"

	"golang.org/x/time/rate"
)

// maxAddresses bounds the addresses whose requests are counted, some 150 bytes each.
const maxAddresses = 1000

// rateLimiter is a handler that answers 429 to an address that sends too many requests.
type rateLimiter struct {
	handler   http.Handler
	perSecond rate.Limit
	burst     int

	mutex    sync.Mutex
	limiters map[netip.Addr]*rate.Limiter
}

// PerAddress limits the requests of each address to perSecond a second, and burst at once. It is for handlers that
// send requests to others, for example to Kubernetes to authenticate a client.
func PerAddress(handler http.Handler, perSecond rate.Limit, burst int) http.Handler {
	return &rateLimiter{handler: handler, perSecond: perSecond, burst: burst, limiters: map[netip.Addr]*rate.Limiter{}}
}

// ServeHTTP passes a request on, or answers 429.
func (l *rateLimiter) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	if !l.limiter(request.RemoteAddr).Allow() {
		writer.Header().Set("Retry-After", "1")
		http.Error(writer, "too many requests: try again", http.StatusTooManyRequests)
		return
	}
	l.handler.ServeHTTP(writer, request)
}

func (l *rateLimiter) limiter(remote string) *rate.Limiter {
	address := addressOf(remote)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	known := l.limiters[address]
	if known == nil {
		if len(l.limiters) >= maxAddresses {
			clear(l.limiters) // Each address gets its burst once more.
		}
		known = rate.NewLimiter(l.perSecond, l.burst)
		l.limiters[address] = known
	}
	return known
}
