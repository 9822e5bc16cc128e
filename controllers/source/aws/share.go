package aws

import "sync"

// allowance is how much may be kept for all namespaces together, and for each of them.
type allowance struct {
	most, each int

	mutex sync.Mutex
	taken int
}

// share is what is kept for one namespace of an allowance. A nil share has no bound.
type share struct {
	of *allowance
	// taken is guarded by the mutex of the allowance.
	taken int
}

// take takes so much, if there is so much left.
func (s *share) take(much int) bool {
	if s == nil {
		return true
	}
	s.of.mutex.Lock()
	defer s.of.mutex.Unlock()
	if s.taken+much > s.of.each || s.of.taken+much > s.of.most {
		return false
	}
	s.taken += much
	s.of.taken += much
	return true
}

// give gives so much back.
func (s *share) give(much int) {
	if s == nil {
		return
	}
	s.of.mutex.Lock()
	defer s.of.mutex.Unlock()
	s.taken -= much
	s.of.taken -= much
}
