package sample

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

func (l *loading) enlist(ctx context.Context) error {
	list := l.city.Customers
	there := func(i int) bool { return l.people[list[i].Reference] != "" }
	return l.each(ctx, "customers", len(list), there, func(ctx context.Context, i int) error {
		c := list[i]
		made, err := l.customers.CreateCustomer(ctx, &pb.CreateCustomerRequest{
			Customer: &pb.Customer{
				DisplayName: c.Name, Email: c.Email, Phone: c.Phone, MailAllowed: true, TextAllowed: c.TextAllowed,
				ExternalReference: c.Reference,
			},
			RequestId: requestID(),
		})
		if err != nil {
			return err
		}
		l.keep(l.people, c.Reference, made.GetName())
		return nil
	})
}

func (l *loading) build(ctx context.Context) error {
	list := l.city.Customers
	there := func(i int) bool { return l.sites[list[i].Address] != "" }
	return l.each(ctx, "sites", len(list), there, func(ctx context.Context, i int) error {
		c := list[i]
		made, err := l.customers.CreateSite(ctx, &pb.CreateSiteRequest{
			Site:      &pb.Site{Address: c.Address, PostalCode: c.PostalCode, Location: c.Home.latLng()},
			RequestId: requestID(),
		})
		if err != nil {
			return err
		}
		l.keep(l.sites, c.Address, made.GetName())
		return nil
	})
}

func (l *loading) install(ctx context.Context) error {
	var owners []Customer
	for _, c := range l.city.Customers {
		if c.Asset != nil {
			owners = append(owners, c)
		}
	}
	there := func(i int) bool { return l.assets[owners[i].Asset.Serial] != "" }
	return l.each(ctx, "assets", len(owners), there, func(ctx context.Context, i int) error {
		a := owners[i].Asset
		made, err := l.customers.CreateAsset(ctx, &pb.CreateAssetRequest{
			Asset: &pb.Asset{
				Site: l.site(owners[i]), DisplayName: a.Name, Model: a.Model, SerialNumber: a.Serial, InstallDate: onDay(a.Installed),
			},
			RequestId: requestID(),
		})
		if err != nil {
			return err
		}
		l.keep(l.assets, a.Serial, made.GetName())
		return nil
	})
}

func (l *loading) site(c Customer) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sites[c.Address]
}

// report makes the open work orders, once: those of an earlier load are done or
// planned by now.
func (l *loading) report(ctx context.Context) (int, error) {
	last := l.city.WorkOrders[len(l.city.WorkOrders)-1]
	found, err := l.dispatch.ListWorkOrders(ctx, &pb.ListWorkOrdersRequest{Filter: fmt.Sprintf("external_reference = %q", last.Reference)})
	if err != nil {
		return 0, fmt.Errorf("find work orders: %w", err)
	}
	list := l.city.WorkOrders
	there := func(int) bool { return len(found.GetWorkOrders()) > 0 }
	// The last one is made last: that it is there says that all are.
	err = l.each(ctx, "work orders", len(list)-1, there, func(ctx context.Context, i int) error { return l.order(ctx, list[i]) })
	if err == nil && !there(0) {
		err = l.order(ctx, last)
	}
	return len(list), err
}

func (l *loading) order(ctx context.Context, w WorkOrder) error {
	customer := l.city.Customers[w.Customer]
	order := &pb.WorkOrder{
		Customer: l.people[customer.Reference], Site: l.site(customer), Service: "services/" + w.Service, Issue: w.Issue,
		Priority: int32(w.Priority), DueTime: timestamppb.New(l.Today.Add(w.DueIn)), ExternalReference: w.Reference, //nolint:gosec // 1 to 5
	}
	if customer.Asset != nil {
		order.Asset = l.assets[customer.Asset.Serial]
	}
	_, err := l.dispatch.CreateWorkOrder(ctx, &pb.CreateWorkOrderRequest{WorkOrder: order, RequestId: requestID()})
	return existing(err)
}

// personas makes a member of each role, to be tried as. The administrator is
// there already; a visitor is nobody's member.
func (l *loading) personas(ctx context.Context) ([]Persona, error) {
	customer, technician := l.city.Customers[0], l.city.Technicians[0]
	members := []*pb.Member{
		{Subject: "customer-1", Role: pb.Role_ROLE_CUSTOMER, DisplayName: customer.Name, Email: customer.Email, Customer: l.people[customer.Reference]},
		{Subject: "technician-1", Role: pb.Role_ROLE_TECHNICIAN, DisplayName: technician.Name, Email: technician.Email, Technician: l.technicians[technician.Email]},
		{Subject: "dispatcher-1", Role: pb.Role_ROLE_DISPATCHER, DisplayName: "Dana Cole", Email: "dispatcher-1@wrenfield.example"},
		{Subject: "sales-1", Role: pb.Role_ROLE_SALES, DisplayName: "Samir Walsh", Email: "sales-1@wrenfield.example"},
	}
	names := []string{"customer", "technician", "dispatcher", "sales"}
	list, err := l.workforce.ListMembers(ctx, &pb.ListMembersRequest{PageSize: 1000})
	if err != nil {
		return nil, fmt.Errorf("find members: %w", err)
	}
	there := map[string]*pb.Member{}
	for _, m := range list.GetMembers() {
		if m.GetIssuer() == l.Issuer {
			there[m.GetSubject()] = m
		}
	}
	var personas []Persona
	for i, m := range members {
		if there[m.GetSubject()].GetRole() != m.GetRole() {
			m.Issuer = l.Issuer
			if _, err := l.workforce.GrantRole(ctx, &pb.GrantRoleRequest{Member: m, RequestId: requestID()}); err != nil {
				return nil, fmt.Errorf("make the persona %s: %w", names[i], err)
			}
		}
		personas = append(personas, Persona{Name: names[i], Subject: m.GetSubject()})
	}
	for _, m := range list.GetMembers() {
		if m.GetIssuer() == l.Issuer && m.GetRole() == pb.Role_ROLE_ADMINISTRATOR {
			return append(personas, Persona{Name: "administrator", Subject: m.GetSubject()}), nil
		}
	}
	return personas, nil
}
