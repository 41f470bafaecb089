// Command benchsolver measures the scheduler and prints tables in Markdown. With
// no directory of instances it takes the generated ones that are committed; make
// bench-solver runs it.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"

	"github.com/firstfix/firstfix/cmd/internal/cputime"
	"github.com/firstfix/firstfix/cmd/internal/planfile"
	"github.com/firstfix/firstfix/cmd/internal/solvebench"
	"github.com/firstfix/firstfix/cmd/internal/solvefile"
	"github.com/firstfix/firstfix/scheduler"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "benchsolver:", err)
		os.Exit(1)
	}
}

type settings struct {
	instances string
	only      string
	budget    solvebench.Budget
	seeds     int
	repair    bool
	city      string
	requests  string
	day       string
	svg       string
	profile   string
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var s settings
	f := flag.NewFlagSet("benchsolver", flag.ContinueOnError)
	f.StringVar(&s.instances, "instances", "cmd/internal/solvebench/instances", "directory with solomon, homberger and trsp in it, or instances")
	f.StringVar(&s.only, "only", "", "instances by name, separated by commas; none means all")
	f.Float64Var(&s.budget.Seconds, "time", 10, "CPU seconds per run")
	f.IntVar(&s.budget.Threads, "threads", 1, "threads per run")
	f.IntVar(&s.seeds, "seeds", 1, "seeds per instance")
	f.BoolVar(&s.repair, "repair", false, "measure repairs instead: a technician of 60 falls out at noon of 500 jobs")
	f.StringVar(&s.city, "city", "", "solve a generated city instead, as JOBSxTECHNICIANSxDAYS")
	f.StringVar(&s.requests, "requests", "", "plan a day of a CSV file of service requests instead, with 60 generated technicians")
	f.StringVar(&s.day, "day", "2011-08-28", "the day of the requests")
	f.StringVar(&s.svg, "svg", "", "draw the plan of that day")
	f.StringVar(&s.profile, "cpuprofile", "", "write a CPU profile")
	if err := f.Parse(args); err != nil {
		return err
	}
	if s.profile != "" {
		w, err := os.Create(s.profile)
		if err != nil {
			return err
		}
		defer w.Close()
		if err := pprof.StartCPUProfile(w); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	switch {
	case s.repair:
		return repairs(out, s.seeds)
	case s.requests != "":
		return requestDay(ctx, out, s)
	case s.city != "":
		var jobs, technicians, days int
		if _, err := fmt.Sscanf(s.city, "%dx%dx%d", &jobs, &technicians, &days); err != nil {
			return fmt.Errorf("city is %q; want JOBSxTECHNICIANSxDAYS", s.city)
		}
		return city(ctx, out, jobs, technicians, days, s.budget)
	default:
		return table(ctx, out, s)
	}
}

// table runs every instance with every seed.
func table(ctx context.Context, out io.Writer, s settings) error {
	paths, best, err := find(s.instances, s.only)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "| instance | seed | distance | best known | gap % | vehicles | unassigned | CPU s | iterations |\n|---|---|---|---|---|---|---|---|---|")
	sum, n := 0.0, 0
	for _, path := range paths {
		for seed := 1; seed <= s.seeds && ctx.Err() == nil; seed++ {
			r, err := solvebench.Solve(ctx, path, s.budget, uint64(seed))
			if err != nil {
				return err
			}
			known, gap := "–", "–"
			if b, ok := best[r.Instance]; ok {
				g := (r.Distance/b - 1) * 100
				known, gap = fmt.Sprintf("%.1f", b), fmt.Sprintf("%.3f", g)
				sum += g
				n++
			}
			fmt.Fprintf(out, "| %s | %d | %.1f | %s | %s | %d | %d | %.1f | %d |\n",
				r.Instance, r.Seed, r.Distance, known, gap, r.Vehicles, r.Unassigned, r.Seconds, r.Iterations)
		}
	}
	if n > 0 {
		fmt.Fprintf(out, "\nMean gap over %d runs: %.3f %%\n", n, sum/float64(n))
	}
	return ctx.Err()
}

// find lists instance files and the best known costs beside them.
func find(dir, only string) (paths []string, best map[string]float64, err error) {
	wanted := map[string]bool{}
	for _, name := range strings.Split(only, ",") {
		if name != "" {
			wanted[strings.ToUpper(name)] = true
		}
	}
	err = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() && filepath.Ext(path) == ".txt" && (len(wanted) == 0 || wanted[solvebench.Name(path)]) {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if len(paths) == 0 {
		return nil, nil, fmt.Errorf("no instance in %s matches %q", dir, only)
	}
	best = map[string]float64{}
	f, err := os.Open(filepath.Join(dir, "best-known.csv"))
	if os.IsNotExist(err) {
		return paths, best, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, cost, _ := strings.Cut(lines.Text(), ",")
		if x, err := strconv.ParseFloat(cost, 64); err == nil {
			best[strings.ToUpper(name)] = x
		}
	}
	return paths, best, nil
}

func repairs(out io.Writer, seeds int) error {
	fmt.Fprintln(out, "| jobs | technicians | seed | lost | others moved | unassigned before | after | CPU s |\n|---|---|---|---|---|---|---|---|")
	for seed := 1; seed <= seeds; seed++ {
		r, err := solvebench.RunRepair(500, 60, 10, 2, uint64(seed))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "| %d | %d | %d | %d | %d | %d | %d | %.2f |\n",
			r.Jobs, r.Technicians, seed, r.Lost, r.Moved, r.Unassigned, r.UnassignedAfter, r.Seconds)
	}
	return nil
}

func city(ctx context.Context, out io.Writer, jobs, technicians, days int, budget solvebench.Budget) error {
	r, err := solvebench.RunCity(ctx, jobs, technicians, days, budget)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d jobs, %d technicians, %d days: first plan after %.1f CPU s costs %d with %d unassigned; after %.1f CPU s %d with %d unassigned, verified; %.2f GiB\n",
		jobs, technicians, days, r.FirstSeconds, r.FirstCost, r.FirstUnassigned, r.Seconds, r.Cost, r.Unassigned, r.GiB)
	return nil
}

// requestDay plans real requests and draws the plan.
func requestDay(ctx context.Context, out io.Writer, s settings) error {
	c, err := solvebench.RequestDay(s.requests, s.day, 60, 1)
	if err != nil {
		return err
	}
	p, err := c.Problem()
	if err != nil {
		return err
	}
	start := cputime.Seconds()
	plan, _, err := scheduler.Solve(ctx, p, scheduler.Options{
		Seed: 1, Threads: s.budget.Threads,
		Progress: func(scheduler.Progress) float64 { return (cputime.Seconds() - start) / s.budget.Seconds },
	})
	if err != nil {
		return err
	}
	if report := scheduler.Verify(c.Model, plan); len(report.Violations) > 0 {
		return fmt.Errorf("the plan is wrong: %v", report.Violations[0])
	}
	reasons, err := solvefile.Reasons(p, plan)
	if err != nil {
		return err
	}
	d := planfile.Drawing{Case: c, Plan: plan, Reasons: reasons}
	for _, line := range d.Caption() {
		fmt.Fprintln(out, line)
	}
	fmt.Fprintf(out, "%+v, %.1f CPU s, verified\n", plan.Cost, cputime.Seconds()-start)
	if s.svg == "" {
		return nil
	}
	f, err := os.Create(s.svg)
	if err != nil {
		return err
	}
	if err := d.SVG(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
