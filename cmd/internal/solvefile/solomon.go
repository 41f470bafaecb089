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

// Deci is how many units of distance and time a Solomon problem counts per unit
// of its file: tenths, because arcs are truncated to one decimal.
const Deci = 10

type solomonRow struct {
	line                              int
	x, y, demand, ready, due, service int64
}

// Solomon reads the text format of Solomon and of Gehring and Homberger under
// the distance-only convention: Euclidean arcs truncated to one decimal, fleet
// as given. Time and distance are in tenths, and a plan costs its distance.
func Solomon(r io.Reader) (*Case, error) {
	name, vehicles, capacity, rows, err := solomonText(r)
	if err != nil {
		return nil, err
	}
	n := len(rows)
	points := make([]scheduler.Point, n)
	arcs := make([]int32, n*n)
	for i, a := range rows {
		points[i] = scheduler.Point{X: float64(a.x), Y: float64(a.y)}
		for j, b := range rows {
			arcs[i*n+j] = int32(math.Sqrt(float64((a.x-b.x)*(a.x-b.x)+(a.y-b.y)*(a.y-b.y))) * Deci)
		}
	}
	m := scheduler.Model{
		Travel:      []scheduler.Travel{scheduler.Matrix(n, arcs, arcs)},
		Technicians: []scheduler.Technician{{PerKilometre: 1000}},
	}
	depot := rows[0]
	for range vehicles {
		m.Shifts = append(m.Shifts, scheduler.Shift{
			Begin: 0, End: 0, From: depot.ready * Deci, To: depot.due * Deci, Stock: []int64{capacity},
		})
	}
	for i, row := range rows[1:] {
		m.Jobs = append(m.Jobs, scheduler.Job{
			Location: i + 1, Service: row.service * Deci, Parts: []int64{row.demand},
			Windows: []scheduler.Window{{From: row.ready * Deci, To: row.due * Deci}},
		})
	}
	return &Case{Name: name, Model: m, Points: points}, nil
}

func solomonText(r io.Reader) (name string, vehicles int, capacity int64, rows []solomonRow, err error) {
	scanner := bufio.NewScanner(r)
	stage := 0
	for line := 1; scanner.Scan(); line++ {
		text := strings.TrimSpace(scanner.Text())
		if line == 1 {
			name = text
		}
		fields := strings.Fields(text)
		if len(fields) == 0 || line == 1 {
			continue
		}
		switch strings.ToUpper(fields[0]) {
		case "VEHICLE", "NUMBER":
			stage = 1
			continue
		case "CUSTOMER", "CUST":
			if stage != 2 && stage != 3 {
				return "", 0, 0, nil, fault(line, "customers before vehicles; want a VEHICLE section with number and capacity first")
			}
			stage = 3
			continue
		}
		switch stage {
		case 1:
			numbers, err := integers(line, fields, 2, "number of vehicles and capacity")
			if err != nil {
				return "", 0, 0, nil, err
			}
			if numbers[0] < 1 || numbers[0] > 100_000 {
				return "", 0, 0, nil, fault(line, "%d vehicles; want 1 to 100000", numbers[0])
			}
			vehicles, capacity, stage = int(numbers[0]), numbers[1], 2
		case 3:
			numbers, err := integers(line, fields, 7, "id, x, y, demand, ready, due, service")
			if err != nil {
				return "", 0, 0, nil, err
			}
			row := solomonRow{line, numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6]}
			if numbers[0] != int64(len(rows)) {
				return "", 0, 0, nil, fault(line, "customer %d; want number %d", numbers[0], len(rows))
			}
			if row.due < row.ready {
				return "", 0, 0, nil, fault(line, "due %d is before ready %d", row.due, row.ready)
			}
			rows = append(rows, row)
		default:
			return "", 0, 0, nil, fault(line, "%q is neither VEHICLE nor CUSTOMER; want the Solomon text format", text)
		}
	}
	if err := scanner.Err(); err != nil {
		return "", 0, 0, nil, err
	}
	if len(rows) < 1 {
		return "", 0, 0, nil, &Error{Where: "end of file", What: "no customers; want the depot as customer 0 and the customers after it"}
	}
	return name, vehicles, capacity, rows, nil
}

func fault(line int, format string, args ...any) *Error {
	return &Error{Where: fmt.Sprintf("line %d", line), What: fmt.Sprintf(format, args...)}
}

func integers(line int, fields []string, n int, what string) ([]int64, error) {
	if len(fields) != n {
		return nil, fault(line, "%d numbers; want %d: %s", len(fields), n, what)
	}
	out := make([]int64, n)
	for i, f := range fields {
		x, err := strconv.ParseFloat(f, 64)
		if err != nil || x != math.Trunc(x) || math.Abs(x) > 1e8 {
			return nil, fault(line, "%q is not a whole number; want %s", f, what)
		}
		out[i] = int64(x)
	}
	return out, nil
}
