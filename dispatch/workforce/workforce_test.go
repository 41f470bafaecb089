package workforce_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest/company"
	"github.com/firstfix/firstfix/dispatch/workforce"
)

// office is a company with the administrator's use cases.
type office struct {
	*company.Company
	w *workforce.Workforce
}

func newOffice(t *testing.T) office {
	t.Helper()
	c := company.New(t)
	return office{c, workforce.New(c.Store)}
}

func (o office) as(role dispatch.Role) dispatch.Call { return o.Call(role, "Method") }

func (o office) admin() dispatch.Call { return o.as(dispatch.RoleAdministrator) }

// fieldsOf are the fields that a refusal names.
func fieldsOf(err error) []string {
	var refused *dispatch.Error
	if !errors.As(err, &refused) {
		return nil
	}
	var fields []string
	for _, f := range refused.Fields {
		fields = append(fields, f.Field)
	}
	return fields
}

func TestRefusalsNameAllFaults(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	twin := o.Twin(t)
	_, err := o.w.CreateTechnician(t.Context(), o.admin(), dispatch.Technician{
		DisplayName: "\u0301\u0301", Email: "a@b@example.org", Phone: "call me", Home: dispatch.Point{Latitude: 90.0001},
		Skills: []dispatch.SkillLevel{{Skill: "electric", Level: 9}, {Skill: "electric", Level: 1}, {Skill: "flying", Level: 1}},
	})
	want := []string{
		"technician.display_name", "technician.email", "technician.phone", "technician.home", "technician.skills[0].level",
		"technician.skills[1].skill", "technician.skills[2].skill", "technician.planning_area",
	}
	if diff := cmp.Diff(want, fieldsOf(err)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	// Another tenant's technician is as good as none.
	_, err = o.w.CreateShift(t.Context(), o.admin(), dispatch.Shift{
		Technician: twin.Technicians[0].ID, Span: dispatch.Span{Start: o.At(20, 8, 0), End: o.At(20, 16, 0)},
	})
	if dispatch.ReasonOf(err) != dispatch.ReasonReferenceNotFound || len(fieldsOf(err)) != 1 || fieldsOf(err)[0] != "shift.technician" {
		t.Errorf("a shift for another tenant's technician: %v", err)
	}
	_, err = o.w.CreateAsset(t.Context(), o.admin(), dispatch.Asset{Site: twin.Site.ID, DisplayName: "Lamp"})
	if dispatch.ReasonOf(err) != dispatch.ReasonReferenceNotFound {
		t.Errorf("an asset at another tenant's site: %v", err)
	}
	_, err = o.w.CreateContact(t.Context(), o.admin(), dispatch.Contact{Customer: twin.Customer.ID, DisplayName: "Cy"})
	if dispatch.ReasonOf(err) != dispatch.ReasonResourceNotFound {
		t.Errorf("a contact of another tenant's customer: %v", err)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for _, name := range []string{"a\x00b", "a\x07b", "a\x1b[31mb", "a\nb", "   ", "\u0300\u0301", "", "\u00ff\xff"} {
		if _, err := o.w.CreateSkill(t.Context(), o.admin(), dispatch.Skill{ID: "x", DisplayName: name}); dispatch.ReasonOf(err) != dispatch.ReasonInvalidRequest {
			t.Errorf("%q: %v", name, err)
		}
	}
	for i, name := range []string{"修理", "إصلاح", "Ремонт 🛠️", "O'Neill; DROP TABLE skills; --", "<script>{{7*7}}", "=HYPERLINK()"} {
		id := dispatch.SkillID(fmt.Sprintf("s%d", i))
		if _, err := o.w.CreateSkill(t.Context(), o.admin(), dispatch.Skill{ID: id, DisplayName: name}); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if got, err := o.w.GetSkill(t.Context(), o.admin(), id); err != nil || got.DisplayName != name {
			t.Errorf("%q came back as %q, %v", name, got.DisplayName, err)
		}
	}
	// Two spellings of one name are one name.
	composed, decomposed := "caf\u00e9", "cafe\u0301"
	if _, err := o.w.CreateCustomer(t.Context(), o.admin(), dispatch.Customer{DisplayName: "A", ExternalReference: composed}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.w.CreateCustomer(t.Context(), o.admin(), dispatch.Customer{DisplayName: "B", ExternalReference: decomposed}); dispatch.ReasonOf(err) != dispatch.ReasonResourceExists {
		t.Errorf("the same reference in another spelling: %v", err)
	}
	if _, err := o.w.CreateSite(t.Context(), o.admin(), dispatch.Site{Address: "1, CENTER SQ.", PostalCode: "02100", Location: o.Center}); dispatch.ReasonOf(err) != dispatch.ReasonResourceExists {
		t.Errorf("the same address in another spelling: %v", err)
	}
}

func TestZonesAreThoseOfRegions(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for _, zone := range []string{"EST", "GMT+2", "Etc/GMT-14", "../../etc/passwd", "", "Local", "posix/Europe/Berlin", "right/Europe/Berlin", "Europe/Berlin\x00"} {
		area := o.Area
		area.ID, area.TimeZone = "other", zone
		if _, err := o.w.CreatePlanningArea(t.Context(), o.admin(), area); dispatch.ReasonOf(err) != dispatch.ReasonZoneUnknown {
			t.Errorf("planning area in %q: %v", zone, err)
		}
		territory := o.Territory
		territory.ID, territory.TimeZone = "other", zone
		if _, err := o.w.CreateTerritory(t.Context(), o.admin(), territory); dispatch.ReasonOf(err) != dispatch.ReasonZoneUnknown {
			t.Errorf("territory in %q: %v", zone, err)
		}
	}
}

// The database's geometry sees what the check of rings does not: polygons over
// one another.
func TestPolygonsThatOverlap(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	territory := o.Territory
	territory.ID = "double"
	territory.Boundary = []dispatch.Polygon{{ring(0, 0, 4, 0, 4, 4, 0, 4, 0, 0)}, {ring(2, 2, 6, 2, 6, 6, 2, 6, 2, 2)}}
	_, err := o.w.CreateTerritory(t.Context(), o.admin(), territory)
	if dispatch.ReasonOf(err) != dispatch.ReasonPolygonInvalid || len(fieldsOf(err)) != 1 {
		t.Errorf("overlapping polygons: %v", err)
	}
	territory.Boundary[1] = dispatch.Polygon{ring(5, 5, 6, 5, 6, 6, 5, 6, 5, 5)}
	if _, err := o.w.CreateTerritory(t.Context(), o.admin(), territory); err != nil {
		t.Errorf("polygons apart: %v", err)
	}
}

func TestUpdatesAreBasedOnAVersion(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	rename := func(name string) dispatch.Change[dispatch.Technician] {
		return func(t *dispatch.Technician) error {
			t.DisplayName = name
			return nil
		}
	}
	ada := o.Technicians[0]
	call := o.admin()
	renamed, err := o.w.UpdateTechnician(t.Context(), call, ada.ID, 1, rename("Ada Byron"))
	if err != nil || renamed.Version != 2 || renamed.DisplayName != "Ada Byron" || len(renamed.Skills) != 2 {
		t.Fatalf("update: %+v, %v", renamed, err)
	}
	if again, err := o.w.UpdateTechnician(t.Context(), call, ada.ID, 1, rename("Ada Byron")); err != nil || again.Version != 2 {
		t.Errorf("the same call again: %+v, %v", again, err)
	}
	if _, err := o.w.UpdateTechnician(t.Context(), o.admin(), ada.ID, 1, rename("Ada")); dispatch.ReasonOf(err) != dispatch.ReasonEtagMismatch {
		t.Errorf("a stale version: %v", err)
	}
	if _, err := o.w.UpdateTechnician(t.Context(), o.admin(), o.Twin(t).Technicians[0].ID, 1, rename("Ada")); dispatch.ReasonOf(err) != dispatch.ReasonResourceNotFound {
		t.Errorf("another tenant's: %v", err)
	}
	// Of many who change the same version, one wins.
	var wins, stale int
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			_, err := o.w.UpdateTechnician(t.Context(), o.admin(), o.Technicians[1].ID, 1, rename(fmt.Sprintf("Ben %d", i)))
			mu.Lock()
			defer mu.Unlock()
			switch dispatch.ReasonOf(err) {
			case "":
				wins++
			case dispatch.ReasonEtagMismatch:
				stale++
			default:
				t.Errorf("racing update: %v", err)
			}
		})
	}
	all.Wait()
	if wins != 1 || stale != 7 {
		t.Errorf("%d updates won, %d were stale", wins, stale)
	}
}

func TestLastAdministrator(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	me := dispatch.Member{Issuer: company.Issuer, Subject: "administrator", Role: dispatch.RoleDispatcher, DisplayName: "Ari"}
	if _, err := o.w.GrantRole(t.Context(), o.admin(), me); dispatch.ReasonOf(err) != dispatch.ReasonLastAdmin {
		t.Errorf("the last administrator becomes a dispatcher: %v", err)
	}
	if _, err := o.w.RevokeRole(t.Context(), o.admin(), me.Issuer, me.Subject); dispatch.ReasonOf(err) != dispatch.ReasonLastAdmin {
		t.Errorf("the last administrator goes: %v", err)
	}
	second := dispatch.Member{Issuer: company.Issuer, Subject: "second", Role: dispatch.RoleAdministrator, DisplayName: "Bo"}
	if _, err := o.w.GrantRole(t.Context(), o.admin(), second); err != nil {
		t.Fatal(err)
	}
	// Two who remove one another at once: one stays.
	var all sync.WaitGroup
	errs := make([]error, 2)
	for i, subject := range []string{"administrator", "second"} {
		all.Go(func() { _, errs[i] = o.w.RevokeRole(t.Context(), o.admin(), company.Issuer, subject) })
	}
	all.Wait()
	refused := 0
	for _, err := range errs {
		if dispatch.ReasonOf(err) == dispatch.ReasonLastAdmin {
			refused++
		} else if err != nil {
			t.Error(err)
		}
	}
	members, _, err := o.w.ListMembers(t.Context(), o.admin(), false, dispatch.Page{Size: 100})
	administrators := 0
	for _, m := range members {
		if m.Role == dispatch.RoleAdministrator {
			administrators++
		}
	}
	if err != nil || refused != 1 || administrators != 1 {
		t.Errorf("%d were refused, %d administrators stay, %v", refused, administrators, err)
	}
	if _, err := o.w.GrantRole(t.Context(), o.admin(), dispatch.Member{Issuer: "i", Subject: "s", Role: dispatch.RoleSystem, DisplayName: "X"}); dispatch.ReasonOf(err) != dispatch.ReasonInvalidRequest {
		t.Errorf("the system's role: %v", err)
	}
	foreign := dispatch.Member{Issuer: "i", Subject: "s", Role: dispatch.RoleTechnician, DisplayName: "X", Technician: o.Twin(t).Technicians[0].ID}
	if _, err := o.w.GrantRole(t.Context(), o.admin(), foreign); dispatch.ReasonOf(err) != dispatch.ReasonReferenceNotFound {
		t.Errorf("another tenant's technician: %v", err)
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	make := func(name, email, phone, reference string) dispatch.Customer {
		c, err := o.w.CreateCustomer(t.Context(), o.admin(), dispatch.Customer{DisplayName: name, Email: email, Phone: phone, ExternalReference: reference})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	jose := make("José García", "Jose@Example.ORG", "(617) 555-0199", "")
	make("Josephine Baker", "", "+49 30 123456", "K-77")
	if jose.Phone != "+16175550199" || jose.Email != "jose@example.org" {
		t.Errorf("kept as %s, %s", jose.Phone, jose.Email)
	}
	for query, want := range map[string]string{
		"jos":            "Josephine Baker, José García",
		"garcía jos":     "José García",
		"JOSE@example":   "José García",
		"617 555 0199":   "José García",
		"+1 617-555":     "Dora Tamm, José García",
		"030 123456":     "Josephine Baker",
		"k-77":           "Josephine Baker",
		"nobody":         "",
		"%":              "Dora Tamm, Josephine Baker, José García",
		"' OR 'a'='a":    "",
		"jos baker dora": "",
	} {
		found, _, err := o.w.SearchCustomers(t.Context(), o.admin(), query, dispatch.Page{Size: 10})
		var names []string
		for _, c := range found {
			names = append(names, c.DisplayName)
		}
		if got := strings.Join(names, ", "); err != nil || got != want {
			t.Errorf("%q finds %q, %v; want %q", query, got, err, want)
		}
	}
	sites, _, err := o.w.SearchSites(t.Context(), o.admin(), "center 02100", "square", dispatch.Page{Size: 10})
	if err != nil || len(sites) != 1 || sites[0].AccessNotes != "ring twice" {
		t.Errorf("sites: %+v, %v", sites, err)
	}
	assets, _, err := o.w.SearchAssets(t.Context(), o.admin(), "lamp", o.Site.ID, dispatch.Page{Size: 10})
	if err != nil || len(assets) != 1 {
		t.Errorf("assets: %+v, %v", assets, err)
	}
}

// Pages neither skip nor repeat what stays while rows come and go.
func TestPagesStandStill(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for i := range 20 {
		if _, err := o.w.CreatePart(t.Context(), o.admin(), dispatch.Part{ID: dispatch.PartID(fmt.Sprintf("p%02d", i*2)), DisplayName: "P"}); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[dispatch.PartID]int{}
	for page, round := (dispatch.Page{Size: 3}), 0; ; round++ {
		parts, next, err := o.w.ListParts(t.Context(), o.admin(), page)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			seen[p.ID]++
		}
		if next == "" {
			break
		}
		page.After = next
		// One before the place where we are, one after it.
		for _, id := range []string{fmt.Sprintf("a%02d", round), fmt.Sprintf("p%02d", 39-2*round)} {
			if _, err := o.w.CreatePart(t.Context(), o.admin(), dispatch.Part{ID: dispatch.PartID(id), DisplayName: "P"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range 20 {
		if n := seen[dispatch.PartID(fmt.Sprintf("p%02d", i*2))]; n != 1 {
			t.Errorf("part p%02d was listed %d times", i*2, n)
		}
	}
	for id, n := range seen {
		if n > 1 {
			t.Errorf("part %s was listed %d times", id, n)
		}
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	dup, err := o.w.CreateCustomer(t.Context(), o.admin(), dispatch.Customer{DisplayName: "Dora Tam"})
	if err != nil {
		t.Fatal(err)
	}
	contact, err := o.w.CreateContact(t.Context(), o.admin(), dispatch.Contact{Customer: dup.ID, DisplayName: "Neighbour", Phone: "+16175550100"})
	if err != nil {
		t.Fatal(err)
	}
	order := dispatch.WorkOrder{
		ID: dispatch.WorkOrderID{}.New(), Customer: dup.ID, Site: o.Site.ID, Asset: o.Asset.ID, Service: o.Service.ID, PlanningArea: o.Area.ID,
		State: dispatch.WorkOrderOpen, Priority: 3, OpenedAt: company.Now, Version: 1,
	}
	o.InTx(t, func(ctx context.Context, tx dispatch.Tx) error { return tx.CreateWorkOrder(ctx, order) })

	if _, err := o.w.MergeCustomers(t.Context(), o.admin(), o.Customer.ID, dup.ID); err != nil {
		t.Fatal(err)
	}
	o.InTx(t, func(ctx context.Context, tx dispatch.Tx) error {
		moved, err := tx.GetWorkOrder(ctx, order.ID)
		if err != nil || moved.Customer != o.Customer.ID || moved.Version != 2 {
			t.Errorf("the duplicate's work order: %+v, %v", moved, err)
		}
		return nil
	})
	contacts, _, err := o.w.SearchContacts(t.Context(), o.admin(), o.Customer.ID, "neigh", dispatch.Page{Size: 5})
	if err != nil || len(contacts) != 1 || contacts[0].ID != contact.ID {
		t.Errorf("the duplicate's contacts: %+v, %v", contacts, err)
	}
	gone, err := o.w.GetCustomer(t.Context(), o.admin(), dup.ID)
	if err != nil || gone.MergedInto != o.Customer.ID {
		t.Errorf("the duplicate: %+v, %v", gone, err)
	}
	if found, _, _ := o.w.SearchCustomers(t.Context(), o.admin(), "dora", dispatch.Page{Size: 5}); len(found) != 1 {
		t.Errorf("%d customers are found", len(found))
	}
	if _, err := o.w.MergeCustomers(t.Context(), o.admin(), o.Customer.ID, dup.ID); dispatch.ReasonOf(err) != dispatch.ReasonMoveNotAllowed {
		t.Errorf("merged twice: %v", err)
	}
	if _, err := o.w.MergeCustomers(t.Context(), o.admin(), o.Customer.ID, o.Customer.ID); dispatch.ReasonOf(err) != dispatch.ReasonInvalidRequest {
		t.Errorf("merged into itself: %v", err)
	}

	twoDoors, err := o.w.CreateSite(t.Context(), o.admin(), dispatch.Site{Address: "1 Center Square", Location: o.Center})
	if err != nil || twoDoors.Territory != o.Territory.ID || twoDoors.TimeZone != "America/New_York" {
		t.Fatalf("a site has the zone of its territory: %+v, %v", twoDoors, err)
	}
	if _, err := o.w.MergeSites(t.Context(), o.admin(), twoDoors.ID, o.Site.ID); err != nil {
		t.Fatal(err)
	}
	asset, err := o.w.GetAsset(t.Context(), o.admin(), o.Asset.ID)
	if err != nil || asset.Site != twoDoors.ID {
		t.Errorf("the duplicate site's asset: %+v, %v", asset, err)
	}
	if _, err := o.w.GetSite(t.Context(), o.admin(), o.Site.ID); dispatch.ReasonOf(err) != dispatch.ReasonResourceNotFound {
		t.Errorf("the duplicate site: %v", err)
	}
}
