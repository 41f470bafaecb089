package grpcapi

import (
	"context"
	"strings"
	"time"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/booking"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

var (
	appointmentStates = map[int32]dispatch.AppointmentState{
		int32(pb.AppointmentState_APPOINTMENT_STATE_CONFIRMED): dispatch.AppointmentConfirmed,
		int32(pb.AppointmentState_APPOINTMENT_STATE_CLOSED):    dispatch.AppointmentClosed,
		int32(pb.AppointmentState_APPOINTMENT_STATE_CANCELLED): dispatch.AppointmentCancelled,
	}
	promiseOutcomes = map[int32]dispatch.PromiseOutcome{
		int32(pb.PromiseOutcome_PROMISE_OUTCOME_OPEN):       dispatch.PromiseOpen,
		int32(pb.PromiseOutcome_PROMISE_OUTCOME_KEPT):       dispatch.PromiseKept,
		int32(pb.PromiseOutcome_PROMISE_OUTCOME_MISSED):     dispatch.PromiseMissed,
		int32(pb.PromiseOutcome_PROMISE_OUTCOME_SUPERSEDED): dispatch.PromiseSuperseded,
		int32(pb.PromiseOutcome_PROMISE_OUTCOME_WITHDRAWN):  dispatch.PromiseWithdrawn,
	}
)

func appointmentOf(a dispatch.ListedAppointment) *pb.Appointment {
	return &pb.Appointment{
		Name: a.Name(), State: numberOf[pb.AppointmentState](appointmentStates, a.State), Window: windowOf(a.Window),
		Service: slugName("services", a.Service), Tier: dispatch.Tier{Service: a.Service, ID: a.Tier}.Name(),
		Price: moneyOf(a.Price), PriceLines: priceLinesOf(a.Price, a.PriceLines), Customer: a.Customer.Name(), WorkOrder: a.WorkOrder.Name(), Visit: nameOrEmpty(a.Visit),
		ChangeCutoffTime: stampOf(a.CutoffAt), Promise: int32(a.Promise), //nolint:gosec // one per change of an appointment
		CancelReason: a.CancelReason, BookTime: stampOf(a.BookedAt), Etag: etagOf(a.Version),
	}
}

func promiseOf(p dispatch.Promise) *pb.Promise {
	return &pb.Promise{
		Ordinal: int32(p.Ordinal), //nolint:gosec // one per change of an appointment
		Window:  windowOf(p.Window), PromiseTime: stampOf(p.MadeAt), MadeBy: madeBy(p.MadeBy), Reason: p.Reason,
		Outcome: numberOf[pb.PromiseOutcome](promiseOutcomes, p.Outcome), JudgeTime: stampOf(p.JudgedAt),
	}
}

// madeBy hides which visitor or link it was: those subjects mean nothing to a
// reader.
func madeBy(subject string) string {
	kind, rest, _ := strings.Cut(subject, ":")
	switch kind {
	case "visitor", "link":
		return kind
	case "system":
		return rest
	}
	return subject
}

// GetAppointment implements BookingService.
func (s bookingServer) GetAppointment(ctx context.Context, req *pb.GetAppointmentRequest) (*pb.Appointment, error) {
	var id dispatch.AppointmentID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	return answer(appointmentOf)(s.booking.GetAppointment(ctx, callOf(ctx), id))
}

// appointmentFields are the fields of the filter of ListAppointments.
var appointmentFields = map[string][]string{
	"state": {"="}, "customer": {"="}, "work_order": {"="}, "service": {"="}, "window.start_time": {">=", "<"},
}

// ListAppointments implements BookingService.
func (s bookingServer) ListAppointments(ctx context.Context, req *pb.ListAppointmentsRequest) (*pb.ListAppointmentsResponse, error) {
	conditions, err := parseFilter(req.GetFilter(), appointmentFields)
	if err != nil {
		return nil, err
	}
	var filter dispatch.AppointmentFilter
	for _, c := range conditions {
		if err := narrowAppointments(&filter, c); err != nil {
			return nil, err
		}
	}
	list, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.ListedAppointment, string, error) {
		return s.booking.ListAppointments(ctx, callOf(ctx), filter, page)
	}, appointmentOf)
	return &pb.ListAppointmentsResponse{Appointments: list, NextPageToken: next}, err
}

func narrowAppointments(f *dispatch.AppointmentFilter, c condition) (err error) {
	switch c.field {
	case "state":
		f.State, err = enumWord(c, pb.AppointmentState(0).Descriptor(), appointmentStates)
	case "customer":
		err = parseName("filter", c.value, &f.Customer)
	case "work_order":
		err = parseName("filter", c.value, &f.WorkOrder)
	case "service":
		f.Service, err = parseSlug[dispatch.ServiceID]("filter", "services", c.value)
	case "window.start_time":
		var at time.Time
		if at, err = c.instant(); c.operator == "<" {
			f.StartsIn.End = at
		} else {
			f.StartsIn.Start = at
		}
	}
	return err
}

// RescheduleAppointment implements BookingService.
func (s bookingServer) RescheduleAppointment(ctx context.Context, req *pb.RescheduleAppointmentRequest) (*pb.Appointment, error) {
	in := booking.RescheduleCommand{SlotToken: req.GetSlotToken(), Reason: req.GetReason()}
	if err := parseName("name", req.GetName(), &in.Appointment); err != nil {
		return nil, err
	}
	var err error
	if in.Version, err = parseEtag(req.GetEtag()); err != nil {
		return nil, err
	}
	return answer(appointmentOf)(s.booking.RescheduleAppointment(ctx, callOf(ctx), in))
}

// CancelAppointment implements BookingService.
func (s bookingServer) CancelAppointment(ctx context.Context, req *pb.CancelAppointmentRequest) (*pb.Appointment, error) {
	in := booking.CancelCommand{Reason: req.GetReason()}
	if err := parseName("name", req.GetName(), &in.Appointment); err != nil {
		return nil, err
	}
	var err error
	if in.Version, err = parseEtag(req.GetEtag()); err != nil {
		return nil, err
	}
	return answer(appointmentOf)(s.booking.CancelAppointment(ctx, callOf(ctx), in))
}

// ListPromises implements BookingService.
func (s bookingServer) ListPromises(ctx context.Context, req *pb.ListPromisesRequest) (*pb.ListPromisesResponse, error) {
	var id dispatch.AppointmentID
	if err := parseName("parent", req.GetParent(), &id); err != nil {
		return nil, err
	}
	promises, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.Promise, string, error) {
		return s.booking.ListPromises(ctx, callOf(ctx), id, page)
	}, promiseOf)
	return &pb.ListPromisesResponse{Promises: promises, NextPageToken: next}, err
}
