package localaws

// signal wakes all goroutines that wait for a change. Its zero value is ready; the mutex must be held.
type signal struct{ next chan struct{} }

// wait gives a channel that is closed by the next wake.
func (s *signal) wait() <-chan struct{} {
	if s.next == nil {
		s.next = make(chan struct{})
	}
	return s.next
}

func (s *signal) wake() {
	if s.next != nil {
		close(s.next)
		s.next = nil
	}
}
