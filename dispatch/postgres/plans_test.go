package postgres

import (
	"crypto/md5"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// busySQL fills two tenants with 75 days of a city: 100 technicians, one visit
// each a day, the last days still to come. Foreign keys are left to
// themselves: nothing is read through them.
const busySQL = `
SET session_replication_role = replica;
CREATE TEMP TABLE work ON COMMIT DROP AS
SELECT t, n, md5(t::text || n)::uuid AS id, md5(t::text || 't' || n % 100)::uuid AS technician,
	timestamptz '2024-01-01 09:00Z' + (n / 100) * interval '1 day' AS at, n >= 6900 AS ahead, n % 3000 AS place
FROM unnest(ARRAY['%tenant%', md5('other')]::uuid[]) t, generate_series(0, 7499) n;
INSERT INTO planning_areas SELECT DISTINCT t, 'area-' || n % 2, 'Area', 'UTC', 7200, 14, 86400, 300, time '18:00' FROM work;
INSERT INTO services (tenant_id, id, display_name, duration_seconds, spread_seconds) SELECT DISTINCT t, 'service-' || n % 20, 'Service', 3600, 600 FROM work;
INSERT INTO sites (tenant_id, id, address, address_key, location, time_zone)
SELECT t, id, n || ' Street', n || ' street', ST_SetSRID(ST_MakePoint(10, 50), 4326), 'UTC' FROM work WHERE n < 3000;
INSERT INTO work_orders (tenant_id, id, customer_id, site_id, service_id, planning_area_id, state, external_reference, opened_at)
SELECT t, id, md5(t::text || place)::uuid, md5(t::text || place)::uuid, 'service-' || n % 20, 'area-' || n % 2,
	CASE WHEN n >= 7400 THEN 'open' WHEN ahead THEN 'scheduled' ELSE 'resolved' END, 'C' || n, at - interval '3 days' FROM work;
INSERT INTO promises (tenant_id, appointment_id, ordinal, window_start, window_end, time_zone, wall_start, made_at, made_by, reason)
SELECT t, id, 1, at, at + interval '2 hours', 'UTC', at AT TIME ZONE 'UTC', at - interval '3 days', 'x', 'booked' FROM work;
INSERT INTO appointments (tenant_id, id, work_order_id, customer_id, state, service_id, tier_id, window_start, window_end, time_zone, price_minor, currency, booked_by, booked_at)
SELECT t, id, id, md5(t::text || place)::uuid, CASE WHEN ahead THEN 'confirmed' ELSE 'closed' END, 'service-1', 'standard',
	at, at + interval '2 hours', 'UTC', 1, 'USD', 'visitor', at - interval '3 days' FROM work;
INSERT INTO visits (tenant_id, id, work_order_id, appointment_id, planning_area_id, ordinal, state, duration_seconds, technician_id, finished_at, outcome, created_at)
SELECT t, id, id, id, 'area-' || n % 2, 1, CASE WHEN n >= 7400 THEN 'unassigned' WHEN ahead THEN 'planned' ELSE 'closed' END, 3600,
	CASE WHEN NOT ahead THEN technician END, CASE WHEN NOT ahead THEN at END, CASE WHEN ahead THEN '' ELSE 'resolved' END, at FROM work;
INSERT INTO shifts (tenant_id, id, technician_id, planning_area_id, local_date, starts_at, ends_at)
SELECT t, id, technician, 'area-' || n % 2, (at AT TIME ZONE 'UTC')::date, at - interval '1 hour', at + interval '7 hours' FROM work;
INSERT INTO holds (tenant_id, id, holder, state, planning_area_id, service_id, tier_id, appointment_id, address, postal_code, location,
	window_start, window_end, time_zone, price_minor, currency, duration_seconds, expires_at)
SELECT t, id, 'visitor:' || n, CASE WHEN n >= 7450 THEN 'held' ELSE 'confirmed' END, 'area-' || n % 2, 'service-1', 'standard', id, '', '',
	ST_SetSRID(ST_MakePoint(10, 50), 4326), at, at + interval '2 hours', 'UTC', 1, 'USD', 3600, at FROM work;
INSERT INTO commitments (tenant_id, id, technician_id, shift_id, kind, state, visit_id, starts_at, ends_at)
SELECT t, id, technician, id, 'visit', CASE WHEN ahead THEN 'planned' ELSE 'done' END, id, at, at + interval '1 hour' FROM work WHERE n < 7400;
INSERT INTO commitments (tenant_id, id, technician_id, shift_id, kind, state, hold_id, starts_at, ends_at)
SELECT t, id, technician, id, 'hold', 'held', id, at, at + interval '1 hour' FROM work WHERE n >= 7400;
INSERT INTO notices (tenant_id, id, subject, version, kind, payload, delivered_at)
SELECT t, id, 'visits/' || id, 1, 'visit_planned', '{}', CASE WHEN n < 7490 THEN at END FROM work;
INSERT INTO wakeups (tenant_id, workflow_id, kind, subject, due_at)
SELECT t, 'visit/' || n, 'visit', 'visits/' || id, clock_timestamp() + n * interval '1 minute' FROM work;
INSERT INTO deliveries (tenant_id, id, channel, template, subject, recipient, dedupe_key, state, due_at, created_at)
SELECT t, id, 'mail', 'booked', 'x', 'x', n::text, CASE WHEN n >= 7490 THEN 'pending' ELSE 'sent' END, at, at FROM work;
INSERT INTO webhook_endpoints (tenant_id, id, display_name, url, format, state, rests_until)
SELECT t, id, 'CRM', 'https://crm.example.org', 'firstfix', CASE WHEN n = 1 THEN 'disabled' ELSE 'enabled' END,
	CASE WHEN n = 2 THEN clock_timestamp() + interval '1 day' END FROM work WHERE n < 3;
INSERT INTO webhook_deliveries (tenant_id, id, endpoint_id, referral_id, version, event, state, due_at, retry_since, created_at)
SELECT t, id, md5(t::text || n % 3)::uuid, id, 1, 'referral.changed', CASE WHEN n % 3 > 0 THEN 'pending' WHEN n >= 7440 THEN 'pending' ELSE 'delivered' END,
	at, at, at FROM work;
INSERT INTO idempotency_keys (tenant_id, principal, method, request_id, request_hash)
SELECT t, 'visitor:' || n, 'CreateHold', id, decode(repeat('00', 32), 'hex') FROM work;`

// planned is a statement with what it is asked, and how many rows of tables it
// may touch to answer: those it gives, and those it has to look at beside them.
type planned struct {
	sql  string
	args map[string]any
	most float64
}

// The statements of booking and planning, in production's shape: as the role
// that runs them, with another tenant beside, and prepared and used so often
// that PostgreSQL has chosen between a plan for these values and one for all. None
// may read a whole table or walk through a whole tenant.
func TestBookingAndPlanningStatementsReadLittle(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	super, err := pgx.Connect(t.Context(), b.db.SuperuserURL)
	if err != nil {
		t.Fatal(err)
	}
	defer super.Close(t.Context())
	sql := "BEGIN;" + strings.ReplaceAll(busySQL, "%tenant%", b.tenant.String()) + "COMMIT; ANALYZE;"
	if _, err := super.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), b.db.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for name, c := range b.hot() {
		role := "firstfix_app"
		if strings.HasPrefix(name, "relay: ") {
			role = "firstfix_relay"
		}
		tx, err := conn.BeginTx(t.Context(), pgx.TxOptions{BeginQuery: enter(pgx.TxOptions{}, role, b.tenant)})
		if err != nil {
			t.Fatal(err)
		}
		c.args["tenant"] = b.tenant.String()
		top := warmed(t, tx, c)
		var touched float64
		var faults []string
		for _, scan := range top.scans() {
			touched += scan.touched()
			if scan.Type == "Seq Scan" && slices.Contains(largeTables, scan.Relation) {
				faults = append(faults, "reads the whole of "+scan.Relation)
			}
			// The relay works before a tenant is known: its queues have indexes of their own.
			if scan.Condition != "" && role == "firstfix_app" && !strings.Contains(scan.Condition, "tenant_id = ") {
				faults = append(faults, scan.Index+" is not entered by the tenant: "+scan.Condition)
			}
		}
		if touched > c.most {
			faults = append(faults, fmt.Sprintf("touches %g rows, expected at most %g", touched, c.most))
		}
		if faults != nil {
			text, _ := json.MarshalIndent(top, "", " ")
			t.Errorf("%s: %s\n%s", name, strings.Join(faults, "; "), text)
		}
		t.Logf("%-34s touches %4g rows", name, touched)
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

var largeTables = []string{
	"shifts", "commitments", "holds", "visits", "work_orders", "appointments", "promises", "sites", "notices", "wakeups", "deliveries", "idempotency_keys", "webhook_deliveries",
}

// row is the id that busySQL gives to the n-th row of every table, or "t1" to a
// technician.
func (b *bench) row(n any) string {
	return uuid.UUID(md5.Sum([]byte(b.tenant.String() + fmt.Sprint(n)))).String()
}

// hot are the statements, each for a row or a day of the days that lie ahead.
func (b *bench) hot() map[string]planned {
	one, free, few := b.row(7000), b.row(7460), "{"+b.row(7000)+","+b.row(7001)+","+b.row(7002)+"}"
	const from, to = "2024-03-11T00:00:00Z", "2024-03-12T00:00:00Z"
	list := func(narrow map[string]any) map[string]any {
		args := map[string]any{
			"after": "00000000-0000-0000-0000-000000000000", "limit": 51, "state": "", "area": "", "site": nil, "customer": nil, "service": "",
			"external": "", "priority": 0, "opened_from": nil, "opened_to": nil, "due_from": nil, "due_to": nil, "outcome": "",
			"order": nil, "appointment": nil, "technician": nil, "work_order": nil, "booked_by": "", "id": nil, "from": nil, "to": nil,
			"after_id": "00000000-0000-0000-0000-000000000000", "size": 51,
		}
		for name, value := range narrow {
			args[name] = value
		}
		return args
	}
	soonest := func(narrow map[string]any) map[string]any {
		args := list(narrow)
		args["after"] = "0001-01-01T00:00:00Z"
		return args
	}
	return map[string]planned{
		"shifts between":            {shiftsBetweenSQL, map[string]any{"area": "area-0", "from": from, "to": to, "from_day": "2024-03-09", "to_day": "2024-03-12"}, 300},
		"visits changed":            {visitsChangedSQL, map[string]any{"area": "area-0", "since": "4000000000:4000000000:"}, 2},
		"shifts of a watched day":   {dayShiftsSQL, map[string]any{"area": "area-0", "date": "2024-03-11", "since": "4000000000:4000000000:"}, 100},
		"referrals changed":         {referralsChangedSQL, list(map[string]any{"since": "4000000000:4000000000:", "owner": ""}), 2},
		"lock shifts":               {lockShiftsSQL, map[string]any{"ids": few}, 10},
		"stops on":                  {stopsOnSQL, map[string]any{"shifts": few}, 80},
		"commitments on":            {commitmentsOnSQL, map[string]any{"shifts": few}, 10},
		"commitment of a visit":     {commitmentOfVisitSQL, map[string]any{"visit": one}, 2},
		"commitment of a hold":      {commitmentOfHoldSQL, map[string]any{"hold": free}, 2},
		"hold of an appointment":    {holdOfSQL, map[string]any{"appointment": one}, 2},
		"count holds":               {countHoldsSQL, map[string]any{"holder": "visitor:7460", "at": from}, 2},
		"lock overdue holds":        {lockOverdueHoldsSQL, map[string]any{"shifts": "{" + free + "}", "at": "2025-01-01T00:00:00Z"}, 6},
		"claim a request":           {claimRequestSQL, map[string]any{"principal": "visitor:1", "method": "CreateHold", "request": one, "hash": `\x` + strings.Repeat("00", 32)}, 4},
		"the answer stored":         {storedAnswerSQL, map[string]any{"principal": "visitor:7000", "method": "CreateHold", "request": one}, 2},
		"publish a notice":          {publishSQL, map[string]any{"id": b.row(-1), "subject": "visits/x", "version": 1, "kind": "visit_moved", "payload": "{}"}, 4},
		"the visit of a booking":    {visitOfSQL, map[string]any{"appointment": one}, 4},
		"visits of a work order":    {visitsOfSQL, map[string]any{"work_order": one}, 2},
		"listed appointment":        {getListedAppointmentSQL, map[string]any{"id": one}, 8},
		"appointments of a day":     {listAppointmentsSQL, soonest(map[string]any{"from": from, "to": to}), 500},
		"appointments of a person":  {listAppointmentsSQL, soonest(map[string]any{"customer": b.row(7)}), 40},
		"appointment of work":       {listAppointmentsSQL, soonest(map[string]any{"work_order": one}), 10},
		"appointments confirmed":    {listAppointmentsSQL, soonest(map[string]any{"state": "confirmed", "from": from}), 2400},
		"board":                     {getListedVisitsSQL, map[string]any{"ids": few}, 20},
		"visits by technician":      {listVisitsOfTechnicianSQL, list(map[string]any{"technician": b.row("t1")}), 1200},
		"visits by appointment":     {listVisitsSQL, list(map[string]any{"appointment": one}), 10},
		"visits by work order":      {listVisitsSQL, list(map[string]any{"order": one}), 10},
		"visits unassigned":         {listVisitsSQL, list(map[string]any{"state": "unassigned", "area": "area-0"}), 300},
		"unplanned visits":          {unplannedVisitsSQL, map[string]any{"area": "area-0", "limit": 200}, 400},
		"version of a day":          {dayVersionSQL, map[string]any{"area": "area-0", "date": "2024-03-11"}, 150},
		"work orders by reference":  {listWorkOrdersSQL, list(map[string]any{"external": "C7000"}), 4},
		"work orders open":          {listWorkOrdersSQL, list(map[string]any{"state": "open", "area": "area-0"}), 110},
		"work orders of a site":     {listWorkOrdersSQL, list(map[string]any{"site": b.row(7)}), 20},
		"work orders of a customer": {listWorkOrdersSQL, list(map[string]any{"customer": b.row(7)}), 20},
		"work orders, first page":   {listWorkOrdersSQL, list(nil), 60},
		"relay: claim notices":      {claimNoticesSQL, map[string]any{"bulk": false, "limit": 10, "lease": one, "length": "1 minute"}, 100},
		"relay: claim wakeups":      {claimWakeupsSQL, map[string]any{"limit": 10, "grace": "0", "length": "1 minute"}, 60},
		"relay: claim deliveries":   {claimDeliveriesSQL, map[string]any{"channel": "mail", "limit": 10, "lease": one, "length": "1 minute"}, 60},
		// Of two tenants, each with an endpoint that rests and one that is disabled, and
		// thousands of rows pending for both.
		"relay: claim webhooks":     {claimWebhooksSQL, map[string]any{"limit": 10, "per_endpoint": 4, "lease": one, "length": "1 minute"}, 60},
		"relay: what is due":        {whatIsDueSQL, map[string]any{"grace": "0", "per_endpoint": 4}, 60},
		"deliveries of a referral":  {pageHandOffsSQL, list(map[string]any{"referral": one, "endpoint": nil}), 6},
		"deliveries to an endpoint": {pageHandOffsSQL, list(map[string]any{"referral": nil, "endpoint": b.row(0)}), 110},
		"dead of an endpoint":       {reviveHandOffsSQL, map[string]any{"endpoint": b.row(0), "from": nil, "to": nil, "now": from}, 10},
		"settle a webhook":          {settleHandOffSQL, map[string]any{"id": one, "state": "delivered", "reason": "", "status": 200, "due": from, "finished": from, "lease": one}, 4},
		"relay: overdue holds":      {overdueHoldsSQL, map[string]any{"limit": 10}, 100},
	}
}

// warmed prepares a statement, runs it as often as it takes PostgreSQL to choose
// a plan for good, and gives the plan of the next time with what really happened.
func warmed(t *testing.T, tx pgx.Tx, c planned) plan {
	t.Helper()
	sql, values, err := pgx.NamedArgs(c.args).RewriteQuery(t.Context(), nil, c.sql, nil)
	if err != nil {
		t.Fatal(err)
	}
	literals := make([]string, len(values))
	for i, v := range values {
		literals[i] = "NULL"
		if v != nil {
			literals[i] = "'" + strings.ReplaceAll(fmt.Sprint(v), "'", "''") + "'"
		}
	}
	execute := "EXECUTE s(" + strings.Join(literals, ", ") + ")"
	if optional.MatchString(c.sql) {
		if _, err := tx.Exec(t.Context(), "SET LOCAL plan_cache_mode = force_custom_plan"); err != nil { // see narrowed
			t.Fatal(err)
		}
	}
	statements := append([]string{"PREPARE s AS " + sql}, slices.Repeat([]string{"SAVEPOINT before", execute, "ROLLBACK TO before"}, 7)...)
	for _, statement := range statements {
		if _, err := tx.Exec(t.Context(), statement, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	var text []byte
	if err := tx.QueryRow(t.Context(), "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) "+execute, pgx.QueryExecModeSimpleProtocol).Scan(&text); err != nil {
		t.Fatalf("%s: %v", execute, err)
	}
	if _, err := tx.Exec(t.Context(), "DEALLOCATE s"); err != nil {
		t.Fatal(err)
	}
	var top []struct{ Plan plan }
	if err := json.Unmarshal(text, &top); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return top[0].Plan
}

// optional is a condition of a list that may have no value.
var optional = regexp.MustCompile(`(?s)@\w+(::\w+)? (= ''|= 0|IS NULL) OR .*LIMIT`)

var runsMany = regexp.MustCompile(`many\(ctx, t, (\w+SQL)`)

// Every list with optional conditions is planned for its values.
func TestListsAreNarrowed(t *testing.T) {
	t.Parallel()
	text := map[string]string{}
	for _, s := range statementsOf(t) {
		text[s.name] = s.sql
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range runsMany.FindAllSubmatch(source, -1) {
			seen++
			if name := string(match[1]); optional.MatchString(text[name]) {
				t.Errorf("%s: %s has optional conditions and is run by many, expected narrowed", file, name)
			}
		}
	}
	if seen < 20 {
		t.Errorf("found %d statements, which cannot be all", seen)
	}
}

// plan is what EXPLAIN says of a node.
type plan struct {
	Type      string  `json:"Node Type"`
	Relation  string  `json:"Relation Name,omitempty"`
	Index     string  `json:"Index Name,omitempty"`
	Condition string  `json:"Index Cond,omitempty"`
	Filter    string  `json:"Filter,omitempty"`
	Rows      float64 `json:"Actual Rows"`
	Removed   float64 `json:"Rows Removed by Filter,omitempty"`
	Rechecked float64 `json:"Rows Removed by Index Recheck,omitempty"`
	Joined    float64 `json:"Rows Removed by Join Filter,omitempty"`
	Loops     float64 `json:"Actual Loops"`
	Plans     []plan  `json:"Plans,omitempty"`
}

// touched is how many rows the node looked at.
func (p plan) touched() float64 { return (p.Rows + p.Removed + p.Rechecked) * p.Loops }

// scans are the nodes that read a table or an index.
func (p plan) scans() []plan {
	var out []plan
	if p.Relation != "" && p.Type != "ModifyTable" || p.Index != "" {
		out = append(out, p)
	}
	for _, below := range p.Plans {
		out = append(out, below.scans()...)
	}
	return out
}
