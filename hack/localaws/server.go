package localaws

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of a Server.
const (
	DefaultRegion  = "eu-west-1"
	DefaultAccount = "111122223333"
)

// Server is the local AWS. Its zero value works; set fields before it serves.
type Server struct {
	// Region that requests without a signature belong to. Default: DefaultRegion.
	Region string
	// Account that unknown access keys belong to. Default: DefaultAccount.
	Account string
	// Now tells the time. Default: time.Now.
	Now func() time.Time
	// SessionLifetime is how long sessions last, whatever their callers ask for, so that an expiry can be
	// waited for. Default: what they ask for, 15 minutes at least.
	SessionLifetime time.Duration

	// ahead is how far Shift has moved the clock.
	ahead atomic.Int64

	mutex      sync.Mutex
	secrets    map[place]map[string]*secret // by place, then by name
	principals map[string]Principal         // by access key id
	rules      []Rule
	iam        identities
	keys       map[string]*kmsKey
	functions  map[string]RotationFunction
	rates      map[string]*bucket
	faults     []*Fault
	outages    []Outage
	queues     map[place]map[string]*queue // by place, then by name
	bridge     bridge
	lag        time.Duration // of replicas behind their primary
	past       past
	transfers  []*transfer
	dying      time.Time // when the first secret that is deleted is gone for good
	log        []Call
	rotating   sync.WaitGroup
}

// place is where a secret lives.
type place struct{ account, region string }

// Running is a Server that listens.
type Running struct {
	*Server
	listener net.Listener
	http     *http.Server
}

// Start makes a server listen on an address of the loopback interface; "127.0.0.1:0" takes a free port.
func Start(server *Server, address string) (*Running, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	running := &Running{
		Server:   server,
		listener: listener,
		http:     &http.Server{Handler: server, ReadHeaderTimeout: 10 * time.Second},
	}
	go func() { _ = running.http.Serve(listener) }() // Ends with Close, which is no failure.
	return running, nil
}

// URL is what AWS_ENDPOINT_URL should be.
func (r *Running) URL() string { return "http://" + r.listener.Addr().String() }

// Close stops listening, cuts connections and waits for rotations that are under way.
func (r *Running) Close() error {
	err := r.http.Close()
	_ = r.listener.Close() // Where Serve has not begun, the server does not know it yet.
	r.rotating.Wait()
	return err
}

// Shift moves the server's clock, back where by is negative, so that what takes weeks can be seen.
func (s *Server) Shift(by time.Duration) { s.ahead.Add(int64(by)) }

func (s *Server) now() time.Time {
	moment := time.Now
	if s.Now != nil {
		moment = s.Now
	}
	return moment().Add(time.Duration(s.ahead.Load()))
}

func (s *Server) region() string {
	if s.Region != "" {
		return s.Region
	}
	return DefaultRegion
}

func (s *Server) account() string {
	if s.Account != "" {
		return s.Account
	}
	return DefaultAccount
}
