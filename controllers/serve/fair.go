package serve

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

// fairListener is a listener that bounds the number of open connections. It accepts every new connection: if there are
// too many, it closes the oldest connection of the address that has the most. So one client with many slow or idle
// connections shuts out only itself.
type fairListener struct {
	net.Listener
	limit int

	mutex sync.Mutex
	// open are the connections, oldest first.
	open []*connection
}

// connection is a connection that its listener counts until it is closed.
type connection struct {
	net.Conn
	from     netip.Addr
	listener *fairListener
}

func newFairListener(listener net.Listener, limit int) *fairListener {
	return &fairListener{Listener: listener, limit: limit}
}

// Accept waits for the next connection.
func (f *fairListener) Accept() (net.Conn, error) {
	accepted, err := f.Listener.Accept()
	if err != nil {
		return nil, err
	}
	next := &connection{Conn: accepted, from: addressOf(accepted.RemoteAddr().String()), listener: f}
	if excess := f.add(next); excess != nil {
		_ = excess.Close() // Its reader gets the error.
	}
	return next, nil
}

// add adds a connection, and returns the connection to close because there are too many; nil for none.
func (f *fairListener) add(next *connection) (excess *connection) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.open = append(f.open, next)
	if len(f.open) <= f.limit {
		return nil
	}
	counts := map[netip.Addr]int{}
	for _, candidate := range f.open {
		counts[candidate.from]++
	}
	for _, candidate := range f.open {
		if excess == nil || counts[candidate.from] > counts[excess.from] {
			excess = candidate
		}
	}
	return excess
}

// remove makes a connection count no more.
func (f *fairListener) remove(closed *connection) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.open = slices.DeleteFunc(f.open, func(candidate *connection) bool { return candidate == closed })
}

// Close closes the connection. It may be called more than once.
func (c *connection) Close() error {
	c.listener.remove(c)
	return c.Conn.Close()
}

// addressOf is the address of a client, without its port; the zero address if it cannot be parsed.
func addressOf(remote string) netip.Addr {
	from, _ := netip.ParseAddrPort(remote)
	return from.Addr().Unmap()
}
