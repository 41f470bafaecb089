package postgres

import (
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

const referralColumns = `r.id, r.visit_id, r.work_order_id, r.site_id, r.customer_id, r.technician_id, r.need, r.suggestion,
	r.service_id, r.urgency, r.consent_channel, r.estimate_minor, r.currency, r.state, r.state_reason, r.duplicate_of,
	r.owner, r.accept_due_at, r.escalation, r.value_minor, r.logged_at, r.accepted_at, r.contacted_at, r.closed_at,
	r.version`

func scanReferral(row pgx.CollectableRow) (dispatch.Referral, error) {
	var r dispatch.Referral
	var service, currency *string
	var estimate, value *int64
	var duplicate *uuid.UUID
	var due, accepted, contacted, closed *time.Time
	err := row.Scan(&r.ID, &r.Visit, &r.WorkOrder, &r.Site, &r.Customer, &r.Technician, &r.Need, &r.Suggestion,
		&service, &r.Urgency, &r.ConsentChannel, &estimate, &currency, &r.State, &r.StateReason, &duplicate,
		&r.Owner, &due, &r.Escalation, &value, &r.LoggedAt, &accepted, &contacted, &closed,
		&r.Version)
	if service != nil {
		r.Service = dispatch.ServiceID(*service)
	}
	r.DuplicateOf.UUID = uuidOrZero(duplicate)
	r.Estimate, r.Value = moneyOrNone(estimate, currency), moneyOrNone(value, currency)
	r.AcceptDueAt, r.AcceptedAt = timeOrZero(due), timeOrZero(accepted)
	r.ContactedAt, r.ClosedAt = timeOrZero(contacted), timeOrZero(closed)
	return r, err
}

// moneyOrNone is an amount whose columns may be null.
func moneyOrNone(minor *int64, currency *string) *dispatch.Money {
	if minor == nil || currency == nil {
		return nil
	}
	return &dispatch.Money{Minor: *minor, Currency: *currency}
}
