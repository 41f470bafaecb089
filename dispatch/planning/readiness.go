package planning

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// Readiness is whether the visits of an area's day can be done when somebody comes.
type Readiness struct {
	PlanningArea dispatch.PlanningAreaID
	Date         dispatch.Date
	ReadAt       time.Time    // domain time
	Visits       []ReadyOrNot // planned and not begun, by technician, then start
}

// ReadyOrNot is one visit with what it lacks; nothing means that it is ready.
type ReadyOrNot struct {
	dispatch.ListedVisit
	Parts  []MissingPart      // not on the van when it is this visit's turn
	Skills []dispatch.SkillID // that the technician lacks, or whose certificate ends before the day
}

// Ready reports whether nothing is missing.
func (r ReadyOrNot) Ready() bool { return len(r.Parts) == 0 && len(r.Skills) == 0 }

// MissingPart is a part that a visit usually needs and that will not be there.
type MissingPart struct {
	Part    dispatch.PartID
	Needed  int
	OnVan   int              // when the visits before have taken theirs
	Sources []dispatch.Stock // where there are some, the most first; not his own van
}

// mostSources bounds the places that are named for one part.
const mostSources = 3

// GetReadiness goes through an area's day, technician by technician and visit by
// visit: each takes from the van what its service usually needs, and names what is
// not there by then, and where some is. It changes nothing and reserves nothing.
func (p *Planning) GetReadiness(ctx context.Context, call dispatch.Call, area dispatch.PlanningAreaID, date dispatch.Date) (Readiness, error) {
	return dispatch.Read(ctx, p.store, call, func(ctx context.Context, tx dispatch.Tx) (Readiness, error) {
		out := Readiness{PlanningArea: area, Date: date}
		d, err := readDay(ctx, tx, area, date)
		if err != nil {
			return out, err
		}
		out.ReadAt = d.now
		visits, err := d.toBeMade(ctx, tx)
		if err != nil || len(visits) == 0 {
			return out, err
		}
		c := checking{date: date, vans: map[dispatch.StockPlace]map[dispatch.PartID]int{}}
		if err := c.read(ctx, tx, visits); err != nil {
			return out, err
		}
		for _, v := range visits {
			out.Visits = append(out.Visits, c.check(v))
		}
		return out, c.findSources(ctx, tx, area, out.Visits)
	})
}

// toBeMade gives the day's visits that somebody is to make and has not begun, by
// technician, then start.
func (d day) toBeMade(ctx context.Context, tx dispatch.Tx) ([]dispatch.ListedVisit, error) {
	stops, err := tx.StopsOn(ctx, d.ids())
	if err != nil {
		return nil, err
	}
	stops = slices.DeleteFunc(stops, func(s dispatch.Stop) bool {
		return s.Kind != dispatch.CommitmentVisit || s.State != dispatch.CommitmentPlanned
	})
	known, err := visitsBehind(ctx, tx, stops)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(stops, func(a, b dispatch.Stop) int {
		return cmp.Or(cmp.Compare(a.Technician.String(), b.Technician.String()), a.Span.Start.Compare(b.Span.Start))
	})
	var out []dispatch.ListedVisit
	for _, s := range stops {
		out = append(out, known[s.Visit])
	}
	return out, nil
}

// checking is what is known while a day's visits are checked one after the other.
type checking struct {
	date        dispatch.Date
	services    map[dispatch.ServiceID]dispatch.Service
	technicians map[dispatch.TechnicianID]dispatch.Technician
	vans        map[dispatch.StockPlace]map[dispatch.PartID]int // less what earlier visits take
}

func (c *checking) read(ctx context.Context, tx dispatch.Tx, visits []dispatch.ListedVisit) error {
	c.services, c.technicians = map[dispatch.ServiceID]dispatch.Service{}, map[dispatch.TechnicianID]dispatch.Technician{}
	var who []dispatch.TechnicianID
	for _, v := range visits {
		who = append(who, v.Planned.Technician)
		if _, seen := c.services[v.Service]; seen {
			continue
		}
		var err error
		if c.services[v.Service], err = tx.GetService(ctx, v.Service); err != nil {
			return err
		}
	}
	who = slices.Compact(who) // they come by technician
	technicians, err := tx.GetTechnicians(ctx, who)
	if err != nil {
		return err
	}
	for _, t := range technicians {
		c.technicians[t.ID] = t
	}
	stock, err := tx.StockOf(ctx, who)
	for _, s := range stock {
		if c.vans[s.Place] == nil {
			c.vans[s.Place] = map[dispatch.PartID]int{}
		}
		c.vans[s.Place][s.Part] = s.Quantity
	}
	return err
}

// check takes from the van what a visit needs and says what is missing.
func (c *checking) check(v dispatch.ListedVisit) ReadyOrNot {
	out := ReadyOrNot{ListedVisit: v}
	service, technician := c.services[v.Service], c.technicians[v.Planned.Technician]
	place := dispatch.StockPlace{Technician: technician.ID}
	for _, need := range service.Parts {
		have := max(c.vans[place][need.Part], 0)
		if have < need.Quantity {
			out.Parts = append(out.Parts, MissingPart{Part: need.Part, Needed: need.Quantity, OnVan: have})
		}
		if c.vans[place] != nil {
			c.vans[place][need.Part] -= min(have, need.Quantity)
		}
	}
	for _, need := range service.Skills {
		if !technician.Holds(need, c.date) {
			out.Skills = append(out.Skills, need.Skill)
		}
	}
	return out
}

// findSources names for every missing part where there is some.
func (c *checking) findSources(ctx context.Context, tx dispatch.Tx, area dispatch.PlanningAreaID, visits []ReadyOrNot) error {
	var parts []dispatch.PartID
	for _, v := range visits {
		for _, m := range v.Parts {
			parts = append(parts, m.Part)
		}
	}
	if len(parts) == 0 {
		return nil
	}
	slices.Sort(parts)
	stock, err := tx.SourcesOf(ctx, area, slices.Compact(parts))
	if err != nil {
		return err
	}
	for _, v := range visits {
		for i := range v.Parts {
			m := &v.Parts[i]
			for _, s := range stock {
				if s.Part == m.Part && s.Place.Technician != v.Planned.Technician && len(m.Sources) < mostSources {
					m.Sources = append(m.Sources, s)
				}
			}
		}
	}
	return nil
}
