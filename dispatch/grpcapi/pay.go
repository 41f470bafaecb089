package grpcapi

import (
	"context"

	"google.golang.org/genproto/googleapis/type/money"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/referral"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// payServer answers PayService.
type payServer struct {
	pb.UnimplementedPayServiceServer
	desk  *referral.Desk
	pages pages
}

var (
	earners = map[int32]dispatch.Earner{
		int32(pb.Earner_EARNER_TECHNICIAN): dispatch.EarnerTechnician,
		int32(pb.Earner_EARNER_SELLER):     dispatch.EarnerSeller,
	}
	payReasons = map[int32]dispatch.PayReason{
		int32(pb.PayReason_PAY_REASON_ACCEPTED):       dispatch.PayAccepted,
		int32(pb.PayReason_PAY_REASON_WON):            dispatch.PayWon,
		int32(pb.PayReason_PAY_REASON_STAYED):         dispatch.PayStayed,
		int32(pb.PayReason_PAY_REASON_LEFT):           dispatch.PayLeft,
		int32(pb.PayReason_PAY_REASON_REVERSED):       dispatch.PayReversed,
		int32(pb.PayReason_PAY_REASON_REINSTATED):     dispatch.PayReinstated,
		int32(pb.PayReason_PAY_REASON_ORIGINAL_ENDED): dispatch.PayOriginalEnded,
		int32(pb.PayReason_PAY_REASON_REASSIGNED):     dispatch.PayReassigned,
		int32(pb.PayReason_PAY_REASON_PAID):           dispatch.PayPaid,
	}
)

func incentiveRuleFields(in *pb.IncentiveRule) []field[dispatch.IncentiveRule] {
	type e = dispatch.IncentiveRule
	amount := func(path string, m *money.Money, at func(*e) *dispatch.Money) field[e] {
		return read(path, func() (dispatch.Money, error) {
			parsed, err := parseMoney("incentive_rule."+path, m)
			if parsed == nil {
				return dispatch.Money{}, err
			}
			return *parsed, err
		}, at)
	}
	return []field[e]{
		plain("earner", earners[int32(in.GetEarner())], func(r *e) *dispatch.Earner { return &r.Earner }).fixed(),
		read("service", func() (dispatch.ServiceID, error) {
			return parseSlug[dispatch.ServiceID]("incentive_rule.service", "services", in.GetService())
		}, func(r *e) *dispatch.ServiceID { return &r.Service }).fixed(),
		amount("accept_amount", in.GetAcceptAmount(), func(r *e) *dispatch.Money { return &r.OnAccept }),
		amount("win_amount", in.GetWinAmount(), func(r *e) *dispatch.Money { return &r.OnWin }),
		plain("win_share_basis_points", dispatch.BasisPoints(in.GetWinShareBasisPoints()), func(r *e) *dispatch.BasisPoints { return &r.WinShare }),
		read("win_cap", func() (*dispatch.Money, error) {
			return parseMoney("incentive_rule.win_cap", in.GetWinCap())
		}, func(r *e) **dispatch.Money { return &r.WinCap }),
		plain("hold_back_basis_points", dispatch.BasisPoints(in.GetHoldBackBasisPoints()), func(r *e) *dispatch.BasisPoints { return &r.HoldBack }),
		plain("retention_days", int(in.GetRetentionDays()), func(r *e) *int { return &r.RetentionDays }),
		plain("retired", in.GetRetired(), func(r *e) *bool { return &r.Retired }),
	}
}

func incentiveRuleOf(r dispatch.IncentiveRule) *pb.IncentiveRule {
	out := &pb.IncentiveRule{
		Name: r.Name(), Earner: numberOf[pb.Earner](earners, r.Earner), Service: slugName("services", r.Service),
		AcceptAmount: moneyOrUnset(r.OnAccept), WinAmount: moneyOrUnset(r.OnWin),
		WinShareBasisPoints: int32(r.WinShare),      //nolint:gosec // at most 10,000
		HoldBackBasisPoints: int32(r.HoldBack),      //nolint:gosec // at most 10,000
		RetentionDays:       int32(r.RetentionDays), //nolint:gosec // at most 3,650
		Retired:             r.Retired, EffectiveTime: stampOf(r.EffectiveAt), Etag: etagOf(r.Version),
	}
	if r.WinCap != nil {
		out.WinCap = moneyOf(*r.WinCap)
	}
	return out
}

// moneyOrUnset leaves nothing out where there is nothing.
func moneyOrUnset(m dispatch.Money) *money.Money {
	if m.Minor == 0 {
		return nil
	}
	return moneyOf(m)
}

// CreateIncentiveRule implements PayService.
func (s payServer) CreateIncentiveRule(ctx context.Context, req *pb.CreateIncentiveRuleRequest) (*pb.IncentiveRule, error) {
	rule, err := whole(incentiveRuleFields(req.GetIncentiveRule()))
	if err != nil {
		return nil, err
	}
	rule.ID = dispatch.IncentiveRuleID(req.GetIncentiveRuleId())
	return answer(incentiveRuleOf)(s.desk.CreateRule(ctx, callOf(ctx), rule))
}

// GetIncentiveRule implements PayService.
func (s payServer) GetIncentiveRule(ctx context.Context, req *pb.GetIncentiveRuleRequest) (*pb.IncentiveRule, error) {
	id, err := parseSlug[dispatch.IncentiveRuleID]("name", "incentiveRules", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(incentiveRuleOf)(s.desk.GetRule(ctx, callOf(ctx), id))
}

// ListIncentiveRules implements PayService.
func (s payServer) ListIncentiveRules(ctx context.Context, req *pb.ListIncentiveRulesRequest) (*pb.ListIncentiveRulesResponse, error) {
	rules, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.IncentiveRule, string, error) {
		return s.desk.ListRules(ctx, callOf(ctx), page)
	}, incentiveRuleOf)
	return &pb.ListIncentiveRulesResponse{IncentiveRules: rules, NextPageToken: next}, err
}

// UpdateIncentiveRule implements PayService.
func (s payServer) UpdateIncentiveRule(ctx context.Context, req *pb.UpdateIncentiveRuleRequest) (*pb.IncentiveRule, error) {
	in := req.GetIncentiveRule()
	id, err := parseSlug[dispatch.IncentiveRuleID]("incentive_rule.name", "incentiveRules", in.GetName())
	if err != nil {
		return nil, err
	}
	change, err := masked("incentive_rule", req.GetUpdateMask(), incentiveRuleFields(in))
	if err != nil {
		return nil, err
	}
	version, err := parseEtag(in.GetEtag())
	if err != nil {
		return nil, err
	}
	return answer(incentiveRuleOf)(s.desk.UpdateRule(ctx, callOf(ctx), id, version, change))
}

// GetPayStatement implements PayService.
func (s payServer) GetPayStatement(ctx context.Context, req *pb.GetPayStatementRequest) (*pb.PayStatement, error) {
	start, err := parseStamp("start_time", req.GetStartTime())
	if err != nil {
		return nil, err
	}
	end, err := parseStamp("end_time", req.GetEndTime())
	if err != nil {
		return nil, err
	}
	var statement referral.Statement
	lines, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) (lines []dispatch.PayLine, next string, err error) {
		statement, next, err = s.desk.Statement(ctx, callOf(ctx), req.GetPayee(), dispatch.Span{Start: start, End: end}, page)
		return statement.Lines, next, err
	}, func(l dispatch.PayLine) *pb.PayLine {
		return payLineOf(l, statement.Currency)
	})
	if err != nil {
		return nil, err
	}
	sum := func(minor int64) *money.Money {
		return moneyOf(dispatch.Money{Minor: minor, Currency: statement.Currency})
	}
	return &pb.PayStatement{
		Payee: statement.Payee, StartTime: stampOf(start), EndTime: stampOf(end),
		OpeningPayable: sum(statement.OpeningPayable), ClosingPayable: sum(statement.ClosingPayable),
		OpeningHeld: sum(statement.OpeningHeld), ClosingHeld: sum(statement.ClosingHeld),
		Lines: lines, NextPageToken: next,
	}, nil
}

func payLineOf(l dispatch.PayLine, currency string) *pb.PayLine {
	return &pb.PayLine{
		PostTime: stampOf(l.At), Reason: numberOf[pb.PayReason](payReasons, l.Reason),
		Referral: nameOrEmpty(l.Referral), Payroll: nameOrEmpty(l.Payroll),
		Payable: moneyOf(dispatch.Money{Minor: l.Payable, Currency: currency}),
		Held:    moneyOf(dispatch.Money{Minor: l.Held, Currency: currency}),
	}
}

// CreatePayroll implements PayService.
func (s payServer) CreatePayroll(ctx context.Context, _ *pb.CreatePayrollRequest) (*pb.Payroll, error) {
	return answer(payrollOf)(s.desk.RunPayroll(ctx, callOf(ctx)))
}

// GetPayroll implements PayService.
func (s payServer) GetPayroll(ctx context.Context, req *pb.GetPayrollRequest) (*pb.Payroll, error) {
	var id dispatch.PayrollID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	return answer(payrollOf)(s.desk.GetPayroll(ctx, callOf(ctx), id))
}

// ListPayrolls implements PayService.
func (s payServer) ListPayrolls(ctx context.Context, req *pb.ListPayrollsRequest) (*pb.ListPayrollsResponse, error) {
	payrolls, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.Payroll, string, error) {
		return s.desk.ListPayrolls(ctx, callOf(ctx), page)
	}, payrollOf)
	return &pb.ListPayrollsResponse{Payrolls: payrolls, NextPageToken: next}, err
}

func payrollOf(p dispatch.Payroll) *pb.Payroll {
	out := &pb.Payroll{Name: p.Name(), CreateTime: stampOf(p.CreatedAt), Creator: p.CreatedBy, Total: moneyOf(p.Total)}
	for _, l := range p.Lines {
		out.Lines = append(out.Lines, &pb.PayrollLine{
			Payee: l.Payee, DisplayName: l.DisplayName, Amount: moneyOf(dispatch.Money{Minor: l.Amount, Currency: p.Total.Currency}),
		})
	}
	return out
}
