package workforce_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
	"github.com/firstfix/firstfix/dispatch/workforce"
)

// Two squares side by side far from the company's own, and a third one without
// requests beside the eastern one.
const cityMap = `{"type":"FeatureCollection","features":[
{"type":"Feature","properties":{"ZIP5":"10001"},"geometry":{"type":"Polygon","coordinates":[[[10,50],[11,50],[11,51],[10,51],[10,50]]]}},
{"type":"Feature","properties":{"ZIP5":"10002"},"geometry":{"type":"MultiPolygon","coordinates":[[[[11,50],[12,50],[12,51],[11,51],[11,50]]]]}},
{"type":"Feature","properties":{"ZIP5":"10003"},"geometry":{"type":"Polygon","coordinates":[[[12,50],[13,50],[13,51],[12,51],[12,50]]]}}]}`

const header = "id,created_at,type,descriptor,address,zip,latitude,longitude,status,closed_at,sla_due_at,pwd_district\n"

// cityRows are five requests: three in the western square, of which two say
// district 01, and two in the eastern one.
const cityRows = header +
	"r1,2024-06-01T09:00:00-04:00,Street Lights,Street Light Outages,1 West St,10001,50.5,10.5,Open,,2024-06-20T09:00:00-04:00,1\n" +
	"r2,2024-06-01T09:10:00-04:00,Trees,Tree Emergencies,2 West St,10001,50.6,10.5,Open,,2024-06-02T09:00:00-04:00,01\n" +
	"r3,2024-06-01T09:20:00-04:00,Street Lights,Street Light Outages,1 WEST ST.,10001,50.5,10.5,Open,,,02\n" +
	"r4,2024-05-01T09:20:00-04:00,Graffiti,Graffiti Removal,5 East St,10002,50.5,11.5,Closed,2024-05-03T10:00:00-04:00,2024-06-10T09:00:00-04:00,02\n" +
	"r5,2024-06-01T09:30:00-04:00,Wells & Pumps,Pump stands still,6 East St,10002,50.5,11.6,Open,,,02\n"

type city struct {
	*company.Company
	importer *workforce.Importer
}

func newCity(t *testing.T) city {
	t.Helper()
	c := company.New(t)
	return city{c, workforce.NewImporter(c.Store, c.Store, slog.New(slog.DiscardHandler))}
}

// run imports and gives the operation as it ended.
func (c city) run(t *testing.T, in workforce.Import) dispatch.Operation {
	t.Helper()
	if in.TimeZone == "" {
		in.TimeZone = "America/New_York"
	}
	o, err := c.importer.ImportRequests(t.Context(), c.Call(dispatch.RoleAdministrator, "ImportRequests"), in)
	if err != nil {
		t.Fatalf("import: %v", err)
	}
	if worked, err := c.importer.RunOne(t.Context()); err != nil || !worked {
		t.Fatalf("run the import: worked %v, %v", worked, err)
	}
	return c.operation(t, o.ID)
}

func (c city) operation(t *testing.T, id dispatch.OperationID) dispatch.Operation {
	t.Helper()
	o, err := c.importer.GetOperation(t.Context(), c.Call(dispatch.RoleAdministrator, "GetOperation"), id)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (c city) result(t *testing.T, o dispatch.Operation) workforce.ImportResult {
	t.Helper()
	if o.State != dispatch.OperationSucceeded {
		t.Fatalf("the import %s: %s", o.State, o.Failure)
	}
	var r workforce.ImportResult
	if err := json.Unmarshal(o.Result, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// count asks the database itself.
func (c city) count(t *testing.T, sql string, args ...any) int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.DB.SuperuserURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var n int
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func (c city) orders(t *testing.T) int {
	t.Helper()
	return c.count(t, "SELECT count(*) FROM work_orders WHERE tenant_id = $1", c.Tenant.ID.UUID)
}

func TestImportMakesACity(t *testing.T) {
	t.Parallel()
	c := newCity(t)
	got := c.result(t, c.run(t, workforce.Import{RequestsCSV: []byte(cityRows), TerritoriesGeoJSON: []byte(cityMap)}))
	want := workforce.ImportResult{
		WorkOrdersCreated: 5, SitesCreated: 4, TerritoriesWritten: 3, PlanningAreasCreated: 2, ServicesCreated: 4,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("result (-want +got):\n%s", diff)
	}
	c.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		for id, area := range map[dispatch.TerritoryID]dispatch.PlanningAreaID{"10001": "district-01", "10002": "district-02", "10003": "district-02"} {
			territory, err := tx.GetTerritory(ctx, id)
			if err != nil || territory.PlanningArea != area || territory.TimeZone != "America/New_York" {
				t.Errorf("territory %s: %s %s, %v; want %s by the majority of requests", id, territory.PlanningArea, territory.TimeZone, err, area)
			}
		}
		unknown, err := tx.GetService(ctx, "wells-pumps-pump-stands-still")
		if err != nil || unknown.Duration != workforce.DefaultTrade.Duration || unknown.Skills[0].Skill != "wells-pumps" {
			t.Errorf("service of an unknown trade: %+v, %v", unknown, err)
		}
		visits, err := tx.UnplannedVisits(ctx, "district-01", 10)
		if err != nil || len(visits) != 3 {
			t.Errorf("unplanned visits of district-01: %d, %v; want one per open work order", len(visits), err)
		}
		return nil
	})
	for what, sql := range map[string]string{
		"an emergency is urgent":          "SELECT count(*) FROM work_orders WHERE external_reference = 'r2' AND priority = 1 AND state = 'open'",
		"two spellings are one site":      "SELECT count(DISTINCT site_id) FROM work_orders WHERE external_reference IN ('r1', 'r3')",
		"closed is history without visit": "SELECT count(*) FROM work_orders w WHERE external_reference = 'r4' AND state = 'resolved' AND resolved_at = '2024-05-03T10:00:00-04:00' AND NOT EXISTS (SELECT FROM visits v WHERE v.work_order_id = w.id)",
		"opened when it was reported":     "SELECT count(*) FROM work_orders WHERE external_reference = 'r1' AND opened_at = '2024-06-01T09:00:00-04:00' AND due_at = '2024-06-20T09:00:00-04:00'",
	} {
		if n := c.count(t, sql); n != 1 {
			t.Errorf("%s: %d", what, n)
		}
	}
}

func TestImportTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	c := newCity(t)
	in := workforce.Import{RequestsCSV: []byte(cityRows), TerritoriesGeoJSON: []byte(cityMap)}
	c.run(t, in)
	before := c.count(t, "SELECT count(*) + sum(version) FROM (SELECT version FROM work_orders UNION ALL SELECT version FROM sites UNION ALL SELECT version FROM services UNION ALL SELECT version FROM territories UNION ALL SELECT version FROM visits) rows")
	got := c.result(t, c.run(t, in))
	if diff := cmp.Diff(workforce.ImportResult{WorkOrdersUnchanged: 5}, got); diff != "" {
		t.Errorf("the second time (-want +got):\n%s", diff)
	}
	if after := c.count(t, "SELECT count(*) + sum(version) FROM (SELECT version FROM work_orders UNION ALL SELECT version FROM sites UNION ALL SELECT version FROM services UNION ALL SELECT version FROM territories UNION ALL SELECT version FROM visits) rows"); after != before {
		t.Errorf("rows and versions were %d and are %d", before, after)
	}
}

func TestBadRowsAreNamedAndNothingIsHalfImported(t *testing.T) {
	t.Parallel()
	c := newCity(t)
	rows := cityRows +
		"r1,2024-06-01T09:00:00-04:00,Trees,Tree,1 West St,,50.5,10.5,Open,,,\n" +
		"r7,yesterday,Trees,Tree,1 West St,,50.5,10.5,Open,,,\n" +
		"r8,2024-06-01T09:00:00-04:00,Trees,Tree,1 West St,,91,10.5,Open,,,\n" +
		"r9,2024-06-01T09:00:00-04:00,Trees,Tree,1 West St,,NaN,10.5,Open,,,\n" +
		"r10,2024-06-01T09:00:00-04:00,Trees,Tree,1 West St,,10.5,50.5,Open,,,\n" +
		"r11,2024-06-01T09:00:00-04:00,Trees,Tree,1 West St,,0,0,Open,,,\n" +
		"r12,2024-06-01T09:00:00-04:00,Trees,Tree,1 West St,,50.5,10.5,Perhaps,,,\n" +
		"r13,2024-06-01T09:00:00-04:00,,Tree,1 West St,,50.5,10.5,Open,,,\n" +
		"r14,2024-06-01T09:00:00-04:00,Trees\n" +
		"r15,2024-06-01T09:00:00-04:00,Trees,Tr\x01ee,1 West St,,50.5,10.5,Open,,,\n" +
		"r16,2024-06-01T09:00:00-04:00,Trees,Tree,1 West St,,50.5,10.5,Open,,2024-05-01T09:00:00-04:00,\n"
	in := workforce.Import{RequestsCSV: []byte(rows), TerritoriesGeoJSON: []byte(cityMap)}
	o := c.run(t, in)
	if o.State != dispatch.OperationFailed {
		t.Fatalf("the import %s", o.State)
	}
	refused, err := workforce.FailureOf(o)
	if err != nil || refused.Reason != dispatch.ReasonImportRowsInvalid {
		t.Fatalf("refused with %v, %v", refused, err)
	}
	var progress workforce.ImportProgress
	if err := json.Unmarshal(o.Progress, &progress); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range progress.Errors {
		got = append(got, fmt.Sprintf("%d %s", e.Line, e.Column))
	}
	want := []string{"7 id", "8 created_at", "9 latitude", "10 latitude", "11 latitude", "12 latitude", "13 status", "14 type", "15 ", "16 descriptor", "17 sla_due_at"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bad rows (-want +got):\n%s\n%+v", diff, progress.Errors)
	}
	if !strings.Contains(progress.Errors[4].Reason, "swapped") {
		t.Errorf("swapped coordinates: %s", progress.Errors[4].Reason)
	}
	if n := c.orders(t); n != 0 {
		t.Errorf("%d work orders were made by an import that failed", n)
	}
	if n := c.count(t, "SELECT count(*) FROM territories WHERE tenant_id = $1 AND id <> 'square'", c.Tenant.ID.UUID); n != 0 {
		t.Errorf("%d territories were made by an import that failed", n)
	}

	in.ValidateOnly = true
	if r := c.result(t, c.run(t, in)); len(r.Errors) != len(want) || r.WorkOrdersCreated != 5 || c.orders(t) != 0 {
		t.Errorf("a mere check says %+v and leaves %d work orders", r, c.orders(t))
	}
	in.ValidateOnly, in.Partial = false, true
	if r := c.result(t, c.run(t, in)); r.WorkOrdersCreated != 5 || len(r.Errors) != len(want) || c.orders(t) != 5 {
		t.Errorf("partial: %+v, %d work orders", r, c.orders(t))
	}
}

func TestImportEncodings(t *testing.T) {
	t.Parallel()
	c := newCity(t)
	refused := func(name, csv string, want dispatch.Reason) {
		t.Helper()
		_, err := c.importer.ImportRequests(t.Context(), c.Call(dispatch.RoleAdministrator, "ImportRequests"),
			workforce.Import{RequestsCSV: []byte(csv), TimeZone: "America/New_York"})
		if dispatch.ReasonOf(err) != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	refused("UTF-16", "\xff\xfei\x00d\x00", dispatch.ReasonEncodingUnsupported)
	refused("Latin-1", header+"r1,2024-06-01T09:00:00-04:00,Trees,Stra\xdfenbaum,,,50.5,10.5,Open,,,\n", dispatch.ReasonEncodingUnsupported)
	refused("NUL", header+"r\x001", dispatch.ReasonEncodingUnsupported)
	refused("no header", "1,2,3\n", dispatch.ReasonInvalidRequest)
	refused("a column twice", "id,id\n", dispatch.ReasonInvalidRequest)
	refused("nothing", "", dispatch.ReasonInvalidRequest)
	refused("too large", strings.Repeat("x", 4<<20+1), dispatch.ReasonImportTooLarge)

	_, err := c.importer.ImportRequests(t.Context(), c.Call(dispatch.RoleAdministrator, "ImportRequests"),
		workforce.Import{RequestsCSV: []byte(header + "\n\nr1,\xe9"), TimeZone: "America/New_York"})
	var e *dispatch.Error
	if !errors.As(err, &e) || e.Metadata["line"] != "4" {
		t.Errorf("Latin-1 in line 4: %v", err)
	}
	mixed := "\uFEFF" + strings.ReplaceAll(strings.Replace(cityRows, "\n", "\r\n", 2), "02\n", "02\r")
	r := c.result(t, c.run(t, workforce.Import{RequestsCSV: []byte(mixed), TerritoriesGeoJSON: []byte("\uFEFF" + cityMap)}))
	if r.WorkOrdersCreated != 5 {
		t.Errorf("a byte order mark and mixed line ends: %+v", r)
	}
}

func TestMapsThatAreRefused(t *testing.T) {
	t.Parallel()
	c := newCity(t)
	ring := func(coordinates string) string {
		return `{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"ZIP5":"1"},"geometry":{"type":"Polygon","coordinates":[[` + coordinates + `]]}}]}`
	}
	for name, geo := range map[string]struct {
		json string
		want dispatch.Reason
	}{
		"no JSON":       {"{", dispatch.ReasonInvalidRequest},
		"a bow tie":     {ring("[0,0],[1,1],[1,0],[0,1],[0,0]"), dispatch.ReasonPolygonInvalid},
		"open":          {ring("[0,0],[1,0],[1,1],[0,1]"), dispatch.ReasonPolygonInvalid},
		"off the earth": {ring("[0,0],[1,0],[1,99],[0,0]"), dispatch.ReasonPolygonInvalid},
		"no code":       {strings.Replace(ring("[0,0],[1,0],[1,1],[0,0]"), "ZIP5", "ZIP", 1), dispatch.ReasonInvalidRequest},
		"a point":       {`{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"ZIP5":"1"},"geometry":{"type":"Point","coordinates":[1,1]}}]}`, dispatch.ReasonPolygonInvalid},
	} {
		_, err := c.importer.ImportRequests(t.Context(), c.Call(dispatch.RoleAdministrator, "ImportRequests"),
			workforce.Import{TerritoriesGeoJSON: []byte(geo.json), TimeZone: "America/New_York"})
		if dispatch.ReasonOf(err) != geo.want {
			t.Errorf("%s: %v, want %s", name, err, geo.want)
		}
	}
}

func TestOneImportAtATime(t *testing.T) {
	t.Parallel()
	c := newCity(t)
	in := workforce.Import{RequestsCSV: []byte(cityRows), TerritoriesGeoJSON: []byte(cityMap), TimeZone: "America/New_York"}
	call := c.Call(dispatch.RoleAdministrator, "ImportRequests")
	first, err := c.importer.ImportRequests(t.Context(), call, in)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.importer.ImportRequests(t.Context(), c.Call(dispatch.RoleAdministrator, "ImportRequests"), in); dispatch.ReasonOf(err) != dispatch.ReasonOperationInProgress {
		t.Errorf("a second import: %v", err)
	}
	if again, err := c.importer.ImportRequests(t.Context(), call, in); err != nil || again.ID != first.ID {
		t.Errorf("the same call again: %s, %v; want %s", again.ID, err, first.ID)
	}
	twin := city{c.Twin(t), c.importer}
	if _, err := c.importer.ImportRequests(t.Context(), twin.Call(dispatch.RoleAdministrator, "ImportRequests"), in); err != nil {
		t.Errorf("an import of another tenant: %v", err)
	}
	if _, err := c.importer.GetOperation(t.Context(), twin.Call(dispatch.RoleAdministrator, "GetOperation"), first.ID); dispatch.ReasonOf(err) != dispatch.ReasonResourceNotFound {
		t.Errorf("another tenant reads the operation: %v", err)
	}
	for range 2 {
		if worked, err := c.importer.RunOne(t.Context()); !worked || err != nil {
			t.Errorf("worked %v, %v", worked, err)
		}
	}
	if c.orders(t) != 5 || twin.orders(t) != 5 {
		t.Errorf("%d and %d work orders", c.orders(t), twin.orders(t))
	}
}

// dyingStore ends a server in the middle of an import: after some steps it
// reaches the database no more, as if the process had been killed.
type dyingStore struct {
	dispatch.Store
	kill  context.CancelFunc
	steps *atomic.Int64
}

var errKilled = errors.New("killed")

type dyingTx struct {
	dispatch.Tx
	store dyingStore
}

func (s dyingStore) InTx(ctx context.Context, tenant dispatch.TenantID, fn func(context.Context, dispatch.Tx) error) error {
	if s.steps.Load() <= 0 {
		return errKilled
	}
	return s.Store.InTx(ctx, tenant, func(ctx context.Context, tx dispatch.Tx) error { return fn(ctx, dyingTx{tx, s}) })
}

func (t dyingTx) AddWork(ctx context.Context, orders []dispatch.WorkOrder, visits []dispatch.Visit) error {
	err := t.Tx.AddWork(ctx, orders, visits)
	if t.store.steps.Add(-1) == 0 {
		t.store.kill()
	}
	return err
}

func TestAnImportSurvivesItsServer(t *testing.T) {
	t.Parallel()
	c := newCity(t)
	var rows strings.Builder
	rows.WriteString(header)
	for i := range 1200 {
		fmt.Fprintf(&rows, "r%d,2024-06-01T09:00:00-04:00,Trees,Tree,%d West St,10001,50.5,10.%03d,Open,,,01\n", i, i, i%900)
	}
	in := workforce.Import{RequestsCSV: []byte(rows.String()), TerritoriesGeoJSON: []byte(cityMap), TimeZone: "America/New_York"}
	o, err := c.importer.ImportRequests(t.Context(), c.Call(dispatch.RoleAdministrator, "ImportRequests"), in)
	if err != nil {
		t.Fatal(err)
	}

	ctx, kill := context.WithCancel(t.Context())
	steps := &atomic.Int64{}
	steps.Store(2) // the second of three chunks
	dying := workforce.NewImporter(dyingStore{c.Store, kill, steps}, c.Store, slog.New(slog.DiscardHandler))
	if _, err := dying.RunOne(ctx); err == nil {
		t.Fatal("the import went on after its server's death")
	}
	if there := c.operation(t, o.ID); there.State != dispatch.OperationRunning || c.orders(t) != 0 {
		t.Fatalf("after the kill the operation is %s with %d work orders", there.State, c.orders(t))
	}
	if worked, err := c.importer.RunOne(t.Context()); worked || err != nil {
		t.Errorf("before its lease is over another server: worked %v, %v", worked, err)
	}
	c.count(t, "WITH late AS (UPDATE operations SET leased_until = clock_timestamp() - interval '1 s' RETURNING 1) SELECT count(*) FROM late")
	if worked, err := c.importer.RunOne(t.Context()); !worked || err != nil {
		t.Fatalf("another server: worked %v, %v", worked, err)
	}
	if r := c.result(t, c.operation(t, o.ID)); r.WorkOrdersCreated != 1200 || c.orders(t) != 1200 {
		t.Errorf("resumed: %+v, %d work orders", r, c.orders(t))
	}
}
