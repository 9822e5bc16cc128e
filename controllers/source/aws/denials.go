package aws

import (
	"sync"
	"time"
)

// denialLasts is how long a denied DescribeSecret is not asked again, so that a poll costs one call,
// not two. A permission that is granted meanwhile is noticed after that time.
const denialLasts = 10 * time.Minute

type denialKey struct{ region, secretID string }

// denials remembers where DescribeSecret was denied.
type denials struct {
	now   func() time.Time
	mutex sync.Mutex
	until map[denialKey]time.Time
}

func newDenials(now func() time.Time) *denials {
	return &denials{now: now, until: map[denialKey]time.Time{}}
}

func (d *denials) fresh(key denialKey) bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	until, known := d.until[key]
	if known && !d.now().Before(until) {
		delete(d.until, key)
		return false
	}
	return known
}

func (d *denials) remember(key denialKey) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.until[key] = d.now().Add(denialLasts)
}
