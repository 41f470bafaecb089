// Package company gives a test a small company in a database of its own: one
// planning area with one square territory in Boston, a catalogue of two
// services, three technicians with a week of shifts, a customer with a site, and
// a member of each role. Domain time stands still until SetTime.
//
// Tests of the use cases and of the transport call it; it writes through the
// store, so that it stays as true as the product.
package company

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest"
)

// Issuer is who issues the tokens of the members; each member's subject is the
// word of the role, and that of the second and third technician "technician-2"
// and "technician-3".
const Issuer = "https://issuer.example.org"

// Now is the domain time at the start: Monday 3 June 2024, 07:00 in Boston, an
// hour before the first shifts.
var Now = time.Date(2024, time.June, 3, 11, 0, 0, 0, time.UTC)

// Days is how many days, from Now's, have shifts.
const Days = 7

// Company is what was written.
type Company struct {
	DB    *pgtest.DB
	Store *postgres.Store
	Zone  *time.Location

	Tenant    dispatch.Tenant
	Area      dispatch.PlanningArea // the only one
	Territory dispatch.Territory    // "square", 5 by 7 km
	Center    dispatch.Point        // of the territory

	Service dispatch.Service // "lamp": every technician can do it
	Tier    dispatch.Tier    // "standard" of "lamp"
	// Boiler needs a skill that only the first technician holds.
	Boiler     dispatch.Service
	BoilerTier dispatch.Tier

	Technicians []dispatch.Technician // Ada, Ben, Cleo
	// Shifts are 08:00 to 16:00 with a break from 12:00 to 12:30, by day, then by
	// technician: those of day d are Shifts[3*d : 3*d+3].
	Shifts []dispatch.Shift

	Customer dispatch.Customer
	Site     dispatch.Site
	Asset    dispatch.Asset
}

// New makes a company in a database of its own.
func New(tb testing.TB) *Company {
	tb.Helper()
	db := pgtest.New(tb)
	db.SetDomainTime(tb, Now)
	store, err := postgres.Open(tb.Context(), db.URL, 8)
	if err != nil {
		tb.Fatalf("open the store: %v", err)
	}
	tb.Cleanup(store.Close)
	return found(tb, db, store, "company")
}

// Twin makes a second company of the same shape in the same database, whose rows
// nobody of the first may see.
func (c *Company) Twin(tb testing.TB) *Company {
	tb.Helper()
	return found(tb, c.DB, c.Store, "twin")
}

// SetTime moves domain time.
func (c *Company) SetTime(tb testing.TB, now time.Time) {
	tb.Helper()
	c.DB.SetDomainTime(tb, now)
}

// At is a wall-clock time of the company's zone, day days after Now's.
func (c *Company) At(day, hour, minute int) time.Time {
	return time.Date(2024, time.June, 3+day, hour, minute, 0, 0, c.Zone)
}

// Principal is the member of a role; the technician is the first one, the
// customer is Customer. A visitor is a new one each time.
func (c *Company) Principal(role dispatch.Role) dispatch.Principal {
	p := dispatch.Principal{Tenant: c.Tenant.ID, Role: role, Subject: "member:" + string(role)}
	switch role {
	case dispatch.RoleTechnician:
		p.Technician = c.Technicians[0].ID
	case dispatch.RoleCustomer:
		p.Customer = c.Customer.ID
	case dispatch.RoleVisitor:
		p.Subject = "visitor:" + uuid.NewString()
	case dispatch.RoleSystem:
		p.Subject = "system:test"
	}
	return p
}

// Call is a new request of the member of a role, with an idempotency key of its
// own. method is the short name, e.g. "CreateHold".
func (c *Company) Call(role dispatch.Role, method string) dispatch.Call {
	id := uuid.New()
	return dispatch.Call{Principal: c.Principal(role), Method: "/firstfix.v1.Test/" + method, RequestID: id, Hash: [32]byte(append(id[:], id[:]...))}
}

// InTx runs fn in a transaction of the company and fails the test if it fails.
func (c *Company) InTx(tb testing.TB, fn func(context.Context, dispatch.Tx) error) {
	tb.Helper()
	if err := c.Store.InTx(tb.Context(), c.Tenant.ID, fn); err != nil {
		tb.Fatal(err)
	}
}

func found(tb testing.TB, db *pgtest.DB, store *postgres.Store, slug string) *Company {
	tb.Helper()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		tb.Fatalf("load the zone: %v", err)
	}
	c := &Company{DB: db, Store: store, Zone: zone, Center: dispatch.Point{Longitude: -71.06, Latitude: 42.35}}
	c.Tenant = dispatch.Tenant{
		ID: dispatch.TenantID{UUID: uuid.Must(uuid.NewV7())}, Slug: slug, DisplayName: "Company " + slug,
		Currency: "USD", TimeZone: "America/New_York", Language: "en",
	}
	c.InTx(tb, func(ctx context.Context, tx dispatch.Tx) error {
		for _, step := range []func(context.Context, dispatch.Tx) error{c.tenant, c.places, c.catalogue, c.people, c.customers, c.members} {
			if err := step(ctx, tx); err != nil {
				return fmt.Errorf("make the company: %w", err)
			}
		}
		return nil
	})
	return c
}
