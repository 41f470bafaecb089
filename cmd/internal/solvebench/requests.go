package solvebench

import (
	"encoding/csv"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"

	"github.com/firstfix/firstfix/cmd/internal/solvefile"
	"github.com/firstfix/firstfix/scheduler"
)

// requestSkills is how many groups of trades RequestDay tells apart.
const requestSkills = 6

// RequestDay makes a planning problem of one day of a file of service requests
// with the columns id, created_at, type, latitude and longitude. The requests
// are real; technicians, durations, skills, prices and travel are generated:
// technicians from eight to six with lunch and an hour of overtime, straight
// lines driven at 8 metres a second, twenty minutes to an hour per job, prices
// in cents. A job left out costs more the more urgent its trade.
func RequestDay(path, day string, technicians int, seed uint64) (*solvefile.Case, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows := csv.NewReader(f)
	head, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	column := map[string]int{}
	for i, name := range head {
		column[name] = i
	}
	for _, name := range []string{"id", "created_at", "type", "latitude", "longitude"} {
		if _, ok := column[name]; !ok {
			return nil, fmt.Errorf("%s: line 1: no column %s", path, name)
		}
	}
	c := &solvefile.Case{Name: day, Globe: true}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if !strings.HasPrefix(row[column["created_at"]], day) {
			continue
		}
		lon, errLon := strconv.ParseFloat(row[column["longitude"]], 64)
		lat, errLat := strconv.ParseFloat(row[column["latitude"]], 64)
		if errLon != nil || errLat != nil {
			continue // a request without a place cannot be driven to
		}
		c.JobNames = append(c.JobNames, row[column["id"]])
		c.Model.Jobs = append(c.Model.Jobs, requestJob(len(c.Points), row[column["type"]]))
		c.Points = append(c.Points, scheduler.Point{X: lon, Y: lat})
	}
	if len(c.Model.Jobs) == 0 {
		return nil, fmt.Errorf("%s: no request of %s has a place", path, day)
	}
	addCrew(c, technicians, seed)
	return c, nil
}

// requestJob generates from the trade what a request does not say.
func requestJob(location int, trade string) scheduler.Job {
	h := fnv.New32a()
	h.Write([]byte(trade))
	skill := int(h.Sum32() % requestSkills)
	job := scheduler.Job{
		Location: location, Service: int64(1200 + 600*(location%5)), ServiceSpread: 600,
		LeaveOut: 10000, Skills: []scheduler.SkillNeed{{Skill: skill, Level: 1}},
	}
	if strings.Contains(strings.ToLower(trade), "tree") {
		job.LeaveOut = 20000 // a fallen tree blocks a street
	}
	return job
}

func addCrew(c *solvefile.Case, technicians int, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 28)) //nolint:gosec // an instance must be the same each time
	requests := len(c.Points)
	for t := range technicians {
		tech := scheduler.Technician{PerHour: 3000, PerKilometre: 40}
		for s := range requestSkills {
			if rng.IntN(2) == 0 || s == t%requestSkills {
				tech.Skills = append(tech.Skills, scheduler.Skill{Skill: s, Level: 1})
			}
		}
		near := c.Points[rng.IntN(requests)]
		c.Points = append(c.Points, scheduler.Point{X: near.X + rng.NormFloat64()*0.02, Y: near.Y + rng.NormFloat64()*0.015})
		home := len(c.Points) - 1
		c.Model.Technicians = append(c.Model.Technicians, tech)
		c.Model.Shifts = append(c.Model.Shifts, scheduler.Shift{
			Technician: t, Begin: home, End: home, From: 8 * 3600, To: 18 * 3600,
			MaxOvertime: 3600, OvertimePerHour: 1500,
			Breaks: []scheduler.Break{{From: 11 * 3600, To: 14 * 3600, Duration: 1800, Unpaid: true}},
		})
		c.ShiftNames = append(c.ShiftNames, fmt.Sprintf("technician %d", t+1))
	}
	c.Model.Travel = []scheduler.Travel{scheduler.GreatCircle(c.Points, 8).WithSpread(200)}
}
