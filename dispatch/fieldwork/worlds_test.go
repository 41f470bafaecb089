package fieldwork_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/fieldwork"
)

var worlds = flag.Int("worlds", 1000, "random small worlds whose verdicts are compared with an oracle")

// P22: the verdicts that grow event by event, with looks and new work orders in
// between and late events afterwards, are those that an oracle reads out of the
// whole at the end.
func TestVerdictsAreThoseOfAnOracle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := w.At(60, 12, 0)
	w.SetTime(t, now)
	check := dispatch.Service{ID: "check", DisplayName: "Yearly check", Duration: time.Hour, FixWindowDays: 30, Version: 1}
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error { return tx.CreateService(ctx, check) })
	seen := make([]map[string]int, len(w.Technicians))
	t.Run("worlds", func(t *testing.T) {
		for technician := range w.Technicians {
			seen[technician] = map[string]int{}
			t.Run(w.Technicians[technician].DisplayName, func(t *testing.T) {
				t.Parallel()
				for n := technician; n < *worlds && !t.Failed(); n += len(w.Technicians) {
					newSmallWorld(t, w, technician, uint64(n)).compare(t, now, seen[technician])
				}
			})
		}
	})
	all := map[string]int{}
	for _, some := range seen {
		for verdict, n := range some {
			all[verdict] += n
		}
	}
	for _, verdict := range []string{"final first_time_fix", "final repeat_visit", "provisional first_time_fix", "provisional repeat_visit", "final not_counted", "open"} {
		if *worlds >= 100 && all[verdict] == 0 {
			t.Errorf("no world came to %q: %v", verdict, all)
		}
	}
	t.Logf("%d worlds, orders by verdict: %v", *worlds, all)
}

// smallWorld is one site with an asset and a few work orders, and what its
// technicians say happened.
type smallWorld struct {
	*world
	technician int
	seed       uint64
	random     *rand.Rand
	site       dispatch.Site
	asset      dispatch.AssetID
	orders     []dispatch.WorkOrder
	// said is what the events say of each visit, by ordinal: the oracle's input.
	said map[dispatch.WorkOrderID][][]dispatch.FieldEvent
}

func newSmallWorld(t *testing.T, w *world, technician int, seed uint64) *smallWorld {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 22))
	s := &smallWorld{
		world: w, technician: technician, seed: seed, random: random, site: w.newSite(t), asset: dispatch.AssetID{}.New(),
		said: map[dispatch.WorkOrderID][][]dispatch.FieldEvent{},
	}
	services := []dispatch.ServiceID{w.Service.ID, w.Service.ID, w.Boiler.ID, "check"}
	for range 1 + random.IntN(3) {
		o := dispatch.WorkOrder{
			ID: dispatch.WorkOrderID{}.New(), Customer: w.Customer.ID, Site: s.site.ID, Service: services[random.IntN(len(services))],
			PlanningArea: w.Area.ID, State: dispatch.WorkOrderOpen, Priority: 3, Version: 1,
			OpenedAt: w.At(random.IntN(58), 8, random.IntN(60)),
		}
		if random.IntN(3) == 0 {
			o.Asset = s.asset
		}
		if len(s.orders) > 0 && random.IntN(4) == 0 {
			o.Corrects = s.orders[0].ID
		}
		if random.IntN(8) == 0 {
			o.State = dispatch.WorkOrderCancelled
		}
		s.orders = append(s.orders, o)
	}
	w.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		return tx.CreateAsset(ctx, dispatch.Asset{ID: s.asset, Site: s.site.ID, DisplayName: "boiler", Version: 1})
	})
	return s
}

// compare plays the world and asks the oracle.
func (s *smallWorld) compare(t *testing.T, now time.Time, seen map[string]int) {
	t.Helper()
	s.live(t)
	for _, o := range s.orders {
		want, got := s.oracle(o, now), s.verdict(t, o)
		seen[got]++
		if got == want {
			continue
		}
		for _, other := range s.orders {
			t.Logf("%s of %s, %s, asset %t, corrects %t, %s: visits %v, said %v", other.ID, other.OpenedAt, other.Service,
				!other.Asset.IsZero(), !other.Corrects.IsZero(), other.State,
				s.words(t, "SELECT ordinal || ' ' || state || ' ' || outcome FROM visits WHERE work_order_id = $1", other.ID), s.said[other.ID])
		}
		t.Errorf("world %d, order %s: %q, the oracle says %q", s.seed, o.ID, got, want)
	}
}

// live plays the world: orders open, visits are made, processes look, and late
// events come.
func (s *smallWorld) live(t *testing.T) {
	t.Helper()
	// Orders are known from when they are opened; events may be weeks late.
	s.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		for _, o := range s.orders {
			if err := tx.CreateWorkOrder(ctx, o); err != nil {
				return err
			}
		}
		return nil
	})
	for _, o := range s.orders {
		if o.State != dispatch.WorkOrderCancelled {
			s.visit(t, o)
		}
		episodes, err := s.field.FixesSpoiltBy(t.Context(), s.Tenant.ID, o.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range episodes {
			s.lookAtFix(t, e.WorkOrder, e.Episode)
		}
	}
	for _, o := range s.orders {
		if visits := s.said[o.ID]; len(visits) > 0 && s.random.IntN(5) == 0 {
			late := s.end(s.visits(t, o.ID)[0].ID, visits[0][0].OccurredAt.Add(-time.Minute))
			s.said[o.ID][0] = append(visits[0], late)
			s.send(t, late)
		}
		s.look(t, o)
	}
}

// visit makes the visits of an order until one resolves it or he gives up.
func (s *smallWorld) visit(t *testing.T, o dispatch.WorkOrder) {
	t.Helper()
	at := o.OpenedAt.Add(time.Hour)
	for ordinal := 1; ordinal <= 3; ordinal++ {
		visits := s.visits(t, o.ID)
		if len(visits) < ordinal {
			v := dispatch.Visit{
				ID: dispatch.VisitID{}.New(), WorkOrder: o.ID, PlanningArea: s.Area.ID, Ordinal: ordinal,
				State: dispatch.VisitUnassigned, Duration: time.Hour, CreatedAt: o.OpenedAt, Version: 1,
			}
			s.InTx(t, func(ctx context.Context, tx dispatch.Tx) error { return tx.CreateVisit(ctx, v) })
			visits = append(visits, v)
		}
		v := visits[ordinal-1]
		s.assign(t, v, s.technician, s.At(0, 9, 0)) // the plan is of no account here
		events := []dispatch.FieldEvent{s.end(v.ID, at)}
		if s.random.IntN(4) == 0 {
			events = append(events, s.end(v.ID, at.Add(time.Duration(1+s.random.IntN(3))*time.Hour)))
		}
		s.said[o.ID] = append(s.said[o.ID], events)
		s.send(t, events[len(events)-1])
		if s.random.IntN(3) == 0 {
			s.look(t, o)
		}
		s.send(t, events[0])
		if ended(events).Detail.Outcome == dispatch.OutcomeResolved || s.random.IntN(6) == 0 {
			return
		}
		at = at.Add(time.Duration(24+s.random.IntN(72)) * time.Hour)
	}
}

// end is an event that ends a visit.
func (s *smallWorld) end(v dispatch.VisitID, at time.Time) dispatch.FieldEvent {
	e := dispatch.FieldEvent{Device: uuid.New(), ID: uuid.New(), Epoch: 1, Seq: 1, Visit: v, OccurredAt: at, Kind: dispatch.EventCompleted}
	e.Detail.Outcome = dispatch.OutcomeResolved
	switch s.random.IntN(10) {
	case 0:
		e.Detail.Outcome = dispatch.OutcomeCancelledOnSite
	case 1:
		e.Kind, e.Detail = dispatch.EventNoAccess, dispatch.EventDetail{}
	case 2, 3:
		e.Kind, e.Detail = dispatch.EventNeedsReturn, dispatch.EventDetail{Reason: string(dispatch.ReturnSkill)}
	case 4:
		e.Kind, e.Detail = dispatch.EventNeedsReturn, dispatch.EventDetail{Reason: string(dispatch.ReturnPlanned)}
	}
	return e
}

func (s *smallWorld) send(t *testing.T, events ...dispatch.FieldEvent) {
	t.Helper()
	results, _, err := s.field.UploadEvents(t.Context(), s.as(s.technician), submit(events...))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Status == fieldwork.Rejected || r.Status == fieldwork.Deferred {
			t.Fatalf("%+v", r)
		}
	}
}

// look sees to the current episode of an order.
func (s *smallWorld) look(t *testing.T, o dispatch.WorkOrder) {
	t.Helper()
	var episode int
	s.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		order, err := tx.GetWorkOrder(ctx, o.ID)
		episode = order.Episode
		return err
	})
	if episode > 0 {
		s.lookAtFix(t, o.ID, episode)
	}
}

// verdict is what the rows say of an order: its current episode while it is
// resolved.
func (s *smallWorld) verdict(t *testing.T, o dispatch.WorkOrder) string {
	t.Helper()
	rows := s.words(t, `SELECT f.state || ' ' || f.verdict FROM work_orders w
		JOIN fix_episodes f ON f.tenant_id = w.tenant_id AND f.work_order_id = w.id AND f.episode = w.episode
		WHERE w.id = $1 AND w.state = 'resolved'`, o.ID)
	if len(rows) == 0 {
		return "open"
	}
	return rows[0]
}

// oracle reads the verdict out of what was said and nothing else, in the plainest
// way.
func (s *smallWorld) oracle(o dispatch.WorkOrder, now time.Time) string {
	attempts, planned := 0, false
	for _, events := range s.said[o.ID] {
		end := ended(events)
		if end.Kind == dispatch.EventNeedsReturn {
			attempts++
			planned = planned || end.Detail.Reason == string(dispatch.ReturnPlanned)
		}
		if end.Detail.Outcome != dispatch.OutcomeResolved {
			continue
		}
		due := end.OccurredAt.In(s.Zone).AddDate(0, 0, 30)
		state := "provisional "
		if !now.Before(due) {
			state = "final "
		}
		switch {
		case o.Service == "check" || planned:
			return state + "not_counted"
		case attempts > 0 || s.cameBack(o, end.OccurredAt, due):
			return state + "repeat_visit"
		}
		return state + "first_time_fix"
	}
	return "open"
}

func (s *smallWorld) cameBack(o dispatch.WorkOrder, from, to time.Time) bool {
	for _, other := range s.orders {
		same := other.Corrects == o.ID ||
			other.Service != "check" && (other.Service == o.Service || !o.Asset.IsZero() && other.Asset == o.Asset)
		if other.ID != o.ID && same && other.State != dispatch.WorkOrderCancelled &&
			other.OpenedAt.After(from) && other.OpenedAt.Before(to) {
			return true
		}
	}
	return false
}

// ended is the event that ended a visit: the earliest.
func ended(events []dispatch.FieldEvent) dispatch.FieldEvent {
	first := events[0]
	for _, e := range events[1:] {
		if e.OccurredAt.Before(first.OccurredAt) {
			first = e
		}
	}
	return first
}
