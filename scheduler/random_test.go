package scheduler

import (
	"math/rand/v2"
)

// randomModel makes a small day with every rule of the model in it, each with
// some probability, so that rules meet in all combinations.
func randomModel(rng *rand.Rand, jobs, shifts int) Model {
	const hour = 3600
	var m Model
	points := make([]Point, 0, jobs+shifts)
	for range jobs + shifts {
		points = append(points, Point{float64(rng.IntN(20000)), float64(rng.IntN(20000))})
	}
	travel := Planar(points, 8+4*rng.Float64())
	if rng.IntN(2) == 0 {
		travel = travel.WithSpread(rng.IntN(300))
	}
	m.Travel = []Travel{travel, TravelFunc(len(points), func(a, b int) (int32, int32) {
		d := int32(1000*((a*7+b*13)%17) + 60)
		return d / 9, d
	})}
	technicians := max(shifts*2/3, 1)
	for t := range technicians {
		tech := Technician{
			Travel: rng.IntN(8) / 7, SpeedPercent: []int{0, 100, 80, 125}[rng.IntN(4)],
			PerHour: int64(rng.IntN(3)) * 1500, PerTravelHour: int64(rng.IntN(2)) * 3000, PerKilometre: int64(rng.IntN(80)),
		}
		for s := range 3 {
			if rng.IntN(3) > 0 {
				skill := Skill{Skill: s, Level: 1 + rng.IntN(3)}
				if rng.IntN(4) == 0 {
					skill.Until = 30 * hour
				}
				tech.Skills = append(tech.Skills, skill)
			}
		}
		_ = t
		m.Technicians = append(m.Technicians, tech)
	}
	for v := range shifts {
		m.Shifts = append(m.Shifts, randomShift(rng, v, technicians, jobs))
	}
	for j := range jobs {
		m.Jobs = append(m.Jobs, randomJob(rng, j, technicians, shifts))
	}
	randomDone(rng, &m)
	for r := RuleNone; r < ruleCount; r++ {
		if r.canBeSoft() && rng.IntN(4) == 0 {
			m.Soft = append(m.Soft, SoftRule{r, int64(100 + rng.IntN(5000))})
		}
	}
	if rng.IntN(2) == 0 {
		m.Disruption = Disruption{
			Technician: int64(rng.IntN(3000)), PerMinute: int64(rng.IntN(30)), Grace: int64(rng.IntN(1800)),
			Told: int64(rng.IntN(4000)), Cap: int64(rng.IntN(2) * 9000),
		}
	}
	if rng.IntN(4) == 0 {
		m.OnTimeFloor = 0.5 + 0.45*rng.Float64()
	}
	if rng.IntN(2) == 0 {
		m.FirstTimeFix = func(j, t int) float64 { return float64((j*31+t*17)%10) / 10 }
	}
	return m
}

func randomShift(rng *rand.Rand, v, technicians, jobs int) Shift {
	const hour = 3600
	day := int64(v/technicians) * 24 * hour
	s := Shift{
		Technician: v % technicians, Begin: jobs + v, End: jobs + v,
		From: day + int64(7+rng.IntN(3))*hour, To: day + int64(14+rng.IntN(4))*hour,
		Fixed: int64(rng.IntN(2) * 2000),
	}
	switch rng.IntN(6) {
	case 0:
		s.End = Nowhere
	case 1:
		s.Begin = Nowhere
	}
	if rng.IntN(2) == 0 {
		s.MaxOvertime, s.OvertimePerHour = int64(rng.IntN(2*hour)), int64(rng.IntN(6000))
	}
	if rng.IntN(3) == 0 {
		s.OwnTravelOut, s.OwnTravelHome = int64(rng.IntN(hour)), int64(rng.IntN(hour))
	}
	if rng.IntN(2) == 0 {
		s.Breaks = append(s.Breaks, Break{From: day + 11*hour, To: day + 12*hour + 1800, Duration: 1800, Unpaid: rng.IntN(2) == 0, Always: v%3 == 0})
		if rng.IntN(3) == 0 {
			s.Breaks = append(s.Breaks, Break{From: day + 14*hour, To: day + 15*hour, Duration: 900, Always: v%3 == 0})
		}
	}
	if rng.IntN(4) == 0 {
		s.MaxJobs = 2 + rng.IntN(6)
	}
	if rng.IntN(4) == 0 {
		s.MaxTravel = int64(1+rng.IntN(4)) * hour
	}
	if rng.IntN(4) == 0 {
		s.MaxDistance = int64(20+rng.IntN(80)) * 1000
	}
	if rng.IntN(3) == 0 {
		s.Stock = []int64{int64(rng.IntN(8)), int64(rng.IntN(8))}
	}
	if rng.IntN(6) == 0 {
		s.NotBefore = s.From + int64(rng.IntN(3*hour))
	}
	return s
}

func randomJob(rng *rand.Rand, j, technicians, shifts int) Job {
	const hour = 3600
	job := Job{
		Location: j, Service: int64(600 + rng.IntN(4800)), ServiceSpread: int64(rng.IntN(900)),
		Parts: []int64{int64(rng.IntN(3)), int64(rng.IntN(3))}, Priority: rng.IntN(4),
	}
	if rng.IntN(5) == 0 {
		job.Location = rng.IntN(j + 1)
		job.Setup = int64(rng.IntN(1200))
	}
	day := int64(rng.IntN((shifts+technicians-1)/technicians)) * 24 * hour
	at := day + 8*hour
	for range rng.IntN(3) {
		at += int64(rng.IntN(2 * hour))
		w := Window{From: at, To: at + int64(hour+rng.IntN(3*hour))}
		if rng.IntN(3) == 0 {
			w.MaxEarly, w.MaxLate = int64(rng.IntN(1800)), int64(rng.IntN(3600))
			w.EarlyPerMinute, w.LatePerMinute = int64(rng.IntN(20)), int64(rng.IntN(80))
		}
		if n := len(job.Windows); n > 0 && job.Windows[n-1].To+job.Windows[n-1].MaxLate >= w.From-w.MaxEarly {
			break
		}
		job.Windows = append(job.Windows, w)
		at = w.To + w.MaxLate + hour
	}
	if rng.IntN(3) == 0 {
		job.LeaveOut = int64(1000 + rng.IntN(20000))
	}
	if rng.IntN(2) == 0 {
		job.Skills = append(job.Skills, SkillNeed{rng.IntN(3), rng.IntN(3)})
	}
	if rng.IntN(6) == 0 {
		job.Excluded = []int{rng.IntN(technicians)}
	}
	if rng.IntN(8) == 0 {
		job.Required = []int{rng.IntN(technicians), rng.IntN(technicians)}
	}
	if rng.IntN(4) == 0 {
		job.Preferred, job.NotPreferred = []int{rng.IntN(technicians)}, int64(rng.IntN(2000))
	}
	if rng.IntN(3) == 0 {
		job.ReturnCost = int64(rng.IntN(9000))
	}
	if rng.IntN(4) == 0 {
		job.Published = &Published{rng.IntN(shifts), day + 9*hour + int64(rng.IntN(6*hour)), rng.IntN(2) == 0}
	}
	switch rng.IntN(16) {
	case 0:
		job.Pin = Pin{Kind: PinTechnician, Technician: rng.IntN(technicians)}
	case 1:
		job.Pin = Pin{Kind: PinTime, From: day + 10*hour}
	case 2:
		job.Pin = Pin{Kind: PinBoth, Technician: rng.IntN(technicians), From: day + 11*hour}
	case 3:
		job.Pin = Pin{Kind: PinRange, From: day, To: day + 16*hour}
		if len(job.Windows) > 0 && len(pinnedWindows(&job)) == 0 {
			job.Pin = Pin{}
		}
	}
	return job
}

// randomDone freezes the first jobs of some shifts.
func randomDone(rng *rand.Rand, m *Model) {
	next := 0
	for v := range m.Shifts {
		s := &m.Shifts[v]
		if rng.IntN(5) > 0 {
			continue
		}
		at := s.From
		for range 1 + rng.IntN(2) {
			if next >= len(m.Jobs)/2 {
				return
			}
			s.Done = append(s.Done, DoneStop{next, at + 900, at + 3000})
			at += 3000
			next++
		}
	}
}
