package planning_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/planning"
)

func (o office) readiness(day int) map[dispatch.WorkOrderID]planning.ReadyOrNot {
	o.t.Helper()
	got, err := o.GetReadiness(o.t.Context(), o.Call(dispatch.RoleDispatcher, "GetReadiness"), o.Area.ID, o.day(day))
	if err != nil {
		o.t.Fatal(err)
	}
	out := map[dispatch.WorkOrderID]planning.ReadyOrNot{}
	for _, v := range got.Visits {
		out[v.WorkOrder] = v
	}
	return out
}

// TestReadinessGoesThroughTheDay: the second visit that needs the same part finds it
// gone, and learns where there are some; what is done takes nothing any more.
func TestReadinessGoesThroughTheDay(t *testing.T) {
	t.Parallel()
	o := open(t)
	const tube, fuse = dispatch.PartID("tube"), dispatch.PartID("fuse")
	van := func(i int) dispatch.StockPlace { return dispatch.StockPlace{Technician: o.Technicians[i].ID} }
	yard := dispatch.StockPlace{Warehouse: "yard"}
	o.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		for _, step := range []func() error{
			func() error { return tx.CreatePart(ctx, dispatch.Part{ID: tube, DisplayName: "Tube"}) },
			func() error { return tx.CreatePart(ctx, dispatch.Part{ID: fuse, DisplayName: "Fuse"}) },
			func() error { return tx.CreateWarehouse(ctx, dispatch.Warehouse{ID: "yard", DisplayName: "Yard"}) },
			func() error {
				s, err := tx.GetService(ctx, o.Service.ID)
				s.Parts = []dispatch.PartQuantity{{Part: fuse, Quantity: 1}, {Part: tube, Quantity: 2}}
				if err == nil {
					err = tx.SaveService(ctx, s)
				}
				return err
			},
			func() error { return tx.AddStock(ctx, van(0), tube, 3) },
			func() error { return tx.AddStock(ctx, van(0), fuse, 9) },
			func() error { return tx.AddStock(ctx, van(1), tube, 1) },
			func() error { return tx.AddStock(ctx, van(2), tube, -4) },
			func() error { return tx.AddStock(ctx, yard, tube, 40) },
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
	first, second, boiler := o.order(o.Service.ID, 3, 0, 0), o.order(o.Service.ID, 3, 1, 0), o.order(o.Boiler.ID, 3, 0, 1)
	o.assign(second, 0, o.At(0, 13, 0))
	o.assign(first, 0, o.At(0, 8, 30))
	o.assign(boiler, 0, o.At(0, 10, 0))
	got := o.readiness(0)
	if len(got) != 3 || !got[first.ID].Ready() || !got[boiler.ID].Ready() {
		t.Errorf("the first visit and the one without parts: %+v, %+v; want both ready", got[first.ID].Parts, got[boiler.ID].Parts)
	}
	want := []planning.MissingPart{{Part: tube, Needed: 2, OnVan: 1, Sources: []dispatch.Stock{
		{Place: yard, Part: tube, Quantity: 40}, {Place: van(1), Part: tube, Quantity: 1},
	}}}
	if diff := cmp.Diff(want, got[second.ID].Parts); diff != "" {
		t.Errorf("the second visit lacks (-want +got):\n%s", diff)
	}
	third := o.order(o.Service.ID, 3, 1, 1)
	o.assign(third, 2, o.At(0, 9, 0))
	if lacks := o.readiness(0)[third.ID].Parts; len(lacks) != 2 || lacks[1].OnVan != 0 {
		t.Errorf("on a van that was counted below zero there are %+v, want none", lacks)
	}
	o.works(first, o.At(0, 8, 30), o.At(0, 9, 0))
	if got := o.readiness(0); len(got) != 3 || !got[second.ID].Ready() {
		t.Errorf("once the first is under way %d visits are checked, the second lacks %+v", len(got), got[second.ID].Parts)
	}
	if got := o.readiness(1); len(got) != 0 {
		t.Errorf("%d visits of another day", len(got))
	}
}

// TestACertificateThatEndsBeforeTheDayIsMissing.
func TestACertificateThatEndsBeforeTheDayIsMissing(t *testing.T) {
	t.Parallel()
	o := open(t)
	boiler := o.order(o.Boiler.ID, 3, 0, 0)
	o.assign(boiler, 0, o.At(2, 10, 0))
	for _, tc := range []struct {
		until int
		want  []dispatch.SkillID
	}{{3, nil}, {2, nil}, {1, []dispatch.SkillID{"gas"}}} {
		o.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
			found, err := tx.GetTechnicians(ctx, []dispatch.TechnicianID{o.Technicians[0].ID})
			if err != nil {
				return err
			}
			for i := range found[0].Skills {
				if found[0].Skills[i].Skill == "gas" {
					found[0].Skills[i].ValidUntil = o.day(tc.until)
				}
			}
			return tx.SaveTechnician(ctx, found[0])
		})
		if diff := cmp.Diff(tc.want, o.readiness(2)[boiler.ID].Skills); diff != "" {
			t.Errorf("valid until day %d, the visit on day 2 lacks (-want +got):\n%s", tc.until, diff)
		}
	}
}
