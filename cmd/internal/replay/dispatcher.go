package replay

import (
	"context"
	"fmt"
	"time"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// boardLook is what a dispatcher sees of an area's next day when its plan has
// been made.
type boardLook struct {
	planned, unassigned int
	travel, work        time.Duration
}

// inspect is a dispatcher's look at all boards of a day, late in the evening
// before, when the plans are made. Planning itself is nobody's task: the
// workflow of the day does it.
func (r *replay) inspect(ctx context.Context, day time.Time) error {
	ctx = as(ctx, r.company.dispatcher)
	for _, area := range r.company.areas {
		board, err := r.api.dispatch.GetBoard(ctx, &pb.GetBoardRequest{PlanningArea: area.GetName(), Date: dateOf(day)})
		if err != nil {
			return fmt.Errorf("look at the board of %s on %s: %w", area.GetName(), day.Format(time.DateOnly), err)
		}
		look := boardLook{unassigned: len(board.GetUnassigned())}
		for _, lane := range board.GetLanes() {
			for _, v := range lane.GetVisits() {
				look.planned++
				look.travel += v.GetVisit().GetPlannedTravel().AsDuration()
				look.work += v.GetVisit().GetPlannedEndTime().AsTime().Sub(v.GetVisit().GetPlannedStartTime().AsTime())
			}
		}
		r.tally.plannedLook[area.GetName()+" "+day.Format(time.DateOnly)] = look
	}
	return nil
}

// keepBoards keeps the boards of the day that is drawn, once it is over.
func (r *replay) keepBoards(ctx context.Context) error {
	ctx = as(ctx, r.company.dispatcher)
	for _, area := range r.company.areas {
		board, err := r.api.dispatch.GetBoard(ctx, &pb.GetBoardRequest{PlanningArea: area.GetName(), Date: dateOf(r.pictureDay())})
		if err != nil {
			return fmt.Errorf("look at the board of %s on the day that is drawn: %w", area.GetName(), err)
		}
		r.boards = append(r.boards, board)
	}
	return nil
}

// pictureDay is the day that is drawn: the one asked for, or the Monday in the
// middle, or the middle day where there is no Monday.
func (r *replay) pictureDay() time.Time {
	if r.Picture != "" {
		if day, err := time.ParseInLocation(time.DateOnly, r.Picture, r.zone); err == nil {
			return day
		}
	}
	days := 0
	for day := r.from; day.Before(r.until); day = day.AddDate(0, 0, 1) {
		days++
	}
	middle := r.from.AddDate(0, 0, days/2)
	for day := middle.AddDate(0, 0, -3); day.Before(middle.AddDate(0, 0, 4)); day = day.AddDate(0, 0, 1) {
		if day.Weekday() == time.Monday && !day.Before(r.from) && day.Before(r.until) {
			return day
		}
	}
	return middle
}

// mayCallAgain lets a customer who was out ring the company on the next morning.
func (t *trip) mayCallAgain() {
	if !t.dice.chance(callsAgainChance) {
		return
	}
	order, request := t.visit.GetWorkOrder().GetName(), t.visit.GetWorkOrder().GetExternalReference()
	tomorrow := midnight(t.now.In(t.zone)).AddDate(0, 0, 1)
	at := tomorrow.Add(8*time.Hour + t.dice.between(0, 6*time.Hour))
	t.queue.plan(at, func(ctx context.Context) error { return t.bookAgain(ctx, order, request) })
}

// bookAgain is a dispatcher on the phone with a customer whose door was locked.
func (r *replay) bookAgain(ctx context.Context, order, request string) error {
	if !r.now.Before(r.until) {
		return nil // nobody answers the phone after the last day
	}
	ctx = as(ctx, r.company.dispatcher)
	answer, refused, err := r.search(ctx, &pb.SearchSlotOffersRequest{Subject: &pb.SearchSlotOffersRequest_WorkOrder{WorkOrder: order}})
	if err != nil {
		return fmt.Errorf("book again for request %s: %w", request, err)
	}
	if refused == "" && len(answer.GetOffers()) == 0 {
		refused = noOffer(answer)
	}
	if refused == "" {
		var confirmed *pb.ConfirmHoldResponse
		if confirmed, refused, err = r.confirm(ctx, answer.GetOffers()[0], &pb.ConfirmHoldRequest{}); err != nil {
			return fmt.Errorf("book again for request %s: %w", request, err)
		}
		if refused == "" {
			r.tally.promised(confirmed.GetAppointment(), request)
			r.tally.bookedAgain++
			return nil
		}
	}
	r.tally.changeRefuse[refused]++
	return nil
}
