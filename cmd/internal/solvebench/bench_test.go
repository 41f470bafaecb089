package solvebench

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// committed are the instances made by LookAlike that lie beside this file.
var committed = []struct {
	kind      string
	customers int
	seed      uint64
}{{"r", 100, 1}, {"c", 100, 2}, {"rc", 100, 3}, {"rc", 200, 4}}

// TestInstancesAreGenerated holds the committed instances to their generator,
// and solves one.
func TestInstancesAreGenerated(t *testing.T) {
	for _, c := range committed {
		text := LookAlike(c.kind, c.customers, c.seed)
		path := filepath.Join("instances", nameOf(c.kind, c.customers, c.seed))
		if os.Getenv("UPDATE_INSTANCES") != "" {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != text {
			t.Errorf("%s differs from what the generator makes; run with UPDATE_INSTANCES=1", path)
		}
	}
	r, err := Solve(context.Background(), filepath.Join("instances", "r-100-1.txt"), Budget{Seconds: 0.2, Threads: 1}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if r.Unassigned != 0 || r.Distance <= 0 {
		t.Errorf("solved with %d unassigned and distance %v; want every customer served", r.Unassigned, r.Distance)
	}
}

// TestRepairMovesFew lets a technician fall out of a small day.
func TestRepairMovesFew(t *testing.T) {
	r, err := RunRepair(80, 15, 0.5, 0.3, 1)
	if err != nil {
		t.Fatal(err)
	}
	if r.Lost == 0 {
		t.Fatal("the technician had nothing left to do at noon; the case says nothing")
	}
	if r.Moved > 10 {
		t.Errorf("%d other jobs moved; want at most 10", r.Moved)
	}
}
