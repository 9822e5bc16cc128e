package secretsync

import (
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
)

// singles refuses events that client-go would make a series of, which takes a patch that the role does not allow:
// those that are alike to the resourceVersion of what they are about (package tools/events, getKey).
type singles struct {
	events.EventRecorder
	t     *testing.T
	mutex sync.Mutex
	sent  map[string]bool
}

func (s *singles) Eventf(regarding, related runtime.Object, kind, reason, action, note string, args ...any) {
	about, err := meta.Accessor(regarding)
	if err != nil {
		s.t.Error(err)
		return
	}
	key := strings.Join([]string{about.GetNamespace(), about.GetName(), string(about.GetUID()), about.GetResourceVersion(), kind, reason, action}, " ")
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.sent[key] {
		s.t.Errorf("a second event of the same object, at the same resourceVersion: %s", key)
	}
	if s.sent == nil {
		s.sent = map[string]bool{}
	}
	s.sent[key] = true
	s.EventRecorder.Eventf(regarding, related, kind, reason, action, note, args...)
}
