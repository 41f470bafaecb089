package replay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/firstfix/firstfix/cmd/internal/devstack"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// api is the public API as everybody in the replay calls it. Who calls is said
// by the context.
type api struct {
	workforce  pb.WorkforceServiceClient
	booking    pb.BookingServiceClient
	dispatch   pb.DispatchServiceClient
	technician pb.TechnicianServiceClient
	referral   pb.ReferralServiceClient
	insight    pb.InsightServiceClient

	conn  *grpc.ClientConn
	meter *meter
}

// mostBytes bounds an answer: a company's map with all its corners.
const mostBytes = 64 << 20

func dial(address string) (*api, error) {
	m := &meter{calls: map[string][]time.Duration{}}
	conn, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()), // a development stack listens on the loopback
		grpc.WithChainUnaryInterceptor(repeat(m), m.unary),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(mostBytes)),
	)
	if err != nil {
		return nil, fmt.Errorf("connect to the API at %s: %w", address, err)
	}
	return &api{
		workforce: pb.NewWorkforceServiceClient(conn), booking: pb.NewBookingServiceClient(conn),
		dispatch: pb.NewDispatchServiceClient(conn), technician: pb.NewTechnicianServiceClient(conn),
		referral: pb.NewReferralServiceClient(conn), insight: pb.NewInsightServiceClient(conn),
		conn: conn, meter: m,
	}, nil
}

// as makes calls those of whoever holds the token.
func as(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

// How long a call that may be repeated is repeated.
const (
	repeatFirst   = 50 * time.Millisecond
	repeatLongest = 2 * time.Second
	repeatFor     = 2 * time.Minute
)

// repeat sends again what the contract says may be sent again with the same
// request_id, as an app does: the server being away or stopping, a lost race, a
// limit with a time to wait.
func repeat(m *meter) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, in, out any, conn *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		begun := time.Now()
		for pause := repeatFirst; ; pause = min(2*pause, repeatLongest) {
			err := call(ctx, method, in, out, conn, opts...)
			if err == nil || !repeatable(err) || time.Since(begun) > repeatFor {
				return err
			}
			m.repeated()
			if err := devstack.Sleep(ctx, pause); err != nil {
				return err
			}
		}
	}
}

func repeatable(err error) bool {
	switch status.Code(err) { //nolint:exhaustive // the rest is final
	case codes.Unavailable:
		return true
	case codes.Aborted, codes.ResourceExhausted:
		switch reasonOf(err) {
		case "TRANSACTION_CONFLICT", "REQUEST_IN_FLIGHT", "RATE_LIMITED":
			return true
		}
	}
	return false
}

// reasonOf gives the reason of a refusal, as reports and documents say it.
func reasonOf(err error) string {
	var failed interface{ GRPCStatus() *status.Status }
	if !errors.As(err, &failed) {
		return "UNKNOWN"
	}
	if reason := reasonIn(failed.GRPCStatus().Proto()); reason != "" {
		return reason
	}
	return strings.ToUpper(failed.GRPCStatus().Code().String())
}

// reasonIn gives the reason that a status holds, "" if it holds none.
func reasonIn(s *spb.Status) string {
	for _, detail := range status.FromProto(s).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// refusal gives the reason of an answer that is a refusal of what was asked, and
// not a fault: a customer may meet one, and the replay goes on.
func refusal(err error) (reason string, ok bool) {
	switch status.Code(err) { //nolint:exhaustive // the rest are faults
	case codes.FailedPrecondition, codes.InvalidArgument, codes.Aborted, codes.AlreadyExists, codes.NotFound,
		codes.ResourceExhausted, codes.PermissionDenied, codes.OutOfRange:
		return reasonOf(err), true
	}
	return "", false
}

// meter measures the calls.
type meter struct {
	mu      sync.Mutex
	calls   map[string][]time.Duration // by method
	repeats int
}

func (m *meter) unary(ctx context.Context, method string, in, out any, conn *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	begun := time.Now()
	err := call(ctx, method, in, out, conn, opts...)
	took := time.Since(begun)
	m.mu.Lock()
	defer m.mu.Unlock()
	short := method[strings.LastIndex(method, ".")+1:] // BookingService/ConfirmHold
	m.calls[short] = append(m.calls[short], took)
	return err
}

func (m *meter) repeated() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.repeats++
}
