package grpcapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/firstfix/firstfix/dispatch"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// TestWatchBoard over the wire: the snapshot, each change soon after it, and a
// watch that goes on at another time where it was cut off.
func TestWatchBoard(t *testing.T) {
	t.Parallel()
	d := openDesk(t)
	ctx := as(t.Context(), d.token(t, d.tenants[0], "dispatcher"))
	client := pb.NewDispatchServiceClient(d.conn)
	req := &pb.WatchBoardRequest{PlanningArea: "planningAreas/center", Date: &date.Date{Year: 2024, Month: 6, Day: 4}}
	stream, err := client.WatchBoard(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	first, err := stream.Recv()
	if err != nil || len(first.GetSnapshot().GetLanes()) != len(d.Technicians) || first.GetResumeToken() == "" {
		t.Fatalf("the first message: %v, %v; want the board", first, err)
	}
	order, err := client.CreateWorkOrder(ctx, &pb.CreateWorkOrderRequest{
		WorkOrder: &pb.WorkOrder{Site: d.Site.Name(), Service: "services/lamp", Priority: 2}, RequestId: uuid.NewString(),
	})
	if err != nil {
		t.Fatal(err)
	}
	next, err := stream.Recv()
	if err != nil || next.GetVisit().GetVisit().GetWorkOrder() != order.GetName() {
		t.Fatalf("after a new order: %v, %v; want its visit", next, err)
	}

	req.ResumeToken = first.GetResumeToken()
	again, err := client.WatchBoard(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	missed, err := again.Recv()
	if err != nil || missed.GetVisit().GetVisit().GetWorkOrder() != order.GetName() {
		t.Errorf("the watch that went on: %v, %v; want what it had missed", missed, err)
	}

	for what, c := range map[string]struct {
		change func(*pb.WatchBoardRequest)
		want   dispatch.Reason
	}{
		"an altered token":        {func(r *pb.WatchBoardRequest) { r.ResumeToken = altered(r.GetResumeToken()) }, dispatch.ReasonPageTokenInvalid},
		"a token of another day":  {func(r *pb.WatchBoardRequest) { r.Date = &date.Date{Year: 2024, Month: 6, Day: 5} }, dispatch.ReasonPageTokenInvalid},
		"a token of two days ago": {func(*pb.WatchBoardRequest) { d.clock.advance(48 * time.Hour) }, dispatch.ReasonResyncRequired},
	} {
		bad := &pb.WatchBoardRequest{PlanningArea: req.GetPlanningArea(), Date: req.GetDate(), ResumeToken: req.GetResumeToken()}
		before := d.clock.now()
		c.change(bad)
		watching := as(t.Context(), d.token(t, d.tenants[0], "dispatcher"))
		stream, err := client.WatchBoard(watching, bad)
		if err == nil {
			_, err = stream.Recv()
		}
		if got := reason(err); got != c.want {
			t.Errorf("%s: %s, %v; want %s", what, got, err, c.want)
		}
		d.clock.advance(-d.clock.now().Sub(before).Round(time.Hour))
	}
}

// TestStreamsOfOneCallerAreBounded: the caller's next one is refused until one of
// his has ended; others are not held up.
func TestStreamsOfOneCallerAreBounded(t *testing.T) {
	t.Parallel()
	d := openDesk(t)
	client := pb.NewDispatchServiceClient(d.conn)
	req := &pb.WatchBoardRequest{PlanningArea: "planningAreas/center", Date: &date.Date{Year: 2024, Month: 6, Day: 4}}
	watch := func(ctx context.Context) error {
		stream, err := client.WatchBoard(ctx, req)
		if err == nil {
			_, err = stream.Recv()
		}
		return err
	}
	ctx := as(t.Context(), d.token(t, d.tenants[0], "dispatcher"))
	one, end := context.WithCancel(ctx)
	defer end()
	if err := watch(one); err != nil {
		t.Fatal(err)
	}
	open := 1
	for ; open < 200; open++ {
		if err := watch(ctx); err != nil {
			if reason(err) != dispatch.ReasonRateLimited || status.Code(err) != codes.ResourceExhausted {
				t.Fatalf("stream %d: %v", open+1, err)
			}
			break
		}
	}
	if open != 20 {
		t.Errorf("%d streams were opened, want 20", open)
	}
	end()
	for deadline := time.Now().Add(10 * time.Second); watch(ctx) != nil; {
		if time.Now().After(deadline) {
			t.Fatal("the place of a stream that ended was not given to the next one")
		}
	}
}

// TestWatchAsLinesOfJSON is what a browser or curl gets.
func TestWatchAsLinesOfJSON(t *testing.T) {
	t.Parallel()
	d := openDesk(t)
	url := d.web + "/v1/planningAreas/center/board:watch?date.year=2024&date.month=6&date.day=4"
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+d.token(t, d.tenants[0], "dispatcher"))
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	line, err := bufio.NewReader(response.Body).ReadString('\n')
	var message struct {
		Result struct {
			Snapshot    struct{ PlanningArea string }
			ResumeToken string
		}
	}
	if err != nil || json.Unmarshal([]byte(line), &message) != nil ||
		message.Result.Snapshot.PlanningArea != "planningAreas/center" || message.Result.ResumeToken == "" {
		t.Errorf("the first line: %s, %v", strings.TrimSpace(line), err)
	}
}

// altered is a token with another first letter, whichever that is.
func altered(token string) string {
	if token[0] == 'x' {
		return "y" + token[1:]
	}
	return "x" + token[1:]
}
