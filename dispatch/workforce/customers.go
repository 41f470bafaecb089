package workforce

import (
	"context"

	"github.com/firstfix/firstfix/dispatch"
)

// CreateCustomer makes a customer.
func (w *Workforce) CreateCustomer(ctx context.Context, call dispatch.Call, c dispatch.Customer) (dispatch.Customer, error) {
	c.ID, c.MergedInto, c.Version = dispatch.CustomerID{}.New(), dispatch.CustomerID{}, 1
	return dispatch.Create(ctx, w.store, call, c, checkCustomer, dispatch.Tx.CreateCustomer)
}

// GetCustomer reads a customer.
func (w *Workforce) GetCustomer(ctx context.Context, call dispatch.Call, id dispatch.CustomerID) (dispatch.Customer, error) {
	return dispatch.Read(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Customer, error) { return tx.GetCustomer(ctx, id) })
}

// SearchCustomers pages through the customers found by the words of a query, by
// name and id.
func (w *Workforce) SearchCustomers(ctx context.Context, call dispatch.Call, query string, page dispatch.Page) ([]dispatch.Customer, string, error) {
	return dispatch.ReadPage(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.Customer, string, error) {
		return tx.SearchCustomers(ctx, query, page)
	})
}

// UpdateCustomer changes a customer who stands for himself.
func (w *Workforce) UpdateCustomer(ctx context.Context, call dispatch.Call, id dispatch.CustomerID, version int64, change dispatch.Change[dispatch.Customer]) (dispatch.Customer, error) {
	return dispatch.Update(ctx, w.store, call, version, change, dispatch.Versioned[dispatch.Customer]{
		Version: func(c *dispatch.Customer) *int64 { return &c.Version },
		Name:    dispatch.Customer.Name,
		Read:    func(ctx context.Context, tx dispatch.Tx) (dispatch.Customer, error) { return tx.GetCustomer(ctx, id) },
		Check: func(ctx context.Context, tx dispatch.Tx, c *dispatch.Customer) error {
			if err := unmerged(*c); err != nil {
				return err
			}
			return checkCustomer(ctx, tx, c)
		},
		Save: dispatch.Tx.SaveCustomer,
	})
}

// MergeCustomers gives everything of a duplicate to the customer that stays.
func (w *Workforce) MergeCustomers(ctx context.Context, call dispatch.Call, id, duplicate dispatch.CustomerID) (dispatch.Customer, error) {
	if id == duplicate {
		return dispatch.Customer{}, itself(id.Name())
	}
	return dispatch.Once(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Customer, error) {
		both, err := tx.LockCustomers(ctx, []dispatch.CustomerID{id, duplicate})
		if err != nil {
			return dispatch.Customer{}, err
		}
		found := map[dispatch.CustomerID]dispatch.Customer{}
		for _, c := range both {
			found[c.ID] = c
		}
		for _, wanted := range []dispatch.CustomerID{id, duplicate} {
			c, ok := found[wanted]
			if !ok {
				return c, dispatch.NotFound(wanted.Name())
			}
			if err := unmerged(c); err != nil {
				return c, err
			}
		}
		if err := tx.MoveCustomer(ctx, duplicate, id); err != nil {
			return dispatch.Customer{}, err
		}
		gone, stays := found[duplicate], found[id]
		gone.MergedInto = id
		if err := tx.SaveCustomer(ctx, gone); err != nil || stays.AccountOwner != "" || gone.AccountOwner == "" {
			return stays, err
		}
		stays.AccountOwner = gone.AccountOwner
		if err := tx.SaveCustomer(ctx, stays); err != nil {
			return stays, err
		}
		stays.Version++
		return stays, nil
	})
}

func itself(name string) error {
	return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "duplicate", "%s cannot be merged into itself", name)
}

func unmerged(c dispatch.Customer) error {
	if c.MergedInto.IsZero() {
		return nil
	}
	return dispatch.Refuse(dispatch.ReasonMoveNotAllowed, c.Name(), "was merged into %s", c.MergedInto.Name()).
		With("mergedInto", c.MergedInto.Name())
}

func checkCustomer(ctx context.Context, tx dispatch.Tx, c *dispatch.Customer) error {
	region, err := regionOf(ctx, tx)
	if err != nil {
		return err
	}
	var f faults
	f.label("customer.display_name", &c.DisplayName)
	f.email("customer.email", &c.Email)
	f.phone("customer.phone", &c.Phone, region)
	f.line("customer.external_reference", &c.ExternalReference)
	f.language("customer.language", &c.Language)
	return f.err()
}

// SetAccountOwner says who of the sales team looks after a customer, "" for nobody.
// Version 0 means whatever the version.
func (w *Workforce) SetAccountOwner(ctx context.Context, call dispatch.Call, id dispatch.CustomerID, version int64, owner string) (dispatch.Customer, error) {
	return dispatch.Once(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Customer, error) {
		c, err := tx.GetCustomer(ctx, id)
		if err != nil {
			return c, err
		}
		if err := dispatch.CheckVersion(c.Name(), c.Version, version); err != nil {
			return c, err
		}
		if err := unmerged(c); err != nil {
			return c, err
		}
		if owner != "" {
			may, err := dispatch.WhoMaySell(ctx, tx)
			if err != nil {
				return c, err
			}
			if err := dispatch.CheckSeller("account_owner", owner, may); err != nil {
				return c, err
			}
		}
		c.AccountOwner = owner
		if err := tx.SaveCustomer(ctx, c); err != nil {
			return c, err
		}
		c.Version++
		return c, nil
	})
}

// CreateContact makes a contact of a customer.
func (w *Workforce) CreateContact(ctx context.Context, call dispatch.Call, c dispatch.Contact) (dispatch.Contact, error) {
	c.ID, c.Version = dispatch.ContactID{}.New(), 1
	return dispatch.Create(ctx, w.store, call, c, func(ctx context.Context, tx dispatch.Tx, c *dispatch.Contact) error {
		customer, err := tx.GetCustomer(ctx, c.Customer)
		if err != nil {
			return err
		}
		if err := unmerged(customer); err != nil {
			return err
		}
		return checkContact(ctx, tx, c)
	}, dispatch.Tx.CreateContact)
}

// GetContact reads a contact of a customer.
func (w *Workforce) GetContact(ctx context.Context, call dispatch.Call, customer dispatch.CustomerID, id dispatch.ContactID) (dispatch.Contact, error) {
	return dispatch.Read(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Contact, error) {
		return readContact(ctx, tx, customer, id)
	})
}

// readContact reads a contact by its whole name: under another customer it does
// not exist.
func readContact(ctx context.Context, tx dispatch.Tx, customer dispatch.CustomerID, id dispatch.ContactID) (dispatch.Contact, error) {
	c, err := tx.GetContact(ctx, id)
	if dispatch.ReasonOf(err) == dispatch.ReasonResourceNotFound || (err == nil && c.Customer != customer) {
		return dispatch.Contact{}, dispatch.NotFound(dispatch.Contact{ID: id, Customer: customer}.Name())
	}
	return c, err
}

// SearchContacts pages through the contacts of a customer found by the words of a
// query, by name and id.
func (w *Workforce) SearchContacts(ctx context.Context, call dispatch.Call, customer dispatch.CustomerID, query string, page dispatch.Page) ([]dispatch.Contact, string, error) {
	return dispatch.ReadPage(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) ([]dispatch.Contact, string, error) {
		if _, err := tx.GetCustomer(ctx, customer); err != nil {
			return nil, "", err
		}
		return tx.SearchContacts(ctx, customer, query, page)
	})
}

// UpdateContact changes a contact.
func (w *Workforce) UpdateContact(ctx context.Context, call dispatch.Call, customer dispatch.CustomerID, id dispatch.ContactID, version int64, change dispatch.Change[dispatch.Contact]) (dispatch.Contact, error) {
	return dispatch.Update(ctx, w.store, call, version, change, dispatch.Versioned[dispatch.Contact]{
		Version: func(c *dispatch.Contact) *int64 { return &c.Version },
		Name:    dispatch.Contact.Name,
		Read: func(ctx context.Context, tx dispatch.Tx) (dispatch.Contact, error) {
			return readContact(ctx, tx, customer, id)
		},
		Check: checkContact,
		Save:  dispatch.Tx.SaveContact,
	})
}

// MergeContacts removes a duplicate of a contact of the same customer; an address
// or number that the contact lacks is taken over.
func (w *Workforce) MergeContacts(ctx context.Context, call dispatch.Call, stays, duplicate dispatch.Contact) (dispatch.Contact, error) {
	if stays.ID == duplicate.ID {
		return dispatch.Contact{}, itself(stays.Name())
	}
	return dispatch.Once(ctx, w.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Contact, error) {
		contact, err := readContact(ctx, tx, stays.Customer, stays.ID)
		if err != nil {
			return contact, err
		}
		gone, err := readContact(ctx, tx, duplicate.Customer, duplicate.ID)
		if err != nil {
			return contact, err
		}
		if contact.Customer != gone.Customer {
			return contact, dispatch.Refuse(dispatch.ReasonMoveNotAllowed, gone.Name(), "is of another customer than %s", contact.Name())
		}
		if contact.Email == "" {
			contact.Email = gone.Email
		}
		if contact.Phone == "" {
			contact.Phone = gone.Phone
		}
		if err := tx.SaveContact(ctx, contact); err != nil {
			return contact, err
		}
		contact.Version++
		return contact, tx.DeleteContact(ctx, gone.ID)
	})
}

func checkContact(ctx context.Context, tx dispatch.Tx, c *dispatch.Contact) error {
	region, err := regionOf(ctx, tx)
	if err != nil {
		return err
	}
	var f faults
	f.label("contact.display_name", &c.DisplayName)
	f.email("contact.email", &c.Email)
	f.phone("contact.phone", &c.Phone, region)
	return f.err()
}
