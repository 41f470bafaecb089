package planning

import (
	"context"
	"slices"

	"github.com/firstfix/firstfix/dispatch"
)

// BoardSeen is how far a watcher of a board has got; zero where he knows nothing
// yet.
type BoardSeen struct {
	Snapshot dispatch.Snapshot
	Shifts   []dispatch.ShiftID // of the lanes that he knows
	Plan     dispatch.PlanID    // that was in force
	// Visits are those that he was shown; nil after he was away, since a token has
	// no room for them: then he is told of more that are gone than he knew.
	Visits map[dispatch.VisitID]bool `json:"-"`
}

// BoardNews is what a watcher of a board does not know yet.
type BoardNews struct {
	// Board is the whole board as it is now; nil where nothing has changed.
	Board *Board
	Whole bool // all of it is news
	// Lanes are those of Board that have changed, and Unassigned the visits
	// without a technician that have.
	Lanes       []Lane
	Unassigned  []dispatch.ListedVisit
	PlanChanged bool
	GoneLanes   []dispatch.ShiftID
	GoneVisits  []dispatch.VisitID // that have changed and are not on the board any more
	Seen        BoardSeen          // to ask with the next time
}

// BoardChanges reads what has changed on an area's day for somebody who has seen
// it before, or the whole board.
func (p *Planning) BoardChanges(ctx context.Context, call dispatch.Call, area dispatch.PlanningAreaID, date dispatch.Date, seen BoardSeen) (BoardNews, error) {
	var news BoardNews
	err := p.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		news = BoardNews{Whole: seen.Snapshot == ""}
		now, err := tx.SeenBy(ctx)
		if err != nil {
			return err
		}
		since := seen.Snapshot
		if news.Whole {
			since = now
		}
		changes, err := tx.DayChanges(ctx, since, area, date)
		if err != nil {
			return err
		}
		news.Seen = BoardSeen{Snapshot: now, Shifts: changes.Shifts, Plan: changes.Plan, Visits: seen.Visits}
		if !news.Whole && !news.find(seen, changes) {
			return nil
		}
		board, err := readBoard(ctx, tx, area, date)
		news.show(board, seen, changes)
		return err
	})
	return news, err
}

// find says whether anything has changed.
func (n *BoardNews) find(seen BoardSeen, c dispatch.DayChanges) bool {
	n.PlanChanged = c.Plan != seen.Plan
	for _, known := range seen.Shifts {
		if !slices.Contains(c.Shifts, known) {
			n.GoneLanes = append(n.GoneLanes, known)
		}
	}
	return n.PlanChanged || len(n.GoneLanes)+len(c.Changed)+len(c.Visits) > 0
}

// show finds what has changed on the board.
func (n *BoardNews) show(board Board, seen BoardSeen, c dispatch.DayChanges) {
	n.Board = &board
	shown := map[dispatch.VisitID]bool{}
	for _, lane := range board.Lanes {
		changed := slices.Contains(c.Changed, lane.Shift.ID)
		for _, v := range lane.Visits {
			shown[v.ID] = true
			changed = changed || slices.Contains(c.Visits, v.ID)
		}
		if changed {
			n.Lanes = append(n.Lanes, lane)
		}
	}
	for _, v := range board.Unassigned {
		shown[v.ID] = true
		if slices.Contains(c.Visits, v.ID) {
			n.Unassigned = append(n.Unassigned, v)
		}
	}
	for _, id := range c.Visits {
		if !shown[id] && (seen.Visits == nil || seen.Visits[id]) {
			n.GoneVisits = append(n.GoneVisits, id)
		}
	}
	n.Seen.Visits = shown
}
