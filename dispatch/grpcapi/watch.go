package grpcapi

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/planning"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// watchEvery is how often a watch asks for news: half of a change's time to the
// screen that people take for at once.
const watchEvery = 150 * time.Millisecond

// longestAway is how old the place may be from which a watch goes on.
const longestAway = 24 * time.Hour

// watchToken is the content of a resume token: how far a watcher had got, bound to
// him and his request as a page token is. Nothing of a watch is kept here, so that
// any server can go on with it.
type watchToken[S any] struct {
	pageToken
	At   int64 `json:"at"` // seconds of the Unix epoch
	Seen S     `json:"s"`
}

// watchRequest is what requests of watches are.
type watchRequest interface {
	proto.Message
	GetResumeToken() string
}

func watchBound(call dispatch.Call, req watchRequest) pageToken {
	hash := canonicalHash(req, "resume_token")
	return pageToken{
		Version: 1, Tenant: call.Principal.Tenant, Principal: call.Principal.Subject, Method: call.Method, Request: hash[:16],
	}
}

// resumed reads how far a watcher had got; zero where he begins.
func resumed[S any](ctx context.Context, seal *dispatch.Seal, req watchRequest, now time.Time) (S, error) {
	var token watchToken[S]
	if req.GetResumeToken() == "" {
		return token.Seen, nil
	}
	if err := seal.Open(dispatch.PurposeWatch, req.GetResumeToken(), &token); err != nil {
		return token.Seen, invalidResumeToken().Because(err)
	}
	want := watchBound(callOf(ctx), req)
	if token.Tenant != want.Tenant || token.Principal != want.Principal || token.Method != want.Method || !bytes.Equal(token.Request, want.Request) {
		var none S
		return none, invalidResumeToken()
	}
	if now.Sub(time.Unix(token.At, 0)) > longestAway {
		return token.Seen, dispatch.Refuse(dispatch.ReasonResyncRequired, "", "the watch stopped more than %s ago; read everything again and watch without a token", longestAway)
	}
	return token.Seen, nil
}

func invalidResumeToken() *dispatch.Error {
	return dispatch.InvalidField(dispatch.ReasonPageTokenInvalid, "resume_token",
		"it was not given to this caller for this request; start without a token")
}

// newsOf asks once for what is new since seen: the messages to send, and how far
// their reader has then got.
type newsOf[M any, S any] func(ctx context.Context, seen S) (messages []*M, now S, err error)

// watch sends what is new until its stream ends. Every message but the last of a
// round carries the place before the round: who is cut off in the middle is told
// all of it again.
func watch[M any, S any](stream grpc.ServerStreamingServer[M], seal *dispatch.Seal, req watchRequest, clock func() time.Time, ask newsOf[M, S], mark func(*M, string)) error {
	ctx := stream.Context()
	seen, err := resumed[S](ctx, seal, req, clock())
	if err != nil {
		return err
	}
	token := req.GetResumeToken()
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		messages, now, err := ask(ctx, seen)
		if err != nil {
			return err
		}
		if len(messages) > 0 {
			next, err := seal.Token(dispatch.PurposeWatch, watchToken[S]{pageToken: watchBound(callOf(ctx), req), At: clock().Unix(), Seen: now})
			if err != nil {
				return fmt.Errorf("make the resume token: %w", err)
			}
			for i, m := range messages {
				if i == len(messages)-1 {
					token = next
				}
				mark(m, token)
				if err := stream.Send(m); err != nil {
					return err
				}
			}
		}
		seen = now
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// WatchBoard implements DispatchService.
func (s dispatchServer) WatchBoard(req *pb.WatchBoardRequest, stream grpc.ServerStreamingServer[pb.WatchBoardResponse]) error {
	area, day, err := parseDay(req)
	if err != nil {
		return err
	}
	ask := func(ctx context.Context, seen planning.BoardSeen) ([]*pb.WatchBoardResponse, planning.BoardSeen, error) {
		news, err := s.planning.BoardChanges(ctx, callOf(ctx), area, day, seen)
		return boardNewsOf(news), news.Seen, err
	}
	return watch(stream, s.pages.seal, req, s.now, ask, func(m *pb.WatchBoardResponse, token string) { m.ResumeToken = token })
}

func boardNewsOf(news planning.BoardNews) []*pb.WatchBoardResponse {
	if news.Board == nil {
		return nil
	}
	if news.Whole {
		return []*pb.WatchBoardResponse{{News: &pb.WatchBoardResponse_Snapshot{Snapshot: boardOf(*news.Board)}}}
	}
	var out []*pb.WatchBoardResponse
	if news.PlanChanged && news.Board.Plan != nil {
		out = append(out, &pb.WatchBoardResponse{News: &pb.WatchBoardResponse_Plan{Plan: boardOf(*news.Board).GetPlan()}})
	}
	for _, id := range news.GoneLanes {
		out = append(out, &pb.WatchBoardResponse{News: &pb.WatchBoardResponse_RemovedShift{RemovedShift: id.Name()}})
	}
	for _, id := range news.GoneVisits {
		out = append(out, &pb.WatchBoardResponse{News: &pb.WatchBoardResponse_RemovedVisit{RemovedVisit: id.Name()}})
	}
	for _, lane := range news.Lanes {
		out = append(out, &pb.WatchBoardResponse{News: &pb.WatchBoardResponse_Lane{Lane: laneOf(lane)}})
	}
	for _, v := range news.Unassigned {
		out = append(out, &pb.WatchBoardResponse{News: &pb.WatchBoardResponse_Visit{Visit: boardVisitOf(v)}})
	}
	return out
}

// WatchReferrals implements ReferralService.
func (s referralServer) WatchReferrals(req *pb.WatchReferralsRequest, stream grpc.ServerStreamingServer[pb.WatchReferralsResponse]) error {
	filter, err := referralFilter(req.GetFilter())
	if err != nil {
		return err
	}
	ask := func(ctx context.Context, seen dispatch.Snapshot) ([]*pb.WatchReferralsResponse, dispatch.Snapshot, error) {
		changed, now, err := s.desk.Changes(ctx, callOf(ctx), filter, seen)
		if seen == "" {
			return []*pb.WatchReferralsResponse{{}}, now, err
		}
		var out []*pb.WatchReferralsResponse
		for _, r := range changed {
			out = append(out, &pb.WatchReferralsResponse{Referral: referralOf(r)})
		}
		return out, now, err
	}
	return watch(stream, s.pages.seal, req, s.now, ask, func(m *pb.WatchReferralsResponse, token string) { m.ResumeToken = token })
}
