package aws

import (
	"sync"
	"time"
)

const (
	// doubtLasts is how long AWS must say something that has no date, and contradicts what is known, before it is
	// believed: that a secret or version is not there, or that a label is on an older version.
	doubtLasts = 30 * time.Second
	// maxDoubts bounds what is in doubt at one time: some 200 bytes each, so 2 MB at most.
	maxDoubts = 10_000
)

// doubt is something that AWS says which may be out of date.
type doubt struct {
	// about is the secret, and the staging label where it is about one.
	id, stage string
	// says is what AWS says of it.
	says string
}

// doubts remember since when AWS has said something without exception.
type doubts struct {
	now   func() time.Time
	mutex sync.Mutex
	// since is by what a doubt is about; its says is in the entry.
	since map[doubt]doubted
}

type doubted struct {
	says  string
	since time.Time
}

func newDoubts(now func() time.Time) *doubts {
	return &doubts{now: now, since: map[doubt]doubted{}}
}

// lasting notes that AWS has said so, and tells whether it has for long enough.
func (d *doubts) lasting(what doubt) bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	now, says := d.now(), what.says
	what.says = ""
	known, again := d.since[what]
	if again && known.says == says {
		return now.Sub(known.since) >= doubtLasts
	}
	if len(d.since) >= maxDoubts {
		clear(d.since) // They begin again.
	}
	d.since[what] = doubted{says, now}
	return false
}

// end notes that AWS has said something else of it.
func (d *doubts) end(what doubt) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	says := what.says
	what.says = ""
	if known, is := d.since[what]; is && (says == "" || known.says != says) {
		delete(d.since, what)
	}
}
