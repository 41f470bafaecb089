package solvebench

import (
	"math"
	"math/rand/v2"

	"github.com/firstfix/firstfix/scheduler"
)

// City generates days of a field-service company, the same for the same
// numbers: jobs around a few centres, most with a promised two-hour window,
// half with a skill; technicians who start from home, with two thirds of the
// skills, a lunch break and an eight-hour day. Units are metres, seconds and
// cents.
func City(jobs, technicians, days int, seed uint64) scheduler.Model {
	const day, hour, skills = 86400, 3600, 12
	rng := rand.New(rand.NewPCG(seed, 17)) //nolint:gosec // an instance must be the same each time
	reach := 9000 * math.Sqrt(float64(technicians)/10)
	centres := make([]scheduler.Point, 4+technicians/25)
	for i := range centres {
		centres[i] = scheduler.Point{X: rng.Float64() * reach, Y: rng.Float64() * reach}
	}
	var points []scheduler.Point
	place := func() int {
		p := scheduler.Point{X: rng.Float64() * reach, Y: rng.Float64() * reach}
		if rng.IntN(3) > 0 {
			c := centres[rng.IntN(len(centres))]
			p = scheduler.Point{X: c.X + rng.NormFloat64()*3000, Y: c.Y + rng.NormFloat64()*3000}
		}
		points = append(points, p)
		return len(points) - 1
	}
	var m scheduler.Model
	for t := range technicians {
		tech := scheduler.Technician{PerKilometre: 40, PerTravelHour: 3000}
		for s := range skills {
			if rng.IntN(3) > 0 {
				tech.Skills = append(tech.Skills, scheduler.Skill{Skill: s, Level: 1 + rng.IntN(2)})
			}
		}
		m.Technicians = append(m.Technicians, tech)
		home := place()
		for d := range days {
			start := int64(d*day + 8*hour)
			m.Shifts = append(m.Shifts, scheduler.Shift{
				Technician: t, Begin: home, End: home, From: start, To: start + 8*hour,
				Breaks: []scheduler.Break{{From: start + 3*hour, To: start + 5*hour, Duration: 1800, Unpaid: true}},
			})
		}
	}
	for range jobs {
		job := scheduler.Job{Location: place(), Service: int64(1200 + rng.IntN(5)*600), ServiceSpread: 400}
		d := int64(rng.IntN(days) * day)
		if from := d + int64(8+rng.IntN(6))*hour; rng.IntN(3) > 0 {
			job.Windows = []scheduler.Window{{From: from, To: from + 2*hour}}
		} else if days > 1 {
			job.Windows = []scheduler.Window{{From: d, To: d + day - 1}}
		}
		if rng.IntN(2) == 0 {
			job.Skills = []scheduler.SkillNeed{{Skill: rng.IntN(skills), Level: 1}}
		}
		m.Jobs = append(m.Jobs, job)
	}
	m.Travel = []scheduler.Travel{scheduler.Planar(points, 9).WithSpread(150)}
	return m
}
