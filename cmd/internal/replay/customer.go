package replay

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// ask is a customer who wants something done, at the time when somebody really
// asked the city for it.
func (r *replay) ask(ctx context.Context, request Request) error {
	t := r.tally
	t.day(request.CreatedAt.In(r.zone)).Requests++
	a, link, refused, err := r.book(ctx, request)
	if err != nil {
		return fmt.Errorf("request %s: %w", request.ID, err)
	}
	if refused != "" {
		t.refused[refused]++
		return nil
	}
	t.booked++
	t.day(request.CreatedAt.In(r.zone)).Booked++
	p := t.promised(a, request.ID)
	t.leadTimes = append(t.leadTimes, p.start.Sub(r.now))
	r.mayChange(request, a, link)
	return nil
}

// book goes from the visitor's token to the confirmed appointment. A refusal is
// no error; it gives the reason.
func (r *replay) book(ctx context.Context, request Request) (_ *pb.Appointment, link, refused string, err error) {
	visitor, err := r.api.booking.CreateVisitorToken(ctx, &pb.CreateVisitorTokenRequest{BookingSite: r.company.bookingSite})
	if err != nil {
		return nil, "", "", fmt.Errorf("get a visitor's token: %w", err)
	}
	ctx = as(ctx, visitor.GetAccessToken())
	service := r.company.serviceOf(request)
	if service == nil {
		return nil, "", "NOT_IN_CATALOGUE", nil
	}
	place := &pb.Place{Address: request.Address, PostalCode: request.Zip, Location: point{request.Latitude, request.Longitude}.latLng()}
	search := &pb.SearchSlotOffersRequest{
		Subject: &pb.SearchSlotOffersRequest_Place{Place: place}, Service: service.GetName(),
	}
	d := r.seed.of("customer", request.ID)
	answer, refused, err := r.search(ctx, search)
	if err != nil || refused != "" {
		return nil, "", refused, err
	}
	r.tally.answered++
	if len(answer.GetOffers()) == 0 {
		return nil, "", noOffer(answer), nil
	}
	r.tally.offered++
	offer := r.choose(d, answer.GetOffers())
	if offer == nil {
		return nil, "", "NONE_SOON_ENOUGH", nil
	}
	confirmed, refused, err := r.confirm(ctx, offer, &pb.ConfirmHoldRequest{
		CustomerDetails: details(d, request.ID), Notifications: choices(d),
		Issue: request.WorkType, ExternalReference: request.ID,
	})
	return confirmed.GetAppointment(), confirmed.GetLinkToken(), refused, err
}

// search asks for offers of the coming days and keeps count.
func (r *replay) search(ctx context.Context, in *pb.SearchSlotOffersRequest) (*pb.SearchSlotOffersResponse, string, error) {
	today := midnight(r.now.In(r.zone))
	in.StartDate, in.EndDate = dateOf(today), dateOf(today.AddDate(0, 0, searchDays))
	answer, err := r.api.booking.SearchSlotOffers(ctx, in)
	if reason, ok := refusal(err); ok {
		return nil, reason, nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("search slot offers: %w", err)
	}
	r.tally.searches++
	if len(answer.GetOffers()) == 0 {
		r.tally.searchesRefused[noOffer(answer)]++
	} else {
		r.tally.searchesOffered++
	}
	r.tally.walls.look(answer.GetOffers())
	return answer, "", nil
}

// noOffer gives the weightiest reason of an answer without offers.
func noOffer(answer *pb.SearchSlotOffersResponse) string {
	if len(answer.GetNoOfferReasons()) == 0 {
		return "UNEXPLAINED"
	}
	return strings.TrimPrefix(answer.GetNoOfferReasons()[0].String(), "NO_OFFER_REASON_")
}

// choose takes the offer that the customer likes best; nil if none will do.
func (r *replay) choose(d dice, offers []*pb.SlotOffer) *pb.SlotOffer {
	taste, patient, premium := d.taste(), d.chance(patientChance), d.chance(premiumChance)
	start := func(o *pb.SlotOffer) time.Time { return o.GetWindow().GetStartTime().AsTime().In(r.zone) }
	earliest := start(offers[0])
	if !patient && earliest.After(r.now.AddDate(0, 0, impatientDays)) {
		return nil
	}
	// How far an offer is from what is wanted, in classes.
	off := func(o *pb.SlotOffer) int {
		hour := start(o).Hour()
		switch {
		case taste == tasteMorning && hour >= 12, taste == tasteAfternoon && hour < 12,
			taste == tasteLaterDay && start(o).YearDay() == earliest.YearDay():
			return 1
		}
		return 0
	}
	price := func(o *pb.SlotOffer) int64 {
		p := o.GetPrice().GetUnits()*1_000_000_000 + int64(o.GetPrice().GetNanos())
		if premium {
			return -p
		}
		return p
	}
	return slices.MinFunc(offers, func(a, b *pb.SlotOffer) int {
		return cmp.Or(off(a)-off(b), start(a).Compare(start(b)), cmp.Compare(price(a), price(b)),
			a.GetWindow().GetEndTime().AsTime().Compare(b.GetWindow().GetEndTime().AsTime()))
	})
}

// confirm holds an offer and makes it a promise.
func (r *replay) confirm(ctx context.Context, offer *pb.SlotOffer, in *pb.ConfirmHoldRequest) (*pb.ConfirmHoldResponse, string, error) {
	hold, err := r.api.booking.CreateHold(ctx, &pb.CreateHoldRequest{SlotToken: offer.GetSlotToken(), RequestId: uuid.NewString()})
	if reason, ok := refusal(err); ok {
		return nil, reason, nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("hold an offer: %w", err)
	}
	r.wrote = true
	in.Name, in.HoldToken, in.RequestId = hold.GetName(), hold.GetHoldToken(), uuid.NewString()
	in.Window = offer.GetWindow()
	confirmed, err := r.api.booking.ConfirmHold(ctx, in)
	if reason, ok := refusal(err); ok {
		_, err := r.api.booking.ReleaseHold(ctx, &pb.ReleaseHoldRequest{
			Name: hold.GetName(), HoldToken: hold.GetHoldToken(), RequestId: uuid.NewString(),
		})
		return nil, reason, err
	}
	if err != nil {
		return nil, "", fmt.Errorf("confirm a hold: %w", err)
	}
	return confirmed, "", nil
}

// details are a person that nobody is.
func details(d dice, id string) *pb.CustomerDetails {
	person := d.person()
	out := &pb.CustomerDetails{
		DisplayName: person, Email: address(person, id), Phone: fmt.Sprintf("+1617555%04d", 100+d.IntN(100)), Language: "en",
	}
	if d.chance(otherTongueChance) {
		out.Language = "es"
	}
	return out
}

func choices(d dice) *pb.NotificationChoices {
	return &pb.NotificationChoices{Mail: !d.chance(noMailChance), Text: d.chance(textChance)}
}

// mayChange lets some customers change their mind, through the link that they
// were sent.
func (r *replay) mayChange(request Request, a *pb.Appointment, link string) {
	d := r.seed.of("change", request.ID)
	what := d.pick(cancelChance, rescheduleChance, 1-cancelChance-rescheduleChance)
	if what == 2 {
		return
	}
	latest := a.GetWindow().GetStartTime().AsTime()
	if cutoff := a.GetChangeCutoffTime(); cutoff != nil {
		latest = cutoff.AsTime()
	}
	soonest := r.now.Add(20 * time.Minute)
	if !latest.After(soonest) {
		return // too soon for second thoughts
	}
	at := soonest.Add(time.Duration(d.Float64() * float64(latest.Sub(soonest)))).Truncate(time.Second)
	r.queue.plan(at, func(ctx context.Context) error {
		opened, err := r.api.booking.OpenAppointmentLink(ctx, &pb.OpenAppointmentLinkRequest{LinkToken: link})
		if err != nil {
			return fmt.Errorf("request %s: open the link of its appointment: %w", request.ID, err)
		}
		ctx = as(ctx, opened.GetAccessToken())
		if what == 0 {
			return r.cancel(ctx, opened.GetAppointment())
		}
		return r.reschedule(ctx, d, opened.GetAppointment(), request.ID)
	})
}

func (r *replay) cancel(ctx context.Context, a *pb.Appointment) error {
	_, err := r.api.booking.CancelAppointment(ctx, &pb.CancelAppointmentRequest{
		Name: a.GetName(), Etag: a.GetEtag(), Reason: "It has been fixed meanwhile.", RequestId: uuid.NewString(),
	})
	if reason, ok := refusal(err); ok {
		r.tally.changeRefuse[reason]++
		return nil
	}
	if err != nil {
		return fmt.Errorf("cancel %s: %w", a.GetName(), err)
	}
	r.wrote = true
	r.tally.cancelled++
	r.tally.appointments[a.GetName()].cancelled = true
	return nil
}

func (r *replay) reschedule(ctx context.Context, d dice, a *pb.Appointment, request string) error {
	answer, refused, err := r.search(ctx, &pb.SearchSlotOffersRequest{Subject: &pb.SearchSlotOffersRequest_Appointment{Appointment: a.GetName()}})
	if err != nil {
		return fmt.Errorf("move %s: %w", a.GetName(), err)
	}
	if refused == "" && len(answer.GetOffers()) == 0 {
		refused = noOffer(answer)
	}
	if refused != "" {
		r.tally.changeRefuse[refused]++
		return nil
	}
	offer := answer.GetOffers()[d.IntN(len(answer.GetOffers()))]
	moved, err := r.api.booking.RescheduleAppointment(ctx, &pb.RescheduleAppointmentRequest{
		Name: a.GetName(), SlotToken: offer.GetSlotToken(), Etag: a.GetEtag(), Reason: "Something came up.", RequestId: uuid.NewString(),
	})
	if reason, ok := refusal(err); ok {
		r.tally.changeRefuse[reason]++
		return nil
	}
	if err != nil {
		return fmt.Errorf("move %s: %w", a.GetName(), err)
	}
	r.wrote = true
	r.tally.rescheduled++
	r.tally.promised(moved, request)
	return nil
}
