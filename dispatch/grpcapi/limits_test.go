package grpcapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/firstfix/firstfix/dispatch"
)

func TestLimits(t *testing.T) {
	now := time.Now()
	l := newLimits(1, func() time.Time { return now })
	tenant := dispatch.TenantID{}.New()
	somebody := func(i int) dispatch.Principal {
		return dispatch.Principal{Tenant: tenant, Role: visitor, Subject: fmt.Sprint("visitor:", i)}
	}
	address := netip.MustParseAddr
	count := func(n int, caller func(int) dispatch.Principal, public bool, from func(int) netip.Addr) (let int, last error) {
		for i := range n {
			if err := l.take(caller(i), public, from(i)); err != nil {
				last = err
				continue
			}
			let++
		}
		return let, last
	}
	same := func(text string) func(int) netip.Addr { return func(int) netip.Addr { return address(text) } }
	one := func(int) dispatch.Principal { return somebody(0) }

	let, last := count(100, one, false, func(i int) netip.Addr { return address(fmt.Sprintf("203.0.113.%d", i)) })
	if let != visitorAllowance.burst || dispatch.ReasonOf(last) != dispatch.ReasonRateLimited {
		t.Errorf("one visitor with many addresses: %d calls, then %v", let, last)
	}
	refused, _ := last.(*dispatch.Error) //nolint:errorlint // ours, unwrapped
	if refused == nil || refused.RetryAfter <= 0 || refused.RetryAfter > time.Second || refused.Metadata["quota"] == "" {
		t.Errorf("the refusal is %+v", refused)
	}
	now = now.Add(refused.RetryAfter)
	if err := l.take(somebody(0), false, address("203.0.113.200")); err != nil {
		t.Errorf("after the time to wait: %v", err)
	}
	if let, _ := count(1000, func(i int) dispatch.Principal { return somebody(1 + i) }, false, same("198.51.100.7")); let != addressAllowance.burst {
		t.Errorf("many visitors behind one address: %d calls", let)
	}
	let, _ = count(1000, func(i int) dispatch.Principal { return somebody(10_000 + i) }, false,
		func(i int) netip.Addr { return address(fmt.Sprintf("2001:db8:1:2::%x", i+1)) })
	if let != addressAllowance.burst {
		t.Errorf("many addresses of one /64: %d calls", let)
	}
	if let, _ := count(100, somebody, true, same("192.0.2.1")); let != publicAllowance.burst {
		t.Errorf("tokens asked for: %d calls", let)
	}
	member := func(int) dispatch.Principal {
		return dispatch.Principal{Tenant: tenant, Role: dispatcher, Subject: "member:ada"}
	}
	if let, _ := count(1000, member, false, same("192.0.2.1")); let != memberAllowance.burst {
		t.Errorf("a member: %d calls", let)
	}
	other := func(int) dispatch.Principal {
		return dispatch.Principal{Tenant: dispatch.TenantID{}.New(), Role: dispatcher, Subject: "member:ada"}
	}
	if let, _ := count(100, other, false, same("192.0.2.1")); let != 100 {
		t.Errorf("a member of another tenant with the same subject: %d calls", let)
	}
}

// Ever new keys cost bounded memory, and old ones are forgotten.
func TestBucketsAreBounded(t *testing.T) {
	now := time.Now()
	b := newBuckets("calls", allowance{1, 2}, 1, func() time.Time { return now })
	for i := range 2 * mostBuckets {
		_ = b.take(fmt.Sprint(i)) // the late ones share a bucket
	}
	if n := len(b.byKey); n > mostBuckets+1 {
		t.Errorf("%d buckets", n)
	}
	now = now.Add(2 * time.Minute)
	if err := b.take("somebody new"); err != nil || len(b.byKey) != 1 {
		t.Errorf("two minutes later: %v, %d buckets", err, len(b.byKey))
	}
}

func TestAddress(t *testing.T) {
	trusted := proxies{netip.MustParsePrefix("10.0.0.0/8")}
	ip := func(text string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(text)) }
	for _, c := range []struct {
		what      string
		peer      net.Addr
		forwarded string
		gateway   string
		want      string
	}{
		{"direct", ip("203.0.113.9:1"), "", "", "203.0.113.9"},
		{"direct, lying", ip("203.0.113.9:1"), "1.1.1.1", "2.2.2.2:2", "203.0.113.9"},
		{"behind a proxy", ip("10.1.1.1:1"), "203.0.113.9", "", "203.0.113.9"},
		{"behind two, with a lie before them", ip("10.1.1.1:1"), "1.1.1.1, 203.0.113.9, 10.2.2.2", "", "203.0.113.9"},
		{"a proxy that says nothing", ip("10.1.1.1:1"), "", "", "10.1.1.1"},
		{"a proxy that says nonsense", ip("10.1.1.1:1"), "unknown", "", "10.1.1.1"},
		{"over HTTP", pipeAddr{}, "", "203.0.113.9:7", "203.0.113.9"},
		{"over HTTP, lying", pipeAddr{}, "1.1.1.1, 203.0.113.9", "203.0.113.9:7", "203.0.113.9"},
		{"over HTTP behind a proxy", pipeAddr{}, "203.0.113.9, 10.1.1.1", "10.1.1.1:7", "203.0.113.9"},
		{"IPv4 in IPv6", ip("[::ffff:203.0.113.9]:1"), "", "", "203.0.113.9"},
	} {
		ctx := peer.NewContext(t.Context(), &peer.Peer{Addr: c.peer})
		md := metadata.MD{}
		if c.forwarded != "" {
			md.Set("x-forwarded-for", c.forwarded)
		}
		if c.gateway != "" {
			md.Set(gatewayPeer, c.gateway)
		}
		if got := trusted.address(metadata.NewIncomingContext(ctx, md)); got.String() != c.want {
			t.Errorf("%s: %s, expected %s", c.what, got, c.want)
		}
	}
	if got := trusted.address(context.Background()); got.IsValid() {
		t.Errorf("without a peer: %s", got)
	}
}

// pipeAddr is the address of our own gateway's connection.
type pipeAddr struct{}

func (pipeAddr) Network() string { return "bufconn" }
func (pipeAddr) String() string  { return "bufconn" }

func TestConnectionsPerAddress(t *testing.T) {
	var config net.ListenConfig
	inner, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := limitConnections(inner, nil).(*limitedListener)
	defer l.Close()
	l.open["127.0.0.1"], l.all = connectionsPerAddress-1, connectionsPerAddress-1
	accepted := make(chan net.Conn, 4)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()
	dial := func() net.Conn {
		t.Helper()
		var d net.Dialer
		conn, err := d.DialContext(t.Context(), "tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	dial()
	last := <-accepted
	over := dial()
	if err := over.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := over.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("one connection too many was not closed: %v", err)
	}
	last.Close()
	last.Close() // twice frees one place
	dial()
	select {
	case <-accepted:
	case <-time.After(5 * time.Second):
		t.Error("a place that was freed was not given")
	}
}
