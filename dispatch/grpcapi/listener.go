package grpcapi

import (
	"net"
	"sync"
)

// The most connections of one address and of all: one more is closed at once.
const (
	connectionsPerAddress = 1000
	connectionsInAll      = 10_000
)

// limitConnections caps how many connections are open. Trusted proxies carry
// many people's calls and count only towards all.
func limitConnections(l net.Listener, trusted proxies) net.Listener {
	return &limitedListener{Listener: l, trusted: trusted, open: map[string]int{}}
}

type limitedListener struct {
	net.Listener
	trusted proxies

	mu   sync.Mutex
	open map[string]int // by network
	all  int
}

// Accept gives the next connection that is within the limits.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := network(parseAddress(conn.RemoteAddr().String()))
		if l.take(from, conn) {
			return &limitedConn{Conn: conn, release: sync.OnceFunc(func() { l.give(from) })}, nil
		}
		_ = conn.Close() // it is over the limit; nobody listens for why
	}
}

func (l *limitedListener) take(from string, conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= connectionsInAll {
		return false
	}
	if l.open[from] >= connectionsPerAddress && !l.trusted.contain(parseAddress(conn.RemoteAddr().String())) {
		return false
	}
	l.open[from]++
	l.all++
	return true
}

func (l *limitedListener) give(from string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.open[from]--; l.open[from] == 0 {
		delete(l.open, from)
	}
}

type limitedConn struct {
	net.Conn
	release func()
}

// Close frees the connection's place.
func (c *limitedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
