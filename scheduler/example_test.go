package scheduler_test

import (
	"context"
	"fmt"

	"github.com/firstfix/firstfix/scheduler"
)

const hour = 3600

// town is two technicians on one day: Ada can mend boilers, Ben cannot. Places
// lie on a line, ten kilometres and twenty minutes apart.
func town() scheduler.Model {
	points := make([]scheduler.Point, 6)
	for i := range points {
		points[i].X = float64(10_000 * i)
	}
	const boilers = 0
	return scheduler.Model{
		Travel: []scheduler.Travel{scheduler.Planar(points, 10_000.0/1200)},
		Technicians: []scheduler.Technician{
			{Skills: []scheduler.Skill{{Skill: boilers, Level: 2}}, PerKilometre: 50},
			{PerKilometre: 50},
		},
		Shifts: []scheduler.Shift{
			{Technician: 0, Begin: 0, End: 0, From: 8 * hour, To: 17 * hour},
			{Technician: 1, Begin: 5, End: 5, From: 8 * hour, To: 17 * hour},
		},
		Jobs: []scheduler.Job{
			{Location: 1, Service: hour, Windows: []scheduler.Window{{From: 9 * hour, To: 11 * hour}}},
			{Location: 4, Service: 2 * hour},
			{Location: 2, Service: hour, Skills: []scheduler.SkillNeed{{Skill: boilers, Level: 1}}},
		},
	}
}

func clock(t int64) string { return fmt.Sprintf("%02d:%02d", t/3600, t%3600/60) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Which of these windows can be promised for the boiler, and at what cost?
func ExampleLive_Offers() {
	problem := must(scheduler.NewProblem(town()))
	live := must(scheduler.NewLive(problem, nil))
	live.Insert(0, scheduler.Among{})
	live.Insert(1, scheduler.Among{})

	offers := must(live.Offers(scheduler.OfferQuery{
		Job:     2,
		Windows: []scheduler.Window{{From: 6 * hour, To: 8 * hour}, {From: 9 * hour, To: 11 * hour}, {From: 13 * hour, To: 15 * hour}},
	}, scheduler.NewWorkspace()))
	for _, o := range offers {
		if len(o.Choices) == 0 {
			fmt.Printf("window %d: no; refused by %s\n", o.Window, o.Refused)
			continue
		}
		c := o.Choices[0]
		fmt.Printf("window %d: shift %d at %s for %d\n", o.Window, c.Shift, clock(c.Start), c.Marginal)
	}
	// Output:
	// window 0: no; refused by skill 1, window 1
	// window 1: shift 0 at 09:00 for 1000
	// window 2: shift 0 at 13:00 for 1000
}

// A job goes where it costs least; the answer holds the whole route's new times.
func ExampleLive_Insert() {
	problem := must(scheduler.NewProblem(town()))
	live := must(scheduler.NewLive(problem, nil))
	live.Insert(0, scheduler.Among{})

	found, refused := live.Insert(2, scheduler.Among{Shifts: []int{0}})
	if refused != nil {
		fmt.Println(refused)
		return
	}
	fmt.Printf("shift %d, position %d, costs %d more\n", found.Shift, found.Position, found.Marginal)
	for _, stop := range found.Route.Stops {
		fmt.Printf("job %d from %s to %s\n", stop.Job, clock(stop.Start), clock(stop.End))
	}

	_, refused = live.Insert(1, scheduler.Among{Shifts: []int{}})
	fmt.Println(refused)
	// Output:
	// shift 0, position 0, costs 1000 more
	// job 2 from 08:40 to 09:40
	// job 0 from 10:00 to 11:00
	// job 1: there is no shift to put it in
}

func ExampleLive_Remove() {
	problem := must(scheduler.NewProblem(town()))
	live := must(scheduler.NewLive(problem, nil))
	live.Insert(1, scheduler.Among{})
	saved, err := live.Remove(1)
	fmt.Println(saved, err)
	_, err = live.Remove(1)
	fmt.Println(err)
	// Output:
	// 1000 <nil>
	// remove job 1: no route serves it
}

// Verify trusts nobody: a plan that was tampered with is found out.
func ExampleVerify() {
	problem := must(scheduler.NewProblem(town()))
	live := must(scheduler.NewLive(problem, nil))
	live.Insert(0, scheduler.Among{})
	live.Insert(1, scheduler.Among{})
	live.Insert(2, scheduler.Among{})
	plan := live.Plan()
	report := scheduler.Verify(problem.Model(), plan)
	fmt.Println("violations:", len(report.Violations), "cost:", report.Cost.Total)

	plan.Routes[0].Stops[0].Start -= 2 * hour
	fmt.Println(scheduler.Verify(problem.Model(), plan).Violations[0])
	// Output:
	// violations: 0 cost: 3000
	// shift 0, job 2: plan: begins at 24000, before arriving at 31200
}

func ExampleNewProblem() {
	m := town()
	m.Jobs[0].Location = 99
	m.Shifts[1].To = 0
	_, err := scheduler.NewProblem(m)
	fmt.Println(err)
	// Output:
	// 2 faults: shift 1: ends at 0, before it begins at 28800; job 0: location is 99; want a location from 0 to 5
}

// Why is a job not served, and what would let it in?
func ExampleLive_Explain() {
	m := town()
	m.Jobs[2].Windows = []scheduler.Window{{From: 6 * hour, To: 8 * hour}}
	live := must(scheduler.NewLive(must(scheduler.NewProblem(m)), nil))
	live.Insert(0, scheduler.Among{})
	fmt.Println(must(live.Explain(0)))
	fmt.Println(must(live.Explain(2)))
	// Output:
	// job 0 is served by shift 0 and costs 1000
	// job 2 is not served; 0 shifts could take it, others refuse by rule: skill 1, window 1; shift 0 could take it if its window were 2400 s longer
}

// Solve stops after a number of iterations, or when the caller's progress says
// that its budget is spent.
func ExampleSolve() {
	problem := must(scheduler.NewProblem(town()))
	plan, stats, err := scheduler.Solve(context.Background(), problem, scheduler.Options{Seed: 1, Iterations: 1000})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("cost", plan.Cost.Total, "unassigned", plan.Unassigned, "threads", stats.Threads)
	for _, r := range plan.Routes {
		for _, stop := range r.Stops {
			fmt.Printf("shift %d: job %d at %s\n", r.Shift, stop.Job, clock(stop.Start))
		}
	}
	// Output:
	// cost 3000 unassigned [] threads 1
	// shift 0: job 2 at 08:40
	// shift 0: job 0 at 10:00
	// shift 1: job 1 at 08:20
}
