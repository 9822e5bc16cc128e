package secretsync

import (
	"errors"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/controllers/source"
)

const (
	// handMost is how many bytes of values a pass may have in hand that runs beside others of its namespace. Of the 256
	// secrets that a SecretSync may read, with 64 KiB each, a pass has 16 MiB.
	handMost = 1 << 20
	// writeMostBytes and writeMostKeys are what it may write to a Secret: with more, one write takes the API server
	// tens of milliseconds of processor time, most of it for the owners of the keys.
	writeMostBytes, writeMostKeys = 256 << 10, 512
)

// errLarge ends a pass that finds out that its SecretSync is large, before it does what takes much memory or keeps the
// API server busy. The next pass comes at once, and in its turn among the large ones.
var errLarge = errors.New("the SecretSync is large: its pass comes in its turn")

// carry notes the value that a pass has of an input, in place of the one before. Several inputs are read at the same time.
func (p *pass) carry(one *input, value source.Value) {
	bytes := int64(len(value.Bytes()))
	p.hand.Add(bytes - one.bytes)
	one.bytes = bytes
}

// full says whether a pass has to give up before it reads more.
func (p *pass) full() bool { return !p.large && p.hand.Load() > handMost }

// giveUp ends the pass for one that has its turn among the large ones.
func (c *Controller) giveUp(p *pass) error {
	c.shares.mark(client.ObjectKeyFromObject(p.sync), true)
	return errLarge
}

// unfinished is a pass that gave up. The next one goes on where it was: AWS's answers since then serve it, unless there is
// news to ask about.
type unfinished struct {
	began      time.Time
	generation int64
	refresh    string
}

// gaveUp has the next pass come at once, in its turn.
func (p *pass) gaveUp() reconcile.Result {
	p.memory.unfinished = unfinished{p.began, p.sync.Generation, refreshOf(p.sync)}
	return again(0, p.priority())
}

// resume takes up an unfinished pass, once.
func (p *pass) resume() {
	former := p.memory.unfinished
	p.memory.unfinished = unfinished{}
	if former.generation == p.sync.Generation && former.refresh == refreshOf(p.sync) && !p.memory.told.After(former.began) {
		p.began = former.began
	}
}

// largeToWrite says whether keys are many, or have many bytes together.
func largeToWrite(data map[string][]byte) bool {
	bytes := 0
	for key, value := range data {
		bytes += len(key) + len(value)
	}
	return bytes > writeMostBytes || len(data) > writeMostKeys
}

// unmark has the next pass of a SecretSync that is no longer large run beside others of its namespace.
func (c *Controller) unmark(p *pass) {
	if p.large && p.applied != nil && !p.memory.large && p.hand.Load() <= handMost && !largeToWrite(p.data) {
		c.shares.mark(client.ObjectKeyFromObject(p.sync), false)
	}
}
