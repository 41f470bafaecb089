package replay

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/type/money"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// refer logs what a technician noticed during a visit.
func (t *trip) refer(ctx context.Context) error {
	d := t.seed.of("referral", keyOf(t.visit))
	lead := leads[d.IntN(len(leads))]
	channels := []pb.ConsentChannel{pb.ConsentChannel_CONSENT_CHANNEL_PHONE, pb.ConsentChannel_CONSENT_CHANNEL_EMAIL, pb.ConsentChannel_CONSENT_CHANNEL_TEXT}
	urgencies := []pb.ReferralUrgency{pb.ReferralUrgency_REFERRAL_URGENCY_LOW, pb.ReferralUrgency_REFERRAL_URGENCY_NORMAL, pb.ReferralUrgency_REFERRAL_URGENCY_HIGH}
	logged, err := t.api.referral.CreateReferral(as(ctx, t.token), &pb.CreateReferralRequest{
		Referral: &pb.Referral{
			Visit: t.visit.GetVisit().GetName(), Need: lead.need, Suggestion: lead.suggestion,
			Urgency:        urgencies[d.pick(0.3, 0.5, 0.2)],
			ConsentChannel: channels[d.IntN(len(channels))],
			Estimate:       &money.Money{CurrencyCode: "USD", Units: int64(d.lognormal(900, 700)) + 50},
		},
		RequestId: uuid.NewString(),
	})
	if reason, ok := refusal(err); ok {
		t.tally.salesActs["log refused: "+reason]++
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s logs a referral: %w", t.tag, err)
	}
	t.wrote = true
	t.tally.salesActs["logged"]++
	t.sell(d, logged.GetName())
	return nil
}

// How soon a seller takes up what is his, on the clock of the office: most in
// time, some after a reminder, some never.
func (d dice) reaction() (delay time.Duration, ever bool) {
	switch d.pick(0.66, 0.20, 0.14) {
	case 0:
		return d.between(time.Hour, 20*time.Hour), true
	case 1:
		return d.between(30*time.Hour, 80*time.Hour), true
	}
	return 0, false
}

// sell is a seller's dealing with a referral, from taking it up to its end.
func (r *replay) sell(d dice, referral string) {
	delay, ever := d.reaction()
	if !ever {
		return
	}
	seller := r.company.sellers[d.IntN(len(r.company.sellers))]
	r.queue.plan(r.officeHour(r.now.Add(delay)), func(ctx context.Context) error {
		ctx = as(ctx, seller)
		if d.chance(0.12) {
			_, err := r.api.referral.DeclineReferral(ctx, &pb.DeclineReferralRequest{
				Name: referral, Reason: "The customer has had an offer already.", RequestId: uuid.NewString(),
			})
			_, err = r.sold(err, "declined")
			return err
		}
		_, err := r.api.referral.AcceptReferral(ctx, &pb.AcceptReferralRequest{Name: referral, RequestId: uuid.NewString()})
		done, err := r.sold(err, "accepted")
		if err == nil && done {
			r.planOutcome(d, seller, referral, pb.ReferralState_REFERRAL_STATE_CONTACTED)
		}
		return err
	})
}

// sold counts an act of the sales team; done is false if it came too late.
func (r *replay) sold(err error, act string) (done bool, _ error) {
	if reason, ok := refusal(err); ok {
		r.tally.salesActs[act+" refused: "+reason]++
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("a referral is to be %s: %w", act, err)
	}
	r.wrote = true
	r.tally.salesActs[act]++
	return true, nil
}

// planOutcome records how far a referral came, and goes on from there.
func (r *replay) planOutcome(d dice, seller, referral string, state pb.ReferralState) {
	at := r.officeHour(r.now.Add(d.between(20*time.Hour, 96*time.Hour)))
	r.queue.plan(at, func(ctx context.Context) error {
		in := &pb.RecordOutcomeRequest{Name: referral, State: state, RequestId: uuid.NewString()}
		switch state { //nolint:exhaustive // the others need nothing more
		case pb.ReferralState_REFERRAL_STATE_WON:
			in.Value = &money.Money{CurrencyCode: "USD", Units: int64(d.lognormal(850, 600)) + 50}
		case pb.ReferralState_REFERRAL_STATE_LOST:
			in.Reason = "Too dear for the customer."
		}
		_, err := r.api.referral.RecordOutcome(as(ctx, seller), in)
		done, err := r.sold(err, strings.ToLower(strings.TrimPrefix(state.String(), "REFERRAL_STATE_")))
		if err != nil || !done {
			return err
		}
		if next := following(d, state); next != state {
			r.planOutcome(d, seller, referral, next)
		}
		return nil
	})
}

// following is the next stage of a referral; itself at the end.
func following(d dice, state pb.ReferralState) pb.ReferralState {
	const (
		qualified = pb.ReferralState_REFERRAL_STATE_QUALIFIED
		quoted    = pb.ReferralState_REFERRAL_STATE_QUOTED
		won       = pb.ReferralState_REFERRAL_STATE_WON
		lost      = pb.ReferralState_REFERRAL_STATE_LOST
	)
	switch state { //nolint:exhaustive // the others are ends
	case pb.ReferralState_REFERRAL_STATE_CONTACTED:
		return []pb.ReferralState{qualified, lost}[d.pick(0.7, 0.3)]
	case qualified:
		return []pb.ReferralState{quoted, lost}[d.pick(0.8, 0.2)]
	case quoted:
		return []pb.ReferralState{won, lost}[d.pick(0.5, 0.5)]
	}
	return state
}

// officeHour moves a time into the office's hours, Monday to Friday 9 to 17.
func (r *replay) officeHour(at time.Time) time.Time {
	local := at.In(r.zone)
	for range 8 {
		open := time.Date(local.Year(), local.Month(), local.Day(), 9, 0, 0, 0, r.zone)
		weekend := local.Weekday() == time.Saturday || local.Weekday() == time.Sunday
		switch {
		case weekend || local.Hour() >= 17:
			next := open.AddDate(0, 0, 1)
			// The minutes are kept, so that not everybody rings at nine.
			local = next.Add(time.Duration(local.Minute())*time.Minute + time.Duration(local.Second())*time.Second)
		case local.Before(open):
			return open.Add(time.Duration(local.Minute())*time.Minute + time.Duration(local.Second())*time.Second)
		default:
			return local
		}
	}
	return local
}
