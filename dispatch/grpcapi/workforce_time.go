package grpcapi

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/firstfix/firstfix/dispatch"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

func shiftFields(path string, in *pb.Shift) []field[dispatch.Shift] {
	type e = dispatch.Shift
	return []field[e]{
		field[e]{path: "technician", set: func(s *e) error {
			return parseName(path+".technician", in.GetTechnician(), &s.Technician)
		}}.fixed(),
		read("planning_area", func() (dispatch.PlanningAreaID, error) {
			return parseSlug[dispatch.PlanningAreaID](path+".planning_area", "planningAreas", in.GetPlanningArea())
		}, func(s *e) *dispatch.PlanningAreaID { return &s.PlanningArea }).fixed(),
		read("start_time", func() (time.Time, error) { return parseStamp(path+".start_time", in.GetStartTime()) },
			func(s *e) *time.Time { return &s.Span.Start }).needs(in.GetStartTime() != nil),
		read("end_time", func() (time.Time, error) { return parseStamp(path+".end_time", in.GetEndTime()) },
			func(s *e) *time.Time { return &s.Span.End }).needs(in.GetEndTime() != nil),
		read("breaks", func() ([]dispatch.Span, error) { return parseBreaks(path+".breaks", in.GetBreaks()) },
			func(s *e) *[]dispatch.Span { return &s.Breaks }),
	}
}

func parseBreaks(path string, in []*pb.ShiftBreak) ([]dispatch.Span, error) {
	var breaks []dispatch.Span
	for i, b := range in {
		at := fmt.Sprintf("%s[%d]", path, i)
		start, err := parseStamp(at+".start_time", b.GetStartTime())
		if err != nil {
			return nil, err
		}
		end, err := parseStamp(at+".end_time", b.GetEndTime())
		if err != nil {
			return nil, err
		}
		breaks = append(breaks, dispatch.Span{Start: start, End: end})
	}
	return breaks, nil
}

// CreateShift implements WorkforceService.
func (s workforceServer) CreateShift(ctx context.Context, req *pb.CreateShiftRequest) (*pb.Shift, error) {
	shift, err := whole(shiftFields("shift", req.GetShift()))
	if err != nil {
		return nil, err
	}
	return answer(shiftOf)(s.workforce.CreateShift(ctx, callOf(ctx), shift))
}

// BatchCreateShifts implements WorkforceService.
func (s workforceServer) BatchCreateShifts(ctx context.Context, req *pb.BatchCreateShiftsRequest) (*pb.BatchCreateShiftsResponse, error) {
	var all error
	shifts := make([]dispatch.Shift, len(req.GetShifts()))
	for i, in := range req.GetShifts() {
		var err error
		shifts[i], err = whole(shiftFields(fmt.Sprintf("shifts[%d]", i), in))
		all = joinFaults(all, err)
	}
	if all != nil {
		return nil, all
	}
	made, err := s.workforce.CreateShifts(ctx, callOf(ctx), shifts)
	if err != nil {
		return nil, err
	}
	out := &pb.BatchCreateShiftsResponse{}
	for _, shift := range made {
		out.Shifts = append(out.Shifts, shiftOf(shift))
	}
	return out, nil
}

// GetShift implements WorkforceService.
func (s workforceServer) GetShift(ctx context.Context, req *pb.GetShiftRequest) (*pb.Shift, error) {
	var id dispatch.ShiftID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	return answer(shiftOf)(s.workforce.GetShift(ctx, callOf(ctx), id))
}

// ListShifts implements WorkforceService.
func (s workforceServer) ListShifts(ctx context.Context, req *pb.ListShiftsRequest) (*pb.ListShiftsResponse, error) {
	var filter dispatch.ShiftFilter
	var err, all error
	filter.PlanningArea, err = parseSlug[dispatch.PlanningAreaID]("planning_area", "planningAreas", req.GetPlanningArea())
	all = joinFaults(all, err)
	all = joinFaults(all, parseOptionalName("technician", req.GetTechnician(), &filter.Technician))
	filter.From, err = parseDate("start_date", req.GetStartDate())
	all = joinFaults(all, err)
	filter.To, err = parseDate("end_date", req.GetEndDate())
	if all = joinFaults(all, err); all != nil {
		return nil, all
	}
	shifts, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.Shift, string, error) {
		return s.workforce.ListShifts(ctx, callOf(ctx), filter, page)
	}, shiftOf)
	return &pb.ListShiftsResponse{Shifts: shifts, NextPageToken: next}, err
}

// UpdateShift implements WorkforceService.
func (s workforceServer) UpdateShift(ctx context.Context, req *pb.UpdateShiftRequest) (*pb.Shift, error) {
	in := req.GetShift()
	var id dispatch.ShiftID
	if err := parseName("shift.name", in.GetName(), &id); err != nil {
		return nil, err
	}
	change, err := masked("shift", req.GetUpdateMask(), shiftFields("shift", in))
	if err != nil {
		return nil, err
	}
	version, err := parseEtag(in.GetEtag())
	if err != nil {
		return nil, err
	}
	return answer(shiftOf)(s.workforce.UpdateShift(ctx, callOf(ctx), id, version, change))
}

// DeleteShift implements WorkforceService.
func (s workforceServer) DeleteShift(ctx context.Context, req *pb.DeleteShiftRequest) (*emptypb.Empty, error) {
	var id dispatch.ShiftID
	version, err := parseTarget(req, &id)
	if err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, s.workforce.DeleteShift(ctx, callOf(ctx), id, version)
}

func absenceFields(in *pb.Absence) []field[dispatch.Absence] {
	type e = dispatch.Absence
	return []field[e]{
		field[e]{path: "technician", set: func(a *e) error {
			return parseName("absence.technician", in.GetTechnician(), &a.Technician)
		}}.fixed(),
		read("start_time", func() (time.Time, error) { return parseStamp("absence.start_time", in.GetStartTime()) },
			func(a *e) *time.Time { return &a.Span.Start }).needs(in.GetStartTime() != nil),
		read("end_time", func() (time.Time, error) { return parseStamp("absence.end_time", in.GetEndTime()) },
			func(a *e) *time.Time { return &a.Span.End }).needs(in.GetEndTime() != nil),
		plain("reason", in.GetReason(), func(a *e) *string { return &a.Reason }),
	}
}

// CreateAbsence implements WorkforceService.
func (s workforceServer) CreateAbsence(ctx context.Context, req *pb.CreateAbsenceRequest) (*pb.Absence, error) {
	absence, err := whole(absenceFields(req.GetAbsence()))
	if err != nil {
		return nil, err
	}
	return answer(absenceOf)(s.workforce.CreateAbsence(ctx, callOf(ctx), absence))
}

// GetAbsence implements WorkforceService.
func (s workforceServer) GetAbsence(ctx context.Context, req *pb.GetAbsenceRequest) (*pb.Absence, error) {
	var id dispatch.AbsenceID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	return answer(absenceOf)(s.workforce.GetAbsence(ctx, callOf(ctx), id))
}

// longestAbsenceList bounds the period of a list of absences.
const longestAbsenceList = 366 * 24 * time.Hour

// ListAbsences implements WorkforceService.
func (s workforceServer) ListAbsences(ctx context.Context, req *pb.ListAbsencesRequest) (*pb.ListAbsencesResponse, error) {
	var filter dispatch.AbsenceFilter
	err := parseOptionalName("technician", req.GetTechnician(), &filter.Technician)
	if req.GetPeriod() != nil && err == nil {
		filter.Period, err = parseSpan("period", req.GetPeriod(), longestAbsenceList)
	}
	if err != nil {
		return nil, err
	}
	absences, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.Absence, string, error) {
		return s.workforce.ListAbsences(ctx, callOf(ctx), filter, page)
	}, absenceOf)
	return &pb.ListAbsencesResponse{Absences: absences, NextPageToken: next}, err
}

// UpdateAbsence implements WorkforceService.
func (s workforceServer) UpdateAbsence(ctx context.Context, req *pb.UpdateAbsenceRequest) (*pb.Absence, error) {
	in := req.GetAbsence()
	var id dispatch.AbsenceID
	if err := parseName("absence.name", in.GetName(), &id); err != nil {
		return nil, err
	}
	change, err := masked("absence", req.GetUpdateMask(), absenceFields(in))
	if err != nil {
		return nil, err
	}
	version, err := parseEtag(in.GetEtag())
	if err != nil {
		return nil, err
	}
	return answer(absenceOf)(s.workforce.UpdateAbsence(ctx, callOf(ctx), id, version, change))
}

// CancelAbsence implements WorkforceService.
func (s workforceServer) CancelAbsence(ctx context.Context, req *pb.CancelAbsenceRequest) (*pb.Absence, error) {
	var id dispatch.AbsenceID
	version, err := parseTarget(req, &id)
	if err != nil {
		return nil, err
	}
	return answer(absenceOf)(s.workforce.CancelAbsence(ctx, callOf(ctx), id, version))
}
