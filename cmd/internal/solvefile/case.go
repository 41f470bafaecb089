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
