// Package solvefile reads planning problems from files and writes plans back:
// the Solomon text format, Firstfix's own JSON and the VROOM request format. It
// says where a file is wrong and what was expected there. The solve command and
// its benchmark are its callers; the scheduler itself does no input or output.
package solvefile

import (
	"fmt"

	"github.com/firstfix/firstfix/scheduler"
)

// Case is a problem as it was read, with what a model does not hold: names and
// coordinates.
type Case struct {
	Name  string
	Model scheduler.Model
	// Points are the coordinates of the locations, nil if the file has none.
	Points []scheduler.Point
	// Globe is set when points are longitude and latitude.
	Globe bool
	// JobNames and ShiftNames are the file's names; nil means numbers.
	JobNames, ShiftNames []string
}

// Error is a fault in a file.
type Error struct {
	// Where is a line, or a path into the JSON document.
	Where string
	What  string
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Where, e.What) }

// ExitCode makes a wrong file end the command with status 2.
func (e *Error) ExitCode() int { return 2 }

// Job is the file's name of a job.
func (c *Case) Job(j int) string { return name(c.JobNames, j) }

// Shift is the file's name of a shift.
func (c *Case) Shift(v int) string { return name(c.ShiftNames, v) }

func name(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprint(i)
}

// Problem compiles the case, naming the file's faults.
func (c *Case) Problem() (*scheduler.Problem, error) {
	p, err := scheduler.NewProblem(c.Model)
	if err != nil {
		return nil, &Error{Where: "problem", What: err.Error()}
	}
	return p, nil
}

// Reasons says for each unassigned job of a plan why no shift takes it as the
// plan stands.
func Reasons(p *scheduler.Problem, plan *scheduler.Plan) (map[int]string, error) {
	live, err := scheduler.NewLive(p, plan)
	if err != nil {
		return nil, err
	}
	reasons := make(map[int]string, len(plan.Unassigned))
	for _, j := range plan.Unassigned {
		found, refused := live.Quote(j, scheduler.Among{})
		if refused != nil {
			reasons[j] = refused.Why.String()
		} else {
			reasons[j] = fmt.Sprintf("serving it would cost %d more", found.Marginal)
		}
	}
	return reasons, nil
}
