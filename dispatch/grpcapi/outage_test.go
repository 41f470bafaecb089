package grpcapi_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/grpcapi"
	"github.com/firstfix/firstfix/dispatch/postgres"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// wire is a way to a server that can be cut.
type wire struct {
	listener net.Listener
	to       string

	mu   sync.Mutex
	cut  bool
	open map[net.Conn]bool
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, to: to, open: map[net.Conn]bool{}}
	t.Cleanup(func() { l.Close(); w.setCut(true) })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go w.carry(conn)
		}
	}()
	return w
}

func (w *wire) carry(near net.Conn) {
	defer near.Close()
	var dialer net.Dialer
	far, err := dialer.DialContext(context.Background(), "tcp", w.to)
	if err != nil || !w.keep(near, far) {
		return
	}
	defer far.Close()
	go func() { _, _ = io.Copy(far, near); far.Close() }()
	_, _ = io.Copy(near, far)
}

func (w *wire) keep(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range conns {
		w.open[c] = true
	}
	return !w.cut
}

func (w *wire) setCut(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	if !cut {
		return
	}
	for c := range w.open {
		c.Close()
	}
	w.open = map[net.Conn]bool{}
}

// The database goes away and comes back: readiness tells, calls are refused with
// the time to wait and without a word of why, and then all is as before.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	var w *wire
	d := open(t, nil)
	u, err := url.Parse(d.db.URL)
	if err != nil {
		t.Fatal(err)
	}
	w = newWire(t, u.Host)
	u.Host = w.listener.Addr().String()
	store, err := postgres.Open(t.Context(), u.String(), 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	d.serve(t, grpcapi.Config{
		Store: store, Ping: store.Ping, Seal: d.seal, Log: d.logger(), Services: services(store, d.seal, newAlbum(t)),
		Issuers: []grpcapi.Issuer{{Issuer: d.tenants[0].provider.server.URL, Audience: "firstfix", Tenant: d.tenants[0].id}},
	})
	token := d.token(t, d.tenants[0], admin)
	ask := func() (*status.Status, string) {
		var trailer metadata.MD
		_, err := pb.NewWorkforceServiceClient(d.conn).ListMembers(as(t.Context(), token), &pb.ListMembersRequest{}, grpc.Trailer(&trailer))
		return status.Convert(err), strings.Join(trailer.Get("grpc-retry-pushback-ms"), ",")
	}
	if s, _ := ask(); s.Code() != codes.OK {
		t.Fatalf("before: %v", s)
	}
	w.setCut(true)
	for range 3 {
		s, pushback := ask()
		if s.Code() != codes.Unavailable || reason(s.Err()) != dispatch.ReasonDatabaseUnavailable || pushback != "1000" {
			t.Errorf("while it is away: %v, pushback %q", s, pushback)
		}
		if text := s.Proto().String(); strings.Contains(text, "EOF") || strings.Contains(text, "127.0.0.1") {
			t.Errorf("the answer says too much: %s", text)
		}
		if len(s.Details()) > 1 {
			if _, ok := s.Details()[1].(*errdetails.RetryInfo); !ok {
				t.Errorf("without the time to wait: %v", s.Details())
			}
		}
	}
	a := d.ask(t, "GET", "/v1/members", "", "Authorization", "Bearer "+token)
	if a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") != "1" {
		t.Errorf("over HTTP: %s, Retry-After %q", a.Status, a.Header.Get("Retry-After"))
	}
	for path, want := range map[string]int{"/readyz": http.StatusServiceUnavailable, "/healthz": http.StatusOK} {
		if a := d.ask(t, "GET", path, ""); a.StatusCode != want {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
	w.setCut(false)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		s, _ := ask()
		if s.Code() == codes.OK {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("afterwards: %v", s)
		}
	}
}
