package booking

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/firstfix/firstfix/dispatch"
)

// Place is where work is wanted, whether we know it as a site or not.
type Place struct {
	Address    string         `json:"a,omitempty"`
	PostalCode string         `json:"z,omitempty"`
	Location   dispatch.Point `json:"l"`
}

// SlotOfferToken is an offer as its token carries it. The price in it is what is
// charged.
type SlotOfferToken struct {
	Tenant      dispatch.TenantID       `json:"t"`
	Area        dispatch.PlanningAreaID `json:"g"`
	Service     dispatch.ServiceID      `json:"s"`
	Tier        dispatch.TierID         `json:"r"`
	Window      dispatch.Window         `json:"w"`
	Price       dispatch.Money          `json:"m"`
	Lines       []dispatch.PriceLine    `json:"n,omitempty"`
	Place       Place                   `json:"p"`
	WorkOrder   dispatch.WorkOrderID    `json:"o,omitzero"`
	Appointment dispatch.AppointmentID  `json:"i,omitzero"` // that the offer would move
	ExpiresAt   time.Time               `json:"e"`          // domain time
}

// openOffer reads the token of an offer of the caller's tenant.
func (b *Booking) openOffer(p dispatch.Principal, token string) (SlotOfferToken, error) {
	var offer SlotOfferToken
	if err := b.seal.Open(dispatch.PurposeSlotOffer, token, &offer); err != nil {
		return offer, tampered("slot_token", err)
	}
	if offer.Tenant != p.Tenant {
		return offer, tampered("slot_token", nil)
	}
	return offer, nil
}

// checkFresh refuses an offer that has expired.
func (o SlotOfferToken) checkFresh(now time.Time) error {
	if now.Before(o.ExpiresAt) {
		return nil
	}
	return dispatch.Refuse(dispatch.ReasonSlotTokenExpired, "", "the offer expired at %s; search again", stamp(o.ExpiresAt)).
		With("expireTime", stamp(o.ExpiresAt))
}

// HoldToken is the right to a hold. It is made from the hold's id alone, so that
// it can be given again with a repeated answer and need not be stored.
type HoldToken struct {
	Tenant dispatch.TenantID `json:"t"`
	Hold   dispatch.HoldID   `json:"h"`
	Holder string            `json:"p"`
}

// HoldToken seals the token of a hold for its holder.
func (b *Booking) HoldToken(tenant dispatch.TenantID, h dispatch.Hold) (string, error) {
	return b.seal.Token(dispatch.PurposeHold, HoldToken{Tenant: tenant, Hold: h.ID, Holder: h.Holder})
}

// mayUse refuses a caller who does not hold the hold: its token alone is not
// enough, it must be his own.
func (b *Booking) mayUse(p dispatch.Principal, id dispatch.HoldID, token string) error {
	var t HoldToken
	if err := b.seal.Open(dispatch.PurposeHold, token, &t); err != nil {
		return tampered("hold_token", err)
	}
	if t.Tenant != p.Tenant || t.Hold != id || (t.Holder != p.Subject && !p.Role.Staff()) {
		return denied()
	}
	return nil
}

// VisitorToken is an access token of an anonymous visitor.
type VisitorToken struct {
	Token     string
	ExpiresAt time.Time // on the real clock
}

// CreateVisitorToken gives a short token to a visitor of the booking page that
// the public key belongs to. now is the real clock. It refuses with LINK_INVALID.
func (b *Booking) CreateVisitorToken(ctx context.Context, key string, now time.Time) (VisitorToken, error) {
	invalid := dispatch.Refuse(dispatch.ReasonLinkInvalid, "", "the key of the booking page is not one of ours")
	var site dispatch.BookingSite
	if err := b.seal.Open(dispatch.PurposeBookingSite, key, &site); err != nil {
		return VisitorToken{}, invalid.Because(err)
	}
	err := b.store.View(ctx, site.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		_, err := tx.GetTenant(ctx)
		return err
	})
	if dispatch.ReasonOf(err) == dispatch.ReasonResourceNotFound {
		return VisitorToken{}, invalid.Because(err)
	}
	if err != nil {
		return VisitorToken{}, err
	}
	grant := dispatch.VisitorGrant{Tenant: site.Tenant, Visitor: uuid.New(), ExpiresAt: now.Add(dispatch.VisitorTokenLife).UTC().Truncate(time.Second)}
	token, err := b.seal.VisitorToken(grant)
	return VisitorToken{Token: token, ExpiresAt: grant.ExpiresAt}, err
}

// LinkToken seals the secret of the link to one appointment. The same epoch
// gives the same link.
func (b *Booking) LinkToken(tenant dispatch.TenantID, a dispatch.Appointment) (string, error) {
	return b.seal.Token(dispatch.PurposeAppointmentLink, dispatch.LinkGrant{Tenant: tenant, Appointment: a.ID, Epoch: a.LinkEpoch})
}

// LinkOpened is what the holder of a link gets.
type LinkOpened struct {
	Session     string // access token for this one appointment
	ExpiresAt   time.Time
	Appointment dispatch.ListedAppointment
}

// OpenAppointmentLink turns the secret of a link into a short access token. It
// changes nothing and refuses with LINK_INVALID, without saying what is wrong.
// now is the real clock, on which access tokens live.
func (b *Booking) OpenAppointmentLink(ctx context.Context, link string, now time.Time) (LinkOpened, error) {
	invalid := dispatch.Refuse(dispatch.ReasonLinkInvalid, "", "the link is not valid any more")
	var grant dispatch.LinkGrant
	if err := b.seal.Open(dispatch.PurposeAppointmentLink, link, &grant); err != nil {
		return LinkOpened{}, invalid.Because(err)
	}
	var out LinkOpened
	err := b.store.View(ctx, grant.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		domainNow, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		out.Appointment, err = tx.GetListedAppointment(ctx, grant.Appointment)
		if dispatch.ReasonOf(err) == dispatch.ReasonResourceNotFound {
			return invalid.Because(err)
		}
		if err != nil {
			return err
		}
		if out.Appointment.LinkEpoch != grant.Epoch || domainNow.After(out.Appointment.Window.End.Add(linkLife)) {
			return invalid
		}
		return nil
	})
	if err != nil {
		return LinkOpened{}, err
	}
	out.ExpiresAt = now.Add(dispatch.LinkSessionLife).UTC().Truncate(time.Second)
	out.Session, err = b.seal.LinkSessionToken(dispatch.LinkSession{
		Tenant: grant.Tenant, Appointment: grant.Appointment, Epoch: grant.Epoch, ExpiresAt: out.ExpiresAt,
	})
	return out, err
}

// tampered names the field whose token is not one of ours.
func tampered(field string, cause error) error {
	return dispatch.InvalidField(dispatch.ReasonTokenTampered, field, "it is not a token of ours for this").Because(cause)
}

// stamp is how instants stand in messages and metadata.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
