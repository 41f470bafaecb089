package postgres

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest"
)

func TestDeliveriesAreLeasedAndSettledOnce(t *testing.T) {
	t.Parallel()
	s := open(t)
	home := tenant(t, s, "one")
	message := dispatch.Delivery{
		Channel: dispatch.ChannelMail, Template: dispatch.TemplateBooked,
		Subject: "appointments/a", Recipient: "customers/a", DedupeKey: "appointments/a/booked/1/mail",
	}
	inTenant(t, s, home, func(ctx context.Context, tx *tx) error {
		if err := tx.Tell(ctx, message); err != nil {
			return err
		}
		return tx.Tell(ctx, message)
	})
	claimDue := func(lease time.Duration) []dispatch.LeasedDelivery {
		t.Helper()
		due, err := s.ClaimDeliveries(t.Context(), dispatch.ChannelMail, 10, lease)
		if err != nil {
			t.Fatal(err)
		}
		return due
	}
	settle := func(d dispatch.LeasedDelivery, want bool) {
		t.Helper()
		inTenant(t, s, home, func(ctx context.Context, tx *tx) error {
			held, err := tx.SettleDelivery(ctx, d.Delivery)
			if held != want {
				t.Errorf("settled as %s: held %t, want %t", d.State, held, want)
			}
			return err
		})
	}
	if texts, err := s.ClaimDeliveries(t.Context(), dispatch.ChannelText, 10, time.Minute); err != nil || len(texts) != 0 {
		t.Errorf("claimed %+v, %v as texts", texts, err)
	}
	slow := claimDue(0)
	if len(slow) != 1 || slow[0].Tenant != home || slow[0].Attempts != 1 || slow[0].Template != dispatch.TemplateBooked || slow[0].CreatedAt.IsZero() {
		t.Fatalf("claimed %+v, want the one message", slow)
	}
	fast := claimDue(time.Minute)
	if len(fast) != 1 || fast[0].Attempts != 2 {
		t.Fatalf("after the lease: claimed %+v", fast)
	}
	slow[0].State = dispatch.DeliveryDead
	settle(slow[0], false)
	fast[0].DueAt = fast[0].DueAt.Add(time.Hour)
	settle(fast[0], true)
	if early := claimDue(time.Minute); len(early) != 0 {
		t.Errorf("claimed %+v before it is due again", early)
	}
	inTenant(t, s, home, func(ctx context.Context, tx *tx) error {
		_, err := tx.db.Exec(ctx, "UPDATE deliveries SET due_at = domain_now()")
		return err
	})
	last := claimDue(time.Minute)
	last[0].State, last[0].Receipt = dispatch.DeliverySent, "250 queued"
	settle(last[0], true)
	settle(last[0], false)
	if more := claimDue(0); len(more) != 0 {
		t.Errorf("claimed %+v after it was sent", more)
	}
}

// Dead webhook deliveries hold personal data: they go after their time, and what is to
// be posted still stays whatever its age.
func TestTrimTakesDeadWebhooks(t *testing.T) {
	t.Parallel()
	s := open(t)
	home := tenant(t, s, "one")
	endpoint := dispatch.WebhookEndpoint{
		ID: dispatch.WebhookEndpointID{}.New(), DisplayName: "CRM", URL: "https://crm.example.org/", Format: dispatch.FormatFirstfix,
		State: dispatch.EndpointEnabled, KeyNumber: 1, CreatedAt: time.Now(), Version: 1,
	}
	inTenant(t, s, home, func(ctx context.Context, tx *tx) error {
		if err := tx.CreateWebhookEndpoint(ctx, endpoint); err != nil {
			return err
		}
		for _, state := range []dispatch.WebhookDeliveryState{dispatch.WebhookPending, dispatch.WebhookDead, dispatch.WebhookDead} {
			err := tx.CreateWebhookDelivery(ctx, dispatch.WebhookDelivery{
				ID: dispatch.WebhookDeliveryID{}.New(), Endpoint: endpoint.ID, Event: dispatch.WebhookTest, State: state, DueAt: time.Now(), CreatedAt: time.Now(),
			})
			if err != nil {
				return err
			}
		}
		_, err := tx.db.Exec(ctx, `
			UPDATE webhook_deliveries d SET finished_at = domain_now() - n.days * interval '1 day'
			FROM (SELECT id, CASE row_number() OVER (ORDER BY id) WHEN 1 THEN 29 ELSE 31 END AS days FROM webhook_deliveries WHERE state = 'dead') n
			WHERE n.id = d.id`)
		return err
	})
	if n, err := s.Trim(t.Context(), 10, dispatch.Retention{Requests: time.Hour, Notices: time.Hour, Webhooks: 30 * 24 * time.Hour}); err != nil || n != 1 {
		t.Errorf("trimmed %d, %v; want the one that died 31 days ago", n, err)
	}
}

func TestTrimTakesWhatIsOld(t *testing.T) {
	t.Parallel()
	s := open(t)
	home := tenant(t, s, "one")
	publish(t, s, home, "visits/a", 1, 2, 3)
	for range 2 {
		wantDelivered(t, s, claim(t, s, time.Minute), 1)
	}
	inTenant(t, s, home, func(ctx context.Context, tx *tx) error {
		_, err := tx.db.Exec(ctx, `
			INSERT INTO idempotency_keys (tenant_id, principal, method, request_id, request_hash, created_at)
			SELECT app_tenant(), 'p', 'm', gen_random_uuid(), sha256(''), clock_timestamp() - d * interval '1 day'
			FROM unnest(ARRAY[1, 89, 91, 200]) d`)
		if err != nil {
			return err
		}
		_, err = tx.db.Exec(ctx, `UPDATE notices SET delivered_at = clock_timestamp() - interval '31 days' WHERE version = 1`)
		return err
	})
	keep := dispatch.Retention{Requests: 90 * 24 * time.Hour, Notices: 30 * 24 * time.Hour, Webhooks: 30 * 24 * time.Hour}
	n, err := s.Trim(t.Context(), 1, keep)
	if err != nil || n != 2 {
		t.Errorf("trimmed %d, %v; want one key and one notice at a time", n, err)
	}
	if n, err = s.Trim(t.Context(), 10, keep); err != nil || n != 1 {
		t.Errorf("trimmed %d, %v; want the other old key", n, err)
	}
	inTenant(t, s, home, func(ctx context.Context, tx *tx) error {
		var keys, notices int
		if err := tx.db.QueryRow(ctx, "SELECT (SELECT count(*) FROM idempotency_keys), (SELECT count(*) FROM notices)").Scan(&keys, &notices); err != nil {
			return err
		}
		if keys != 2 || notices != 2 {
			t.Errorf("%d keys and %d notices are left, want 2 and 2", keys, notices)
		}
		return nil
	})
}

// TestTheRelaySeesOnlyWhatIsDue: its role reads queues, not the trade.
func TestTheRelaySeesOnlyWhatIsDue(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, forbidden := range []string{
		"SELECT email FROM customers", "SELECT id FROM appointments", "SELECT answer FROM idempotency_keys",
		"SELECT address FROM holds", "UPDATE notices SET payload = '{}'", "UPDATE wakeups SET due_at = now()",
		"UPDATE deliveries SET state = 'sent'", "DELETE FROM deliveries", "SELECT display_name FROM tenants",
		"SELECT lead FROM webhook_deliveries", "SELECT url FROM webhook_endpoints", "UPDATE webhook_deliveries SET state = 'dead'",
	} {
		err := s.inRelay(t.Context(), func(ctx context.Context, tx *tx) error {
			_, err := tx.db.Exec(ctx, forbidden)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%s: %v, want permission denied", forbidden, err)
		}
	}
}

// TestABurstIsClaimedAtOnce: the statistics do not know of the rows yet.
func TestABurstIsClaimedAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t)
	home := tenant(t, s, "one")
	inTenant(t, s, home, func(ctx context.Context, tx *tx) error {
		_, err := tx.db.Exec(ctx, `
			INSERT INTO notices (tenant_id, id, subject, version, kind)
			SELECT app_tenant(), gen_random_uuid(), 'workOrders/' || n / 2, n % 2, 'work_order_opened' FROM generate_series(1, 20000) n`)
		return err
	})
	for range 3 {
		begun := time.Now()
		claimed, err := s.ClaimNotices(t.Context(), true, 100, time.Minute)
		if took := time.Since(begun); err != nil || len(claimed) != 100 || took > 5*time.Second {
			t.Errorf("claimed %d in %s, %v; want 100 in far less than 5 s", len(claimed), took, err)
		}
	}
}

// TestQueuesUseTheirIndexes explains the polls as the relay's role over a long
// history of what is done.
func TestQueuesUseTheirIndexes(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := openAt(t, db.URL)
	home := tenant(t, s, "one")
	inTenant(t, s, home, func(ctx context.Context, tx *tx) error {
		_, err := tx.db.Exec(ctx, `
			INSERT INTO notices (tenant_id, id, subject, version, kind, delivered_at)
			SELECT app_tenant(), gen_random_uuid(), 'visits/' || n, 1, 'visit_moved', clock_timestamp() FROM generate_series(1, 5000) n;
			INSERT INTO wakeups (tenant_id, workflow_id, kind, subject, due_at)
			SELECT app_tenant(), 'w/' || n, 'FixWindowWorkflow', 's', domain_now() + n * interval '1 minute' FROM generate_series(1, 5000) n;
			INSERT INTO deliveries (tenant_id, id, channel, template, subject, recipient, dedupe_key, state, due_at)
			SELECT app_tenant(), gen_random_uuid(), 'mail', 'booked', 's', 'r', n::text, 'sent', domain_now() FROM generate_series(1, 5000) n`,
			pgx.QueryExecModeSimpleProtocol)
		return err
	})
	superuser, err := pgx.Connect(t.Context(), db.SuperuserURL)
	if err != nil {
		t.Fatal(err)
	}
	defer superuser.Close(context.WithoutCancel(t.Context()))
	if _, err := superuser.Exec(t.Context(), "ANALYZE notices, wakeups, deliveries"); err != nil {
		t.Fatal(err)
	}
	// For more rows than that, reading a table of 5000 would be right.
	args := pgx.NamedArgs{"limit": 10, "lease": uuid.New(), "length": time.Minute, "grace": time.Minute, "channel": "mail", "bulk": false}
	for name, sql := range map[string]string{
		"claim notices": claimNoticesSQL, "claim wakeups": claimWakeupsSQL, "claim deliveries": claimDeliveriesSQL,
	} {
		err := s.inRelay(t.Context(), func(ctx context.Context, tx *tx) error {
			rows, err := tx.db.Query(ctx, "EXPLAIN "+sql, args)
			if err != nil {
				return err
			}
			lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if plan := strings.Join(lines, "\n"); strings.Contains(plan, "Seq Scan") {
				t.Errorf("%s reads a whole table:\n%s", name, plan)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
