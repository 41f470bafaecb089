package company

import (
	"context"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

func (c *Company) tenant(ctx context.Context, tx dispatch.Tx) error {
	return tx.CreateTenant(ctx, c.Tenant)
}

func (c *Company) places(ctx context.Context, tx dispatch.Tx) error {
	everyDay := []int{1, 2, 3, 4, 5, 6, 7}
	c.Area = dispatch.PlanningArea{
		ID: "center", DisplayName: "Center", TimeZone: c.Tenant.TimeZone,
		Windows: []dispatch.WindowRule{
			{Weekdays: everyDay, Start: dispatch.Clock(8, 0), End: dispatch.Clock(10, 0)},
			{Weekdays: everyDay, Start: dispatch.Clock(10, 0), End: dispatch.Clock(12, 0)},
			{Weekdays: everyDay, Start: dispatch.Clock(13, 0), End: dispatch.Clock(15, 0)},
		},
		LeadTime: time.Hour, HorizonDays: 14, ChangeCutoff: 4 * time.Hour, HoldTime: 10 * time.Minute,
		PlanAt: dispatch.Clock(18, 0), WaitlistOrder: dispatch.WaitlistByTime, AnswerTime: 30 * time.Minute, Version: 1,
	}
	if err := tx.CreatePlanningArea(ctx, c.Area); err != nil {
		return err
	}
	west, south, east, north := -71.09, 42.32, -71.03, 42.38
	c.Territory = dispatch.Territory{
		ID: "square", PlanningArea: c.Area.ID, DisplayName: "Square", TimeZone: c.Tenant.TimeZone,
		Boundary: []dispatch.Polygon{{{
			{Longitude: west, Latitude: south},
			{Longitude: east, Latitude: south},
			{Longitude: east, Latitude: north},
			{Longitude: west, Latitude: north},
			{Longitude: west, Latitude: south},
		}}},
		Version: 1,
	}
	return tx.CreateTerritory(ctx, c.Territory)
}

func (c *Company) catalogue(ctx context.Context, tx dispatch.Tx) error {
	for _, s := range []dispatch.Skill{{ID: "electric", DisplayName: "Electric"}, {ID: "gas", DisplayName: "Gas"}} {
		if err := tx.CreateSkill(ctx, s); err != nil {
			return err
		}
	}
	c.Service = dispatch.Service{
		ID: "lamp", DisplayName: "Lamp repair", Duration: time.Hour, Spread: 15 * time.Minute,
		Skills: []dispatch.SkillLevel{{Skill: "electric", Level: 2}}, FixWindowDays: 30, Corrective: true, Version: 1,
	}
	c.Boiler = dispatch.Service{
		ID: "boiler", DisplayName: "Boiler service", Duration: 90 * time.Minute, Spread: 20 * time.Minute,
		Skills: []dispatch.SkillLevel{{Skill: "gas", Level: 3}}, FixWindowDays: 30, Corrective: true, Version: 1,
	}
	for _, s := range []dispatch.Service{c.Service, c.Boiler} {
		if err := tx.CreateService(ctx, s); err != nil {
			return err
		}
	}
	c.Tier = dispatch.Tier{
		Service: c.Service.ID, ID: "standard", DisplayName: "Standard",
		Price: dispatch.Money{Minor: 4900, Currency: "USD"}, Version: 1,
	}
	c.BoilerTier = c.Tier
	c.BoilerTier.Service = c.Boiler.ID
	for _, t := range []dispatch.Tier{c.Tier, c.BoilerTier} {
		if err := tx.CreateTier(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

func (c *Company) people(ctx context.Context, tx dispatch.Tx) error {
	for i, name := range []string{"Ada Quill", "Ben Rowe", "Cleo Stern"} {
		technician := dispatch.Technician{
			ID: dispatch.TechnicianID{}.New(), DisplayName: name, PlanningArea: c.Area.ID, Active: true, Version: 1,
			Home:   dispatch.Point{Longitude: c.Center.Longitude + 0.01*float64(i-1), Latitude: c.Center.Latitude},
			Skills: []dispatch.SkillLevel{{Skill: "electric", Level: 2 + i}},
		}
		if i == 0 {
			technician.Skills = append(technician.Skills, dispatch.SkillLevel{Skill: "gas", Level: 3})
		}
		if err := tx.CreateTechnician(ctx, technician); err != nil {
			return err
		}
		c.Technicians = append(c.Technicians, technician)
	}
	for day := range Days {
		for _, technician := range c.Technicians {
			c.Shifts = append(c.Shifts, dispatch.Shift{
				ID: dispatch.ShiftID{}.New(), Technician: technician.ID, PlanningArea: c.Area.ID,
				Date:    dispatch.DateOf(Now, c.Zone).AddDays(day),
				Span:    dispatch.Span{Start: c.At(day, 8, 0), End: c.At(day, 16, 0)},
				Breaks:  []dispatch.Span{{Start: c.At(day, 12, 0), End: c.At(day, 12, 30)}},
				Version: 1,
			})
		}
	}
	return tx.CreateShifts(ctx, c.Shifts)
}

func (c *Company) customers(ctx context.Context, tx dispatch.Tx) error {
	c.Customer = dispatch.Customer{
		ID: dispatch.CustomerID{}.New(), DisplayName: "Dora Tamm", Email: "dora@example.org", Phone: "+16175550123",
		MailAllowed: true, TextAllowed: true, Version: 1,
	}
	if err := tx.CreateCustomer(ctx, c.Customer); err != nil {
		return err
	}
	c.Site = dispatch.Site{
		ID: dispatch.SiteID{}.New(), Address: "1 Center Sq", PostalCode: "02100", Location: c.Center,
		TimeZone: c.Tenant.TimeZone, Territory: c.Territory.ID, AccessNotes: "ring twice", Version: 1,
	}
	if err := tx.CreateSite(ctx, c.Site); err != nil {
		return err
	}
	c.Asset = dispatch.Asset{ID: dispatch.AssetID{}.New(), Site: c.Site.ID, DisplayName: "Lamp at the door", Version: 1}
	return tx.CreateAsset(ctx, c.Asset)
}

func (c *Company) members(ctx context.Context, tx dispatch.Tx) error {
	members := []dispatch.Member{
		{Subject: "administrator", Role: dispatch.RoleAdministrator, DisplayName: "Ari Dunn"},
		{Subject: "dispatcher", Role: dispatch.RoleDispatcher, DisplayName: "Dee Patch"},
		{Subject: "sales", Role: dispatch.RoleSales, DisplayName: "Sal Lee"},
		{Subject: "technician", Role: dispatch.RoleTechnician, DisplayName: "Ada Quill", Technician: c.Technicians[0].ID},
		{Subject: "technician-2", Role: dispatch.RoleTechnician, DisplayName: "Ben Rowe", Technician: c.Technicians[1].ID},
		{Subject: "technician-3", Role: dispatch.RoleTechnician, DisplayName: "Cleo Stern", Technician: c.Technicians[2].ID},
		{Subject: "customer", Role: dispatch.RoleCustomer, DisplayName: "Dora Tamm", Customer: c.Customer.ID},
	}
	for _, m := range members {
		m.Issuer = Issuer
		if _, err := tx.PutMember(ctx, m); err != nil {
			return err
		}
	}
	return nil
}
