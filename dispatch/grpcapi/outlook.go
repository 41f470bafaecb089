package grpcapi

import (
	"cmp"
	"context"

	"github.com/firstfix/firstfix/dispatch/planning"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// usualJeopardy is the probability of a missed window from which remedies are looked
// for, unless the caller says otherwise.
const usualJeopardy = 0.1

var remedyKinds = map[int32]planning.RemedyKind{
	int32(pb.RemedyKind_REMEDY_KIND_REORDER):  planning.RemedyReorder,
	int32(pb.RemedyKind_REMEDY_KIND_REASSIGN): planning.RemedyReassign,
	int32(pb.RemedyKind_REMEDY_KIND_CALL):     planning.RemedyCall,
}

// GetOutlook implements DispatchService.
func (s dispatchServer) GetOutlook(ctx context.Context, req *pb.GetOutlookRequest) (*pb.Outlook, error) {
	area, day, err := parseDay(req)
	if err != nil {
		return nil, err
	}
	return answer(outlookOf)(s.planning.GetOutlook(ctx, callOf(ctx), area, day, cmp.Or(req.GetJeopardy(), usualJeopardy)))
}

func outlookOf(o planning.Outlook) *pb.Outlook {
	out := &pb.Outlook{PlanningArea: slugName("planningAreas", o.PlanningArea), Date: dateOf(o.Date), ReadTime: stampOf(o.ReadAt)}
	for _, v := range o.Visits {
		seen := &pb.ForeseenVisit{
			Visit: visitOf(v.ListedVisit), ExpectedArrivalTime: stampOf(v.Arrival), ExpectedStartTime: stampOf(v.Expected), MissProbability: v.Miss,
		}
		for _, r := range v.Remedies {
			seen.Remedies = append(seen.Remedies, remedyOf(v, r))
		}
		out.Visits = append(out.Visits, seen)
	}
	return out
}

func remedyOf(v planning.Foreseen, r planning.Remedy) *pb.Remedy {
	out := &pb.Remedy{
		Kind: numberOf[pb.RemedyKind](remedyKinds, r.Kind), Technician: nameOrEmpty(r.Technician), ExpectedStartTime: stampOf(r.Expected),
		MissProbability: r.Miss, Tell: r.Tell,
	}
	if r.Kind != planning.RemedyCall {
		out.ExtraCost = moneyOf(r.Extra)
		out.Assign = &pb.AssignVisitRequest{Name: v.Name(), Technician: r.Technician.Name(), Etag: etagOf(v.Version), Reason: "its window was in jeopardy"}
	}
	return out
}
