package referral

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// Noticed is what a technician logs.
type Noticed struct {
	Visit          dispatch.VisitID
	Need           string // what the customer struggles with
	Suggestion     string
	Service        dispatch.ServiceID // catalogue item that might help, "" if none
	Urgency        dispatch.Urgency   // "" = normal
	ConsentChannel dispatch.ConsentChannel
	Estimate       *dispatch.Money
	Photos         []dispatch.PhotoID // that may not have been uploaded yet
}

// Log records what the calling technician noticed during a visit of his, and
// gives it to an owner. Visit, work order, site, customer and technician are
// fixed here. A duplicate of an open referral is linked to it and goes to the
// same owner, so that the customer is asked once.
func (d *Desk) Log(ctx context.Context, call dispatch.Call, in Noticed) (dispatch.Referral, error) {
	if err := in.check(); err != nil {
		return dispatch.Referral{}, err
	}
	technician := call.Principal.Technician
	return dispatch.Once(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Referral, error) {
		r, err := attribute(ctx, tx, technician, in)
		if err != nil {
			return r, err
		}
		if err := checkCatalogue(ctx, tx, in); err != nil {
			return r, err
		}
		if err := checkSelf(ctx, tx, r); err != nil {
			return r, err
		}
		if err := tx.LockReferrer(ctx, technician, r.Customer); err != nil {
			return r, err
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return r, err
		}
		if err := checkFlood(ctx, tx, technician, now); err != nil {
			return r, err
		}
		original, err := duplicateOf(ctx, tx, r, now)
		if err != nil {
			return r, err
		}
		r.DuplicateOf, r.LoggedAt = original.ID, now
		if err := tx.CreateReferral(ctx, r); err != nil {
			return r, err
		}
		if err := record(ctx, tx, "", r, call.Principal.Subject, "", now); err != nil {
			return r, err
		}
		if r, err = route(ctx, tx, r, original, now); err != nil {
			return r, err
		}
		return show(ctx, tx, call.Principal, r)
	})
}

func (in *Noticed) check() error {
	in.Need, in.Suggestion = strings.TrimSpace(in.Need), strings.TrimSpace(in.Suggestion)
	if in.Urgency == "" {
		in.Urgency = dispatch.UrgencyNormal
	}
	switch {
	case in.ConsentChannel == "":
		return dispatch.InvalidField(dispatch.ReasonConsentRequired, "referral.consent_channel",
			"the customer has to agree to be contacted, and say how")
	case in.Need == "":
		return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "referral.need", "it is required")
	case in.Estimate != nil && in.Estimate.Minor < 0:
		return dispatch.InvalidField(dispatch.ReasonMoneyInvalid, "referral.estimate", "it is negative")
	}
	return nil
}

// attribute fixes whose referral it is. Another's visit, one that is not there
// and one of another tenant are refused alike.
func attribute(ctx context.Context, tx dispatch.Tx, technician dispatch.TechnicianID, in Noticed) (dispatch.Referral, error) {
	notHis := dispatch.Refuse(dispatch.ReasonNotAssigned, "", "the visit is not one of yours")
	visit, err := tx.GetVisit(ctx, in.Visit)
	if dispatch.ReasonOf(err) == dispatch.ReasonResourceNotFound {
		return dispatch.Referral{}, notHis
	}
	if err != nil {
		return dispatch.Referral{}, err
	}
	if visit.Technician != technician {
		planned, found, err := tx.CommitmentOfVisit(ctx, visit.ID)
		if err != nil {
			return dispatch.Referral{}, err
		}
		if !found || planned.Technician != technician || technician.IsZero() {
			return dispatch.Referral{}, notHis
		}
	}
	order, err := tx.GetWorkOrder(ctx, visit.WorkOrder)
	if err != nil {
		return dispatch.Referral{}, err
	}
	if order.Customer.IsZero() {
		return dispatch.Referral{}, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "referral.visit",
			"nobody is known as the customer of its work order, so that nobody could agree to be contacted")
	}
	return dispatch.Referral{
		ID: dispatch.ReferralID{}.New(), Visit: visit.ID, WorkOrder: order.ID, Site: order.Site, Customer: order.Customer,
		Technician: technician, Need: in.Need, Suggestion: in.Suggestion, Service: in.Service, Urgency: in.Urgency,
		ConsentChannel: in.ConsentChannel, Estimate: in.Estimate, Photos: in.Photos, State: dispatch.ReferralLogged, Version: 1,
	}, nil
}

func checkCatalogue(ctx context.Context, tx dispatch.Tx, in Noticed) error {
	if in.Service != "" {
		if _, err := tx.GetService(ctx, in.Service); err != nil {
			return err
		}
	}
	return checkCurrency(ctx, tx, "referral.estimate", in.Estimate)
}

// checkCurrency takes amounts in the tenant's currency only: what is added up
// later has to be of one.
func checkCurrency(ctx context.Context, tx dispatch.Tx, field string, amount *dispatch.Money) error {
	if amount == nil {
		return nil
	}
	tenant, err := tx.GetTenant(ctx)
	if err != nil || amount.Currency == tenant.Currency {
		return err
	}
	return dispatch.InvalidField(dispatch.ReasonMoneyInvalid, field, "it is in %s, expected %s", amount.Currency, tenant.Currency)
}

// checkSelf refuses a technician who refers himself: the customer, or who speaks
// for him, has his phone or mail address.
func checkSelf(ctx context.Context, tx dispatch.Tx, r dispatch.Referral) error {
	technicians, err := tx.GetTechnicians(ctx, []dispatch.TechnicianID{r.Technician})
	if err != nil || len(technicians) != 1 {
		return err
	}
	customer, err := tx.GetCustomer(ctx, r.Customer)
	if err != nil {
		return err
	}
	contacts, _, err := tx.SearchContacts(ctx, r.Customer, "", dispatch.Page{Size: 100})
	if err != nil {
		return err
	}
	his := technicians[0]
	same := samePhone(his.Phone, customer.Phone) || sameMail(his.Email, customer.Email)
	for _, c := range contacts {
		same = same || samePhone(his.Phone, c.Phone) || sameMail(his.Email, c.Email)
	}
	if same {
		return dispatch.Refuse(dispatch.ReasonSelfReferral, "", "the customer can be reached at the technician's own address")
	}
	return nil
}

// subscriberDigits are enough of the end of a phone number to be one line: it is
// written with and without the country's prefix.
const subscriberDigits = 9

func samePhone(a, b string) bool {
	a, b = digitsOf(a), digitsOf(b)
	if min(len(a), len(b)) < subscriberDigits {
		return a != "" && a == b
	}
	return a[len(a)-subscriberDigits:] == b[len(b)-subscriberDigits:]
}

func digitsOf(phone string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, phone)
}

func sameMail(a, b string) bool {
	return a != "" && strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
}

// checkFlood counts the day where the technician works.
func checkFlood(ctx context.Context, tx dispatch.Tx, id dispatch.TechnicianID, now time.Time) error {
	technicians, err := tx.GetTechnicians(ctx, []dispatch.TechnicianID{id})
	if err != nil || len(technicians) != 1 {
		return err
	}
	area, err := tx.GetPlanningArea(ctx, technicians[0].PlanningArea)
	if err != nil {
		return err
	}
	zone, err := dispatch.Zone(area.TimeZone)
	if err != nil {
		return err
	}
	y, m, day := now.In(zone).Date()
	n, err := tx.CountReferrals(ctx, id, time.Date(y, m, day, 0, 0, 0, 0, zone))
	if err != nil || n < maxPerDay {
		return err
	}
	return dispatch.Refuse(dispatch.ReasonRateLimited, "", "%d referrals were logged today, at most %d are taken", n, maxPerDay).
		With("quota", "referrals of a technician and day").With("max", strconv.Itoa(maxPerDay))
}

// duplicateOf gives the oldest open referral about the same, zero if there is
// none.
func duplicateOf(ctx context.Context, tx dispatch.Tx, r dispatch.Referral, now time.Time) (dispatch.Referral, error) {
	open, err := tx.OpenReferralsOf(ctx, r.Customer, now.Add(-duplicateWithin))
	if err != nil {
		return dispatch.Referral{}, err
	}
	for _, o := range open {
		if dispatch.SameOpportunity(o, r) {
			return o, nil
		}
	}
	return dispatch.Referral{}, nil
}
