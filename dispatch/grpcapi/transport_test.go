package grpcapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/grpcapi"
)

const hour = time.Hour

// frames speaks HTTP/2 by hand to the gRPC listener.
type frames struct {
	*http2.Framer
	conn net.Conn
}

func (d *doors) frames(t *testing.T) *frames {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", d.conn.Target())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	f := &frames{Framer: http2.NewFramer(conn, conn), conn: conn}
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if err := f.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return f
}

// call opens a stream with a path and further headers and sends body as it is.
func (f *frames) call(t *testing.T, stream uint32, path string, body []byte, header ...string) {
	t.Helper()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	pairs := append([]string{
		":method", "POST", ":scheme", "http", ":path", path, ":authority", "firstfix", "content-type", "application/grpc", "te", "trailers",
	}, header...)
	for i := 0; i < len(pairs); i += 2 {
		if err := encoder.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]}); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndHeaders: true}); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteData(stream, true, body); err != nil {
		t.Fatal(err)
	}
}

// status reads until the stream has ended and gives its gRPC status.
func (f *frames) status(t *testing.T, stream uint32) string {
	t.Helper()
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return "connection: " + err.Error()
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = f.WriteSettingsAck() // it shows at the next read
			}
		case *http2.GoAwayFrame:
			return "goaway " + frame.ErrCode.String() + " " + string(frame.DebugData())
		case *http2.RSTStreamFrame:
			return "reset " + frame.ErrCode.String()
		case *http2.MetaHeadersFrame:
			if frame.StreamID == stream && frame.StreamEnded() {
				for _, h := range frame.Fields {
					if h.Name == "grpc-status" {
						return h.Value
					}
				}
				return "http " + frame.PseudoValue("status")
			}
		}
	}
}

// message frames a gRPC message with any length and flag.
func message(flag byte, length int, body []byte) []byte {
	head := make([]byte, 5, 5+len(body))
	head[0] = flag
	binary.BigEndian.PutUint32(head[1:], uint32(length))
	return append(head, body...)
}

func TestFrames(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	const hold = "/firstfix.v1.BookingService/CreateHold"
	empty := message(0, 0, nil)
	visitor, err := d.seal.VisitorToken(dispatch.VisitorGrant{Tenant: d.tenants[0].id, Visitor: uuid.New(), ExpiresAt: d.clock.now().Add(hour)})
	if err != nil {
		t.Fatal(err)
	}
	var bomb bytes.Buffer
	zip := gzip.NewWriter(&bomb)
	for range 8 {
		if _, err := zip.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	const unauthenticated, unimplemented, internal, exhausted, invalid = "16", "12", "13", "8", "3"
	for _, c := range []struct {
		what   string
		path   string
		body   []byte
		header []string
		want   []string
	}{
		{"a call without a token", hold, empty, nil, []string{unauthenticated}},
		{"path without a slash", hold[1:], empty, nil, []string{unimplemented, internal, "reset PROTOCOL_ERROR"}},
		{"path with two slashes", "/" + hold, empty, nil, []string{unimplemented}},
		{"path with a slash at its end", hold + "/", empty, nil, []string{unimplemented}},
		{"path in lower case", strings.ToLower(hold), empty, nil, []string{unimplemented}},
		{"path with percent signs", "/firstfix.v1.BookingService%2FCreateHold", empty, nil, []string{unimplemented}},
		{"path with a dot at its end", hold + ".", empty, nil, []string{unimplemented}},
		{"length of 4 GB, 10 bytes", hold, message(0, 1<<32-1, make([]byte, 10)), nil, []string{exhausted}},
		{"message cut short", hold, message(0, 100, make([]byte, 10)), nil, []string{internal, unauthenticated}},
		{"message that is none", hold, message(0, 3, []byte{0xff, 0xff, 0xff}), nil, []string{internal}},
		{"8 MiB in 8 KiB", hold, message(1, bomb.Len(), bomb.Bytes()), []string{"grpc-encoding", "gzip"}, []string{exhausted, unimplemented}},
		{"deadline of nonsense", hold, empty, []string{"grpc-timeout", "abc"}, []string{internal}},
		{"deadline before now", hold, empty, []string{"grpc-timeout", "-1S"}, []string{internal}},
		{"deadline of centuries", hold, empty, []string{"grpc-timeout", "99999999H", "authorization", "Bearer " + visitor}, []string{invalid}},
		{"binary metadata of nonsense", hold, empty, []string{"x-a-bin", "%%%"}, []string{internal}},
	} {
		f := d.frames(t)
		f.call(t, 1, c.path, c.body, c.header...)
		got := f.status(t, 1)
		ok := false
		for _, want := range c.want {
			ok = ok || got == want
		}
		if !ok {
			t.Errorf("%s: %s, expected %s", c.what, got, c.want)
		}
	}
	// After all of it, somebody else's call is served.
	if got := d.knock(t.Context(), d.token(t, d.tenants[0], admin)); got != "" {
		t.Errorf("a good call afterwards: %q", got)
	}
}

// A flood of pings ends its own connection.
func TestPingFlood(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	f := d.frames(t)
	go func() {
		for range 20 {
			if f.WritePing(false, [8]byte{}) != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	if got := f.status(t, 1); !strings.Contains(got, "ENHANCE_YOUR_CALM") {
		t.Errorf("20 pings: %s", got)
	}
}

func TestHealthAndReflection(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	deadline := time.Now().Add(5 * time.Second)
	for {
		health, err := grpc_health_v1.NewHealthClient(d.conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
		if err == nil && health.GetStatus() == grpc_health_v1.HealthCheckResponse_SERVING {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("health: %v, %v", health, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	reflect := func(d *doors) codes.Code {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		stream, err := reflectionpb.NewServerReflectionClient(d.conn).ServerReflectionInfo(ctx)
		if err != nil {
			return status.Code(err)
		}
		if err := stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}); err != nil && !errors.Is(err, io.EOF) {
			return status.Code(err)
		}
		_, err = stream.Recv()
		return status.Code(err)
	}
	if got := reflect(d); got != codes.Unimplemented {
		t.Errorf("reflection in production: %s", got)
	}
	if got := reflect(open(t, func(c *grpcapi.Config) { c.Development = true })); got != codes.OK {
		t.Errorf("reflection in development: %s", got)
	}
}
