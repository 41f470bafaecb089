package grpcapi

import (
	"context"
	"errors"

	"github.com/google/uuid"
	spb "google.golang.org/genproto/googleapis/rpc/status"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/fieldwork"
	"github.com/firstfix/firstfix/dispatch/planning"
	"github.com/firstfix/firstfix/dispatch/referral"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// technicianServer answers TechnicianService; events are read in events.go.
type technicianServer struct {
	pb.UnimplementedTechnicianServiceServer
	fieldwork *fieldwork.Fieldwork
	desk      *referral.Desk
}

// largestDay is how many visits one answer of Sync holds at most.
const largestDay = 200

// Sync implements TechnicianService.
func (s technicianServer) Sync(ctx context.Context, req *pb.SyncRequest) (*pb.SyncResponse, error) {
	size, err := pageSize(req.GetPageSize())
	if err != nil {
		return nil, err
	}
	day, err := s.fieldwork.Sync(ctx, callOf(ctx), req.GetCursor(), min(size, largestDay))
	if err != nil {
		return nil, err
	}
	out := &pb.SyncResponse{Cursor: day.Cursor, More: day.More, ServerTime: stampOf(day.Now)}
	for _, v := range day.Visits {
		out.Visits = append(out.Visits, assignedVisitOf(v))
	}
	for _, id := range day.Removed {
		out.RemovedVisits = append(out.RemovedVisits, id.Name())
	}
	for _, r := range day.Referrals {
		out.Referrals = append(out.Referrals, referralOf(r))
	}
	return out, nil
}

func assignedVisitOf(v dispatch.AssignedVisit) *pb.AssignedVisit {
	out := &pb.AssignedVisit{
		Visit:               visitOf(dispatch.ListedVisit{Visit: v.Visit, Window: v.Window, Planned: v.Commitment}),
		WorkOrder:           workOrderOf(planning.JudgedOrder{WorkOrder: v.WorkOrder}),
		Site:                siteOf(v.Site),
		Service:             serviceOf(v.Service),
		CustomerDisplayName: v.DisplayName, CustomerPhone: v.Phone, CustomerLanguage: v.Language,
	}
	if !v.Asset.ID.IsZero() {
		out.Asset = assetOf(v.Asset)
	}
	for _, past := range v.Past {
		out.PastVisits = append(out.PastVisits, visitOf(dispatch.ListedVisit{Visit: past}))
	}
	return out
}

// UploadEvents implements TechnicianService. Each event is looked at by itself:
// one that cannot even be named is refused here, all others are kept.
func (s technicianServer) UploadEvents(ctx context.Context, req *pb.UploadEventsRequest) (*pb.UploadEventsResponse, error) {
	out := &pb.UploadEventsResponse{}
	var batch []fieldwork.Submitted
	var at []int // of batch, in the request
	for i, in := range req.GetEvents() {
		out.Results = append(out.Results, &pb.EventResult{EventId: in.GetEventId()})
		submitted, err := eventOf(in)
		if err != nil {
			out.Results[i].Status, out.Results[i].Error = pb.EventStatus_EVENT_STATUS_REJECTED, statusProto(err)
			continue
		}
		batch, at = append(batch, submitted), append(at, i)
	}
	results, progress, err := s.fieldwork.UploadEvents(ctx, callOf(ctx), batch)
	if err != nil {
		return nil, err
	}
	for n, r := range results {
		s.logNoticed(ctx, batch[n].Event, req.GetEvents()[at[n]], &r)
		answerEvent(out.Results[at[n]], r)
	}
	for _, p := range progress {
		out.Progress = append(out.Progress, progressOf(p))
	}
	return out, nil
}

// logNoticed hands a referral that was noticed offline to the sales desk, under
// the event's id as idempotency key: it is logged once, however often the device
// sends it, and sent again until it is.
func (s technicianServer) logNoticed(ctx context.Context, e dispatch.FieldEvent, in *pb.FieldEvent, r *fieldwork.Result) {
	if e.Kind != dispatch.EventReferral || r.Status != fieldwork.Accepted && r.Status != fieldwork.Duplicate {
		return
	}
	noticed, err := noticedOf(in.GetReferralLogged().GetReferral())
	if err == nil {
		noticed.Visit = e.Visit
		call := callOf(ctx)
		call.Method, call.RequestID = pb.ReferralService_CreateReferral_FullMethodName, e.ID
		call.Hash = canonicalHash(in)
		_, err = s.desk.Log(ctx, call, noticed)
	}
	if err == nil {
		return
	}
	r.Status, r.Err = fieldwork.Deferred, nil
	var refused *dispatch.Error
	if errors.As(err, &refused) {
		r.Err = refused
		if refused.RetryAfter == 0 && refused.Reason != dispatch.ReasonTransactionConflict {
			r.Status = fieldwork.Rejected
		}
	}
}

var eventStatuses = map[fieldwork.Status]pb.EventStatus{
	fieldwork.Accepted:  pb.EventStatus_EVENT_STATUS_ACCEPTED,
	fieldwork.Duplicate: pb.EventStatus_EVENT_STATUS_DUPLICATE,
	fieldwork.Conflict:  pb.EventStatus_EVENT_STATUS_CONFLICT,
	fieldwork.Rejected:  pb.EventStatus_EVENT_STATUS_REJECTED,
	fieldwork.Deferred:  pb.EventStatus_EVENT_STATUS_DEFERRED,
}

var eventFlags = map[fieldwork.Flag]pb.EventFlag{
	fieldwork.OutOfOrder:       pb.EventFlag_EVENT_FLAG_OUT_OF_ORDER,
	fieldwork.LateAfterCancel:  pb.EventFlag_EVENT_FLAG_LATE_AFTER_CANCEL,
	fieldwork.SeqRegressed:     pb.EventFlag_EVENT_FLAG_DEVICE_SEQ_REGRESSED,
	fieldwork.HoursImplausible: pb.EventFlag_EVENT_FLAG_HOURS_IMPLAUSIBLE,
	fieldwork.ClockSkewed:      pb.EventFlag_EVENT_FLAG_CLOCK_SKEWED,
	fieldwork.LocationMocked:   pb.EventFlag_EVENT_FLAG_LOCATION_MOCKED,
}

func answerEvent(out *pb.EventResult, r fieldwork.Result) {
	out.Status = eventStatuses[r.Status]
	if r.Err != nil {
		out.Error = statusProto(r.Err)
	}
	for _, f := range r.Flags {
		out.Flags = append(out.Flags, eventFlags[f])
	}
}

// statusProto is the status of a refusal inside an answer.
func statusProto(err error) *spb.Status { return statusOf(err).Proto() }

func progressOf(p fieldwork.Progress) *pb.DeviceProgress {
	out := &pb.DeviceProgress{DeviceId: p.Device.String(), Epoch: p.Epoch, HighWaterMark: p.HighWater}
	for _, m := range p.Missing {
		out.MissingRanges = append(out.MissingRanges, &pb.SeqRange{First: m.First, Last: m.Last})
	}
	return out
}

// deviceUUID reads an id that a device made.
func deviceUUID(field, text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 || id == uuid.Nil {
		return uuid.Nil, dispatch.InvalidField(dispatch.ReasonEventPayloadInvalid, field, "expected a UUID other than nil")
	}
	return id, nil
}
