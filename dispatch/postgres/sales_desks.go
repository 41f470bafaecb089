package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

// Hours and clocks of a desk come as arrays in parallel, so that a desk is one row.
const salesDeskColumns = `d.id, d.display_name, d.time_zone, d.closed, d.members, d.ladder, d.version,
	ARRAY(SELECT array_to_string(h.weekdays, '') FROM office_hours h
		WHERE h.tenant_id = d.tenant_id AND h.sales_desk_id = d.id ORDER BY h.ordinal),
	ARRAY(SELECT extract(epoch FROM h.starts_local)::int / 60 FROM office_hours h
		WHERE h.tenant_id = d.tenant_id AND h.sales_desk_id = d.id ORDER BY h.ordinal),
	ARRAY(SELECT extract(epoch FROM h.ends_local)::int / 60 FROM office_hours h
		WHERE h.tenant_id = d.tenant_id AND h.sales_desk_id = d.id ORDER BY h.ordinal),
	ARRAY(SELECT c.tier_id FROM desk_clocks c
		WHERE c.tenant_id = d.tenant_id AND c.sales_desk_id = d.id ORDER BY c.ordinal),
	ARRAY(SELECT c.urgency FROM desk_clocks c
		WHERE c.tenant_id = d.tenant_id AND c.sales_desk_id = d.id ORDER BY c.ordinal),
	ARRAY(SELECT ARRAY[c.accept_seconds, c.contact_seconds, c.next_step_seconds] FROM desk_clocks c
		WHERE c.tenant_id = d.tenant_id AND c.sales_desk_id = d.id ORDER BY c.ordinal)`

func scanSalesDesk(row pgx.CollectableRow) (dispatch.SalesDesk, error) {
	var d dispatch.SalesDesk
	var closed []time.Time
	var days []string
	var starts, ends []dispatch.TimeOfDay
	var tiers []dispatch.TierID
	var urgencies []dispatch.Urgency
	var within [][]int64
	err := row.Scan(&d.ID, &d.DisplayName, &d.TimeZone, &closed, &d.Members, &d.Ladder, &d.Version,
		&days, &starts, &ends, &tiers, &urgencies, &within)
	d.Closed = fromDates(closed)
	d.Hours = windowRules(days, starts, ends)
	for i := range tiers {
		d.Clocks = append(d.Clocks, dispatch.ReferralClock{
			Tier: tiers[i], Urgency: urgencies[i],
			AcceptWithin: fromSeconds(within[i][0]), ContactWithin: fromSeconds(within[i][1]), NextStepWithin: fromSeconds(within[i][2]),
		})
	}
	return d, err
}

func salesDeskArgs(d dispatch.SalesDesk) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": d.ID, "name": d.DisplayName, "zone": d.TimeZone, "closed": toDates(d.Closed), "members": texts(d.Members),
		"ladder": texts(d.Ladder), "version": d.Version,
	}
}

// texts writes a list that is never null.
func texts[S ~string](list []S) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

const getSalesDeskSQL = `SELECT ` + salesDeskColumns + `
FROM sales_desks d WHERE d.tenant_id = @tenant AND d.id = @id`

// GetSalesDesk implements dispatch.SalesDeskTx.
func (t *tx) GetSalesDesk(ctx context.Context, id dispatch.SalesDeskID) (dispatch.SalesDesk, error) {
	return one(ctx, t, dispatch.SalesDesk{ID: id}.Name(), getSalesDeskSQL, pgx.NamedArgs{"id": id}, scanSalesDesk)
}

const pageSalesDesksSQL = `SELECT ` + salesDeskColumns + `
FROM sales_desks d WHERE d.tenant_id = @tenant AND d.id > @after
ORDER BY d.id LIMIT @limit`

// PageSalesDesks implements dispatch.SalesDeskTx.
func (t *tx) PageSalesDesks(ctx context.Context, page dispatch.Page) ([]dispatch.SalesDesk, string, error) {
	rows, err := many(ctx, t, pageSalesDesksSQL, pgx.NamedArgs{"after": page.After, "limit": page.Size + 1}, scanSalesDesk)
	rows, next := cut(rows, page.Size, func(d dispatch.SalesDesk) string { return string(d.ID) })
	return rows, next, err
}

const createSalesDeskSQL = `
INSERT INTO sales_desks (tenant_id, id, display_name, time_zone, closed, members, ladder)
VALUES (@tenant, @id, @name, @zone, @closed, @members, @ladder)`

// CreateSalesDesk implements dispatch.SalesDeskTx.
func (t *tx) CreateSalesDesk(ctx context.Context, d dispatch.SalesDesk) error {
	if err := t.create(ctx, d.Name(), createSalesDeskSQL, salesDeskArgs(d)); err != nil {
		return err
	}
	return t.putDeskTime(ctx, d)
}

const saveSalesDeskSQL = `
UPDATE sales_desks SET display_name = @name, time_zone = @zone, closed = @closed, members = @members, ladder = @ladder,
	version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveSalesDesk implements dispatch.SalesDeskTx.
func (t *tx) SaveSalesDesk(ctx context.Context, d dispatch.SalesDesk) error {
	if err := t.save(ctx, d.Name(), d.Version, saveSalesDeskSQL, salesDeskArgs(d)); err != nil {
		return err
	}
	for _, sql := range []string{clearOfficeHoursSQL, clearDeskClocksSQL} {
		if _, err := t.exec(ctx, sql, pgx.NamedArgs{"desk": d.ID}); err != nil {
			return err
		}
	}
	return t.putDeskTime(ctx, d)
}

const (
	clearOfficeHoursSQL = `
DELETE FROM office_hours WHERE tenant_id = @tenant AND sales_desk_id = @desk`
	addOfficeHoursSQL = `
INSERT INTO office_hours (tenant_id, sales_desk_id, ordinal, weekdays, starts_local, ends_local)
VALUES (@tenant, @desk, @ordinal, @weekdays,
	time '00:00' + make_interval(mins => @starts), time '00:00' + make_interval(mins => @ends))`
	clearDeskClocksSQL = `
DELETE FROM desk_clocks WHERE tenant_id = @tenant AND sales_desk_id = @desk`
	addDeskClockSQL = `
INSERT INTO desk_clocks (tenant_id, sales_desk_id, ordinal, tier_id, urgency, accept_seconds, contact_seconds, next_step_seconds)
VALUES (@tenant, @desk, @ordinal, @tier, @urgency, @accept, @contact, @next_step)`
)

// putDeskTime writes the hours and clocks of a desk that has none.
func (t *tx) putDeskTime(ctx context.Context, d dispatch.SalesDesk) error {
	for i, hours := range d.Hours {
		_, err := t.exec(ctx, addOfficeHoursSQL, pgx.NamedArgs{
			"desk": d.ID, "ordinal": i, "weekdays": hours.Weekdays, "starts": int(hours.Start), "ends": int(hours.End),
		})
		if err != nil {
			return err
		}
	}
	for i, c := range d.Clocks {
		_, err := t.exec(ctx, addDeskClockSQL, pgx.NamedArgs{
			"desk": d.ID, "ordinal": i, "tier": c.Tier, "urgency": c.Urgency, "accept": toSeconds(c.AcceptWithin),
			"contact": toSeconds(c.ContactWithin), "next_step": toSeconds(c.NextStepWithin),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const routingRuleColumns = `r.id, r.position, r.territories, r.services, r.urgencies, r.sales_desk_id, r.assignment, r.member,
	r.max_open, r.version`

func scanRoutingRule(row pgx.CollectableRow) (dispatch.RoutingRule, error) {
	var r dispatch.RoutingRule
	err := row.Scan(&r.ID, &r.Position, &r.Territories, &r.Services, &r.Urgencies, &r.Desk, &r.Assignment, &r.Member,
		&r.MaxOpen, &r.Version)
	return r, err
}

func routingRuleArgs(r dispatch.RoutingRule) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": r.ID, "position": r.Position, "territories": texts(r.Territories), "services": texts(r.Services),
		"urgencies": texts(r.Urgencies), "desk": r.Desk, "assignment": r.Assignment, "member": r.Member, "max_open": r.MaxOpen,
		"version": r.Version,
	}
}

const createRoutingRuleSQL = `
INSERT INTO routing_rules (tenant_id, id, position, territories, services, urgencies, sales_desk_id, assignment, member, max_open)
VALUES (@tenant, @id, @position, @territories, @services, @urgencies, @desk, @assignment, @member, @max_open)`

// CreateRoutingRule implements dispatch.SalesDeskTx.
func (t *tx) CreateRoutingRule(ctx context.Context, r dispatch.RoutingRule) error {
	return t.create(ctx, r.Name(), createRoutingRuleSQL, routingRuleArgs(r))
}

const getRoutingRuleSQL = `SELECT ` + routingRuleColumns + `
FROM routing_rules r WHERE r.tenant_id = @tenant AND r.id = @id`

// GetRoutingRule implements dispatch.SalesDeskTx.
func (t *tx) GetRoutingRule(ctx context.Context, id dispatch.RoutingRuleID) (dispatch.RoutingRule, error) {
	return one(ctx, t, dispatch.RoutingRule{ID: id}.Name(), getRoutingRuleSQL, pgx.NamedArgs{"id": id}, scanRoutingRule)
}

const routingRulesSQL = `SELECT ` + routingRuleColumns + `
FROM routing_rules r WHERE r.tenant_id = @tenant ORDER BY r.position, r.id COLLATE "C"`

// RoutingRules implements dispatch.SalesDeskTx.
func (t *tx) RoutingRules(ctx context.Context) ([]dispatch.RoutingRule, error) {
	return many(ctx, t, routingRulesSQL, pgx.NamedArgs{}, scanRoutingRule)
}

const pageRoutingRulesSQL = `SELECT ` + routingRuleColumns + `
FROM routing_rules r
WHERE r.tenant_id = @tenant AND (r.position, r.id COLLATE "C") > (@position, @id::text COLLATE "C")
ORDER BY r.position, r.id COLLATE "C" LIMIT @limit`

// PageRoutingRules implements dispatch.SalesDeskTx.
func (t *tx) PageRoutingRules(ctx context.Context, page dispatch.Page) ([]dispatch.RoutingRule, string, error) {
	position, id := 0, ""
	if page.After != "" {
		before, after, _ := strings.Cut(page.After, "/")
		var err error
		if position, err = strconv.Atoi(before); err != nil {
			return nil, "", fmt.Errorf("read where the page begins: %w", err)
		}
		id = after
	}
	rows, err := many(ctx, t, pageRoutingRulesSQL, pgx.NamedArgs{"position": position, "id": id, "limit": page.Size + 1}, scanRoutingRule)
	rows, next := cut(rows, page.Size, func(r dispatch.RoutingRule) string { return fmt.Sprintf("%d/%s", r.Position, r.ID) })
	return rows, next, err
}

const saveRoutingRuleSQL = `
UPDATE routing_rules SET position = @position, territories = @territories, services = @services, urgencies = @urgencies,
	sales_desk_id = @desk, assignment = @assignment, member = @member, max_open = @max_open, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveRoutingRule implements dispatch.SalesDeskTx.
func (t *tx) SaveRoutingRule(ctx context.Context, r dispatch.RoutingRule) error {
	return t.save(ctx, r.Name(), r.Version, saveRoutingRuleSQL, routingRuleArgs(r))
}

const deleteRoutingRuleSQL = `
DELETE FROM routing_rules WHERE tenant_id = @tenant AND id = @id`

// DeleteRoutingRule implements dispatch.SalesDeskTx.
func (t *tx) DeleteRoutingRule(ctx context.Context, id dispatch.RoutingRuleID) error {
	_, err := t.exec(ctx, deleteRoutingRuleSQL, pgx.NamedArgs{"id": id})
	return err
}

const winAccountSQL = `
UPDATE customers SET account_owner = @owner, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND account_owner = ''`

// WinAccount implements dispatch.SalesDeskTx.
func (t *tx) WinAccount(ctx context.Context, id dispatch.CustomerID, owner string) error {
	_, err := t.exec(ctx, winAccountSQL, pgx.NamedArgs{"id": id, "owner": owner})
	return err
}

const tierKnownSQL = `
SELECT EXISTS (SELECT 1 FROM service_tiers WHERE tenant_id = @tenant AND id = @id)`

// TierKnown implements dispatch.SalesDeskTx.
func (t *tx) TierKnown(ctx context.Context, id dispatch.TierID) (bool, error) {
	return one(ctx, t, "tiers/"+string(id), tierKnownSQL, pgx.NamedArgs{"id": id}, pgx.RowTo[bool])
}
