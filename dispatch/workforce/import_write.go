package workforce

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/firstfix/firstfix/dispatch"
)

// importChunk is how many rows are written between two reports.
const importChunk = 500

// everything reads a whole list of a catalogue, which is short.
var everything = dispatch.Page{Size: 100_000}

// write is the whole import in one transaction. It may run again from the start.
func (r *importRun) write(ctx context.Context, tx dispatch.Tx) error {
	r.result = ImportResult{}
	bad := slices.Clone(r.files.bad)
	districts, err := r.writeMap(ctx, tx)
	if err != nil {
		return err
	}
	rows, outside, err := r.locate(ctx, tx, districts)
	if err != nil {
		return err
	}
	bad = append(bad, outside...)
	sortRowErrors(bad)
	r.progress.RowsBad, r.progress.Errors = len(bad), head(bad)
	if len(bad) > 0 && !r.in.Partial && !r.in.ValidateOnly {
		return rowsInvalid(bad, r.files.rows)
	}
	r.result.Errors = head(bad)
	durations, err := r.writeCatalogue(ctx, tx, rows)
	if err != nil {
		return err
	}
	if !r.in.CatalogueOnly {
		for start := 0; start < len(rows); start += importChunk {
			if err := r.writeWork(ctx, tx, rows[start:min(start+importChunk, len(rows))], durations); err != nil {
				return err
			}
			if err := r.report(ctx, min(start+importChunk, len(rows))); err != nil {
				return err
			}
		}
	}
	if r.in.ValidateOnly {
		return errValidated
	}
	return r.succeed(ctx, tx)
}

// rowsInvalid refuses an import for its bad rows; those that a status has room
// for are named in it, the progress has more.
func rowsInvalid(bad []RowError, rows int) error {
	refused := dispatch.Refuse(dispatch.ReasonImportRowsInvalid, "", "%d of %d rows are bad, the first in line %d; nothing was written", len(bad), rows, bad[0].Line)
	for _, b := range bad[:min(len(bad), 20)] {
		field := fmt.Sprintf("requests_csv.line[%d]", b.Line)
		if b.Column != "" {
			field += "." + b.Column
		}
		refused.Fields = append(refused.Fields, dispatch.FieldViolation{Field: field, Reason: string(dispatch.ReasonImportRowsInvalid), Message: b.Reason})
	}
	return refused
}

// writeMap makes the planning areas and territories that are missing and gives a
// territory that is there its new boundary. Its planning area stays: technicians
// have been assigned by it.
func (r *importRun) writeMap(ctx context.Context, tx dispatch.Tx) (map[dispatch.PlanningAreaID]bool, error) {
	areas, _, err := tx.PagePlanningAreas(ctx, everything)
	if err != nil {
		return nil, err
	}
	there := map[dispatch.PlanningAreaID]bool{}
	for _, a := range areas {
		there[a.ID] = true
	}
	known, _, err := tx.PageTerritories(ctx, "", everything)
	if err != nil {
		return nil, err
	}
	before := map[dispatch.TerritoryID]dispatch.Territory{}
	for _, t := range known {
		before[t.ID] = t
	}
	districts := districtsOf(r.files.territories, r.files.good)
	for _, t := range r.files.territories {
		if old, ok := before[t.ID]; ok {
			if reflect.DeepEqual(old.Boundary, t.Boundary) {
				continue
			}
			old.Boundary = t.Boundary
			if err := tx.SaveTerritory(ctx, old); err != nil {
				return nil, err
			}
			r.result.TerritoriesWritten++
			continue
		}
		district := districts[t.ID]
		t.PlanningArea = areaOf(district)
		if !there[t.PlanningArea] {
			there[t.PlanningArea] = true
			r.result.PlanningAreasCreated++
			if err := tx.CreatePlanningArea(ctx, newPlanningArea(t.PlanningArea, district, r.in.TimeZone)); err != nil {
				return nil, err
			}
		}
		if err := tx.CreateTerritory(ctx, t); err != nil {
			return nil, err
		}
		r.result.TerritoriesWritten++
	}
	return there, nil
}

// locate finds territory and planning area of every request. One outside all
// territories is served by the area of its district; without that it is bad.
func (r *importRun) locate(ctx context.Context, tx dispatch.Tx, areas map[dispatch.PlanningAreaID]bool) (rows []request, bad []RowError, err error) {
	points := make([]dispatch.Point, len(r.files.good))
	for i, row := range r.files.good {
		points[i] = row.at
	}
	places, err := tx.TerritoriesAt(ctx, points)
	if err != nil {
		return nil, nil, err
	}
	for i, row := range r.files.good {
		row.territory, row.planningAreaID = places[i].ID, places[i].PlanningArea
		if row.planningAreaID == "" && row.district != "" && areas[areaOf(row.district)] {
			row.planningAreaID = areaOf(row.district)
		}
		switch swapped := (dispatch.Point{Latitude: row.at.Longitude, Longitude: row.at.Latitude}); {
		case row.planningAreaID != "":
			rows = append(rows, row)
		case onEarth(swapped) && r.serves(swapped):
			bad = append(bad, RowError{Line: row.line, Column: "latitude", Reason: "latitude and longitude seem to be swapped: the place is outside every territory, and inside one the other way round"})
		default:
			bad = append(bad, RowError{Line: row.line, Column: "latitude", Reason: fmt.Sprintf("%.4f, %.4f is outside every territory", row.at.Latitude, row.at.Longitude)})
		}
	}
	return rows, bad, nil
}

func (r *importRun) serves(at dispatch.Point) bool {
	_, ok := territoryOf(r.files.territories, at)
	return ok
}

// writeCatalogue makes the skills, services and tiers that are missing and gives
// every service by its id.
func (r *importRun) writeCatalogue(ctx context.Context, tx dispatch.Tx, rows []request) (map[dispatch.ServiceID]dispatch.Service, error) {
	tenant, err := tx.GetTenant(ctx)
	if err != nil {
		return nil, err
	}
	list, _, err := tx.PageServices(ctx, true, everything)
	if err != nil {
		return nil, err
	}
	services := map[dispatch.ServiceID]dispatch.Service{}
	for _, s := range list {
		services[s.ID] = s
	}
	skillList, _, err := tx.PageSkills(ctx, everything)
	if err != nil {
		return nil, err
	}
	skills := map[dispatch.SkillID]bool{}
	for _, s := range skillList {
		skills[s.ID] = true
	}
	for _, row := range rows {
		if _, ok := services[row.service]; ok {
			continue
		}
		if skill := skillOf(row.trade); !skills[skill.ID] {
			skills[skill.ID] = true
			if err := tx.CreateSkill(ctx, skill); err != nil {
				return nil, err
			}
		}
		service := serviceOf(row)
		services[service.ID] = service
		if err := tx.CreateService(ctx, service); err != nil {
			return nil, err
		}
		if err := tx.CreateTier(ctx, importTier(service.ID, tenant.Currency)); err != nil {
			return nil, err
		}
		r.result.ServicesCreated++
	}
	return services, nil
}

// writeWork makes the work orders of rows that are not there yet, with their
// sites, and a visit for each that is open.
func (r *importRun) writeWork(ctx context.Context, tx dispatch.Tx, rows []request, services map[dispatch.ServiceID]dispatch.Service) error {
	references := make([]string, len(rows))
	for i, row := range rows {
		references[i] = row.id
	}
	known, err := tx.KnownReferences(ctx, references)
	if err != nil {
		return err
	}
	r.result.WorkOrdersUnchanged += len(known)
	rows = slices.DeleteFunc(slices.Clone(rows), func(row request) bool { return known[row.id] })
	if len(rows) == 0 {
		return nil
	}
	sites := make([]dispatch.Site, len(rows))
	for i, row := range rows {
		sites[i] = dispatch.Site{
			ID: dispatch.SiteID{}.New(), Address: row.address, PostalCode: row.zip, Location: row.at,
			TimeZone: r.in.TimeZone, Territory: row.territory, Version: 1,
		}
	}
	sites, created, err := tx.PutSites(ctx, sites)
	if err != nil {
		return err
	}
	r.result.SitesCreated += created
	var orders []dispatch.WorkOrder
	var visits []dispatch.Visit
	for i, row := range rows {
		order := workOrderOf(row, sites[i])
		orders = append(orders, order)
		if order.State == dispatch.WorkOrderOpen {
			visits = append(visits, dispatch.Visit{
				ID: dispatch.VisitID{}.New(), WorkOrder: order.ID, PlanningArea: order.PlanningArea, Ordinal: 1,
				State: dispatch.VisitUnassigned, Duration: services[order.Service].Duration, CreatedAt: order.OpenedAt, Version: 1,
			})
		}
	}
	r.result.WorkOrdersCreated += len(orders)
	return tx.AddWork(ctx, orders, visits)
}

// workOrderOf makes the work order of a request. One that the city has closed is
// history: resolved, without a visit of ours and so without a verdict.
func workOrderOf(row request, site dispatch.Site) dispatch.WorkOrder {
	order := dispatch.WorkOrder{
		ID: dispatch.WorkOrderID{}.New(), Site: site.ID, Service: row.service, PlanningArea: row.planningAreaID,
		State: dispatch.WorkOrderOpen, Priority: priorityOf(row), Issue: row.work, DueAt: row.dueAt,
		ExternalReference: row.id, OpenedAt: row.openedAt, Version: 1,
	}
	if row.closed {
		order.State, order.ResolvedAt = dispatch.WorkOrderResolved, row.closedAt
	}
	return order
}
