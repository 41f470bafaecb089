package workforce

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// CreateSkill makes a skill.
func (w *Workforce) CreateSkill(ctx context.Context, call dispatch.Call, s dispatch.Skill) (dispatch.Skill, error) {
	s.Version = 1
	return dispatch.Create(ctx, w.store, call, s, checkSkill, dispatch.Tx.CreateSkill)
}

// GetSkill reads a skill.
func (w *Workforce) GetSkill(ctx context.Context, call dispatch.Call, id dispatch.SkillID) (dispatch.Skill, error) {
	return dispatch.Read(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Skill, error) { return tx.GetSkill(ctx, id) })
}

// ListSkills pages through the skills by id.
func (w *Workforce) ListSkills(ctx context.Context, call dispatch.Call, page dispatch.Page) ([]dispatch.Skill, string, error) {
	return dispatch.ReadPage(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.Skill, string, error) {
		return tx.PageSkills(ctx, page)
	})
}

// UpdateSkill changes a skill.
func (w *Workforce) UpdateSkill(ctx context.Context, call dispatch.Call, id dispatch.SkillID, version int64, change dispatch.Change[dispatch.Skill]) (dispatch.Skill, error) {
	return dispatch.Update(ctx, w.store, call, version, change, dispatch.Versioned[dispatch.Skill]{
		Version: func(s *dispatch.Skill) *int64 { return &s.Version },
		Name:    dispatch.Skill.Name,
		Read:    func(ctx context.Context, tx dispatch.Tx) (dispatch.Skill, error) { return tx.GetSkill(ctx, id) },
		Check:   checkSkill,
		Save:    dispatch.Tx.SaveSkill,
	})
}

func checkSkill(_ context.Context, _ dispatch.Tx, s *dispatch.Skill) error {
	var f faults
	f.label("skill.display_name", &s.DisplayName)
	return f.err()
}

// CreatePart makes a part.
func (w *Workforce) CreatePart(ctx context.Context, call dispatch.Call, p dispatch.Part) (dispatch.Part, error) {
	p.Version = 1
	return dispatch.Create(ctx, w.store, call, p, checkPart, dispatch.Tx.CreatePart)
}

// GetPart reads a part.
func (w *Workforce) GetPart(ctx context.Context, call dispatch.Call, id dispatch.PartID) (dispatch.Part, error) {
	return dispatch.Read(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Part, error) { return tx.GetPart(ctx, id) })
}

// ListParts pages through the parts by id.
func (w *Workforce) ListParts(ctx context.Context, call dispatch.Call, page dispatch.Page) ([]dispatch.Part, string, error) {
	return dispatch.ReadPage(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.Part, string, error) {
		return tx.PageParts(ctx, page)
	})
}

// UpdatePart changes a part.
func (w *Workforce) UpdatePart(ctx context.Context, call dispatch.Call, id dispatch.PartID, version int64, change dispatch.Change[dispatch.Part]) (dispatch.Part, error) {
	return dispatch.Update(ctx, w.store, call, version, change, dispatch.Versioned[dispatch.Part]{
		Version: func(p *dispatch.Part) *int64 { return &p.Version },
		Name:    dispatch.Part.Name,
		Read:    func(ctx context.Context, tx dispatch.Tx) (dispatch.Part, error) { return tx.GetPart(ctx, id) },
		Check:   checkPart,
		Save:    dispatch.Tx.SavePart,
	})
}

func checkPart(_ context.Context, _ dispatch.Tx, p *dispatch.Part) error {
	var f faults
	f.label("part.display_name", &p.DisplayName)
	return f.err()
}

// defaultFixWindowDays is the fix window of a service that names none.
const defaultFixWindowDays = 30

// CreateService makes a service.
func (w *Workforce) CreateService(ctx context.Context, call dispatch.Call, s dispatch.Service) (dispatch.Service, error) {
	s.Version = 1
	return dispatch.Create(ctx, w.store, call, s, checkService, dispatch.Tx.CreateService)
}

// GetService reads a service.
func (w *Workforce) GetService(ctx context.Context, call dispatch.Call, id dispatch.ServiceID) (dispatch.Service, error) {
	return dispatch.Read(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Service, error) { return tx.GetService(ctx, id) })
}

// ListServices pages through the catalogue by id. Only staff sees what is no
// longer offered.
func (w *Workforce) ListServices(ctx context.Context, call dispatch.Call, showRetired bool, page dispatch.Page) ([]dispatch.Service, string, error) {
	showRetired = showRetired && call.Principal.Role.Staff()
	return dispatch.ReadPage(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.Service, string, error) {
		return tx.PageServices(ctx, showRetired, page)
	})
}

// UpdateService changes a service.
func (w *Workforce) UpdateService(ctx context.Context, call dispatch.Call, id dispatch.ServiceID, version int64, change dispatch.Change[dispatch.Service]) (dispatch.Service, error) {
	return dispatch.Update(ctx, w.store, call, version, change, dispatch.Versioned[dispatch.Service]{
		Version: func(s *dispatch.Service) *int64 { return &s.Version },
		Name:    dispatch.Service.Name,
		Read:    func(ctx context.Context, tx dispatch.Tx) (dispatch.Service, error) { return tx.GetService(ctx, id) },
		Check:   checkService,
		Save:    dispatch.Tx.SaveService,
	})
}

func checkService(ctx context.Context, tx dispatch.Tx, s *dispatch.Service) error {
	var f faults
	f.label("service.display_name", &s.DisplayName)
	f.prose("service.description", &s.Description)
	if s.Duration < time.Minute || s.Duration > 24*time.Hour {
		f.field("service.duration", "it is %s, expected a minute to a day", s.Duration)
	}
	if s.Spread < 0 || s.Spread > 24*time.Hour {
		f.field("service.spread", "it is %s, expected zero to a day", s.Spread)
	}
	if s.FixWindowDays == 0 {
		s.FixWindowDays = defaultFixWindowDays
	}
	if s.FixWindowDays < 1 || s.FixWindowDays > 730 {
		f.field("service.fix_window_days", "it is %d, expected 1 to 730", s.FixWindowDays)
	}
	if err := checkSkillsExist(ctx, tx, &f, "service.skills", s.Skills); err != nil {
		return err
	}
	for i, p := range s.Parts {
		_, err := tx.GetPart(ctx, p.Part)
		if err := f.reference(fmt.Sprintf("service.parts[%d].part", i), dispatch.Part{ID: p.Part}.Name(), err); err != nil {
			return err
		}
	}
	return f.err()
}

// checkSkillsExist notes the skills that do not exist or are named twice.
func checkSkillsExist(ctx context.Context, tx dispatch.Tx, f *faults, field string, skills []dispatch.SkillLevel) error {
	seen := map[dispatch.SkillID]bool{}
	for i, s := range skills {
		at := fmt.Sprintf("%s[%d].skill", field, i)
		if seen[s.Skill] {
			f.field(at, "%s is named twice", dispatch.Skill{ID: s.Skill}.Name())
		}
		seen[s.Skill] = true
		_, err := tx.GetSkill(ctx, s.Skill)
		if err := f.reference(at, dispatch.Skill{ID: s.Skill}.Name(), err); err != nil {
			return err
		}
	}
	return nil
}

// CreateTier makes a tier of a service.
func (w *Workforce) CreateTier(ctx context.Context, call dispatch.Call, t dispatch.Tier) (dispatch.Tier, error) {
	t.Version = 1
	return dispatch.Create(ctx, w.store, call, t, func(ctx context.Context, tx dispatch.Tx, t *dispatch.Tier) error {
		if _, err := tx.GetService(ctx, t.Service); err != nil {
			return err
		}
		return checkTier(ctx, tx, t)
	}, dispatch.Tx.CreateTier)
}

// GetTier reads a tier of a service.
func (w *Workforce) GetTier(ctx context.Context, call dispatch.Call, service dispatch.ServiceID, id dispatch.TierID) (dispatch.Tier, error) {
	return dispatch.Read(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Tier, error) { return tx.GetTier(ctx, service, id) })
}

// ListTiers pages through the tiers of a service by id.
func (w *Workforce) ListTiers(ctx context.Context, call dispatch.Call, service dispatch.ServiceID, page dispatch.Page) ([]dispatch.Tier, string, error) {
	return dispatch.ReadPage(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.Tier, string, error) {
		if _, err := tx.GetService(ctx, service); err != nil {
			return nil, "", err
		}
		return tx.PageTiers(ctx, service, page)
	})
}

// UpdateTier changes a tier of a service. What was booked keeps its price.
func (w *Workforce) UpdateTier(ctx context.Context, call dispatch.Call, service dispatch.ServiceID, id dispatch.TierID, version int64, change dispatch.Change[dispatch.Tier]) (dispatch.Tier, error) {
	return dispatch.Update(ctx, w.store, call, version, change, dispatch.Versioned[dispatch.Tier]{
		Version: func(t *dispatch.Tier) *int64 { return &t.Version },
		Name:    dispatch.Tier.Name,
		Read: func(ctx context.Context, tx dispatch.Tx) (dispatch.Tier, error) {
			return tx.GetTier(ctx, service, id)
		},
		Check: checkTier,
		Save:  dispatch.Tx.SaveTier,
	})
}

func checkTier(ctx context.Context, tx dispatch.Tx, t *dispatch.Tier) error {
	tenant, err := tx.GetTenant(ctx)
	if err != nil {
		return err
	}
	var f faults
	f.label("tier.display_name", &t.DisplayName)
	if t.Price.Currency != tenant.Currency {
		f.add(dispatch.InvalidField(dispatch.ReasonMoneyInvalid, "tier.price.currency_code",
			"it is %.10q, expected the company's currency %s", t.Price.Currency, tenant.Currency))
	}
	if t.Price.Minor < 0 {
		f.add(dispatch.InvalidField(dispatch.ReasonMoneyInvalid, "tier.price", "it is negative"))
	}
	if err := checkPrices(ctx, tx, &f, t); err != nil {
		return err
	}
	if math.IsNaN(t.OnTimeFloor) || t.OnTimeFloor < 0 || t.OnTimeFloor > 1 {
		f.field("tier.on_time_floor", "expected a probability from 0 to 1")
	}
	return f.err()
}

// checkPrices judges the rules of a tier's price.
func checkPrices(ctx context.Context, tx dispatch.Tx, f *faults, t *dispatch.Tier) error {
	if t.Cap != nil && (t.Cap.Currency != t.Price.Currency || t.Cap.Minor < t.Price.Minor) {
		f.add(dispatch.InvalidField(dispatch.ReasonMoneyInvalid, "tier.price_cap", "expected at least the price, in its currency"))
	}
	for i := range t.Rules {
		r, at := &t.Rules[i], fmt.Sprintf("tier.price_rules[%d]", i)
		f.label(at+".label", &r.Label)
		if r.Amount.Minor == 0 || r.Amount.Currency != t.Price.Currency {
			f.add(dispatch.InvalidField(dispatch.ReasonMoneyInvalid, at+".amount", "expected more or less than nothing, in %s", t.Price.Currency))
		}
		for k, area := range r.Areas {
			_, err := tx.GetPlanningArea(ctx, area)
			if err := f.reference(fmt.Sprintf("%s.planning_areas[%d]", at, k), dispatch.PlanningArea{ID: area}.Name(), err); err != nil {
				return err
			}
		}
	}
	return nil
}
