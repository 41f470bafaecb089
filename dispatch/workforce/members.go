package workforce

import (
	"context"

	"github.com/firstfix/firstfix/dispatch"
)

// GrantRole lets somebody act in the tenant, or changes what he may do. It
// refuses with LAST_ADMIN to take the role from the last administrator.
func (w *Workforce) GrantRole(ctx context.Context, call dispatch.Call, m dispatch.Member) (dispatch.Member, error) {
	return dispatch.Once(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Member, error) {
		member := m
		if err := checkMember(ctx, tx, &member); err != nil {
			return member, err
		}
		if member.Role != dispatch.RoleAdministrator {
			if err := keepAnAdministrator(ctx, tx, member); err != nil {
				return member, err
			}
		}
		return tx.PutMember(ctx, member)
	})
}

// RevokeRole takes a grant back. The row stays, so that it can be seen whose acts
// are in the audit.
func (w *Workforce) RevokeRole(ctx context.Context, call dispatch.Call, issuer, subject string) (dispatch.Member, error) {
	return dispatch.Once(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Member, error) {
		member, found, err := tx.FindMember(ctx, issuer, subject)
		if err == nil && !found {
			err = dispatch.NotFound(dispatch.Member{Subject: subject}.Name())
		}
		if err != nil || member.Disabled {
			return member, err
		}
		if err := keepAnAdministrator(ctx, tx, member); err != nil {
			return member, err
		}
		member.Disabled = true
		return tx.PutMember(ctx, member)
	})
}

// ListMembers pages through the members by issuer and subject.
func (w *Workforce) ListMembers(ctx context.Context, call dispatch.Call, showDisabled bool, page dispatch.Page) ([]dispatch.Member, string, error) {
	return dispatch.ReadPage(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.Member, string, error) {
		return tx.PageMembers(ctx, showDisabled, page)
	})
}

// keepAnAdministrator refuses if member is the only administrator. The rows stay
// locked, so that two administrators cannot remove one another at once.
func keepAnAdministrator(ctx context.Context, tx dispatch.Tx, member dispatch.Member) error {
	administrators, err := tx.LockAdministrators(ctx)
	if err != nil || len(administrators) != 1 {
		return err
	}
	if last := administrators[0]; last.Issuer == member.Issuer && last.Subject == member.Subject {
		return dispatch.Refuse(dispatch.ReasonLastAdmin, member.Name(), "is the last administrator; make somebody else one first")
	}
	return nil
}

func checkMember(ctx context.Context, tx dispatch.Tx, m *dispatch.Member) error {
	var f faults
	f.line("member.issuer", &m.Issuer)
	f.line("member.subject", &m.Subject)
	f.label("member.display_name", &m.DisplayName)
	f.email("member.email", &m.Email)
	for field, text := range map[string]string{"member.issuer": m.Issuer, "member.subject": m.Subject} {
		if text == "" {
			f.field(field, "it is required")
		}
	}
	switch m.Role {
	case dispatch.RoleCustomer, dispatch.RoleTechnician, dispatch.RoleDispatcher, dispatch.RoleSales, dispatch.RoleAdministrator:
	default:
		f.field("member.role", "%.20q cannot be granted", m.Role)
	}
	if (m.Role == dispatch.RoleTechnician) == m.Technician.IsZero() {
		f.field("member.technician", "it is set for the role technician, and no other")
	}
	if (m.Role == dispatch.RoleCustomer) == m.Customer.IsZero() {
		f.field("member.customer", "it is set for the role customer, and no other")
	}
	if !m.Technician.IsZero() {
		_, err := readTechnician(ctx, tx, m.Technician)
		if err := f.reference("member.technician", m.Technician.Name(), err); err != nil {
			return err
		}
	}
	if !m.Customer.IsZero() {
		_, err := tx.GetCustomer(ctx, m.Customer)
		if err := f.reference("member.customer", m.Customer.Name(), err); err != nil {
			return err
		}
	}
	return f.err()
}
