package workflows

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/firstfix/firstfix/dispatch"
)

// The limits of sending. A batch ends within its lease also when every provider
// hangs.
const (
	sendBatch = 16 // messages at once, per channel
	sendTime  = 20 * time.Second
	sendLease = 60 * time.Second
)

// Sender sends the messages whose time has come: it reads whom and what about
// when it sends, so that a message says what is true now and goes to nobody who
// has opted out meanwhile. A message is sent at least once; its key tells a
// second copy from a second message.
type Sender struct {
	Relay     dispatch.RelayStore
	Store     dispatch.Store
	Messenger dispatch.Messenger
	// The links are the addresses of an appointment's page, of the one that asks after a
	// sale and of the one that offers a free window; nil where there are none.
	Link         func(tenant dispatch.TenantID, appointment dispatch.Appointment) (string, error)
	FollowUpLink func(tenant dispatch.TenantID, id dispatch.FollowUpID) (string, error)
	WaitlistLink func(tenant dispatch.TenantID, id dispatch.WaitlistEntryID) (string, error)
	Log          *slog.Logger
}

// Run sends what the pulse finds until ctx is done. Channels do not wait for each
// other.
func (s *Sender) Run(ctx context.Context, pulse *Pulse) {
	var loops sync.WaitGroup
	for channel, due := range map[dispatch.Channel]dispatch.Due{dispatch.ChannelMail: dispatch.DueMail, dispatch.ChannelText: dispatch.DueText} {
		loops.Go(func() {
			pulse.loop(ctx, due, "deliveries by "+string(channel), func(ctx context.Context) (int, error) { return s.SendDue(ctx, channel) })
		})
	}
	loops.Wait()
}

// SendDue sends one batch of a channel and gives how many messages it settled,
// one way or another. It fails when the database does.
func (s *Sender) SendDue(ctx context.Context, channel dispatch.Channel) (int, error) {
	due, err := s.Relay.ClaimDeliveries(ctx, channel, sendBatch, sendLease)
	if err != nil {
		return 0, err
	}
	var group errgroup.Group
	for _, d := range due {
		group.Go(func() error { return s.sendOne(ctx, d) })
	}
	return len(due), group.Wait()
}

// outcome is what became of one attempt.
type outcome struct {
	state   dispatch.DeliveryState // pending: to be tried again
	reason  string
	receipt string
}

func (s *Sender) sendOne(ctx context.Context, d dispatch.LeasedDelivery) error {
	begun := time.Now()
	message, suppressed, err := s.write(ctx, d)
	if ctx.Err() != nil {
		return ctx.Err() // the worker stops; the lease ends by itself
	}
	var result outcome
	switch {
	case err != nil:
		result = outcome{state: dispatch.DeliveryPending, reason: reasonFor(err)}
	case suppressed != "":
		result = outcome{state: dispatch.DeliverySuppressed, reason: suppressed}
	default:
		result = s.hand(ctx, message)
	}
	settled, held, err := s.settle(ctx, d, result)
	s.log(ctx, settled, held, time.Since(begun), err)
	return err
}

// hand gives the message to the provider, who gets sendTime and not more. A
// worker that stops waits that long for his answer, so as not to send twice.
func (s *Sender) hand(ctx context.Context, m dispatch.Message) outcome {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTime)
	defer cancel()
	receipt, err := s.Messenger.Send(ctx, m)
	switch {
	case err == nil:
		return outcome{state: dispatch.DeliverySent, receipt: receipt}
	case errors.Is(err, dispatch.ErrUndeliverable):
		return outcome{state: dispatch.DeliveryDead, reason: clip(err.Error())}
	default:
		return outcome{state: dispatch.DeliveryPending, reason: clip(err.Error())}
	}
}

// settle writes the outcome, unless another sender has taken over. A message
// that is tried again keeps its state and gets a later due time, until its days
// are over.
func (s *Sender) settle(ctx context.Context, d dispatch.LeasedDelivery, result outcome) (settled dispatch.LeasedDelivery, held bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTime)
	defer cancel()
	err = s.Store.InTx(ctx, d.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		settled = d
		settled.State, settled.Reason, settled.Receipt = result.state, result.reason, result.receipt
		if result.state == dispatch.DeliveryPending {
			now, err := tx.Now(ctx)
			if err != nil {
				return err
			}
			settled.DueAt = now.Add(dispatch.RetryIn(d.Attempts))
			if settled.DueAt.Sub(d.CreatedAt) > dispatch.RetryFor {
				settled.State, settled.Reason = dispatch.DeliveryDead, "given up after three days: "+result.reason
			}
		}
		held, err = tx.SettleDelivery(ctx, settled.Delivery)
		return err
	})
	if err != nil {
		return settled, false, fmt.Errorf("settle %s: %w", d.ID.Name(), err)
	}
	return settled, held, nil
}

func (s *Sender) log(ctx context.Context, d dispatch.LeasedDelivery, held bool, took time.Duration, err error) {
	level := slog.LevelInfo
	if d.State == dispatch.DeliveryDead || err != nil || !held {
		level = slog.LevelWarn
	}
	s.Log.Log(ctx, level, "delivery", "tenant", d.Tenant, "delivery", d.ID, "channel", d.Channel, "template", d.Template,
		"state", d.State, "reason", d.Reason, "attempts", d.Attempts, "duration", took, "held", held, "error", err)
}

// reasonFor keeps why a message could not be written: our refusals, and nothing
// that may quote a row.
func reasonFor(err error) string {
	var refused *dispatch.Error
	if errors.As(err, &refused) {
		return clip(refused.Error())
	}
	return "the message could not be written; the worker's log says why"
}

// write reads whom the message goes to and what it is about, and writes it; or
// it says why nobody is to be told.
func (s *Sender) write(ctx context.Context, d dispatch.LeasedDelivery) (m dispatch.Message, suppressed string, err error) {
	if !s.Messenger.Carries(d.Channel) {
		return m, "no provider is configured for " + string(d.Channel), nil
	}
	var w writing
	err = s.Store.View(ctx, d.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		w = writing{d: d.Delivery}
		return w.read(ctx, tx)
	})
	if err != nil {
		s.Log.WarnContext(ctx, "message cannot be written", "delivery", d.ID, "tenant", d.Tenant, "template", d.Template, "error", err)
		return m, "", fmt.Errorf("read what %s is about: %w", d.ID.Name(), err)
	}
	to, suppressed := w.address()
	if suppressed != "" {
		return m, suppressed, nil
	}
	if w.facts.Link, err = s.link(d.Tenant, w); err != nil {
		return m, "", fmt.Errorf("make the link of %s: %w", d.Subject, err)
	}
	text, err := s.Messenger.Compose(d.Channel, d.Template, w.language, w.facts)
	return dispatch.Message{Channel: d.Channel, Key: d.ID.Name(), Tenant: d.Tenant, To: to, Text: text}, "", err
}

func (s *Sender) link(tenant dispatch.TenantID, w writing) (string, error) {
	switch {
	case w.followUp != nil && s.FollowUpLink != nil:
		return s.FollowUpLink(tenant, w.followUp.ID)
	case w.entry != nil && s.WaitlistLink != nil:
		return s.WaitlistLink(tenant, w.entry.ID)
	case w.followUp == nil && w.entry == nil && s.Link != nil:
		return s.Link(tenant, w.appointment)
	}
	return "", nil
}

// writing is what has to be read to write one message: about an appointment, a question
// after a sale, or a window for who waits.
type writing struct {
	d           dispatch.Delivery
	now         time.Time
	customer    dispatch.Customer
	appointment dispatch.Appointment
	followUp    *dispatch.FollowUp
	entry       *dispatch.WaitlistEntry
	language    string
	facts       dispatch.MessageFacts
}

func (w *writing) read(ctx context.Context, tx dispatch.Tx) error {
	var customer dispatch.CustomerID
	if err := parseName(w.d.Recipient, &customer); err != nil {
		return err
	}
	tenant, err := tx.GetTenant(ctx)
	if err != nil {
		return err
	}
	if w.now, err = tx.Now(ctx); err != nil {
		return err
	}
	if w.customer, err = tx.GetCustomer(ctx, customer); err != nil {
		return err
	}
	w.language = cmp.Or(w.customer.Language, tenant.Language)
	w.facts = dispatch.MessageFacts{Company: tenant.DisplayName, Customer: w.customer.DisplayName, Now: w.now}
	switch collection, _, _ := strings.Cut(w.d.Subject, "/"); collection {
	case "followUps":
		return w.readFollowUp(ctx, tx)
	case "waitlistEntries":
		return w.readEntry(ctx, tx)
	}
	return w.readAppointment(ctx, tx)
}

// readFollowUp reads what was sold and what it was promised to save.
func (w *writing) readFollowUp(ctx context.Context, tx dispatch.Tx) error {
	var id dispatch.FollowUpID
	if err := parseName(w.d.Subject, &id); err != nil {
		return err
	}
	asked, err := tx.GetFollowUp(ctx, id)
	if err != nil {
		return err
	}
	w.followUp = &asked
	w.facts.Service = asked.Product
	if asked.Promised != nil {
		w.facts.Promised = asked.Promised.String()
	}
	return nil
}

// readEntry reads the window that is offered to who waits.
func (w *writing) readEntry(ctx context.Context, tx dispatch.Tx) error {
	var id dispatch.WaitlistEntryID
	if err := parseName(w.d.Subject, &id); err != nil {
		return err
	}
	entry, err := tx.GetWaitlistEntry(ctx, id)
	if err != nil {
		return err
	}
	w.entry = &entry
	if entry.Offer != nil {
		w.facts.Window, w.facts.AnswerBy = entry.Offer.Window, entry.Offer.ExpiresAt
	}
	return w.readPlace(ctx, tx, entry.WorkOrder, entry.Service)
}

// readPlace reads what is to be done, and where.
func (w *writing) readPlace(ctx context.Context, tx dispatch.Tx, id dispatch.WorkOrderID, what dispatch.ServiceID) error {
	order, err := tx.GetWorkOrder(ctx, id)
	if err != nil {
		return err
	}
	site, err := tx.GetSite(ctx, order.Site)
	if err != nil {
		return err
	}
	service, err := tx.GetService(ctx, what)
	w.facts.Service, w.facts.Address = service.DisplayName, site.Address
	return err
}

func (w *writing) readAppointment(ctx context.Context, tx dispatch.Tx) error {
	var id dispatch.AppointmentID
	if err := parseName(w.d.Subject, &id); err != nil {
		return err
	}
	var err error
	if w.appointment, err = tx.GetAppointment(ctx, id); err != nil {
		return err
	}
	w.facts.Window, w.facts.Appointment, w.facts.Revision = w.appointment.Window, w.appointment.ID, w.appointment.Version
	if err := w.readPlace(ctx, tx, w.appointment.WorkOrder, w.appointment.Service); err != nil {
		return err
	}
	if w.d.Template != dispatch.TemplateOnTheWay {
		return nil // who comes is said once he is under way, and not before
	}
	visit, err := tx.VisitOf(ctx, w.appointment.ID)
	if err != nil || visit.Technician.IsZero() {
		return err
	}
	technicians, err := tx.GetTechnicians(ctx, []dispatch.TechnicianID{visit.Technician})
	if err == nil && len(technicians) == 1 {
		w.facts.Technician, _, _ = strings.Cut(technicians[0].DisplayName, " ")
	}
	return err
}

// address gives where the message goes, or why it does not.
func (w *writing) address() (to, suppressed string) {
	allowed, to := w.customer.MailAllowed, w.customer.Email
	if w.d.Channel == dispatch.ChannelText {
		allowed, to = w.customer.TextAllowed, w.customer.Phone
	}
	switch {
	case !allowed:
		return "", "the customer allows no messages by " + string(w.d.Channel)
	case to == "":
		return "", "the customer has no address for " + string(w.d.Channel)
	case w.followUp != nil:
		if w.followUp.State != dispatch.FollowUpAsked {
			return "", "the question is answered, or needs no answer any more"
		}
	case w.entry != nil:
		if !w.d.Offers(*w.entry) || !w.now.Before(w.entry.Offer.ExpiresAt) {
			return "", "the window is not kept any more"
		}
	case w.d.Superseded(w.appointment):
		return "", "the promise that it speaks of is no longer in force"
	case w.overtaken():
		return "", "it is too late to be of use"
	}
	return to, ""
}

// overtaken reports whether the message would speak of what is over.
func (w *writing) overtaken() bool {
	until := w.appointment.Window.End
	switch w.d.Template {
	case dispatch.TemplateCancelled, dispatch.TemplateDone:
		return false
	case dispatch.TemplateOnTheWay, dispatch.TemplateLate:
		until = until.Add(lateIsOfUse)
	}
	return w.appointment.State != dispatch.AppointmentConfirmed || !w.now.Before(until)
}

// lateIsOfUse is how long after the window's end it helps to hear of somebody who
// is still to come.
const lateIsOfUse = 4 * time.Hour
