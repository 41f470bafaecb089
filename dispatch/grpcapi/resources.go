package grpcapi

import (
	"github.com/firstfix/firstfix/dispatch"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// Resources that more than one service shows.

func windowOf(w dispatch.Window) *pb.ArrivalWindow {
	return &pb.ArrivalWindow{StartTime: stampOf(w.Start), EndTime: stampOf(w.End), TimeZone: w.Zone}
}

func siteOf(s dispatch.Site) *pb.Site {
	return &pb.Site{
		Name: s.Name(), Address: s.Address, PostalCode: s.PostalCode, Location: pointOf(s.Location), TimeZone: s.TimeZone,
		Territory: slugName("territories", s.Territory), AccessNotes: s.AccessNotes, Etag: etagOf(s.Version),
	}
}

func shiftOf(s dispatch.Shift) *pb.Shift {
	out := &pb.Shift{
		Name: s.Name(), Technician: s.Technician.Name(), PlanningArea: slugName("planningAreas", s.PlanningArea),
		Date: dateOf(s.Date), StartTime: stampOf(s.Span.Start), EndTime: stampOf(s.Span.End), Etag: etagOf(s.Version),
	}
	for _, b := range s.Breaks {
		out.Breaks = append(out.Breaks, &pb.ShiftBreak{StartTime: stampOf(b.Start), EndTime: stampOf(b.End)})
	}
	return out
}

func absenceOf(a dispatch.Absence) *pb.Absence {
	out := &pb.Absence{
		Name: a.Name(), Technician: a.Technician.Name(), StartTime: stampOf(a.Span.Start), EndTime: stampOf(a.Span.End),
		Reason: a.Reason, Cancelled: a.Cancelled, Etag: etagOf(a.Version),
	}
	for _, id := range a.Affected {
		out.AffectedAppointments = append(out.AffectedAppointments, id.Name())
	}
	return out
}
