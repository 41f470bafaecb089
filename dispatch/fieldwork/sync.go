package fieldwork

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/firstfix/firstfix/dispatch"
)

// What a device is told of.
const (
	syncDays       = 2 // the local days from today on
	syncVisits     = 60
	syncReferrals  = 30
	referralsSince = 30 * 24 * time.Hour
)

// Day is the answer of Sync: what changed since the cursor.
type Day struct {
	Visits    []dispatch.AssignedVisit // new or changed, by planned start
	Removed   []dispatch.VisitID       // no longer in his days
	Referrals []dispatch.Referral      // his, new or changed
	Cursor    string
	More      bool // there is more now: ask again with the cursor
	Now       time.Time
}

// cursor is what a device holds: each thing with a hash of what it was told of
// it. It needs no memory on our side and cannot miss a change, whatever changed
// and in whatever order transactions committed.
type cursor struct {
	Version    int                   `json:"v"`
	Tenant     dispatch.TenantID     `json:"t"`
	Technician dispatch.TechnicianID `json:"w"`
	Visits     []byte                `json:"a,omitempty"` // held, one after the other
	Referrals  []byte                `json:"b,omitempty"`
}

const (
	cursorVersion = 1
	digestSize    = 6
	heldSize      = 16 + digestSize
)

type held map[uuid.UUID][digestSize]byte

// Sync tells what changed for the caller since a cursor, "" for everything: at
// most size visits at a time. It changes nothing.
func (f *Fieldwork) Sync(ctx context.Context, call dispatch.Call, token string, size int) (Day, error) {
	who := call.Principal
	if who.Technician.IsZero() {
		return Day{}, dispatch.Refuse(dispatch.ReasonAccessDenied, "", "only technicians have a day to fetch")
	}
	since, err := f.open(who, token)
	if err != nil {
		return Day{}, err
	}
	var day Day
	var next cursor
	err = f.store.View(ctx, who.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		next = cursor{Version: cursorVersion, Tenant: who.Tenant, Technician: who.Technician}
		day, err = f.changes(ctx, tx, since, &next, size)
		return err
	})
	if err != nil {
		return Day{}, err
	}
	day.Cursor, err = f.seal.Token(dispatch.PurposeSyncCursor, next)
	return day, err
}

// open reads a cursor. One of another technician, or of a release whose cursors
// we no longer read, makes the device start anew.
func (f *Fieldwork) open(who dispatch.Principal, token string) (cursor, error) {
	if token == "" {
		return cursor{}, nil
	}
	var c cursor
	err := f.seal.Open(dispatch.PurposeSyncCursor, token, &c)
	if err != nil || c.Version != cursorVersion || c.Tenant != who.Tenant || c.Technician != who.Technician ||
		len(c.Visits)%heldSize != 0 || len(c.Referrals)%heldSize != 0 {
		return cursor{}, dispatch.Refuse(dispatch.ReasonResyncRequired, "", "the cursor is not of this device's technician or too old; fetch everything again").Because(err)
	}
	return c, nil
}

func (f *Fieldwork) changes(ctx context.Context, tx dispatch.Tx, since cursor, next *cursor, size int) (Day, error) {
	now, err := tx.Now(ctx)
	if err != nil {
		return Day{}, err
	}
	day := Day{Now: now}
	span, err := allowedDays(ctx, tx, next.Technician, now)
	if err != nil {
		return Day{}, err
	}
	visits, err := itinerary(ctx, tx, next.Technician, span)
	if err != nil {
		return Day{}, err
	}
	before, kept := unpack(since.Visits), held{}
	for _, v := range visits {
		digest, err := digestOf(v)
		if err != nil {
			return Day{}, err
		}
		was, known := before[v.Visit.ID.UUID]
		delete(before, v.Visit.ID.UUID)
		switch {
		case known && was == digest:
			kept[v.Visit.ID.UUID] = digest
		case len(day.Visits) < size:
			day.Visits = append(day.Visits, v)
			kept[v.Visit.ID.UUID] = digest
		default:
			day.More = true
			if known {
				kept[v.Visit.ID.UUID] = was
			}
		}
	}
	for id := range before {
		day.Removed = append(day.Removed, dispatch.VisitID{UUID: id})
	}
	slices.SortFunc(day.Removed, func(a, b dispatch.VisitID) int { return slices.Compare(a.UUID[:], b.UUID[:]) })
	next.Visits = kept.pack()
	return day, referralNews(ctx, tx, since, next, &day)
}

// allowedDays is today and tomorrow where the technician works.
func allowedDays(ctx context.Context, tx dispatch.Tx, id dispatch.TechnicianID, now time.Time) (dispatch.Span, error) {
	found, err := tx.GetTechnicians(ctx, []dispatch.TechnicianID{id})
	if err != nil {
		return dispatch.Span{}, err
	}
	if len(found) != 1 {
		return dispatch.Span{}, dispatch.NotFound(id.Name())
	}
	area, err := tx.GetPlanningArea(ctx, found[0].PlanningArea)
	if err != nil {
		return dispatch.Span{}, err
	}
	zone, err := dispatch.Zone(area.TimeZone)
	if err != nil {
		return dispatch.Span{}, err
	}
	y, m, d := now.In(zone).Date()
	return dispatch.Span{
		Start: time.Date(y, m, d, 0, 0, 0, 0, zone), End: time.Date(y, m, d+syncDays, 0, 0, 0, 0, zone),
	}, nil
}

// itinerary is ItineraryOf with the assets and services that it names.
func itinerary(ctx context.Context, tx dispatch.Tx, id dispatch.TechnicianID, span dispatch.Span) ([]dispatch.AssignedVisit, error) {
	visits, err := tx.ItineraryOf(ctx, id, span.Start, span.End)
	if err != nil {
		return nil, err
	}
	visits = visits[:min(len(visits), syncVisits)]
	services := map[dispatch.ServiceID]dispatch.Service{}
	for i := range visits {
		v := &visits[i]
		service, ok := services[v.Service.ID]
		if !ok {
			if service, err = tx.GetService(ctx, v.Service.ID); err != nil {
				return nil, err
			}
			services[service.ID] = service
		}
		v.Service = service
		if !v.Asset.ID.IsZero() {
			if v.Asset, err = tx.GetAsset(ctx, v.Asset.ID); err != nil {
				return nil, err
			}
		}
	}
	return visits, nil
}

// referralNews tells the technician what became of what he noticed.
func referralNews(ctx context.Context, tx dispatch.Tx, since cursor, next *cursor, day *Day) error {
	referrals, err := tx.ReferralsSince(ctx, next.Technician, day.Now.Add(-referralsSince))
	if err != nil {
		return err
	}
	referrals = referrals[max(0, len(referrals)-syncReferrals):]
	if err := dispatch.ShowSettled(ctx, tx, true, referrals); err != nil {
		return err
	}
	before, kept := unpack(since.Referrals), held{}
	for _, r := range referrals {
		digest, err := digestOf(r)
		if err != nil {
			return err
		}
		if was, known := before[r.ID.UUID]; !known || was != digest {
			day.Referrals = append(day.Referrals, r)
		}
		kept[r.ID.UUID] = digest
	}
	next.Referrals = kept.pack()
	return nil
}

func digestOf(v any) ([digestSize]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return [digestSize]byte{}, fmt.Errorf("digest what a device holds: %w", err)
	}
	sum := sha256.Sum256(plain)
	return [digestSize]byte(sum[:]), nil
}

// pack writes what is held by id, so that the same things make the same cursor.
func (h held) pack() []byte {
	ids := make([]uuid.UUID, 0, len(h))
	for id := range h {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	out := make([]byte, 0, len(ids)*heldSize)
	for _, id := range ids {
		digest := h[id]
		out = append(append(out, id[:]...), digest[:]...)
	}
	return out
}

func unpack(packed []byte) held {
	out := held{}
	for ; len(packed) >= heldSize; packed = packed[heldSize:] {
		out[uuid.UUID(packed[:16])] = [digestSize]byte(packed[16:heldSize])
	}
	return out
}
