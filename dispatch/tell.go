package dispatch

import (
	"context"
	"time"
)

// TellCustomer writes the messages about an appointment to its customer.
func TellCustomer(ctx context.Context, tx Tx, a Appointment, template string) error {
	for _, delivery := range MessagesAbout(a, template) {
		if err := tx.Tell(ctx, delivery); err != nil {
			return err
		}
	}
	return nil
}

// DayChanged asks for the area's day at at to be planned again, because of the
// visit as it was saved, and for that of before where the visit came from another
// day; a zero before is none.
func DayChanged(ctx context.Context, tx Tx, area PlanningArea, v Visit, at, before time.Time) error {
	zone, err := Zone(area.TimeZone)
	if err != nil {
		return err
	}
	day := DateOf(at, zone)
	payload := map[string]string{"planning_area": string(area.ID), "date": day.String()}
	if earlier := DateOf(before, zone); !before.IsZero() && earlier != day {
		payload["date_before"] = earlier.String()
	}
	return tx.Publish(ctx, Notice{Subject: v.Name(), Version: v.Version, Kind: NoticeDayChanged, Payload: payload})
}

// Withdraw takes back the promise of an appointment that is confirmed and locked:
// the ledger, the appointment, its process and its customer hear of it. Its links
// stay good, so that the customer can read what became of it. The visit is the
// caller's to cancel. It gives the appointment as it was saved.
func Withdraw(ctx context.Context, tx Tx, a Appointment, reason string, now time.Time) (Appointment, error) {
	if err := AppointmentMachine.Check(a.Name(), a.State, AppointmentCancelled); err != nil {
		return a, err
	}
	if err := tx.JudgePromise(ctx, a.ID, a.Promise, PromiseWithdrawn, now); err != nil {
		return a, err
	}
	a.State, a.CancelReason = AppointmentCancelled, reason
	if err := tx.SaveAppointment(ctx, a); err != nil {
		return a, err
	}
	a.Version++
	if err := tx.Publish(ctx, Notice{Subject: a.Name(), Version: a.Version, Kind: NoticeAppointmentCancelled}); err != nil {
		return a, err
	}
	return a, TellCustomer(ctx, tx, a, TemplateCancelled)
}

// Release frees the time of a commitment, and lets who waits for it hear. The caller holds the lock of its shift
// and touches it.
func Release(ctx context.Context, tx Tx, c Commitment) error {
	if err := CommitmentMachine.Check(c.ID.Name(), c.State, CommitmentReleased); err != nil {
		return err
	}
	c.State = CommitmentReleased
	if err := tx.SaveCommitment(ctx, c); err != nil {
		return err
	}
	return TimeFreed(ctx, tx, c)
}

// AskCustomer writes the messages that ask a customer about what was sold to him: once
// per question and channel.
func AskCustomer(ctx context.Context, tx Tx, f FollowUp, customer CustomerID) error {
	template := map[FollowUpQuestion]string{AskInstalled: TemplateInstalled, AskUsed: TemplateUsed, AskSaving: TemplateSaving}[f.Question]
	for _, channel := range []Channel{ChannelMail, ChannelText} {
		if err := tx.Tell(ctx, Delivery{
			Channel: channel, Template: template, Subject: f.Name(), Recipient: customer.Name(), DedupeKey: f.Name() + "/" + string(channel),
		}); err != nil {
			return err
		}
	}
	return nil
}
