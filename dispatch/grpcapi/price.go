package grpcapi

import (
	"fmt"

	"google.golang.org/genproto/googleapis/type/dayofweek"

	"github.com/firstfix/firstfix/dispatch"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

func parsePriceRules(path string, in []*pb.PriceRule) ([]dispatch.PriceRule, error) {
	var rules []dispatch.PriceRule
	var all error
	for i, r := range in {
		at := fmt.Sprintf("%s[%d]", path, i)
		rule := dispatch.PriceRule{Label: r.GetLabel(), Weekdays: parseWeekdays(r.GetWeekdays())}
		var err error
		rule.From, err = parseTimeOfDay(at+".start", r.GetStart())
		all = joinFaults(all, err)
		rule.Until, err = parseTimeOfDay(at+".end", r.GetEnd())
		all = joinFaults(all, err)
		for k, name := range r.GetPlanningAreas() {
			area, err := parseSlug[dispatch.PlanningAreaID](fmt.Sprintf("%s.planning_areas[%d]", at, k), "planningAreas", name)
			all = joinFaults(all, err)
			rule.Areas = append(rule.Areas, area)
		}
		amount, err := parseMoney(at+".amount", r.GetAmount())
		all = joinFaults(all, err)
		if amount != nil {
			rule.Amount = *amount
		}
		rules = append(rules, rule)
	}
	return rules, all
}

func priceRulesOf(rules []dispatch.PriceRule) []*pb.PriceRule {
	var out []*pb.PriceRule
	for _, r := range rules {
		rule := &pb.PriceRule{
			Label: r.Label, Weekdays: weekdaysOf(r.Weekdays),
			Amount: moneyOf(r.Amount),
		}
		if r.From != 0 || r.Until != 0 {
			rule.Start, rule.End = timeOfDayOf(r.From), timeOfDayOf(r.Until)
		}
		for _, area := range r.Areas {
			rule.PlanningAreas = append(rule.PlanningAreas, slugName("planningAreas", area))
		}
		out = append(out, rule)
	}
	return out
}

// priceLinesOf is what a price is made of, in its currency.
func priceLinesOf(price dispatch.Money, lines []dispatch.PriceLine) []*pb.PriceLine {
	var out []*pb.PriceLine
	for _, l := range lines {
		out = append(out, &pb.PriceLine{Label: l.Label, Amount: moneyOf(dispatch.Money{Minor: l.Minor, Currency: price.Currency})})
	}
	return out
}

// parseWeekdays reads weekdays: both count from Monday, 1.
func parseWeekdays(in []dayofweek.DayOfWeek) []int {
	var out []int
	for _, day := range in {
		out = append(out, int(day))
	}
	return out
}

func weekdaysOf(days []int) []dayofweek.DayOfWeek {
	var out []dayofweek.DayOfWeek
	for _, day := range days {
		out = append(out, dayofweek.DayOfWeek(day)) //nolint:gosec // 1 to 7
	}
	return out
}
