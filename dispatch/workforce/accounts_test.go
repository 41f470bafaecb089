package workforce_test

import (
	"testing"

	"github.com/firstfix/firstfix/dispatch"
)

// Who looks after a customer is said by staff, is somebody who may sell, and is not
// lost where two customers become one.
func TestAccountOwner(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	set := func(id dispatch.CustomerID, version int64, owner string) error {
		t.Helper()
		c, err := o.w.SetAccountOwner(t.Context(), o.admin(), id, version, owner)
		if err == nil && c.AccountOwner != owner {
			t.Errorf("it is %q's, want %q", c.AccountOwner, owner)
		}
		return err
	}
	double := func(owner string) dispatch.CustomerID {
		t.Helper()
		c, err := o.w.CreateCustomer(t.Context(), o.admin(), dispatch.Customer{DisplayName: "Dora Tam"})
		if err != nil {
			t.Fatal(err)
		}
		if err := set(c.ID, c.Version, owner); err != nil {
			t.Fatal(err)
		}
		return c.ID
	}
	if err := set(o.Customer.ID, 0, "member:dispatcher"); dispatch.ReasonOf(err) != dispatch.ReasonReferenceNotFound {
		t.Errorf("a dispatcher: %v", err)
	}
	if err := set(o.Customer.ID, 99, "member:sales"); dispatch.ReasonOf(err) != dispatch.ReasonEtagMismatch {
		t.Errorf("another version: %v", err)
	}
	merge := func(duplicate dispatch.CustomerID, want string) {
		t.Helper()
		stays, err := o.w.MergeCustomers(t.Context(), o.admin(), o.Customer.ID, duplicate)
		if err != nil || stays.AccountOwner != want {
			t.Errorf("after the merge it is %q's, %v; want %q", stays.AccountOwner, err, want)
		}
		kept, err := o.w.GetCustomer(t.Context(), o.admin(), o.Customer.ID)
		if err != nil || kept.AccountOwner != want || kept.Version != stays.Version {
			t.Errorf("what is kept: %+v, %v; want version %d", kept, err, stays.Version)
		}
	}
	first := double("member:sales")
	merge(first, "member:sales")
	merge(double("member:administrator"), "member:sales")
	if err := set(first, 0, "member:sales"); dispatch.ReasonOf(err) != dispatch.ReasonMoveNotAllowed {
		t.Errorf("of one that was merged away: %v", err)
	}
	if err := set(o.Customer.ID, 0, ""); err != nil {
		t.Errorf("nobody: %v", err)
	}
}
