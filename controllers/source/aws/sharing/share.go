package sharing

import "sync"

// Allowance is how much may be kept for all namespaces together, and for each of them.
type Allowance struct {
	most, each int

	mutex sync.Mutex
	taken int
}

// Share is what is kept for one namespace of an allowance. A nil share has no bound.
type Share struct {
	of *Allowance
	// taken is guarded by the mutex of the allowance.
	taken int
}

// NewAllowance is an allowance of most for all namespaces together, and each for each of them.
func NewAllowance(most, each int) *Allowance { return &Allowance{most: most, each: each} }

// NewShare is the share of one more namespace.
func (a *Allowance) NewShare() *Share { return &Share{of: a} }

// Taken is how much is taken.
func (s *Share) Taken() int {
	s.of.mutex.Lock()
	defer s.of.mutex.Unlock()
	return s.taken
}

// Take takes so much, if there is so much left.
func (s *Share) Take(much int) bool {
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

// Give gives so much back.
func (s *Share) Give(much int) {
	if s == nil {
		return
	}
	s.of.mutex.Lock()
	defer s.of.mutex.Unlock()
	s.taken -= much
	s.of.taken -= much
}
