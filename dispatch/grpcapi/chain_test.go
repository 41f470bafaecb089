package grpcapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/firstfix/firstfix/dispatch"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// rig is the chain alone, called by a visitor, with a handler of the test's.
type rig struct {
	chain *chain
	log   bytes.Buffer
	token string
	now   time.Time
}

func newRig(t *testing.T) *rig {
	t.Helper()
	seal, err := dispatch.NewSeal(bytes.Repeat([]byte{2}, 32))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{now: time.Now()}
	clock := func() time.Time { return r.now }
	r.chain = &chain{
		auth:   &authenticator{seal: seal, now: clock},
		limits: newLimits(1, clock),
		log:    slog.New(slog.NewJSONHandler(&r.log, nil)), stopping: t.Context(),
	}
	r.token, err = seal.VisitorToken(dispatch.VisitorGrant{
		Tenant: dispatch.TenantID{}.New(), Visitor: uuid.New(), ExpiresAt: r.now.Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) context(ctx context.Context) context.Context {
	return metadata.NewIncomingContext(ctx, metadata.Pairs("authorization", "Bearer "+r.token))
}

// call runs a request of CreateHold through the chain.
func (r *rig) call(ctx context.Context, req proto.Message, handler func(context.Context) error) *status.Status {
	_, err := r.chain.unary(r.context(ctx), req, &grpc.UnaryServerInfo{FullMethod: pb.BookingService_CreateHold_FullMethodName},
		func(ctx context.Context, _ any) (any, error) { return &pb.Hold{}, handler(ctx) })
	return status.Convert(err)
}

func hold(change func(*pb.CreateHoldRequest)) *pb.CreateHoldRequest {
	req := &pb.CreateHoldRequest{SlotToken: "slot", RequestId: "6f1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"}
	if change != nil {
		change(req)
	}
	return req
}

func (r *rig) lastLine(t *testing.T) map[string]any {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(r.log.String()), "\n")
	var line map[string]any
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &line); err != nil {
		t.Fatalf("the log: %v", err)
	}
	return line
}

func TestHandlerGetsTheCall(t *testing.T) {
	r := newRig(t)
	var got dispatch.Call
	if s := r.call(t.Context(), hold(nil), func(ctx context.Context) error { got = callOf(ctx); return nil }); s.Code() != codes.OK {
		t.Fatal(s)
	}
	if got.Principal.Role != visitor || !strings.HasPrefix(got.Principal.Subject, "visitor:") || got.Method != pb.BookingService_CreateHold_FullMethodName {
		t.Errorf("the call is %+v", got)
	}
	if got.RequestID.String() != hold(nil).GetRequestId() || got.Hash == [32]byte{} {
		t.Errorf("the key is %s with hash %x", got.RequestID, got.Hash)
	}
}

// The hash is of what a request says: neither unknown fields nor the key itself
// count, and every known field does.
func TestHashOfRequests(t *testing.T) {
	hash := func(m proto.Message) [32]byte { return canonicalHash(m, "request_id") }
	base := hash(hold(nil))
	unknown := hold(nil)
	unknown.ProtoReflect().SetUnknown(protowire.AppendString(protowire.AppendTag(nil, 1000, protowire.BytesType), strings.Repeat("x", 1<<20)))
	if hash(unknown) != base {
		t.Error("unknown fields change the hash")
	}
	if hash(hold(func(r *pb.CreateHoldRequest) { r.RequestId = uuid.NewString() })) != base {
		t.Error("the request_id changes the hash")
	}
	if hash(hold(func(r *pb.CreateHoldRequest) { r.SlotToken = "slos" })) == base {
		t.Error("the slot token does not change the hash")
	}
	confirm := func(change func(*pb.ConfirmHoldRequest)) [32]byte {
		req := &pb.ConfirmHoldRequest{Name: "holds/1", CustomerDetails: &pb.CustomerDetails{DisplayName: "A", Email: "b"}}
		change(req)
		return hash(req)
	}
	seen := map[[32]byte]string{}
	for what, change := range map[string]func(*pb.ConfirmHoldRequest){
		"as it is":               func(*pb.ConfirmHoldRequest) {},
		"other name":             func(r *pb.ConfirmHoldRequest) { r.Name = "holds/2" },
		"characters moved":       func(r *pb.ConfirmHoldRequest) { r.CustomerDetails.DisplayName, r.CustomerDetails.Email = "Ab", "" },
		"field below another":    func(r *pb.ConfirmHoldRequest) { r.CustomerDetails.Phone, r.CustomerDetails.Email = "b", "" },
		"empty message is there": func(r *pb.ConfirmHoldRequest) { r.Notifications = &pb.NotificationChoices{} },
		"flag":                   func(r *pb.ConfirmHoldRequest) { r.AllowDuplicate = true },
	} {
		h := confirm(change)
		if other, ok := seen[h]; ok {
			t.Errorf("%q and %q have one hash", what, other)
		}
		seen[h] = what
	}
	asItIs := func(*pb.ConfirmHoldRequest) {}
	if first, second := confirm(asItIs), confirm(asItIs); first != second {
		t.Error("the same request has two hashes")
	}
}

func TestShape(t *testing.T) {
	r := newRig(t)
	r.chain.limits = newLimits(1000, time.Now)
	for _, c := range []struct {
		what string
		req  proto.Message
		want []string // field and reason
	}{
		{"request_id missing", hold(func(r *pb.CreateHoldRequest) { r.RequestId = "" }), []string{"request_id REQUIRED"}},
		{"request_id of another form", hold(func(r *pb.CreateHoldRequest) { r.RequestId = "7" }), []string{"request_id FORMAT_INVALID"}},
		{"request_id of 10 KB", hold(func(r *pb.CreateHoldRequest) { r.RequestId = strings.Repeat("7", 10240) }), []string{"request_id FORMAT_INVALID"}},
		{"request_id nil", hold(func(r *pb.CreateHoldRequest) { r.RequestId = uuid.Nil.String() }), []string{"request_id NOT_ALLOWED"}},
		{"all faults at once", &pb.CreateHoldRequest{}, []string{"request_id REQUIRED", "slot_token REQUIRED"}},
		{"NUL", hold(func(r *pb.CreateHoldRequest) { r.SlotToken = "a\x00b" }), []string{"slot_token CONTROL_CHARACTER"}},
		{"NUL below", &pb.ConfirmHoldRequest{
			Name: "holds/0190c3a4-5b6c-7d8e-9f00-112233445566", HoldToken: "t", RequestId: hold(nil).GetRequestId(), Issue: "a\x00",
			CustomerDetails: &pb.CustomerDetails{DisplayName: "A\x00", Email: "a@example.org"},
		}, []string{"customer_details.display_name CONTROL_CHARACTER", "issue CONTROL_CHARACTER"}},
		{"rule of a message", &pb.ConfirmHoldRequest{
			Name: "holds/0190c3a4-5b6c-7d8e-9f00-112233445566", HoldToken: "t", RequestId: hold(nil).GetRequestId(),
			CustomerDetails: &pb.CustomerDetails{DisplayName: "A"},
		}, []string{"customer_details.email REQUIRED"}},
		{"enum that is not defined", &pb.CreateReferralRequest{Referral: &pb.Referral{Urgency: 77}}, []string{"referral.urgency ENUM_UNKNOWN"}},
	} {
		s := r.call(t.Context(), c.req, func(context.Context) error { t.Errorf("%s: the handler ran", c.what); return nil })
		bad, _ := details(s)["BadRequest"].(*errdetails.BadRequest)
		var got []string
		for _, v := range bad.GetFieldViolations() {
			if entry := v.GetField() + " " + v.GetReason(); !slices.Contains(got, entry) {
				got = append(got, entry)
			}
		}
		for _, want := range c.want {
			if !slices.Contains(got, want) || s.Code() != codes.InvalidArgument {
				t.Errorf("%s: %s with %q, expected %q", c.what, s.Code(), got, c.want)
			}
		}
	}
	large := hold(func(r *pb.CreateHoldRequest) { r.SlotToken = strings.Repeat("x", 1<<20) })
	if s := r.call(t.Context(), large, func(context.Context) error { return nil }); reasonOf(s) != "REQUEST_TOO_LARGE" {
		t.Errorf("a request over a megabyte: %v", s)
	}
}

func TestPanicIsAnInternalError(t *testing.T) {
	r := newRig(t)
	s := r.call(t.Context(), hold(nil), func(context.Context) error { panic("customer Dora Tamm is nil") })
	if s.Code() != codes.Internal || reasonOf(s) != "INTERNAL" || strings.Contains(s.Proto().String(), "Dora") {
		t.Errorf("the answer is %v", s.Proto())
	}
	line := r.lastLine(t)
	text, _ := line["error"].(string)
	if !strings.Contains(text, "Dora Tamm is nil") || !strings.Contains(text, "chain_test.go") {
		t.Errorf("the log lacks the panic with its stack: %v", line)
	}
	info, _ := details(s)["ErrorInfo"].(*errdetails.ErrorInfo)
	if id := info.GetMetadata()["call"]; id == "" || line["call"] != id {
		t.Errorf("the answer names call %q, the log %v", id, line["call"])
	}
}

func TestLogLineNamesNobody(t *testing.T) {
	r := newRig(t)
	secret := "slot-token-of-somebody"
	r.call(t.Context(), hold(func(h *pb.CreateHoldRequest) { h.SlotToken = secret }), func(context.Context) error {
		return dispatch.Refuse(dispatch.ReasonSlotUnavailable, "", "gone")
	})
	line := r.lastLine(t)
	if line["method"] != pb.BookingService_CreateHold_FullMethodName || line["code"] != "FailedPrecondition" || line["reason"] != "SLOT_UNAVAILABLE" || line["role"] != "visitor" || line["tenant"] == "" {
		t.Errorf("the line is %v", line)
	}
	for _, text := range []string{secret, r.token, "visitor:"} {
		if strings.Contains(r.log.String(), text) {
			t.Errorf("the log holds %q", text)
		}
	}
}

func TestDeadlines(t *testing.T) {
	r := newRig(t)
	r.call(t.Context(), hold(nil), func(ctx context.Context) error {
		end, ok := ctx.Deadline()
		if left := time.Until(end); !ok || left > shortCap || left < shortCap-time.Second {
			t.Errorf("without a deadline of the caller's: %s left", left)
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	s := r.call(ctx, hold(nil), func(ctx context.Context) error {
		<-ctx.Done()
		return errors.New("timeout: context already done")
	})
	if s.Code() != codes.DeadlineExceeded || reasonOf(s) != "DEADLINE_EXCEEDED" {
		t.Errorf("after the caller's deadline: %v", s)
	}
	ctx, cancel = context.WithCancel(t.Context())
	s = r.call(ctx, hold(nil), func(ctx context.Context) error { cancel(); <-ctx.Done(); return ctx.Err() })
	if s.Code() != codes.Canceled {
		t.Errorf("after the caller has gone: %v", s)
	}
}

func TestUnfilledMethod(t *testing.T) {
	r := newRig(t)
	s := r.call(t.Context(), hold(nil), func(ctx context.Context) error {
		_, err := pb.UnimplementedBookingServiceServer{}.CreateHold(ctx, nil)
		return err
	})
	if s.Code() != codes.Unimplemented || reasonOf(s) != "METHOD_NOT_AVAILABLE" {
		t.Errorf("an unfilled method: %v", s.Proto())
	}
}

func TestHandlerWithoutTheChainPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("callOf gave a call that nobody let through")
		}
	}()
	callOf(t.Context())
}

// fakeStream is the transport's end of a server stream.
type fakeStream struct {
	grpc.ServerStream
	ctx  context.Context //nolint:containedctx // as grpc does
	req  proto.Message
	send func() error
}

func (s *fakeStream) Context() context.Context { return s.ctx }
func (s *fakeStream) RecvMsg(m any) error {
	proto.Merge(m.(proto.Message), s.req)
	return nil
}
func (s *fakeStream) SendMsg(any) error { return s.send() }

// Streams pass the same chain: refused without a token, without the role, with
// a wrong request; ended by their token's expiry and by the server's stop.
func TestStreams(t *testing.T) {
	r := newRig(t)
	r.chain.limits = newLimits(1000, time.Now)
	watch := func(ctx context.Context, method string, req proto.Message, handler grpc.StreamHandler) *status.Status {
		stream := &fakeStream{ctx: ctx, req: req, send: func() error { return nil }}
		return status.Convert(r.chain.stream(nil, stream, &grpc.StreamServerInfo{FullMethod: method, IsServerStream: true}, handler))
	}
	receive := func(after func(grpc.ServerStream) error) grpc.StreamHandler {
		return func(_ any, stream grpc.ServerStream) error {
			if err := stream.RecvMsg(&pb.CreateHoldRequest{}); err != nil {
				return err
			}
			return after(stream)
		}
	}
	method := pb.BookingService_CreateHold_FullMethodName // any that a visitor may call
	never := receive(func(grpc.ServerStream) error { t.Error("the handler went on"); return nil })
	if s := watch(t.Context(), method, hold(nil), never); reasonOf(s) != "TOKEN_MISSING" {
		t.Errorf("without a token: %v", s)
	}
	if s := watch(r.context(t.Context()), pb.DispatchService_WatchBoard_FullMethodName, hold(nil), never); reasonOf(s) != "ACCESS_DENIED" {
		t.Errorf("without the role: %v", s)
	}
	if s := watch(r.context(t.Context()), method, &pb.CreateHoldRequest{}, never); reasonOf(s) != "INVALID_REQUEST" {
		t.Errorf("with a wrong request: %v", s)
	}
	s := watch(r.context(t.Context()), method, hold(nil), receive(func(stream grpc.ServerStream) error {
		if callOf(stream.Context()).RequestID == uuid.Nil {
			t.Error("the stream's call has no key")
		}
		return nil
	}))
	if s.Code() != codes.OK {
		t.Errorf("a good stream: %v", s)
	}
	untilDone := receive(func(stream grpc.ServerStream) error { <-stream.Context().Done(); return stream.Context().Err() })

	stopping, stop := context.WithCancel(t.Context())
	r.chain.stopping = stopping
	time.AfterFunc(20*time.Millisecond, stop)
	if s := watch(r.context(t.Context()), method, hold(nil), untilDone); reasonOf(s) != "SERVER_STOPPING" || pushback(s) == "" {
		t.Errorf("when the server stops: %v", s)
	}
	r.chain.stopping = t.Context()

	r.now = time.Now().Add(-time.Hour) // the token, seen an hour ago, is over in a moment
	seal := r.chain.auth.seal
	var err error
	r.token, err = seal.VisitorToken(dispatch.VisitorGrant{Tenant: dispatch.TenantID{}.New(), Visitor: uuid.New(), ExpiresAt: time.Now().Add(50 * time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	if s := watch(r.context(t.Context()), method, hold(nil), untilDone); reasonOf(s) != "TOKEN_EXPIRED" {
		t.Errorf("when the token expires: %v", s)
	}
}

// A caller who does not read is given up.
func TestSlowConsumer(t *testing.T) {
	t.Parallel()
	block := make(chan struct{})
	defer close(block)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	s := &watchedStream{ServerStream: &fakeStream{ctx: ctx, send: func() error { <-block; return nil }}, ctx: ctx, patience: 10 * time.Millisecond}
	if err := s.SendMsg(nil); dispatch.ReasonOf(err) != dispatch.ReasonStreamConsumerTooSlow {
		t.Errorf("after the patience: %v", err)
	}
	s.patience = time.Hour
	if err := s.SendMsg(nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after the stream's time: %v", err)
	}
}
