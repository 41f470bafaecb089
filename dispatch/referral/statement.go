package referral

import (
	"context"

	"github.com/firstfix/firstfix/dispatch"
)

// Statement is what somebody earned in a period. Amounts are in minor units of the
// tenant's currency.
type Statement struct {
	Payee    string
	Period   dispatch.Span
	Currency string
	// Payable and held, at the start of the period and at its end.
	OpeningPayable, ClosingPayable int64
	OpeningHeld, ClosingHeld       int64
	Lines                          []dispatch.PayLine
}

// Statement gives a page of what somebody earned in a period; payee is "" for the
// caller himself. Others' are for administrators.
func (d *Desk) Statement(ctx context.Context, call dispatch.Call, payee string, period dispatch.Span, page dispatch.Page) (out Statement, next string, err error) {
	own := payeeOf(call.Principal)
	if payee == "" {
		payee = own
	}
	if payee != own && call.Principal.Role != dispatch.RoleAdministrator {
		return out, "", dispatch.Refuse(dispatch.ReasonAccessDenied, "", "statements of others are for administrators; leave payee empty for your own")
	}
	if !period.Start.Before(period.End) {
		return out, "", dispatch.InvalidField(dispatch.ReasonInvalidRequest, "end_time", "it is not after start_time")
	}
	out = Statement{Payee: payee, Period: period}
	err = d.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		tenant, err := tx.GetTenant(ctx)
		if err != nil {
			return err
		}
		out.Currency = tenant.Currency
		if out.OpeningPayable, out.OpeningHeld, err = tx.PayeeBalance(ctx, payee, period.Start); err != nil {
			return err
		}
		if out.ClosingPayable, out.ClosingHeld, err = tx.PayeeBalance(ctx, payee, period.End); err != nil {
			return err
		}
		out.Lines, next, err = tx.PagePayLines(ctx, payee, period, page)
		return err
	})
	return out, next, err
}

// payeeOf is the name under which the ledger pays a caller.
func payeeOf(who dispatch.Principal) string {
	if who.Role == dispatch.RoleTechnician {
		return who.Technician.Name()
	}
	return who.Subject
}

// RunPayroll pays out what is payable to everybody who has something to get. Whoever
// owes, since more was clawed back than was left to pay, has it set off against what
// he earns next.
func (d *Desk) RunPayroll(ctx context.Context, call dispatch.Call) (dispatch.Payroll, error) {
	return dispatch.Once(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Payroll, error) {
		var out dispatch.Payroll
		if err := tx.LockPayroll(ctx); err != nil {
			return out, err
		}
		lines, err := tx.Payables(ctx)
		if err != nil {
			return out, err
		}
		if len(lines) == 0 {
			return out, dispatch.Refuse(dispatch.ReasonNothingToPay, "", "nobody has anything to get since the last payroll")
		}
		tenant, err := tx.GetTenant(ctx)
		if err != nil {
			return out, err
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return out, err
		}
		out = dispatch.Payroll{
			ID: dispatch.PayrollID{}.New(), CreatedAt: now, CreatedBy: call.Principal.Subject,
			Total: dispatch.Money{Currency: tenant.Currency}, Lines: lines,
		}
		posting := dispatch.PayPosting{Payroll: out.ID, Reason: dispatch.PayPaid, Actor: out.CreatedBy, At: now}
		for _, l := range lines {
			out.Total.Minor += l.Amount
			posting.Entries = append(posting.Entries,
				dispatch.PayEntry{Payee: l.Payee, Account: dispatch.AccountPayable, Amount: -l.Amount},
				dispatch.PayEntry{Payee: l.Payee, Account: dispatch.AccountPaid, Amount: l.Amount})
		}
		if err := tx.CreatePayroll(ctx, out); err != nil {
			return out, err
		}
		return out, tx.Post(ctx, posting)
	})
}

// GetPayroll reads a payroll with its lines.
func (d *Desk) GetPayroll(ctx context.Context, call dispatch.Call, id dispatch.PayrollID) (out dispatch.Payroll, err error) {
	err = d.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		out, err = tx.GetPayroll(ctx, id)
		return err
	})
	return out, err
}

// ListPayrolls pages payrolls by the time they were made, without their lines.
func (d *Desk) ListPayrolls(ctx context.Context, call dispatch.Call, page dispatch.Page) (out []dispatch.Payroll, next string, err error) {
	err = d.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		out, next, err = tx.PagePayrolls(ctx, page)
		return err
	})
	return out, next, err
}
