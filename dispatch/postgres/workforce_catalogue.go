package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

func scanSkill(row pgx.CollectableRow) (dispatch.Skill, error) {
	var s dispatch.Skill
	err := row.Scan(&s.ID, &s.DisplayName, &s.Version)
	return s, err
}

const createSkillSQL = `
INSERT INTO skills (tenant_id, id, display_name) VALUES (@tenant, @id, @name)`

// CreateSkill implements dispatch.CatalogueTx.
func (t *tx) CreateSkill(ctx context.Context, s dispatch.Skill) error {
	return t.create(ctx, s.Name(), createSkillSQL, pgx.NamedArgs{"id": s.ID, "name": s.DisplayName})
}

const getSkillSQL = `
SELECT id, display_name, version FROM skills WHERE tenant_id = @tenant AND id = @id`

// GetSkill implements dispatch.CatalogueTx.
func (t *tx) GetSkill(ctx context.Context, id dispatch.SkillID) (dispatch.Skill, error) {
	return one(ctx, t, dispatch.Skill{ID: id}.Name(), getSkillSQL, pgx.NamedArgs{"id": id}, scanSkill)
}

const pageSkillsSQL = `
SELECT id, display_name, version FROM skills
WHERE tenant_id = @tenant AND id > @after ORDER BY id LIMIT @limit`

// PageSkills implements dispatch.CatalogueTx.
func (t *tx) PageSkills(ctx context.Context, page dispatch.Page) ([]dispatch.Skill, string, error) {
	rows, err := many(ctx, t, pageSkillsSQL, pgx.NamedArgs{"after": page.After, "limit": page.Size + 1}, scanSkill)
	rows, next := cut(rows, page.Size, func(s dispatch.Skill) string { return string(s.ID) })
	return rows, next, err
}

const saveSkillSQL = `
UPDATE skills SET display_name = @name, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveSkill implements dispatch.CatalogueTx.
func (t *tx) SaveSkill(ctx context.Context, s dispatch.Skill) error {
	return t.save(ctx, s.Name(), s.Version, saveSkillSQL, pgx.NamedArgs{"id": s.ID, "name": s.DisplayName, "version": s.Version})
}

func scanPart(row pgx.CollectableRow) (dispatch.Part, error) {
	var p dispatch.Part
	err := row.Scan(&p.ID, &p.DisplayName, &p.Version)
	return p, err
}

const createPartSQL = `
INSERT INTO parts (tenant_id, id, display_name) VALUES (@tenant, @id, @name)`

// CreatePart implements dispatch.CatalogueTx.
func (t *tx) CreatePart(ctx context.Context, p dispatch.Part) error {
	return t.create(ctx, p.Name(), createPartSQL, pgx.NamedArgs{"id": p.ID, "name": p.DisplayName})
}

const getPartSQL = `
SELECT id, display_name, version FROM parts WHERE tenant_id = @tenant AND id = @id`

// GetPart implements dispatch.CatalogueTx.
func (t *tx) GetPart(ctx context.Context, id dispatch.PartID) (dispatch.Part, error) {
	return one(ctx, t, dispatch.Part{ID: id}.Name(), getPartSQL, pgx.NamedArgs{"id": id}, scanPart)
}

const pagePartsSQL = `
SELECT id, display_name, version FROM parts
WHERE tenant_id = @tenant AND id > @after ORDER BY id LIMIT @limit`

// PageParts implements dispatch.CatalogueTx.
func (t *tx) PageParts(ctx context.Context, page dispatch.Page) ([]dispatch.Part, string, error) {
	rows, err := many(ctx, t, pagePartsSQL, pgx.NamedArgs{"after": page.After, "limit": page.Size + 1}, scanPart)
	rows, next := cut(rows, page.Size, func(p dispatch.Part) string { return string(p.ID) })
	return rows, next, err
}

const savePartSQL = `
UPDATE parts SET display_name = @name, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SavePart implements dispatch.CatalogueTx.
func (t *tx) SavePart(ctx context.Context, p dispatch.Part) error {
	return t.save(ctx, p.Name(), p.Version, savePartSQL, pgx.NamedArgs{"id": p.ID, "name": p.DisplayName, "version": p.Version})
}

const serviceColumns = `s.id, s.display_name, s.description, s.duration_seconds, s.spread_seconds, s.fix_window_days,
	s.corrective, s.retired, s.version,
	ARRAY(SELECT k.skill_id FROM service_skills k WHERE k.tenant_id = s.tenant_id AND k.service_id = s.id ORDER BY k.skill_id),
	ARRAY(SELECT k.min_level FROM service_skills k WHERE k.tenant_id = s.tenant_id AND k.service_id = s.id ORDER BY k.skill_id),
	ARRAY(SELECT p.part_id FROM service_parts p WHERE p.tenant_id = s.tenant_id AND p.service_id = s.id ORDER BY p.part_id),
	ARRAY(SELECT p.quantity FROM service_parts p WHERE p.tenant_id = s.tenant_id AND p.service_id = s.id ORDER BY p.part_id)`

func scanService(row pgx.CollectableRow) (dispatch.Service, error) {
	var s dispatch.Service
	var duration, spread int64
	var skills, parts []string
	var levels, quantities []int
	err := row.Scan(&s.ID, &s.DisplayName, &s.Description, &duration, &spread, &s.FixWindowDays,
		&s.Corrective, &s.Retired, &s.Version, &skills, &levels, &parts, &quantities)
	s.Duration, s.Spread = fromSeconds(duration), fromSeconds(spread)
	for i := range skills {
		s.Skills = append(s.Skills, dispatch.SkillLevel{Skill: dispatch.SkillID(skills[i]), Level: levels[i]})
	}
	for i := range parts {
		s.Parts = append(s.Parts, dispatch.PartQuantity{Part: dispatch.PartID(parts[i]), Quantity: quantities[i]})
	}
	return s, err
}

func serviceArgs(s dispatch.Service) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": s.ID, "name": s.DisplayName, "description": s.Description, "duration": toSeconds(s.Duration),
		"spread": toSeconds(s.Spread), "fix_window": s.FixWindowDays, "corrective": s.Corrective,
		"retired": s.Retired, "version": s.Version,
	}
}

const getServiceSQL = `SELECT ` + serviceColumns + `
FROM services s WHERE s.tenant_id = @tenant AND s.id = @id`

// GetService implements dispatch.CatalogueTx.
func (t *tx) GetService(ctx context.Context, id dispatch.ServiceID) (dispatch.Service, error) {
	return one(ctx, t, dispatch.Service{ID: id}.Name(), getServiceSQL, pgx.NamedArgs{"id": id}, scanService)
}

const pageServicesSQL = `SELECT ` + serviceColumns + `
FROM services s
WHERE s.tenant_id = @tenant AND s.id > @after AND (NOT s.retired OR @retired::boolean)
ORDER BY s.id LIMIT @limit`

// PageServices implements dispatch.CatalogueTx.
func (t *tx) PageServices(ctx context.Context, showRetired bool, page dispatch.Page) ([]dispatch.Service, string, error) {
	rows, err := many(ctx, t, pageServicesSQL, pgx.NamedArgs{
		"retired": showRetired, "after": page.After, "limit": page.Size + 1,
	}, scanService)
	rows, next := cut(rows, page.Size, func(s dispatch.Service) string { return string(s.ID) })
	return rows, next, err
}

const createServiceSQL = `
INSERT INTO services (tenant_id, id, display_name, description, duration_seconds, spread_seconds, fix_window_days, corrective, retired)
VALUES (@tenant, @id, @name, @description, @duration, @spread, @fix_window, @corrective, @retired)`

// CreateService implements dispatch.CatalogueTx.
func (t *tx) CreateService(ctx context.Context, s dispatch.Service) error {
	if err := t.create(ctx, s.Name(), createServiceSQL, serviceArgs(s)); err != nil {
		return err
	}
	return t.putNeeds(ctx, s)
}

const saveServiceSQL = `
UPDATE services SET display_name = @name, description = @description, duration_seconds = @duration,
	spread_seconds = @spread, fix_window_days = @fix_window, corrective = @corrective, retired = @retired,
	version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveService implements dispatch.CatalogueTx.
func (t *tx) SaveService(ctx context.Context, s dispatch.Service) error {
	if err := t.save(ctx, s.Name(), s.Version, saveServiceSQL, serviceArgs(s)); err != nil {
		return err
	}
	return t.putNeeds(ctx, s)
}

const clearServiceSkillsSQL = `
DELETE FROM service_skills WHERE tenant_id = @tenant AND service_id = @service`

const addServiceSkillsSQL = `
INSERT INTO service_skills (tenant_id, service_id, skill_id, min_level)
SELECT @tenant, @service, n.skill, n.level FROM unnest(@skills::text[], @levels::int[]) AS n (skill, level)`

const clearServicePartsSQL = `
DELETE FROM service_parts WHERE tenant_id = @tenant AND service_id = @service`

const addServicePartsSQL = `
INSERT INTO service_parts (tenant_id, service_id, part_id, quantity)
SELECT @tenant, @service, n.part, n.quantity FROM unnest(@parts::text[], @quantities::int[]) AS n (part, quantity)`

// putNeeds writes the skills and parts of a service.
func (t *tx) putNeeds(ctx context.Context, s dispatch.Service) error {
	args := pgx.NamedArgs{"service": s.ID}
	for _, sql := range []string{clearServiceSkillsSQL, clearServicePartsSQL} {
		if _, err := t.exec(ctx, sql, args); err != nil {
			return err
		}
	}
	args["skills"], args["levels"], _ = skillArrays(s.Skills)
	if _, err := t.exec(ctx, addServiceSkillsSQL, args); err != nil {
		return err
	}
	parts, quantities := make([]string, len(s.Parts)), make([]int, len(s.Parts))
	for i, p := range s.Parts {
		parts[i], quantities[i] = string(p.Part), p.Quantity
	}
	_, err := t.exec(ctx, addServicePartsSQL, pgx.NamedArgs{"service": s.ID, "parts": parts, "quantities": quantities})
	return err
}

// skillArrays gives skill levels as arrays in parallel.
func skillArrays(list []dispatch.SkillLevel) (skills []string, levels []int, until []*time.Time) {
	skills, levels, until = make([]string, len(list)), make([]int, len(list)), make([]*time.Time, len(list))
	for i, s := range list {
		skills[i], levels[i], until[i] = string(s.Skill), s.Level, dateOrNull(s.ValidUntil)
	}
	return skills, levels, until
}

const tierColumns = `service_id, id, display_name, price_minor, currency, on_time_floor,
	price_rules, price_cap_minor, short_notice, version`

func scanTier(row pgx.CollectableRow) (dispatch.Tier, error) {
	var r dispatch.Tier
	var most *int64
	err := row.Scan(&r.Service, &r.ID, &r.DisplayName, &r.Price.Minor, &r.Price.Currency, &r.OnTimeFloor,
		&r.Rules, &most, &r.ShortNotice, &r.Version)
	if most != nil {
		r.Cap = &dispatch.Money{Minor: *most, Currency: r.Price.Currency}
	}
	return r, err
}

func tierArgs(r dispatch.Tier) pgx.NamedArgs {
	args := pgx.NamedArgs{
		"service": r.Service, "id": r.ID, "name": r.DisplayName, "price": r.Price.Minor,
		"currency": r.Price.Currency, "floor": r.OnTimeFloor, "rules": array(r.Rules), "cap": nil,
		"short_notice": r.ShortNotice, "version": r.Version,
	}
	if r.Cap != nil {
		args["cap"] = r.Cap.Minor
	}
	return args
}

const getTierSQL = `SELECT ` + tierColumns + `
FROM service_tiers WHERE tenant_id = @tenant AND service_id = @service AND id = @id`

// GetTier implements dispatch.CatalogueTx.
func (t *tx) GetTier(ctx context.Context, service dispatch.ServiceID, id dispatch.TierID) (dispatch.Tier, error) {
	name := dispatch.Tier{Service: service, ID: id}.Name()
	return one(ctx, t, name, getTierSQL, pgx.NamedArgs{"service": service, "id": id}, scanTier)
}

const listTiersSQL = `SELECT ` + tierColumns + `
FROM service_tiers WHERE tenant_id = @tenant AND service_id = @service ORDER BY id`

// ListTiers implements dispatch.CatalogueTx.
func (t *tx) ListTiers(ctx context.Context, service dispatch.ServiceID) ([]dispatch.Tier, error) {
	return many(ctx, t, listTiersSQL, pgx.NamedArgs{"service": service}, scanTier)
}

const pageTiersSQL = `SELECT ` + tierColumns + `
FROM service_tiers WHERE tenant_id = @tenant AND service_id = @service AND id > @after
ORDER BY id LIMIT @limit`

// PageTiers implements dispatch.CatalogueTx.
func (t *tx) PageTiers(ctx context.Context, service dispatch.ServiceID, page dispatch.Page) ([]dispatch.Tier, string, error) {
	rows, err := many(ctx, t, pageTiersSQL, pgx.NamedArgs{"service": service, "after": page.After, "limit": page.Size + 1}, scanTier)
	rows, next := cut(rows, page.Size, func(r dispatch.Tier) string { return string(r.ID) })
	return rows, next, err
}

const createTierSQL = `
INSERT INTO service_tiers (tenant_id, service_id, id, display_name, price_minor, currency, on_time_floor,
	price_rules, price_cap_minor, short_notice)
VALUES (@tenant, @service, @id, @name, @price, @currency, @floor, @rules, @cap, @short_notice)`

// CreateTier implements dispatch.CatalogueTx.
func (t *tx) CreateTier(ctx context.Context, r dispatch.Tier) error {
	return t.create(ctx, r.Name(), createTierSQL, tierArgs(r))
}

const saveTierSQL = `
UPDATE service_tiers SET display_name = @name, price_minor = @price, currency = @currency, on_time_floor = @floor,
	price_rules = @rules, price_cap_minor = @cap, short_notice = @short_notice, version = version + 1
WHERE tenant_id = @tenant AND service_id = @service AND id = @id AND version = @version`

// SaveTier implements dispatch.CatalogueTx.
func (t *tx) SaveTier(ctx context.Context, r dispatch.Tier) error {
	return t.save(ctx, r.Name(), r.Version, saveTierSQL, tierArgs(r))
}
