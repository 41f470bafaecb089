package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

const customerColumns = `e.id, e.display_name, e.email, e.phone, e.language, e.mail_allowed, e.text_allowed,
	e.external_reference, e.account_owner, e.merged_into, e.version`

func scanCustomer(row pgx.CollectableRow) (dispatch.Customer, error) {
	var c dispatch.Customer
	var merged *uuid.UUID
	err := row.Scan(&c.ID, &c.DisplayName, &c.Email, &c.Phone, &c.Language, &c.MailAllowed, &c.TextAllowed,
		&c.ExternalReference, &c.AccountOwner, &merged, &c.Version)
	c.MergedInto.UUID = uuidOrZero(merged)
	return c, err
}

func customerArgs(c dispatch.Customer) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": c.ID, "name": c.DisplayName, "email": c.Email, "phone": c.Phone, "language": c.Language,
		"mail": c.MailAllowed, "text": c.TextAllowed, "external": c.ExternalReference,
		"account_owner": c.AccountOwner,
		"merged":        orNull(c.MergedInto), "version": c.Version,
	}
}

const createCustomerSQL = `
INSERT INTO customers (tenant_id, id, display_name, email, phone, language, mail_allowed, text_allowed, external_reference)
VALUES (@tenant, @id, @name, @email, @phone, @language, @mail, @text, @external)`

// CreateCustomer implements dispatch.CustomerTx.
func (t *tx) CreateCustomer(ctx context.Context, c dispatch.Customer) error {
	if err := t.create(ctx, c.Name(), createCustomerSQL, customerArgs(c)); err != nil {
		return err
	}
	return t.putSearchWords(ctx, "customers", wordsOf{c.ID.UUID, c.SearchWords()})
}

const getCustomerSQL = `SELECT ` + customerColumns + `
FROM customers e WHERE e.tenant_id = @tenant AND e.id = @id`

// GetCustomer implements dispatch.CustomerTx.
func (t *tx) GetCustomer(ctx context.Context, id dispatch.CustomerID) (dispatch.Customer, error) {
	return one(ctx, t, id.Name(), getCustomerSQL, pgx.NamedArgs{"id": id}, scanCustomer)
}

const lockCustomersSQL = `SELECT ` + customerColumns + `
FROM customers e WHERE e.tenant_id = @tenant AND e.id = ANY(@ids)
ORDER BY e.id
FOR NO KEY UPDATE`

// LockCustomers implements dispatch.CustomerTx.
func (t *tx) LockCustomers(ctx context.Context, list []dispatch.CustomerID) ([]dispatch.Customer, error) {
	return many(ctx, t, lockCustomersSQL, pgx.NamedArgs{"ids": ids(list)}, scanCustomer)
}

const listCustomersSQL = `SELECT ` + customerColumns + `
FROM customers e
WHERE e.tenant_id = @tenant AND e.merged_into IS NULL
	AND (e.display_name COLLATE "C", e.id) > (@after_name::text, @after_id::uuid)
ORDER BY e.display_name COLLATE "C", e.id LIMIT @limit`

const searchCustomersSQL = `SELECT ` + customerColumns + `
FROM customers e
WHERE e.tenant_id = @tenant AND e.merged_into IS NULL
	AND ` + foundByFirst + `
	AND ` + foundByAll + `
	AND (e.display_name COLLATE "C", e.id) > (@after_name::text, @after_id::uuid)
ORDER BY e.display_name COLLATE "C", e.id LIMIT @limit`

// SearchCustomers implements dispatch.CustomerTx.
func (t *tx) SearchCustomers(ctx context.Context, query string, page dispatch.Page) ([]dispatch.Customer, string, error) {
	return search(ctx, t, "customers", listCustomersSQL, searchCustomersSQL, query, page, pgx.NamedArgs{}, scanCustomer,
		func(c dispatch.Customer) (string, uuid.UUID) { return c.DisplayName, c.ID.UUID })
}

const saveCustomerSQL = `
UPDATE customers SET display_name = @name, email = @email, phone = @phone, language = @language,
	mail_allowed = @mail, text_allowed = @text, external_reference = @external, account_owner = @account_owner, merged_into = @merged,
	version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveCustomer implements dispatch.CustomerTx.
func (t *tx) SaveCustomer(ctx context.Context, c dispatch.Customer) error {
	if err := t.save(ctx, c.ID.Name(), c.Version, saveCustomerSQL, customerArgs(c)); err != nil {
		return err
	}
	return t.putSearchWords(ctx, "customers", wordsOf{c.ID.UUID, c.SearchWords()})
}

// What hangs on a customer goes over with a new version, so that whoever read it
// before the merge writes nothing over it.
const (
	moveContactsSQL = `
UPDATE contacts SET customer_id = @to, version = version + 1 WHERE tenant_id = @tenant AND customer_id = @from`
	moveWorkOrdersSQL = `
UPDATE work_orders SET customer_id = @to, version = version + 1 WHERE tenant_id = @tenant AND customer_id = @from`
	moveAppointmentsSQL = `
UPDATE appointments SET customer_id = @to, version = version + 1 WHERE tenant_id = @tenant AND customer_id = @from`
	moveReferralsSQL = `
UPDATE referrals SET customer_id = @to, version = version + 1 WHERE tenant_id = @tenant AND customer_id = @from`
	moveCasesSQL = `
UPDATE service_cases SET customer_id = @to, version = version + 1 WHERE tenant_id = @tenant AND customer_id = @from`
	moveWaitlistSQL = `
UPDATE waitlist_entries SET customer_id = @to, version = version + 1 WHERE tenant_id = @tenant AND customer_id = @from`
	moveMembersSQL = `
UPDATE members SET customer_id = @to, version = version + 1 WHERE tenant_id = @tenant AND customer_id = @from`
)

// MoveCustomer implements dispatch.CustomerTx.
func (t *tx) MoveCustomer(ctx context.Context, from, to dispatch.CustomerID) error {
	for _, sql := range []string{moveContactsSQL, moveWorkOrdersSQL, moveAppointmentsSQL, moveReferralsSQL, moveCasesSQL, moveWaitlistSQL, moveMembersSQL} {
		if _, err := t.exec(ctx, sql, pgx.NamedArgs{"from": from, "to": to}); err != nil {
			return err
		}
	}
	return nil
}

const contactColumns = `e.id, e.customer_id, e.display_name, e.email, e.phone, e.version`

func scanContact(row pgx.CollectableRow) (dispatch.Contact, error) {
	var c dispatch.Contact
	err := row.Scan(&c.ID, &c.Customer, &c.DisplayName, &c.Email, &c.Phone, &c.Version)
	return c, err
}

func contactArgs(c dispatch.Contact) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": c.ID, "customer": c.Customer, "name": c.DisplayName, "email": c.Email, "phone": c.Phone, "version": c.Version,
	}
}

const createContactSQL = `
INSERT INTO contacts (tenant_id, id, customer_id, display_name, email, phone)
VALUES (@tenant, @id, @customer, @name, @email, @phone)`

// CreateContact implements dispatch.CustomerTx.
func (t *tx) CreateContact(ctx context.Context, c dispatch.Contact) error {
	if err := t.create(ctx, c.Name(), createContactSQL, contactArgs(c)); err != nil {
		return err
	}
	return t.putSearchWords(ctx, "contacts", wordsOf{c.ID.UUID, c.SearchWords()})
}

const getContactSQL = `SELECT ` + contactColumns + `
FROM contacts e WHERE e.tenant_id = @tenant AND e.id = @id`

// GetContact implements dispatch.CustomerTx.
func (t *tx) GetContact(ctx context.Context, id dispatch.ContactID) (dispatch.Contact, error) {
	return one(ctx, t, id.Name(), getContactSQL, pgx.NamedArgs{"id": id}, scanContact)
}

// The contacts of one customer are few: the index is asked for the customer.
const searchContactsSQL = `SELECT ` + contactColumns + `
FROM contacts e
WHERE e.tenant_id = @tenant AND e.customer_id = @customer
	AND ` + foundByAll + `
	AND (e.display_name COLLATE "C", e.id) > (@after_name::text, @after_id::uuid)
ORDER BY e.display_name COLLATE "C", e.id LIMIT @limit`

// SearchContacts implements dispatch.CustomerTx.
func (t *tx) SearchContacts(ctx context.Context, customer dispatch.CustomerID, query string, page dispatch.Page) ([]dispatch.Contact, string, error) {
	args := pgx.NamedArgs{"customer": customer, "prefixes": dispatch.SearchPrefixes(query)}
	return search(ctx, t, "contacts", searchContactsSQL, searchContactsSQL, query, page, args, scanContact,
		func(c dispatch.Contact) (string, uuid.UUID) { return c.DisplayName, c.ID.UUID })
}

const saveContactSQL = `
UPDATE contacts SET display_name = @name, email = @email, phone = @phone, version = version + 1
WHERE tenant_id = @tenant AND id = @id AND version = @version`

// SaveContact implements dispatch.CustomerTx.
func (t *tx) SaveContact(ctx context.Context, c dispatch.Contact) error {
	if err := t.save(ctx, c.Name(), c.Version, saveContactSQL, contactArgs(c)); err != nil {
		return err
	}
	return t.putSearchWords(ctx, "contacts", wordsOf{c.ID.UUID, c.SearchWords()})
}

const deleteContactSQL = `
DELETE FROM contacts WHERE tenant_id = @tenant AND id = @id`

// DeleteContact implements dispatch.CustomerTx.
func (t *tx) DeleteContact(ctx context.Context, id dispatch.ContactID) error {
	if _, err := t.exec(ctx, deleteContactSQL, pgx.NamedArgs{"id": id}); err != nil {
		return err
	}
	return t.putSearchWords(ctx, "contacts", wordsOf{id: id.UUID})
}
