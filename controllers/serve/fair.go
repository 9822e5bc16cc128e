package serve

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

// fair is a listener that bounds the connections that are open at once. It takes every new one: where there are too
// many it closes the oldest one of the address that has the most, so that one client with many connections, slow or
// idle ones, shuts out itself alone.
type fair struct {
	net.Listener
	most int

	mutex sync.Mutex
	// open are the connections, oldest first.
	open []*connection
}

// connection takes itself off the list of its listener when it is closed.
type connection struct {
	net.Conn
	from netip.Addr
	of   *fair
}

func newFair(listener net.Listener, most int) *fair { return &fair{Listener: listener, most: most} }

// Accept waits for the next connection.
func (f *fair) Accept() (net.Conn, error) {
	accepted, err := f.Listener.Accept()
	if err != nil {
		return nil, err
	}
	next := &connection{Conn: accepted, from: addressOf(accepted.RemoteAddr().String()), of: f}
	if last := f.add(next); last != nil {
		_ = last.Close() // Its own reader finds out.
	}
	return next, nil
}

// add takes a connection, and gives the one to close for it; nil for none.
func (f *fair) add(next *connection) (last *connection) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.open = append(f.open, next)
	if len(f.open) <= f.most {
		return nil
	}
	counts := map[netip.Addr]int{}
	for _, one := range f.open {
		counts[one.from]++
	}
	for _, one := range f.open {
		if last == nil || counts[one.from] > counts[last.from] {
			last = one
		}
	}
	return last
}

// Close closes the connection. It may be called more than once.
func (c *connection) Close() error {
	c.of.mutex.Lock()
	c.of.open = slices.DeleteFunc(c.of.open, func(one *connection) bool { return one == c })
	c.of.mutex.Unlock()
	return c.Conn.Close()
}

// addressOf is the address of a client, of which the port is known too; the zero address where it can't be read.
func addressOf(remote string) netip.Addr {
	from, _ := netip.ParseAddrPort(remote)
	return from.Addr().Unmap()
}
