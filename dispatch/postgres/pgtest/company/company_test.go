package company_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
)

// What the fixture says of itself is what the database holds.
func TestCompanyIsWhatItSays(t *testing.T) {
	t.Parallel()
	c := company.New(t)
	twin := c.Twin(t)
	same := func(what string, got, want any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	c.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		now, err := tx.Now(ctx)
		if err != nil || !now.Equal(company.Now) {
			t.Errorf("domain time is %s, %v; want %s", now, err, company.Now)
		}
		tenant, err := tx.GetTenant(ctx)
		if err != nil {
			return err
		}
		same("tenant", tenant, c.Tenant)
		area, err := tx.GetPlanningArea(ctx, "center")
		if err != nil {
			return err
		}
		same("planning area", area, c.Area)
		territory, found, err := tx.TerritoryAt(ctx, c.Center)
		if err != nil || !found {
			t.Errorf("territory at the center: found %v, %v", found, err)
		}
		same("territory", territory, c.Territory)
		service, err := tx.GetService(ctx, c.Boiler.ID)
		if err != nil {
			return err
		}
		same("service", service, c.Boiler)
		technicians, _, err := tx.PageTechnicians(ctx, dispatch.TechnicianFilter{}, dispatch.Page{Size: 100})
		if err != nil {
			return err
		}
		same("technicians", technicians, c.Technicians)
		shift, err := tx.GetShift(ctx, c.Shifts[4].ID)
		if err != nil {
			return err
		}
		if !shift.Span.Start.Equal(c.At(1, 8, 0)) || len(shift.Breaks) != 1 || shift.Date != c.Shifts[4].Date {
			t.Errorf("shift is %+v, want %+v", shift, c.Shifts[4])
		}
		customers, _, err := tx.SearchCustomers(ctx, "tam dora@", dispatch.Page{Size: 10})
		if err != nil {
			return err
		}
		same("customers", customers, []dispatch.Customer{c.Customer})
		if _, err := tx.GetCustomer(ctx, twin.Customer.ID); dispatch.ReasonOf(err) != dispatch.ReasonResourceNotFound {
			t.Errorf("the twin's customer: %v", err)
		}
		administrators, err := tx.ListMembers(ctx, dispatch.RoleAdministrator)
		if err != nil || len(administrators) != 1 {
			t.Errorf("administrators %v, %v", administrators, err)
		}
		return nil
	})
}
