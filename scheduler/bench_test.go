package scheduler

import (
	"math/rand/v2"
	"testing"
)

// fortnight is 1,000 technicians × 14 days with ten stops each, and one job more
// that no route serves. Full puts skills, certificates and breaks on.
func fortnight(b *testing.B, full bool) (*Live, OfferQuery) {
	b.Helper()
	const technicians, days, stops, day = 1000, 14, 10, 86400
	rng := rand.New(rand.NewPCG(1, 1))
	var m Model
	var points []Point
	place := func() int {
		points = append(points, Point{float64(rng.IntN(60000)), float64(rng.IntN(60000))})
		return len(points) - 1
	}
	plan := &Plan{}
	for t := range technicians {
		tech := Technician{PerKilometre: 50}
		for s := range 12 {
			if rng.IntN(2) == 0 {
				skill := Skill{Skill: s, Level: 1 + rng.IntN(3)}
				if rng.IntN(3) == 0 {
					skill.Until = int64(1+rng.IntN(20)) * day
				}
				tech.Skills = append(tech.Skills, skill)
			}
		}
		m.Technicians = append(m.Technicians, tech)
		home := place()
		for d := range days {
			start := int64(d)*day + 8*3600
			shift := Shift{Technician: t, Begin: home, End: home, From: start, To: start + 9*3600}
			if full {
				shift.Breaks = []Break{{From: start + 4*3600, To: start + 5*3600 + 1800, Duration: 1800}}
			}
			r := Route{Shift: len(m.Shifts)}
			x, y := points[home].X, points[home].Y
			for k := range stops {
				points = append(points, Point{x + float64(rng.IntN(8000)-4000), y + float64(rng.IntN(8000)-4000)})
				r.Stops = append(r.Stops, Stop{Job: len(m.Jobs)})
				at := start + int64(k)*3000
				m.Jobs = append(m.Jobs, Job{Location: len(points) - 1, Service: 1500, Windows: []Window{{From: at - 1800, To: at + 5400}}})
			}
			m.Shifts = append(m.Shifts, shift)
			plan.Routes = append(plan.Routes, r)
		}
	}
	ask := Job{Location: place(), Service: 1800}
	if full {
		ask.Skills = []SkillNeed{{Skill: 3, Level: 1}, {Skill: 7, Level: 1}}
	}
	m.Jobs = append(m.Jobs, ask)
	m.Travel = []Travel{Planar(points, 10)}
	p, err := NewProblem(m)
	if err != nil {
		b.Fatal(err)
	}
	live, err := NewLive(p, plan)
	if err != nil {
		b.Fatal(err)
	}
	q := OfferQuery{Job: len(m.Jobs) - 1, MaxChoices: 3}
	for d := range days {
		for w := range 5 {
			at := int64(d)*day + 8*3600 + int64(w)*5400
			q.Windows = append(q.Windows, Window{From: at, To: at + 7200})
		}
	}
	return live, q
}

func benchmarkOffers(b *testing.B, full bool) {
	live, q := fortnight(b, full)
	w := NewWorkspace()
	if _, err := live.Offers(q, w); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	possible := 0
	for b.Loop() {
		offers, err := live.Offers(q, w)
		if err != nil {
			b.Fatal(err)
		}
		possible = 0
		for _, o := range offers {
			possible += min(len(o.Choices), 1)
		}
	}
	b.ReportMetric(float64(possible), "windows")
}

func BenchmarkOffersBare(b *testing.B) { benchmarkOffers(b, false) }

func BenchmarkOffersFull(b *testing.B) { benchmarkOffers(b, true) }

// BenchmarkDetour is the check of one position.
func BenchmarkDetour(b *testing.B) {
	live, q := fortnight(b, false)
	p := live.p
	j := int32(q.Job)
	b.ReportAllocs()
	i, feasible := 0, 0
	for b.Loop() {
		r := &live.routes[i%len(live.routes)]
		s := &p.shifts[r.shift]
		d := p.detour(r, s, &p.profiles[s.profile], j, i%11)
		if d.lo <= d.hi {
			feasible++
		}
		i++
	}
	_ = feasible
}

// BenchmarkStep is one iteration of ruin and recreate on 400 jobs.
func BenchmarkStep(b *testing.B) {
	p, err := NewProblem(plainModel(rand.New(rand.NewPCG(2, 2)), 400, 60))
	if err != nil {
		b.Fatal(err)
	}
	near := p.nearestJobs()
	s := newSearch(p, &near, 1, 0)
	s.load(nil)
	s.construct()
	heat := s.meanLeg() / 10
	for range 20000 {
		s.step(heat)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.step(heat)
	}
}
