package postgres

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// crowdedCompanySQL fills a tenant with a large company, and another one with as
// much, so that the planner has something to decide: foreign keys are left to
// themselves, since nothing is read through them.
const crowdedCompanySQL = `
SET session_replication_role = replica;
INSERT INTO customers (tenant_id, id, display_name, external_reference)
SELECT t, md5(t::text || 'k' || n)::uuid, 'Name ' || n, 'K' || n FROM unnest(ARRAY['%tenant%', md5('other')]::uuid[]) t, generate_series(1, 6000) n;
INSERT INTO sites (tenant_id, id, address, address_key, location, time_zone, territory_id)
SELECT t, md5(t::text || 's' || n)::uuid, n || ' Street', n || ' street', ST_SetSRID(ST_MakePoint(10, 50), 4326), 'UTC', 'zone-' || n % 500
FROM unnest(ARRAY['%tenant%', md5('other')]::uuid[]) t, generate_series(1, 6000) n;
INSERT INTO assets (tenant_id, id, site_id, display_name)
SELECT t, md5(t::text || 'a' || n)::uuid, md5(t::text || 's' || n)::uuid, 'Boiler ' || n FROM unnest(ARRAY['%tenant%', md5('other')]::uuid[]) t, generate_series(1, 6000) n;
INSERT INTO contacts (tenant_id, id, customer_id, display_name)
SELECT t, md5(t::text || 'c' || n)::uuid, md5(t::text || 'k' || n)::uuid, 'Contact ' || n FROM unnest(ARRAY['%tenant%', md5('other')]::uuid[]) t, generate_series(1, 6000) n;
INSERT INTO search_words (tenant_id, kind, word, entity_id)
SELECT tenant_id, 'customers', lower(substr(md5(display_name), 1, 8)), id FROM customers
UNION ALL SELECT tenant_id, 'sites', lower(substr(md5(address), 1, 8)), id FROM sites
UNION ALL SELECT tenant_id, 'assets', lower(substr(md5(display_name), 1, 8)), id FROM assets
UNION ALL SELECT tenant_id, 'contacts', lower(substr(md5(display_name), 1, 8)), id FROM contacts;
INSERT INTO territories (tenant_id, id, planning_area_id, display_name, time_zone, boundary, west, south, east, north)
SELECT t, 'zone-' || n, 'north', 'Zone', 'UTC', ST_Multi(ST_MakeEnvelope(n % 100, n / 100, n % 100 + 1, n / 100 + 1, 4326)), n % 100, n / 100, n % 100 + 1, n / 100 + 1
FROM unnest(ARRAY['%tenant%', md5('other')]::uuid[]) t, generate_series(1, 2000) n;
INSERT INTO technicians (tenant_id, id, display_name, home, planning_area_id)
SELECT t, md5(t::text || 't' || n)::uuid, 'T', ST_SetSRID(ST_MakePoint(10, 50), 4326), 'area-' || n % 40 FROM unnest(ARRAY['%tenant%', md5('other')]::uuid[]) t, generate_series(1, 1500) n;
INSERT INTO technician_skills (tenant_id, technician_id, skill_id, level)
SELECT tenant_id, id, 'skill-' || n, 3 FROM technicians, generate_series(1, 3) n;
INSERT INTO shifts (tenant_id, id, technician_id, planning_area_id, local_date, starts_at, ends_at)
SELECT tenant_id, md5(id::text || n)::uuid, id, planning_area_id, date '2024-01-01' + n, timestamptz '2024-01-01 08:00Z' + n * interval '1 day', timestamptz '2024-01-01 16:00Z' + n * interval '1 day'
FROM technicians, generate_series(1, 6) n;
INSERT INTO commitments (tenant_id, id, technician_id, shift_id, kind, state, starts_at, ends_at)
SELECT tenant_id, md5(id::text || 'b')::uuid, technician_id, id, 'break', 'planned', starts_at + interval '4 hours', starts_at + interval '5 hours' FROM shifts;
INSERT INTO absences (tenant_id, id, technician_id, starts_at, ends_at, reason)
SELECT tenant_id, md5(id::text || 'x')::uuid, id, timestamptz '2024-01-05Z', timestamptz '2024-01-06Z', 'ill' FROM technicians;
INSERT INTO work_orders (tenant_id, id, site_id, service_id, planning_area_id, state, opened_at, external_reference)
SELECT tenant_id, md5(id::text || 'w')::uuid, id, 'service-1', 'north', 'open', timestamptz '2024-01-01', address FROM sites;
ANALYZE;`

// The statements of the administrator's room read by index what they need, as the
// application's role and under row-level security.
func TestWorkforceStatementsUseIndexes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	super, err := pgx.Connect(t.Context(), b.db.SuperuserURL)
	if err != nil {
		t.Fatal(err)
	}
	defer super.Close(t.Context())
	if _, err := super.Exec(t.Context(), strings.ReplaceAll(crowdedCompanySQL, "%tenant%", b.tenant.String()), pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	id := "5d41402a-bc4b-4a76-b971-9d911017c592"
	search := func(kind string) pgx.NamedArgs {
		return pgx.NamedArgs{
			"kind": kind, "first": "abc", "prefixes": []string{"abc"}, "after_name": "", "after_id": id, "limit": 51,
			"territory": "", "site": nil, "customer": id,
		}
	}
	for name, c := range map[string]struct {
		sql   string
		args  pgx.NamedArgs
		index string // that has to be in the plan
	}{
		"territory at":      {territoryAtSQL, pgx.NamedArgs{"longitude": 10.5, "latitude": 20.5}, "territories_box"},
		"search customers":  {searchCustomersSQL, search("customers"), "search_words_pkey"},
		"search sites":      {searchSitesSQL, search("sites"), "search_words_pkey"},
		"search assets":     {searchAssetsSQL, search("assets"), "search_words_pkey"},
		"search contacts":   {searchContactsSQL, search("contacts"), "contacts_customer"},
		"list customers":    {listCustomersSQL, search("customers"), "customers_name"},
		"list sites":        {listSitesSQL, search("sites"), "sites_address"},
		"sites by key":      {sitesByKeySQL, pgx.NamedArgs{"keys": []string{"7 street"}}, "sites_tenant_id_address_key_key"},
		"technicians":       {getTechniciansSQL, pgx.NamedArgs{"ids": []string{id}}, "technicians_pkey"},
		"shifts of":         {shiftsOfSQL, pgx.NamedArgs{"technician": id, "from": "2024-01-05T00:00:00Z", "to": "2024-01-06T00:00:00Z"}, "shifts_technician"},
		"shifts of a day":   {pageShiftsSQL, pgx.NamedArgs{"from": "2024-01-05", "to": "2024-01-06", "area": "area-1", "technician": nil, "after_start": "0001-01-01T00:00:00Z", "after_id": id, "limit": 51}, "shifts_area_day"},
		"absences of":       {absencesOfSQL, pgx.NamedArgs{"technicians": []string{id}, "from": "2024-01-05T00:00:00Z", "to": "2024-01-06T00:00:00Z"}, "absences_technician"},
		"shift clash":       {firstShiftClashSQL, pgx.NamedArgs{"ids": []string{id}, "technicians": []string{id}, "starts": []string{"2024-01-05T00:00:00Z"}, "ends": []string{"2024-01-06T00:00:00Z"}}, "shifts_technician"},
		"future jobs":       {countFutureJobsSQL, pgx.NamedArgs{"technician": id, "at": "2024-01-05T00:00:00Z"}, "commitments_technician"},
		"known references":  {knownReferencesSQL, pgx.NamedArgs{"references": []string{"7 Street"}}, "work_orders_external"},
		"member of a token": {findMemberSQL, pgx.NamedArgs{"issuer": "i", "subject": "s"}, ""},
	} {
		plan := b.explain(t, c.sql, c.args)
		if c.index != "" && (!strings.Contains(plan, c.index) || strings.Contains(plan, "Seq Scan")) {
			t.Errorf("%s does not read by %s alone:\n%s", name, c.index, plan)
		}
	}
}
