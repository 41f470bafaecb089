package grpcapi

import (
	"context"
	"strings"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/workforce"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// customerServer answers CustomerService: customers and contacts here, sites and
// assets in customer_places.go.
type customerServer struct {
	pb.UnimplementedCustomerServiceServer
	workforce *workforce.Workforce
	pages     pages
}

func customerFields(in *pb.Customer) []field[dispatch.Customer] {
	type e = dispatch.Customer
	return []field[e]{
		plain("display_name", in.GetDisplayName(), func(c *e) *string { return &c.DisplayName }),
		plain("email", in.GetEmail(), func(c *e) *string { return &c.Email }),
		plain("phone", in.GetPhone(), func(c *e) *string { return &c.Phone }),
		plain("language", in.GetLanguage(), func(c *e) *string { return &c.Language }),
		plain("mail_allowed", in.GetMailAllowed(), func(c *e) *bool { return &c.MailAllowed }),
		plain("text_allowed", in.GetTextAllowed(), func(c *e) *bool { return &c.TextAllowed }),
		plain("external_reference", in.GetExternalReference(), func(c *e) *string { return &c.ExternalReference }),
	}
}

func customerOf(c dispatch.Customer) *pb.Customer {
	return &pb.Customer{
		Name: c.Name(), DisplayName: c.DisplayName, Email: c.Email, Phone: c.Phone, Language: c.Language,
		MailAllowed: c.MailAllowed, TextAllowed: c.TextAllowed, ExternalReference: c.ExternalReference,
		AccountOwner: c.AccountOwner, MergedInto: nameOrEmpty(c.MergedInto), Etag: etagOf(c.Version),
	}
}

// CreateCustomer implements CustomerService.
func (s customerServer) CreateCustomer(ctx context.Context, req *pb.CreateCustomerRequest) (*pb.Customer, error) {
	c, err := whole(customerFields(req.GetCustomer()))
	if err != nil {
		return nil, err
	}
	return answer(customerOf)(s.workforce.CreateCustomer(ctx, callOf(ctx), c))
}

// GetCustomer implements CustomerService.
func (s customerServer) GetCustomer(ctx context.Context, req *pb.GetCustomerRequest) (*pb.Customer, error) {
	var id dispatch.CustomerID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	return answer(customerOf)(s.workforce.GetCustomer(ctx, callOf(ctx), id))
}

// SearchCustomers implements CustomerService.
func (s customerServer) SearchCustomers(ctx context.Context, req *pb.SearchCustomersRequest) (*pb.SearchCustomersResponse, error) {
	customers, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.Customer, string, error) {
		return s.workforce.SearchCustomers(ctx, callOf(ctx), req.GetQuery(), page)
	}, customerOf)
	return &pb.SearchCustomersResponse{Customers: customers, NextPageToken: next}, err
}

// UpdateCustomer implements CustomerService.
func (s customerServer) UpdateCustomer(ctx context.Context, req *pb.UpdateCustomerRequest) (*pb.Customer, error) {
	in := req.GetCustomer()
	var id dispatch.CustomerID
	if err := parseName("customer.name", in.GetName(), &id); err != nil {
		return nil, err
	}
	change, err := masked("customer", req.GetUpdateMask(), customerFields(in))
	if err != nil {
		return nil, err
	}
	version, err := parseEtag(in.GetEtag())
	if err != nil {
		return nil, err
	}
	return answer(customerOf)(s.workforce.UpdateCustomer(ctx, callOf(ctx), id, version, change))
}

// MergeCustomers implements CustomerService.
func (s customerServer) MergeCustomers(ctx context.Context, req *pb.MergeCustomersRequest) (*pb.Customer, error) {
	var stays, duplicate dispatch.CustomerID
	if err := parseMerge(req, &stays, &duplicate); err != nil {
		return nil, err
	}
	return answer(customerOf)(s.workforce.MergeCustomers(ctx, callOf(ctx), stays, duplicate))
}

// parseMerge reads which resource stays and which is merged into it.
func parseMerge[K dispatch.Kind](req interface {
	GetName() string
	GetDuplicate() string
}, stays, duplicate *dispatch.ID[K],
) error {
	return joinFaults(parseName("name", req.GetName(), stays), parseName("duplicate", req.GetDuplicate(), duplicate))
}

// parseContact reads the name of a contact, under its customer.
func parseContact(field, name string) (dispatch.Contact, error) {
	var c dispatch.Contact
	parent, child, ok := strings.Cut(name, "/contacts/")
	if !ok || parseName(field, parent, &c.Customer) != nil || parseName(field, "contacts/"+child, &c.ID) != nil {
		return c, dispatch.InvalidField(dispatch.ReasonInvalidRequest, field,
			"%.120q is not a resource name, expected customers/{customer}/contacts/{contact}", name)
	}
	return c, nil
}

func contactFields(in *pb.Contact) []field[dispatch.Contact] {
	type e = dispatch.Contact
	return []field[e]{
		plain("display_name", in.GetDisplayName(), func(c *e) *string { return &c.DisplayName }),
		plain("email", in.GetEmail(), func(c *e) *string { return &c.Email }),
		plain("phone", in.GetPhone(), func(c *e) *string { return &c.Phone }),
	}
}

func contactOf(c dispatch.Contact) *pb.Contact {
	return &pb.Contact{Name: c.Name(), DisplayName: c.DisplayName, Email: c.Email, Phone: c.Phone, Etag: etagOf(c.Version)}
}

// CreateContact implements CustomerService.
func (s customerServer) CreateContact(ctx context.Context, req *pb.CreateContactRequest) (*pb.Contact, error) {
	c, err := whole(contactFields(req.GetContact()))
	if err = joinFaults(err, parseName("parent", req.GetParent(), &c.Customer)); err != nil {
		return nil, err
	}
	return answer(contactOf)(s.workforce.CreateContact(ctx, callOf(ctx), c))
}

// GetContact implements CustomerService.
func (s customerServer) GetContact(ctx context.Context, req *pb.GetContactRequest) (*pb.Contact, error) {
	c, err := parseContact("name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(contactOf)(s.workforce.GetContact(ctx, callOf(ctx), c.Customer, c.ID))
}

// SearchContacts implements CustomerService.
func (s customerServer) SearchContacts(ctx context.Context, req *pb.SearchContactsRequest) (*pb.SearchContactsResponse, error) {
	var of dispatch.CustomerID
	if err := parseName("parent", req.GetParent(), &of); err != nil {
		return nil, err
	}
	contacts, next, err := listed(ctx, s.pages, req, func(page dispatch.Page) ([]dispatch.Contact, string, error) {
		return s.workforce.SearchContacts(ctx, callOf(ctx), of, req.GetQuery(), page)
	}, contactOf)
	return &pb.SearchContactsResponse{Contacts: contacts, NextPageToken: next}, err
}

// UpdateContact implements CustomerService.
func (s customerServer) UpdateContact(ctx context.Context, req *pb.UpdateContactRequest) (*pb.Contact, error) {
	in := req.GetContact()
	c, err := parseContact("contact.name", in.GetName())
	if err != nil {
		return nil, err
	}
	change, err := masked("contact", req.GetUpdateMask(), contactFields(in))
	if err != nil {
		return nil, err
	}
	version, err := parseEtag(in.GetEtag())
	if err != nil {
		return nil, err
	}
	return answer(contactOf)(s.workforce.UpdateContact(ctx, callOf(ctx), c.Customer, c.ID, version, change))
}

// MergeContacts implements CustomerService.
func (s customerServer) MergeContacts(ctx context.Context, req *pb.MergeContactsRequest) (*pb.Contact, error) {
	stays, err := parseContact("name", req.GetName())
	if err != nil {
		return nil, err
	}
	duplicate, err := parseContact("duplicate", req.GetDuplicate())
	if err != nil {
		return nil, err
	}
	return answer(contactOf)(s.workforce.MergeContacts(ctx, callOf(ctx), stays, duplicate))
}

// SetAccountOwner implements CustomerService.
func (s customerServer) SetAccountOwner(ctx context.Context, req *pb.SetAccountOwnerRequest) (*pb.Customer, error) {
	var id dispatch.CustomerID
	if err := parseName("name", req.GetName(), &id); err != nil {
		return nil, err
	}
	version, err := parseEtag(req.GetEtag())
	if err != nil {
		return nil, err
	}
	return answer(customerOf)(s.workforce.SetAccountOwner(ctx, callOf(ctx), id, version, req.GetAccountOwner()))
}
