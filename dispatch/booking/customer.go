package booking

import (
	"context"
	"slices"

	"github.com/firstfix/firstfix/dispatch"
)

// who finds the customer of a booking, or makes one.
func (c *confirmation) who(ctx context.Context, tx dispatch.Tx) error {
	id, err := c.named()
	if err != nil {
		return err
	}
	if !id.IsZero() {
		c.customer, err = tx.GetCustomer(ctx, id)
		return err
	}
	if c.Details == nil {
		return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "customer_details", "it is required: nobody knows yet who books")
	}
	known, err := tx.CustomersAt(ctx, c.Details.Email, c.Details.Phone)
	if err != nil {
		return err
	}
	for _, k := range known {
		// The same address and the same name are one customer. Another name at the
		// same address is somebody else of the household: merging is for people.
		if slices.Equal(dispatch.SearchWords(k.DisplayName), dispatch.SearchWords(c.Details.DisplayName)) {
			c.customer = k // as it is: a stranger who knows an address changes nothing
			return nil
		}
	}
	c.customer = c.newCustomer()
	return tx.CreateCustomer(ctx, c.customer)
}

// named gives the customer whom the request, the caller or the work order names;
// zero if none does.
func (c *confirmation) named() (dispatch.CustomerID, error) {
	p := c.principal
	switch {
	case p.Role == dispatch.RoleCustomer:
		if !c.Customer.IsZero() && c.Customer != p.Customer {
			return dispatch.CustomerID{}, denied()
		}
		return p.Customer, nil
	case !c.Customer.IsZero() && !p.Role.Staff():
		return dispatch.CustomerID{}, denied()
	case !c.Customer.IsZero():
		return c.Customer, nil
	}
	return c.order.Customer, nil
}

func (c *confirmation) newCustomer() dispatch.Customer {
	d := c.Details
	out := dispatch.Customer{
		ID: dispatch.CustomerID{}.New(), DisplayName: d.DisplayName, Email: d.Email, Phone: d.Phone,
		Language: d.Language, MailAllowed: d.Email != "", Version: 1,
	}
	if n := c.Notifications; n != nil {
		out.MailAllowed, out.TextAllowed = n.Mail, n.Text
	}
	return out
}

// where finds the site of a booking, or makes one.
func (c *confirmation) where(ctx context.Context, tx dispatch.Tx) error {
	var err error
	if !c.order.ID.IsZero() {
		c.site, err = tx.GetSite(ctx, c.order.Site)
		return err
	}
	site := dispatch.Site{
		ID: dispatch.SiteID{}.New(), Address: c.hold.Address, PostalCode: c.hold.PostalCode, Location: c.hold.Location,
		TimeZone: c.hold.Window.Zone, AccessNotes: c.AccessNotes, Version: 1,
	}
	if site.Address == "" {
		site.Address = c.Address
	}
	territory, found, err := tx.TerritoryAt(ctx, c.hold.Location)
	if err != nil {
		return err
	}
	if found {
		site.Territory = territory.ID
	}
	c.site, err = tx.PutSite(ctx, site)
	return err
}

// what opens the work order, or schedules the one that the hold is for.
func (c *confirmation) what(ctx context.Context, tx dispatch.Tx) error {
	if err := c.checkAsset(ctx, tx); err != nil {
		return err
	}
	if c.order.ID.IsZero() {
		c.opened = true
		c.order = dispatch.WorkOrder{
			ID: dispatch.WorkOrderID{}.New(), Customer: c.customer.ID, Site: c.site.ID, Asset: c.Asset,
			Service: c.hold.Service, PlanningArea: c.hold.PlanningArea, State: dispatch.WorkOrderScheduled,
			Priority: defaultPriority, Issue: c.Issue, ExternalReference: c.ExternalReference, OpenedAt: c.now, Version: 1,
		}
		return tx.CreateWorkOrder(ctx, c.order)
	}
	// A planner may have scheduled it without asking anybody.
	if c.order.State != dispatch.WorkOrderScheduled {
		if err := dispatch.WorkOrderMachine.Check(c.order.Name(), c.order.State, dispatch.WorkOrderScheduled); err != nil {
			return err
		}
	}
	c.order.State = dispatch.WorkOrderScheduled
	if c.order.Customer.IsZero() {
		c.order.Customer = c.customer.ID
	}
	if c.order.Issue == "" {
		c.order.Issue = c.Issue
	}
	err := tx.SaveWorkOrder(ctx, c.order)
	c.order.Version++
	return err
}

// checkAsset refuses an asset of another site; one that does not exist looks the
// same.
func (c *confirmation) checkAsset(ctx context.Context, tx dispatch.Tx) error {
	if c.Asset.IsZero() {
		return nil
	}
	asset, err := tx.GetAsset(ctx, c.Asset)
	if dispatch.ReasonOf(err) == dispatch.ReasonResourceNotFound || (err == nil && asset.Site != c.site.ID) {
		return dispatch.InvalidField(dispatch.ReasonReferenceNotFound, "asset", "there is no such asset at the site")
	}
	return err
}
