package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/firstfix/firstfix/cmd/internal/cputime"
	"github.com/firstfix/firstfix/cmd/internal/planfile"
	"github.com/firstfix/firstfix/cmd/internal/solvefile"
	"github.com/firstfix/firstfix/scheduler"
)

// solveCommand plans a problem from a file. docs/solver.md describes the formats.
type solveCommand struct {
	Format     string        `enum:"solomon,firstfix,vroom,trsp" default:"firstfix" help:"Format of the file: ${enum}."`
	Time       time.Duration `default:"10s" help:"Budget in CPU time of the process."`
	Iterations int64         `help:"Budget in iterations per thread instead; makes the plan reproducible."`
	Threads    int           `default:"1" help:"Goroutines that search."`
	Seed       uint64        `default:"1" help:"Seed of the search."`
	JSON       bool          `name:"json" help:"Print JSON also on a terminal."`
	Out        string        `placeholder:"PLAN.geojson" help:"Write the routes as GeoJSON."`
	SVG        string        `name:"svg" placeholder:"PLAN.svg" help:"Draw the routes."`
	File       string        `arg:"" type:"existingfile" help:"The problem."`
}

// problem is a file that was read, and how to print a plan for it.
type problem struct {
	*solvefile.Case
	warm   *scheduler.Plan
	answer func(plan *scheduler.Plan, reasons map[int]string, e solvefile.Effort) any
}

// Run solves the file and prints the plan. A wrong file is a solvefile.Error,
// which exits with status 2.
func (c *solveCommand) Run(ctx context.Context, out *streams) error {
	if c.Time <= 0 || c.Threads < 1 || c.Iterations < 0 {
		return fmt.Errorf("time %v, threads %d, iterations %d; want time and threads above zero", c.Time, c.Threads, c.Iterations)
	}
	in, err := c.read()
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	p, err := in.Problem()
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	show := isTerminal(out.Err)
	o := scheduler.Options{Warm: in.warm, Seed: c.Seed, Threads: c.Threads, Iterations: c.Iterations}
	shown := time.Time{}
	o.Progress = func(s scheduler.Progress) float64 {
		used := cputime.Seconds()
		if show && time.Since(shown) > 200*time.Millisecond {
			shown = time.Now()
			fmt.Fprintf(out.Err, "\r%6.1f s  cost %d  unassigned %d  iterations %d ", used, s.Cost, s.Unassigned, s.Iterations)
		}
		if c.Iterations > 0 {
			return 0
		}
		return used / c.Time.Seconds()
	}
	plan, stats, err := scheduler.Solve(ctx, p, o)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	if show {
		fmt.Fprint(out.Err, "\r\033[K")
	}
	effort := solvefile.Effort{Seconds: cputime.Seconds(), Iterations: stats.Iterations, Threads: stats.Threads}
	if report := scheduler.Verify(p.Model(), plan); len(report.Violations) > 0 {
		return fmt.Errorf("%s: the plan found breaks a rule, which is a fault of the solver: %v", c.File, report.Violations[0])
	}
	return c.write(in, p, plan, effort, out.Out)
}

func (c *solveCommand) read() (*problem, error) {
	f, err := os.Open(c.File)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	switch c.Format {
	case "solomon", "trsp":
		read := solvefile.Solomon
		if c.Format == "trsp" {
			read = solvefile.TRSP
		}
		in, err := read(f)
		return &problem{Case: in, answer: func(plan *scheduler.Plan, _ map[int]string, e solvefile.Effort) any {
			return solvefile.SolomonAnswer(plan, e)
		}}, err
	case "vroom":
		in, err := solvefile.ReadVroom(f)
		if err != nil {
			return nil, err
		}
		return &problem{Case: &in.Case, answer: func(plan *scheduler.Plan, reasons map[int]string, e solvefile.Effort) any {
			return in.Answer(plan, reasons, int64(e.Seconds*1000))
		}}, nil
	default:
		in, warm, err := solvefile.Firstfix(f)
		if err != nil {
			return nil, err
		}
		return &problem{Case: in, warm: warm, answer: func(plan *scheduler.Plan, reasons map[int]string, e solvefile.Effort) any {
			return in.Answer(plan, reasons, e)
		}}, nil
	}
}

func (c *solveCommand) write(in *problem, p *scheduler.Problem, plan *scheduler.Plan, e solvefile.Effort, stdout io.Writer) error {
	reasons, err := solvefile.Reasons(p, plan)
	if err != nil {
		return err
	}
	d := planfile.Drawing{Case: in.Case, Plan: plan, Reasons: reasons}
	if c.Out != "" {
		if err := writeFile(c.Out, d.GeoJSON); err != nil {
			return err
		}
	}
	if c.SVG != "" {
		if err := writeFile(c.SVG, d.SVG); err != nil {
			return err
		}
	}
	if c.JSON || !isTerminal(stdout) {
		return json.NewEncoder(stdout).Encode(in.answer(plan, reasons, e))
	}
	for _, line := range d.Caption() {
		fmt.Fprintln(stdout, line)
	}
	_, err = fmt.Fprintf(stdout, "%.2f CPU seconds, %d iterations, %d threads\n", e.Seconds, e.Iterations, e.Threads)
	return err
}

func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
