package solvefile

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/firstfix/firstfix/scheduler"
)

// TRSP reads the technician routing and scheduling instances of Pillac, Guéret
// and Medaglia (2013) with homes, skills and time windows. Tools and spare parts
// are dropped, because fetching them at the depot is a stop of its own that only
// some requests need; costs are therefore not comparable with the published
// ones. Arcs are Euclidean and truncated to one decimal, in tenths.
func TRSP(r io.Reader) (*Case, error) {
	scanner := bufio.NewScanner(r)
	c := &Case{}
	crew, rows := -1, 0
	for line := 1; scanner.Scan(); line++ {
		text := strings.TrimSpace(scanner.Text())
		fields := strings.Fields(text)
		switch {
		case line == 1:
			c.Name = text
		case len(fields) == 0 || !digits(fields[0]):
		case crew < 0:
			numbers, err := integers(line, fields, 4, "crew, skills, tools, spare parts")
			if err != nil {
				return nil, err
			}
			crew = int(numbers[0])
		default:
			row, skills, err := trspRow(line, text)
			if err != nil {
				return nil, err
			}
			if row[0] != int64(rows) {
				return nil, fault(line, "row %d; want number %d", row[0], rows)
			}
			c.addTRSP(row, skills, rows, crew)
			rows++
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, err
	}
	if crew < 1 || rows <= crew {
		return nil, &Error{Where: "end of file", What: fmt.Sprintf("crew of %d and %d rows; want a depot, the crew and requests", crew, rows)}
	}
	arcs := make([]int32, rows*rows)
	for i, a := range c.Points {
		for j, b := range c.Points {
			arcs[i*rows+j] = int32(math.Hypot(a.X-b.X, a.Y-b.Y) * Deci)
		}
	}
	c.Model.Travel = []scheduler.Travel{scheduler.Matrix(rows, arcs, arcs)}
	return c, nil
}

func (c *Case) addTRSP(row []int64, skills []int, at, crew int) {
	c.Points = append(c.Points, scheduler.Point{X: float64(row[1]), Y: float64(row[2])})
	switch {
	case at == 0: // the depot holds tools and parts only
	case at <= crew:
		t := scheduler.Technician{PerKilometre: 1000}
		for _, s := range skills {
			t.Skills = append(t.Skills, scheduler.Skill{Skill: s, Level: 1})
		}
		c.Model.Technicians = append(c.Model.Technicians, t)
		c.Model.Shifts = append(c.Model.Shifts, scheduler.Shift{
			Technician: at - 1, Begin: at, End: at, From: row[3] * Deci, To: row[4] * Deci,
		})
		c.ShiftNames = append(c.ShiftNames, strconv.Itoa(at))
	default:
		j := scheduler.Job{Location: at, Service: row[5] * Deci, Windows: []scheduler.Window{{From: row[3] * Deci, To: row[4] * Deci}}}
		for _, s := range skills {
			j.Skills = append(j.Skills, scheduler.SkillNeed{Skill: s, Level: 1})
		}
		c.Model.Jobs = append(c.Model.Jobs, j)
		c.JobNames = append(c.JobNames, strconv.Itoa(at))
	}
}

// trspRow reads "id x y from to service [skills] [tools] [parts]".
func trspRow(line int, text string) (numbers []int64, skills []int, err error) {
	head, lists, ok := strings.Cut(text, "[")
	list, _, closed := strings.Cut(lists, "]")
	if !ok || !closed {
		return nil, nil, fault(line, "no list of skills; want id, x, y, from, to, service, [skills], [tools], [parts]")
	}
	numbers, err = integers(line, strings.Fields(head), 6, "id, x, y, from, to, service")
	if err != nil {
		return nil, nil, err
	}
	for _, f := range strings.Split(list, ",") {
		if f = strings.TrimSpace(f); f == "" {
			continue
		}
		s, err := strconv.Atoi(f)
		if err != nil {
			return nil, nil, fault(line, "skill %q is no number", f)
		}
		skills = append(skills, s)
	}
	return numbers, skills, nil
}

func digits(s string) bool { return s[0] >= '0' && s[0] <= '9' }
