package postgres

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// crowd fills a tenant with years of work, so that the planner has something to
// decide: foreign keys are left to themselves, since nothing is read through them.
const crowdSQL = `
SET session_replication_role = replica;
INSERT INTO work_orders (tenant_id, id, site_id, asset_id, service_id, planning_area_id, state, opened_at, resolved_at, episode)
SELECT '%tenant%', md5('w' || n)::uuid, md5('s' || n % 1600)::uuid, CASE WHEN n % 3 = 0 THEN md5('a' || n % 5000)::uuid END,
	'service-' || n % 20, 'north', 'resolved', timestamptz '2020-01-01' + n * interval '1 hour', timestamptz '2020-01-02' + n * interval '1 hour', 1
FROM generate_series(1, 8000) n;
INSERT INTO visits (tenant_id, id, work_order_id, planning_area_id, ordinal, state, duration_seconds, technician_id, finished_at, outcome, created_at)
SELECT '%tenant%', md5('v' || n)::uuid, md5('w' || n)::uuid, 'north', 1, 'closed', 3600, md5('t' || n % 60)::uuid,
	timestamptz '2020-01-02' + n * interval '1 hour', 'resolved', timestamptz '2020-01-01'
FROM generate_series(1, 8000) n;
INSERT INTO shifts (tenant_id, id, technician_id, planning_area_id, local_date, starts_at, ends_at)
SELECT '%tenant%', md5('h' || n)::uuid, md5('t' || n % 60)::uuid, 'north', date '2020-01-01' + n / 60,
	timestamptz '2020-01-01 08:00Z' + (n / 60) * interval '1 day', timestamptz '2020-01-01 16:00Z' + (n / 60) * interval '1 day'
FROM generate_series(1, 8000) n;
INSERT INTO commitments (tenant_id, id, technician_id, shift_id, kind, state, visit_id, starts_at, ends_at, travel_seconds)
SELECT '%tenant%', md5('c' || n)::uuid, md5('t' || n % 60)::uuid, md5('h' || n)::uuid, 'visit', 'done', md5('v' || n)::uuid,
	timestamptz '2020-01-01 09:00Z' + (n / 60) * interval '1 day', timestamptz '2020-01-01 10:00Z' + (n / 60) * interval '1 day', 900
FROM generate_series(1, 8000) n;
INSERT INTO fix_episodes (tenant_id, work_order_id, episode, service_id, resolved_at, window_days, due_at, state, verdict, judged_at)
SELECT '%tenant%', md5('w' || n)::uuid, 1, 'service-' || n % 20, timestamptz '2020-01-02' + n * interval '1 hour', 30,
	timestamptz '2020-02-01' + n * interval '1 hour', CASE WHEN n > 7600 THEN 'provisional' ELSE 'final' END, 'first_time_fix', timestamptz '2020-01-02'
FROM generate_series(1, 8000) n;
INSERT INTO field_events (tenant_id, device_id, event_id, epoch, seq, technician_id, visit_id, kind, occurred_at, payload, payload_hash, disposition)
SELECT '%tenant%', md5('d' || n % 60)::uuid, md5('e' || n)::uuid, 1, n / 60, md5('t' || n % 60)::uuid, md5('v' || n % 8000)::uuid, 'arrived',
	timestamptz '2020-01-02' + n * interval '10 minutes', '{}', '\x00', 'accepted'
FROM generate_series(1, 20000) n;
INSERT INTO referrals (tenant_id, id, visit_id, work_order_id, site_id, customer_id, technician_id, need, urgency, consent_channel, state, logged_at)
SELECT '%tenant%', md5('r' || n)::uuid, md5('v' || n)::uuid, md5('w' || n)::uuid, md5('s' || n)::uuid, md5('k' || n % 1600)::uuid, md5('t' || n % 60)::uuid,
	'need', 'normal', 'phone', CASE WHEN n > 3900 THEN 'routed' ELSE 'won' END, timestamptz '2020-01-02' + n * interval '1 hour'
FROM generate_series(1, 4000) n;
INSERT INTO referral_moves (tenant_id, referral_id, version, from_state, to_state, actor, at)
SELECT '%tenant%', md5('r' || n)::uuid, 1, '', 'logged', 'x', timestamptz '2020-01-02' + n * interval '1 hour' FROM generate_series(1, 4000) n;
INSERT INTO promises (tenant_id, appointment_id, ordinal, window_start, window_end, time_zone, wall_start, made_at, made_by, reason)
SELECT '%tenant%', md5('p' || n)::uuid, 1, timestamptz '2020-01-02' + n * interval '1 hour', timestamptz '2020-01-02' + (n + 2) * interval '1 hour',
	'UTC', timestamp '2020-01-02', timestamptz '2020-01-01', 'x', 'booked' FROM generate_series(1, 8000) n;
INSERT INTO appointments (tenant_id, id, work_order_id, customer_id, state, service_id, tier_id, window_start, window_end, time_zone, price_minor, currency, booked_by, booked_at)
SELECT '%tenant%', md5('p' || n)::uuid, md5('w' || n)::uuid, md5('k' || n)::uuid, 'closed', 'service-1', 'standard',
	timestamptz '2020-01-02' + n * interval '1 hour', timestamptz '2020-01-02' + (n + 2) * interval '1 hour', 'UTC', 1, 'USD', 'x',
	timestamptz '2020-01-01' + n * interval '1 hour' FROM generate_series(1, 8000) n;
INSERT INTO slot_searches (tenant_id, id, at, service_id, offered)
SELECT '%tenant%', md5('q' || n)::uuid, timestamptz '2020-01-02' + n * interval '10 minutes', 'service-1', 1 FROM generate_series(1, 8000) n;
INSERT INTO deliveries (tenant_id, id, channel, template, subject, recipient, dedupe_key, state, due_at, created_at)
SELECT '%tenant%', md5('m' || n)::uuid, 'mail', 'booked', 'x', 'x', n::text, 'sent', now(), timestamptz '2020-01-02' + n * interval '1 hour'
FROM generate_series(1, 8000) n;
INSERT INTO sales (tenant_id, referral_id, state, won_at)
SELECT '%tenant%', md5('r' || n)::uuid, 'standing', timestamptz '2020-01-02' + n * interval '1 hour' FROM generate_series(1, 3900) n;
INSERT INTO pay_postings (tenant_id, id, referral_id, reason, actor, at)
SELECT '%tenant%', md5('o' || n)::uuid, md5('r' || n)::uuid, 'won', 'x', timestamptz '2020-01-02' + n * interval '1 hour' FROM generate_series(1, 3900) n;
INSERT INTO pay_entries (tenant_id, posting_id, line, payee, account, amount_minor, referral_id, at)
SELECT '%tenant%', md5('o' || n)::uuid, line, 'technicians/' || md5('t' || n % 60)::uuid, CASE line WHEN 1 THEN 'payable' ELSE 'cost' END,
	CASE line WHEN 1 THEN 100 ELSE -100 END, md5('r' || n)::uuid, timestamptz '2020-01-02' + n * interval '1 hour'
FROM generate_series(1, 3900) n, generate_series(1, 2) line;
INSERT INTO parts (tenant_id, id, display_name) SELECT '%tenant%', 'part-' || n, 'Part' FROM generate_series(1, 100) n;
INSERT INTO warehouses (tenant_id, id, display_name) SELECT '%tenant%', 'yard-' || n, 'Yard' FROM generate_series(1, 5) n;
INSERT INTO stock (tenant_id, technician_id, part_id, quantity)
SELECT '%tenant%', md5('t' || n)::uuid, 'part-' || part, 2 FROM generate_series(0, 59) n, generate_series(1, 100) part;
INSERT INTO stock (tenant_id, warehouse_id, part_id, quantity)
SELECT '%tenant%', 'yard-' || n, 'part-' || part, 50 FROM generate_series(1, 5) n, generate_series(1, 100) part;
INSERT INTO stock_moves (tenant_id, id, part_id, quantity, from_technician_id, reason, visit_id, at, by_subject)
SELECT '%tenant%', gen_random_uuid(), 'part-' || 1 + n % 100, 1, md5('t' || n % 60)::uuid, 'used', NULL, timestamptz '2020-01-02' + n * interval '1 hour', 'x'
FROM generate_series(1, 5000) n;
ANALYZE;`

// The statements of a technician's day, of uploads, verdicts, referrals and
// measures read by index what they need, as the application's role and under
// row-level security.
func TestFieldStatementsUseIndexes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	super, err := pgx.Connect(t.Context(), b.db.SuperuserURL)
	if err != nil {
		t.Fatal(err)
	}
	defer super.Close(t.Context())
	if _, err := super.Exec(t.Context(), strings.ReplaceAll(crowdSQL, "%tenant%", b.tenant.String()), pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	id := "5d41402a-bc4b-4a76-b971-9d911017c592"
	span := pgx.NamedArgs{"from": "2020-06-01T00:00:00Z", "to": "2020-06-02T00:00:00Z", "area": "", "service": ""}
	order := pgx.NamedArgs{
		"id": id, "site": id, "service": "service-1", "asset": id, "corrects": id, "opened": "2020-06-01T00:00:00Z",
		"from": "2020-06-01T00:00:00Z", "to": "2020-07-01T00:00:00Z",
	}
	for name, c := range map[string]struct {
		sql  string
		args pgx.NamedArgs
	}{
		"itinerary":       {itinerarySQL, pgx.NamedArgs{"technician": id, "from_early": "2020-05-31T00:00:00Z", "from": "2020-06-01T00:00:00Z", "to": "2020-06-03T00:00:00Z"}},
		"past visits":     {pastVisitsSQL, pgx.NamedArgs{"orders": []string{id}, "visits": []string{id}, "limit": 5}},
		"was assigned":    {wasAssignedSQL, pgx.NamedArgs{"visit": id, "technician": id}},
		"known events":    {knownEventsSQL, pgx.NamedArgs{"device": id, "ids": []string{id}}},
		"sequences after": {sequencesAfterSQL, pgx.NamedArgs{"device": id, "epoch": 1, "mark": 900, "technician": id}},
		"events of":       {eventsOfSQL, pgx.NamedArgs{"visit": id}},
		"repeats of":      {repeatsOfSQL, order},
		"provisional":     {provisionalFixesSQL, order},
		"referrals since": {referralsSinceSQL, pgx.NamedArgs{"technician": id, "since": "2020-01-01T00:00:00Z"}},
		"count referrals": {countReferralsSQL, pgx.NamedArgs{"technician": id, "since": "2020-01-01T00:00:00Z"}},
		"open referrals":  {openReferralsOfSQL, pgx.NamedArgs{"customer": id, "since": "2020-01-01T00:00:00Z"}},
		"referral load":   {openReferralLoadSQL, pgx.NamedArgs{}},
		"requests":        {countRequestsSQL, span},
		"refusals":        {countRefusalsSQL, span},
		"windows":         {countWindowsSQL, span},
		"time":            {sumTimeSQL, span},
		"fixes":           {countFixesSQL, span},
		"referral states": {countReferralStatesSQL, span},
		"deliveries":      {countDeliveriesSQL, span},
		"double bookings": {countDoubleBookingsSQL, span},
		"moves of one":    {referralMovesSQL, pgx.NamedArgs{"referral": id}},
		"balances":        {balancesOfSQL, pgx.NamedArgs{"referral": id}},
		"settlements":     {settlementsSQL, pgx.NamedArgs{"referrals": []string{id}}},
		"payee balance":   {payeeBalanceSQL, pgx.NamedArgs{"payee": "technicians/" + id, "before": "2020-06-01T00:00:00Z"}},
		"pay lines": {pagePayLinesSQL, pgx.NamedArgs{
			"payee": "technicians/" + id, "from": "2020-06-01T00:00:00Z", "to": "2020-07-01T00:00:00Z", "after_at": "2020-06-01T00:00:00Z", "after_id": id, "limit": 51,
		}},
		"sale":             {findSaleSQL, pgx.NamedArgs{"referral": id}},
		"duplicates":       {lockDuplicatesSQL, pgx.NamedArgs{"id": id}},
		"add stock":        {addStockSQL, pgx.NamedArgs{"technician": id, "warehouse": nil, "part": "part-1", "delta": -1}},
		"lock stock":       {lockStockSQL, pgx.NamedArgs{"technician": nil, "warehouse": "yard-1", "part": "part-1"}},
		"stock of":         {stockOfSQL, pgx.NamedArgs{"ids": []string{id}}},
		"moves at a visit": {pageStockMovesSQL, pgx.NamedArgs{"technician": nil, "warehouse": nil, "part": "", "visit": id, "after": id, "limit": 51}},
		"lock fix episode": {lockFixSQL, pgx.NamedArgs{"order": id, "episode": 1}},
	} {
		plan := b.explain(t, c.sql, c.args)
		// A catalogue of a few rows, or the one tenant, is read whole, and rightly so.
		if strings.Contains(strings.NewReplacer("Seq Scan on services", "", "Seq Scan on tenants", "").Replace(plan), "Seq Scan") {
			t.Errorf("%s reads a whole table:\n%s", name, plan)
		}
	}
}

// explain gives the plan of a statement in a transaction of the tenant.
func (b *bench) explain(t *testing.T, sql string, args pgx.NamedArgs) string {
	t.Helper()
	var lines []string
	err := b.store.retry(t.Context(), txOptions, "firstfix_app", b.tenant, func(ctx context.Context, tx *tx) error {
		rows, err := tx.db.Query(ctx, "EXPLAIN "+sql, tx.args(args))
		if err != nil {
			return err
		}
		lines, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return strings.Join(lines, "\n")
}
