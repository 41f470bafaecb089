package referral

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// openCase opens a case about a "no", or gives the one that is open about the same.
func openCase(ctx context.Context, tx dispatch.Tx, r dispatch.Referral, s dispatch.Sale, f dispatch.FollowUp, now time.Time) (dispatch.ServiceCase, error) {
	c, found, err := tx.OpenCaseAbout(ctx, r.ID, f.Question)
	if err != nil || found {
		return c, err
	}
	problem := map[dispatch.FollowUpQuestion]string{
		dispatch.AskInstalled: "it is not installed", dispatch.AskUsed: "it is not used", dispatch.AskSaving: "it does not save what was promised",
	}[f.Question]
	if f.Measured != nil && s.Promised != nil {
		problem += fmt.Sprintf(": %g, promised %s", *f.Measured, s.Promised)
	}
	if f.Note != "" {
		problem += ": " + f.Note
	}
	c = dispatch.ServiceCase{
		ID: dispatch.ServiceCaseID{}.New(), Referral: r.ID, Customer: r.Customer, Question: f.Question, State: dispatch.CaseOpen,
		Problem: problem, OpenedAt: now, Version: 1,
	}
	if c.Owner, err = caseOwner(ctx, tx, r); err != nil {
		return c, err
	}
	return c, tx.CreateServiceCase(ctx, c)
}

// caseOwner gives who owns a case about a sale: who owns the customer's account, who
// sold, the manager of the desk, else an administrator; the first who is still there.
func caseOwner(ctx context.Context, tx dispatch.Tx, r dispatch.Referral) (string, error) {
	may, err := dispatch.WhoMaySell(ctx, tx)
	if err != nil {
		return "", err
	}
	customer, err := tx.GetCustomer(ctx, r.Customer)
	if err != nil {
		return "", err
	}
	candidates := []string{customer.AccountOwner, r.Owner}
	if r.Desk != "" {
		desk, err := tx.GetSalesDesk(ctx, r.Desk)
		if err != nil {
			return "", err
		}
		for _, who := range slices.Backward(desk.Ladder) {
			candidates = append(candidates, who)
		}
	}
	for _, who := range candidates {
		if may[who] {
			return who, nil
		}
	}
	return leastLoaded(ctx, tx, nil, dispatch.RoleAdministrator)
}

// GetCase reads a case.
func (d *Desk) GetCase(ctx context.Context, call dispatch.Call, id dispatch.ServiceCaseID) (dispatch.ServiceCase, error) {
	return dispatch.Read(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.ServiceCase, error) {
		return tx.GetServiceCase(ctx, id)
	})
}

// ListCases pages cases by the time they were opened.
func (d *Desk) ListCases(ctx context.Context, call dispatch.Call, filter dispatch.ServiceCaseFilter, page dispatch.Page) ([]dispatch.ServiceCase, string, error) {
	return dispatch.ReadPage(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.ServiceCase, string, error) {
		return tx.PageServiceCases(ctx, filter, page)
	})
}

// AssignCase gives a case to another owner.
func (d *Desk) AssignCase(ctx context.Context, call dispatch.Call, id dispatch.ServiceCaseID, version int64, owner string) (dispatch.ServiceCase, error) {
	return d.changeCase(ctx, call, id, version, func(ctx context.Context, tx dispatch.Tx, c *dispatch.ServiceCase, _ time.Time) error {
		if c.State != dispatch.CaseOpen {
			return dispatch.Refuse(dispatch.ReasonTerminalState, c.Name(), "it is closed").With("state", string(c.State))
		}
		may, err := dispatch.WhoMaySell(ctx, tx)
		if err != nil {
			return err
		}
		if err := dispatch.CheckSeller("owner", owner, may); err != nil {
			return err
		}
		c.Owner = owner
		return nil
	})
}

// CloseCase ends a case with what was done.
func (d *Desk) CloseCase(ctx context.Context, call dispatch.Call, id dispatch.ServiceCaseID, version int64, resolution string) (dispatch.ServiceCase, error) {
	resolution = strings.TrimSpace(resolution)
	if resolution == "" {
		return dispatch.ServiceCase{}, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "resolution", "it is required: what was done?")
	}
	return d.changeCase(ctx, call, id, version, func(_ context.Context, _ dispatch.Tx, c *dispatch.ServiceCase, now time.Time) error {
		if err := dispatch.ServiceCaseMachine.Check(c.Name(), c.State, dispatch.CaseClosed); err != nil {
			return err
		}
		c.State, c.Resolution, c.ClosedAt = dispatch.CaseClosed, resolution, now
		return nil
	})
}

// changeCase changes a case for its owner or an administrator, once per request.
func (d *Desk) changeCase(ctx context.Context, call dispatch.Call, id dispatch.ServiceCaseID, version int64,
	change func(context.Context, dispatch.Tx, *dispatch.ServiceCase, time.Time) error,
) (dispatch.ServiceCase, error) {
	who := call.Principal
	return dispatch.Once(ctx, d.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.ServiceCase, error) {
		c, err := tx.LockServiceCase(ctx, id)
		if err != nil {
			return c, err
		}
		if err := dispatch.CheckVersion(c.Name(), c.Version, version); err != nil {
			return c, err
		}
		if c.Owner != who.Subject && who.Role != dispatch.RoleAdministrator {
			return c, dispatch.Refuse(dispatch.ReasonAccessDenied, c.Name(), "it is another's: its owner or an administrator may")
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return c, err
		}
		if err := change(ctx, tx, &c, now); err != nil {
			return c, err
		}
		if err := tx.SaveServiceCase(ctx, c); err != nil {
			return c, err
		}
		c.Version++
		return c, nil
	})
}

// checkCasesSeen refuses to quote or sell to a customer with open cases that the
// seller does not say he has seen.
func checkCasesSeen(ctx context.Context, tx dispatch.Tx, r dispatch.Referral, seen []dispatch.ServiceCaseID) error {
	open, err := tx.OpenCasesOf(ctx, []dispatch.CustomerID{r.Customer})
	if err != nil {
		return err
	}
	var unseen []string
	for _, id := range open[r.Customer] {
		if !slices.Contains(seen, id) {
			unseen = append(unseen, id.Name())
		}
	}
	if len(unseen) == 0 {
		return nil
	}
	return dispatch.Refuse(dispatch.ReasonOpenCases, r.Name(),
		"what was sold to the customer before does not do what it should: read %s, and name it in seen_cases", strings.Join(unseen, ", ")).
		With("cases", strings.Join(unseen, " "))
}

// showCases fills the open cases of their customers into referrals that are shown to
// staff.
func showCases(ctx context.Context, tx dispatch.Tx, who dispatch.Principal, referrals []dispatch.Referral) error {
	if !who.Role.Staff() || len(referrals) == 0 {
		return nil
	}
	var customers []dispatch.CustomerID
	for _, r := range referrals {
		customers = append(customers, r.Customer)
	}
	open, err := tx.OpenCasesOf(ctx, customers)
	if err != nil {
		return err
	}
	for i := range referrals {
		referrals[i].OpenCases = open[referrals[i].Customer]
	}
	return nil
}
