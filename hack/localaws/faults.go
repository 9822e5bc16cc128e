package localaws

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Fault makes calls slow or fail.
type Fault struct {
	// Operation, Principal and Region are patterns; empty matches all.
	Operation, Principal, Region string
	// Latency is the delay of the answer; with Slow, only of every n-th matching call.
	Latency time.Duration
	Slow    int
	// Every n-th matching call fails; 0 fails none, 1 all.
	Every int
	// Code of the failure. Default: InternalServiceError.
	Code string
	// Status is the HTTP status of the failure. Default: 500.
	Status int
	// Cut ends the connection without an answer instead.
	Cut bool
	// Half ends the connection in the middle of the answer instead.
	Half bool
	// Hang waits until the caller gives up.
	Hang bool

	seen int
}

// errCut makes the server cut the connection, errHalf in the middle of the answer.
var (
	errCut  = errors.New("connection cut")
	errHalf = errors.New("connection cut in the middle of the answer")
)

// SetFaults replaces the faults; without arguments it removes them.
func (s *Server) SetFaults(faults ...Fault) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.faults = nil
	for i := range faults {
		s.faults = append(s.faults, &faults[i])
	}
}

// bucket is a token bucket that holds one second's calls.
type bucket struct {
	perSecond, tokens float64
	filled            time.Time
}

// SetRate limits the calls per second of an operation; 0 removes the limit.
func (s *Server) SetRate(operation string, perSecond float64) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.rates == nil {
		s.rates = map[string]*bucket{}
	}
	if perSecond <= 0 {
		delete(s.rates, operation)
		return
	}
	s.rates[operation] = &bucket{perSecond: perSecond, tokens: perSecond, filled: s.now()}
}

func (b *bucket) take(now time.Time) bool {
	b.tokens = min(b.perSecond, b.tokens+now.Sub(b.filled).Seconds()*b.perSecond)
	b.filled = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// beforeCall applies faults and quotas.
func (s *Server) beforeCall(ctx context.Context, call *request) error {
	latency, hang, err := s.trouble(call)
	if hang {
		<-ctx.Done()
		return errCut
	}
	if latency > 0 {
		select {
		case <-time.After(latency):
		case <-ctx.Done():
			return errCut
		}
	}
	return err
}

func (s *Server) trouble(call *request) (latency time.Duration, hang bool, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, fault := range s.faults {
		if !like(fault.Operation, call.operation) || !like(fault.Principal, call.caller.ARN) || !like(fault.Region, call.at.region) {
			continue
		}
		fault.seen++
		if fault.Slow == 0 || fault.seen%fault.Slow == 0 {
			latency += fault.Latency
		}
		hang = hang || fault.Hang
		if fault.Every > 0 && fault.seen%fault.Every == 0 && err == nil {
			err = fault.failure()
		}
	}
	if rate, bound := s.rates[call.operation]; bound && err == nil && !rate.take(s.now()) {
		err = refuse("ThrottlingException", "Rate exceeded")
	}
	return latency, hang, err
}

func (f *Fault) failure() error {
	switch {
	case f.Cut:
		return errCut
	case f.Half:
		return errHalf
	}
	failure := &awsError{code: "InternalServiceError", message: "An error occurred on the server side.", status: http.StatusInternalServerError}
	if f.Code != "" {
		failure.code, failure.status = f.Code, http.StatusBadRequest
	}
	if f.Status != 0 {
		failure.status = f.Status
	}
	return failure
}
