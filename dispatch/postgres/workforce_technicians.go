package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twpayne/go-geom"

	"github.com/firstfix/firstfix/dispatch"
)

const technicianColumns = `t.id, t.display_name, t.email, t.phone, t.home, t.planning_area_id, t.active, t.version,
	ARRAY(SELECT k.skill_id FROM technician_skills k WHERE k.tenant_id = t.tenant_id AND k.technician_id = t.id ORDER BY k.skill_id),
	ARRAY(SELECT k.level FROM technician_skills k WHERE k.tenant_id = t.tenant_id AND k.technician_id = t.id ORDER BY k.skill_id),
	ARRAY(SELECT k.valid_until FROM technician_skills k WHERE k.tenant_id = t.tenant_id AND k.technician_id = t.id ORDER BY k.skill_id)`

func scanTechnician(row pgx.CollectableRow) (dispatch.Technician, error) {
	var t dispatch.Technician
	var home *geom.Point
	var skills []string
	var levels []int
	var until []*time.Time
	err := row.Scan(&t.ID, &t.DisplayName, &t.Email, &t.Phone, &home, &t.PlanningArea, &t.Active, &t.Version,
		&skills, &levels, &until)
	t.Home = fromPoint(home)
	for i := range skills {
		t.Skills = append(t.Skills, dispatch.SkillLevel{
			Skill: dispatch.SkillID(skills[i]), Level: levels[i], ValidUntil: fromDate(until[i]),
		})
	}
	return t, err
}

func technicianArgs(t dispatch.Technician) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": t.ID, "name": t.DisplayName, "email": t.Email, "phone": t.Phone, "home": toPoint(t.Home),
		"area": t.PlanningArea, "active": t.Active, "version": t.Version,
	}
}

const createTechnicianSQL = `
INSERT INTO technicians (tenant_id, id, display_name, email, phone, home, planning_area_id, active)
VALUES (@tenant, @id, @name, @email, @phone, @home, @area, @active)`

// CreateTechnician implements dispatch.TechnicianTx.
func (t *tx) CreateTechnician(ctx context.Context, who dispatch.Technician) error {
	if err := t.create(ctx, who.Name(), createTechnicianSQL, technicianArgs(who)); err != nil {
		return err
	}
	return t.putTechnicianSkills(ctx, who)
}

const getTechniciansSQL = `SELECT ` + technicianColumns + `
FROM technicians t WHERE t.tenant_id = @tenant AND t.id = ANY(@ids) ORDER BY t.id`

// GetTechnicians implements dispatch.TechnicianTx.
func (t *tx) GetTechnicians(ctx context.Context, list []dispatch.TechnicianID) ([]dispatch.Technician, error) {
	return many(ctx, t, getTechniciansSQL, pgx.NamedArgs{"ids": ids(list)}, scanTechnician)
}

const pageTechniciansSQL = `SELECT ` + technicianColumns + `
FROM technicians t
WHERE t.tenant_id = @tenant AND t.id > @after AND (t.active OR @inactive::boolean)
	AND (@area::text = '' OR t.planning_area_id = @area)
ORDER BY t.id LIMIT @limit`

// PageTechnicians implements dispatch.TechnicianTx.
func (t *tx) PageTechnicians(ctx context.Context, filter dispatch.TechnicianFilter, page dispatch.Page) ([]dispatch.Technician, string, error) {
	after, err := uuidAfter(page.After)
	if err != nil {
		return nil, "", err
	}
	rows, err := narrowed(ctx, t, pageTechniciansSQL, pgx.NamedArgs{
		"after": after, "inactive": filter.ShowInactive, "area": filter.PlanningArea, "limit": page.Size + 1,
	}, scanTechnician)
	rows, next := cut(rows, page.Size, func(t dispatch.Technician) string { return t.ID.String() })
	return rows, next, err
}

const saveTechnicianSQL = `
UPDATE technicians SET display_name = @name, email = @email, phone = @phone, home = @home,
	planning_area_id = @area, active = @active, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveTechnician implements dispatch.TechnicianTx.
func (t *tx) SaveTechnician(ctx context.Context, who dispatch.Technician) error {
	if err := t.save(ctx, who.Name(), who.Version, saveTechnicianSQL, technicianArgs(who)); err != nil {
		return err
	}
	return t.putTechnicianSkills(ctx, who)
}

const clearTechnicianSkillsSQL = `
DELETE FROM technician_skills WHERE tenant_id = @tenant AND technician_id = @technician`

const addTechnicianSkillsSQL = `
INSERT INTO technician_skills (tenant_id, technician_id, skill_id, level, valid_until)
SELECT @tenant, @technician, n.skill, n.level, n.until
FROM unnest(@skills::text[], @levels::int[], @until::date[]) AS n (skill, level, until)`

func (t *tx) putTechnicianSkills(ctx context.Context, who dispatch.Technician) error {
	args := pgx.NamedArgs{"technician": who.ID}
	if _, err := t.exec(ctx, clearTechnicianSkillsSQL, args); err != nil {
		return err
	}
	args["skills"], args["levels"], args["until"] = skillArrays(who.Skills)
	_, err := t.exec(ctx, addTechnicianSkillsSQL, args)
	return err
}

const countFutureJobsSQL = `
SELECT count(*) FROM commitments
WHERE tenant_id = @tenant AND technician_id = @technician AND kind IN ('visit', 'hold')
	AND state IN ('held', 'planned', 'under_way') AND ends_at > @at`

// CountFutureJobs implements dispatch.TechnicianTx.
func (t *tx) CountFutureJobs(ctx context.Context, id dispatch.TechnicianID, at time.Time) (int, error) {
	return one(ctx, t, id.Name(), countFutureJobsSQL, pgx.NamedArgs{"technician": id, "at": at}, pgx.RowTo[int])
}
