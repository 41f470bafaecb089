package scheduler

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestLiveKeepsEveryRule inserts and removes at random with all rules on. Every
// plan must pass Verify, and the marginal cost that Insert and Remove state must
// be the difference of costs computed from nothing.
func TestLiveKeepsEveryRule(t *testing.T) {
	plans, served := 0, 0
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		m := randomModel(rng, 4+rng.IntN(20), 1+rng.IntN(6))
		p, err := NewProblem(m)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		live, err := NewLive(p, nil)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		cost := int64(0)
		check := func(what string, change int64) {
			t.Helper()
			plans++
			plan := live.Plan()
			report := Verify(m, plan)
			if len(report.Violations) > 0 {
				t.Fatalf("seed %d: after %s: %v", seed, what, report.Violations)
			}
			now := report.Cost.Total - report.Cost.LeftOut
			if d := now - cost - change; what != "start" && (d < -1 || d > 1) {
				t.Fatalf("seed %d: %s states a change of %d, the cost went from %d to %d", seed, what, change, cost, now)
			}
			cost = now
		}
		check("start", 0)
		for range 40 {
			j := rng.IntN(len(m.Jobs))
			if live.Shift(j) >= 0 {
				saved, err := live.Remove(j)
				if err != nil {
					continue // frozen
				}
				if slices.ContainsFunc(live.routes, func(r route) bool { return r.broken != RuleNone }) {
					break // the model is not metric; nothing more to ask of this plan
				}
				check("remove", -saved)
				continue
			}
			found, refused := live.Insert(j, Among{})
			if refused != nil {
				continue
			}
			served++
			check("insert", found.Marginal)
			if stop := found.Route.Stops[found.Position]; stop.Job != j {
				t.Fatalf("seed %d: position %d of the stated route holds job %d; want %d", seed, found.Position, stop.Job, j)
			}
			if got := live.Plan().Routes[found.Shift]; !slices.Equal(got.Stops, found.Route.Stops) {
				t.Fatalf("seed %d: insertion states stops %v; the plan has %v", seed, found.Route.Stops, got.Stops)
			}
		}
	}
	if served < 1000 {
		t.Errorf("only %d of the insertions succeeded; the models are too tight to say anything", served)
	}
	t.Logf("%d plans verified", plans)
}

// TestInsertFindsCheapest compares Quote with pricing every position by a walk.
func TestInsertFindsCheapest(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 2))
		m := randomModel(rng, 4+rng.IntN(16), 1+rng.IntN(5))
		p, err := NewProblem(m)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		live, _ := NewLive(p, nil)
		for j := range m.Jobs {
			if live.Shift(j) >= 0 {
				continue
			}
			want, ok := cheapestByWalk(live, int32(j))
			got, refused := live.Insert(j, Among{})
			if ok != (refused == nil) {
				t.Fatalf("seed %d: job %d: a place exists: %v; insert says %v", seed, j, ok, refused)
			}
			if ok && got.Marginal != shown(want) {
				t.Fatalf("seed %d: job %d costs %d; the cheapest place costs %d", seed, j, got.Marginal, shown(want))
			}
		}
	}
}

func cheapestByWalk(l *Live, j int32) (int64, bool) {
	best, ok := int64(0), false
	w := NewWorkspace()
	for v := range l.routes {
		r := &l.routes[v]
		for k := len(l.p.shifts[v].done); k <= len(r.jobs); k++ {
			w.with(r, j, k)
			if r.broken == RuleNone && l.p.walk(w.t, r.shift, w.seq) {
				if cost := w.t.parts.total() - r.cost; !ok || cost < best {
					best, ok = cost, true
				}
			}
		}
	}
	return best, ok
}

// TestOffersAgreeWithQuote asks for each window alone and for all at once.
func TestOffersAgreeWithQuote(t *testing.T) {
	const hour = 3600
	answered := 0
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 3))
		m := randomModel(rng, 6+rng.IntN(16), 1+rng.IntN(5))
		// Costs that can fall with a later begin make pruning by detour a
		// heuristic; without them the answers must agree exactly.
		m.Disruption, m.OnTimeFloor = Disruption{}, 0
		for i := range m.Technicians {
			m.Technicians[i].PerHour = 0
		}
		for j := range m.Jobs {
			m.Jobs[j].Setup = 0
			for i := range m.Jobs[j].Windows {
				m.Jobs[j].Windows[i].MaxEarly = 0
			}
		}
		p, err := NewProblem(m)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		live, _ := NewLive(p, nil)
		last := len(m.Jobs) - 1
		for j := range last {
			live.Insert(j, Among{})
		}
		if live.Shift(last) >= 0 {
			continue
		}
		var q OfferQuery
		q.Job = last
		for h := range 40 {
			q.Windows = append(q.Windows, Window{From: int64(6+h) * hour, To: int64(8+h) * hour})
		}
		offers, err := live.Offers(q, NewWorkspace())
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for i, o := range offers {
			alone, refused := live.Quote(last, Among{Window: &q.Windows[i]})
			if (refused == nil) != (len(o.Choices) > 0) {
				t.Fatalf("seed %d: window %d: offers says %v; quote says %v", seed, i, o.Choices, refused)
			}
			if refused != nil {
				continue
			}
			answered++
			c := o.Choices[0]
			if c.Marginal != alone.Marginal {
				t.Fatalf("seed %d: window %d: offered at %d; quoted at %d", seed, i, c.Marginal, alone.Marginal)
			}
			if c.Start < q.Windows[i].From || c.Start > q.Windows[i].To {
				t.Fatalf("seed %d: window %d: begins at %d, outside %+v", seed, i, c.Start, q.Windows[i])
			}
		}
	}
	if answered < 500 {
		t.Errorf("only %d windows could be offered", answered)
	}
}
