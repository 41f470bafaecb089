package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/outbound/crm"
	"github.com/firstfix/firstfix/dispatch/outbound/notify"
	"github.com/firstfix/firstfix/dispatch/postgres"
	"github.com/firstfix/firstfix/workflows"
)

// workCommand runs everything that happens by itself: workflows, the relay, the
// sending of messages, sweeping. docs/operations.md describes it.
type workCommand struct {
	TemporalNamespace   string        `env:"FIRSTFIX_TEMPORAL_NAMESPACE" default:"default" placeholder:"NAME" help:"Temporal's namespace (${default})."`
	TemporalTLS         bool          `env:"FIRSTFIX_TEMPORAL_TLS" help:"Temporal is reached over TLS."`
	Installation        string        `env:"FIRSTFIX_INSTALLATION" default:"firstfix" placeholder:"NAME" help:"Name of this database and its workers within the namespace (${default})."`
	BuildID             string        `env:"FIRSTFIX_BUILD_ID" placeholder:"TEXT" help:"Name of this build; by default made from the program itself."`
	Promote             bool          `env:"FIRSTFIX_PROMOTE" default:"true" negatable:"" help:"Make this build the current one as soon as it is ready."`
	WakeupGrace         time.Duration `env:"FIRSTFIX_WAKEUP_GRACE" default:"30s" help:"How long a workflow's own timer has before the relay nudges it; 0 where domain time jumps (${default})."`
	IdlePoll            time.Duration `env:"FIRSTFIX_IDLE_POLL" default:"1s" help:"How often a worker asks what is due in quiet times (${default})."`
	Solvers             int           `env:"FIRSTFIX_SOLVERS" default:"0" help:"Plans that are made at once; 0 is one per core."`
	DatabaseConnections int32         `env:"FIRSTFIX_WORK_DATABASE_CONNECTIONS" default:"20" help:"Most connections to PostgreSQL (${default})."`
	MailFrom            string        `env:"FIRSTFIX_MAIL_FROM" placeholder:"ADDRESS" help:"Whom mails are from, e.g. Service <service@example.org>."`
	TextWebhookSecret   string        `env:"FIRSTFIX_TEXT_WEBHOOK_SECRET" placeholder:"WHSEC" help:"Signs text messages, by the Standard Webhooks: whsec_ and base64."`
}

// workStopTime is how long looks under way may go on after a signal to stop.
const workStopTime = 20 * time.Second

var installationName = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// Run implements kong's command.
func (w *workCommand) Run(ctx context.Context, c *config, log *slog.Logger) error {
	if err := c.validate(needDatabase, needTemporal, needSeal, needEgress, w.needMessages, w.needTiming); err != nil {
		return err
	}
	store, err := postgres.Open(ctx, c.DatabaseURL, w.DatabaseConnections)
	if err != nil {
		return err
	}
	defer store.Close()
	temporal, err := w.temporal(c, log)
	if err != nil {
		return err
	}
	defer temporal.Close()
	loops, err := w.loops(c, store, temporal, log)
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "working")
	var running sync.WaitGroup
	for _, loop := range loops {
		running.Go(func() { loop(ctx) })
	}
	running.Wait()
	return nil
}

// loops are all that a worker does, each until its context ends. None waits for
// another: messages are sent and holds swept while Temporal is away.
func (w *workCommand) loops(c *config, store *postgres.Store, temporal client.Client, log *slog.Logger) ([]func(context.Context), error) {
	seal, err := dispatch.NewSeal([]byte(c.SealSecret))
	if err != nil {
		return nil, err
	}
	messenger, err := notify.New(w.messages(c))
	if err != nil {
		return nil, err
	}
	egress, faults := c.egress()
	roots, more := c.egressRoots()
	if err := errors.Join(append(faults, more...)...); err != nil {
		return nil, err
	}
	use := newUseCases(store, seal, egress, log)
	workers, err := w.workers(store, temporal, use, log)
	if err != nil {
		return nil, err
	}
	relay := workflows.NewRelay(workflows.RelayOptions{
		Store: store, Temporal: temporal, Installation: workflows.Installation(w.Installation), Spoilt: use.fieldwork.FixesSpoiltBy, WakeupGrace: w.WakeupGrace, Log: log,
	})
	sender := &workflows.Sender{
		Relay: store, Store: store, Messenger: messenger, Log: log,
		Link:         link(c.PublicURL, "appointment", use.booking.LinkToken),
		FollowUpLink: link(c.PublicURL, "follow-up", use.referral.FollowUpToken),
		WaitlistLink: link(c.PublicURL, "waitlist", use.booking.WaitlistToken),
	}
	handOff := &workflows.HandOff{Relay: store, Attempt: use.referral.Attempt, Post: crm.New(egress, roots).Post, Settle: use.referral.SettleWebhook, Log: log}
	sweeper := &workflows.Sweeper{Store: store, SweepHold: use.booking.SweepHold}
	trimmer := &workflows.Trimmer{Store: store, Log: log}
	pulse := workflows.NewPulse(store, w.WakeupGrace, w.IdlePoll, log)
	return []func(context.Context){
		workers.Run, pulse.Run, trimmer.Run,
		func(ctx context.Context) { relay.Run(ctx, pulse) },
		func(ctx context.Context) { sender.Run(ctx, pulse) },
		func(ctx context.Context) { handOff.Run(ctx, pulse) },
		func(ctx context.Context) { sweeper.Run(ctx, pulse) },
		func(ctx context.Context) { workflows.LogBacklog(ctx, store, log) },
	}, nil
}

func (w *workCommand) workers(store *postgres.Store, temporal client.Client, use useCases, log *slog.Logger) (*workflows.Workers, error) {
	build := w.BuildID
	if build == "" {
		var err error
		if build, err = workflows.BinaryBuildID(); err != nil {
			return nil, err
		}
	}
	solvers := w.Solvers
	if solvers <= 0 {
		solvers = runtime.GOMAXPROCS(0)
	}
	return workflows.NewWorkers(workflows.WorkersOptions{
		Temporal: temporal, Store: store, Looks: looks(use), Installation: workflows.Installation(w.Installation), BuildID: build, Promote: w.Promote,
		SolvingSlots: solvers, StopTime: workStopTime, Log: log,
	}), nil
}

// looks are the use cases that the long processes ask.
func looks(use useCases) workflows.Looks {
	return workflows.Looks{
		Appointment: func(ctx context.Context, tenant dispatch.TenantID, id dispatch.AppointmentID) (dispatch.Look, error) {
			return use.booking.LookAtAppointment(ctx, tenant, id, dispatch.WatchAppointment(tenant, id).Workflow)
		},
		Visit: use.fieldwork.LookAtVisit,
		Day: func(ctx context.Context, tenant dispatch.TenantID, area dispatch.PlanningAreaID, day dispatch.Date) (dispatch.Look, error) {
			return use.planning.LookAtDay(ctx, tenant, area, day, dispatch.WatchDay(tenant, area, day).Workflow)
		},
		FixWindow: use.fieldwork.LookAtFixWindow,
		Referral:  use.referral.LookAtReferral,
		Sale:      use.referral.LookAtSale,
		Waitlist:  use.booking.LookAtWaitlist,
	}
}

// temporal makes a client that connects when it is used: Temporal may be away.
func (w *workCommand) temporal(c *config, log *slog.Logger) (client.Client, error) {
	options := client.Options{
		HostPort: c.TemporalAddress, Namespace: w.TemporalNamespace, Logger: sdklog.NewStructuredLogger(log.With("from", "temporal")),
	}
	if w.TemporalTLS {
		options.ConnectionOptions.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	temporal, err := client.NewLazyClient(options)
	if err != nil {
		return nil, fmt.Errorf("make the client of Temporal: %w", err)
	}
	return temporal, nil
}

// link makes the address of a page about something, nil where there are none. Its
// secret stands behind the #, which browsers do not send and servers do not log.
func link[S any](publicURL, page string, token func(dispatch.TenantID, S) (string, error)) func(dispatch.TenantID, S) (string, error) {
	if publicURL == "" {
		return nil
	}
	return func(tenant dispatch.TenantID, subject S) (string, error) {
		secret, err := token(tenant, subject)
		return strings.TrimSuffix(publicURL, "/") + "/" + page + "#" + secret, err
	}
}

// developmentSender is whom mails are from where nobody gets them.
const developmentSender = "Firstfix <firstfix@example.org>"

// messages are the providers of messages.
func (w *workCommand) messages(c *config) notify.Options {
	options := notify.Options{SMTP: c.SMTPAddress, From: w.MailFrom, TextURL: c.TextWebhookURL, TextSecret: w.TextWebhookSecret}
	if options.SMTP != "" && !strings.Contains(options.SMTP, "://") {
		options.SMTP = "smtp://" + options.SMTP
	}
	if options.From == "" && c.Development {
		options.From = developmentSender
	}
	return options
}

// needMessages is what the providers of messages need, where there are any.
func (w *workCommand) needMessages(c *config) []error {
	var faults []error
	if c.SMTPAddress != "" && w.MailFrom == "" && !c.Development {
		faults = append(faults, fault("FIRSTFIX_MAIL_FROM", "is not set, expected whom mails are from, e.g. Service <service@example.org>")...)
	}
	if c.TextWebhookURL != "" && w.TextWebhookSecret == "" && !c.Development {
		faults = append(faults, fault("FIRSTFIX_TEXT_WEBHOOK_SECRET", "is not set, expected whsec_ and the base64 of at least 24 random bytes")...)
	}
	if u, err := url.Parse(c.PublicURL); c.PublicURL != "" && (err != nil || u.Host == "" || (u.Scheme != "https" && !c.Development)) {
		faults = append(faults, fault("FIRSTFIX_PUBLIC_URL", "%q is not an https URL", c.PublicURL)...)
	}
	if _, err := notify.New(w.messages(c)); err != nil && len(faults) == 0 {
		faults = append(faults, fault("FIRSTFIX_SMTP_ADDRESS or FIRSTFIX_TEXT_WEBHOOK_URL", "%v", err)...)
	}
	return faults
}

// needTiming is what the relay and the workers are told.
func (w *workCommand) needTiming(*config) []error {
	var faults []error
	if !installationName.MatchString(w.Installation) {
		faults = append(faults, fault("FIRSTFIX_INSTALLATION", "%.60q is no name, expected up to 40 lower case letters, digits and dashes", w.Installation)...)
	}
	if w.IdlePoll <= 0 {
		faults = append(faults, fault("FIRSTFIX_IDLE_POLL", "%s is no time between two polls", w.IdlePoll)...)
	}
	if w.WakeupGrace < 0 {
		faults = append(faults, fault("FIRSTFIX_WAKEUP_GRACE", "%s is negative", w.WakeupGrace)...)
	}
	return faults
}
