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

// Server is the local AWS. Its zero value is ready; set fields before it serves.
type Server struct {
	// Region that requests without a signature belong to. Default: DefaultRegion.
	Region string
	// Account that unknown access keys belong to. Default: DefaultAccount.
	Account string
	// Now gives the time. Default: time.Now.
	Now func() time.Time
	// SessionLifetime is how long sessions last, whatever callers request, so that tests can wait for the expiry.
	// Default: what they request, at least 15 minutes.
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

// place is the account and region of a secret or queue.
type place struct{ account, region string }

// Running is a listening Server.
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
	go func() { _ = running.http.Serve(listener) }() // Ends by Close, which is no failure.
	return running, nil
}

// URL is the value for AWS_ENDPOINT_URL.
func (r *Running) URL() string { return "http://" + r.listener.Addr().String() }

// Close stops listening, closes connections and waits for running rotations.
func (r *Running) Close() error {
	err := r.http.Close()
	_ = r.listener.Close() // Before Serve has begun, the http.Server does not know the listener.
	r.rotating.Wait()
	return err
}

// Shift moves the server's clock, back if by is negative, for tests of what takes weeks.
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
