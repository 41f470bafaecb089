package booking

import (
	"context"

	"github.com/firstfix/firstfix/dispatch"
)

// Requirements says which details a booking of a service needs.
type Requirements struct {
	Service dispatch.Service
	Tiers   []dispatch.Tier
	Fields  []FieldRequirement
}

// FieldRequirement is whether one field of ConfirmHoldRequest is needed.
type FieldRequirement struct {
	Field string
	Need  Need
	Why   string // a sentence for the customer
}

// Need is how much a field is needed.
type Need string

// The needs. Of the fields that are NeedOneOf, one must be given.
const (
	NeedRequired Need = "REQUIRED"
	NeedOneOf    Need = "ONE_OF"
	NeedOptional Need = "OPTIONAL"
)

// GetBookingRequirements reads a service with its tiers and the details that a
// booking of it needs.
func (b *Booking) GetBookingRequirements(ctx context.Context, call dispatch.Call, id dispatch.ServiceID) (Requirements, error) {
	var out Requirements
	err := b.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		var err error
		if out.Service, err = bookableService(ctx, tx, id); err != nil {
			return err
		}
		out.Tiers, err = tx.ListTiers(ctx, id)
		return err
	})
	out.Fields = fieldsOf(out.Service)
	return out, err
}

// bookableService reads a service that is still sold.
func bookableService(ctx context.Context, tx dispatch.Tx, id dispatch.ServiceID) (dispatch.Service, error) {
	service, err := tx.GetService(ctx, id)
	if err == nil && service.Retired {
		err = dispatch.NotFound(service.Name())
	}
	return service, err
}

func fieldsOf(service dispatch.Service) []FieldRequirement {
	issue := FieldRequirement{"issue", NeedOptional, "Anything that the technician should know before the visit."}
	if service.Corrective {
		issue.Why = "What is wrong, so that the technician brings the right parts and it is fixed on the first visit."
	}
	return []FieldRequirement{
		{"customer_details.display_name", NeedRequired, "Whom the technician asks for."},
		{"customer_details.email", NeedOneOf, "Where the confirmation and its link go."},
		{"customer_details.phone", NeedOneOf, "Where the technician calls when nobody opens."},
		{"address", NeedOptional, "Needed where the search knew only a point on the map."},
		{"access_notes", NeedOptional, "Codes, keys, where to park: a locked door is a second visit."},
		issue,
		{"asset", NeedOptional, "The thing that the work is about, if we know it already."},
		{"notifications", NeedOptional, "How to tell you of changes."},
	}
}
