package sample

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/type/latlng"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// Loader puts a city into a tenant. What is there already is found and left as it
// is, so that a load that was interrupted can be repeated, and a second one
// only adds the shifts of new days.
type Loader struct {
	Conn   grpc.ClientConnInterface // calls as an administrator
	Today  time.Time
	Issuer string // of the personas' tokens
	// Step is told what is being made, and how many of how many.
	Step func(what string, done, of int)
}

// Persona is a member to try the API as.
type Persona struct {
	Name    string `json:"name"`
	Subject string `json:"subject,omitempty"`
	Token   string `json:"token,omitempty"`
}

// loading is one load.
type loading struct {
	Loader
	city      *City
	workforce pb.WorkforceServiceClient
	pay       pb.PayServiceClient
	customers pb.CustomerServiceClient
	dispatch  pb.DispatchServiceClient
	stock     pb.StockServiceClient

	mu          sync.Mutex
	technicians map[string]string // names by mail address
	people      map[string]string // customers' names by reference
	sites       map[string]string // names by address
	assets      map[string]string // names by serial number
	done        int
}

// Loaded is what a load made or found.
type Loaded struct {
	Technicians int       `json:"technicians"`
	Customers   int       `json:"customers"`
	Sites       int       `json:"sites"`
	Assets      int       `json:"assets"`
	Shifts      int       `json:"shifts"`
	WorkOrders  int       `json:"work_orders"`
	Personas    []Persona `json:"personas"`
}

// Load makes the city's company.
func (l Loader) Load(ctx context.Context, city *City) (Loaded, error) {
	load := &loading{
		Loader: l, city: city, workforce: pb.NewWorkforceServiceClient(l.Conn), pay: pb.NewPayServiceClient(l.Conn), customers: pb.NewCustomerServiceClient(l.Conn),
		dispatch: pb.NewDispatchServiceClient(l.Conn), stock: pb.NewStockServiceClient(l.Conn),
	}
	var out Loaded
	for _, step := range []func(context.Context) error{
		load.makeMap, load.makeCatalogue, load.find, load.hire, load.stockUp, load.enlist, load.build, load.install,
	} {
		if err := step(ctx); err != nil {
			return out, err
		}
	}
	var err error
	if out.Shifts, err = load.roster(ctx); err != nil {
		return out, err
	}
	if out.WorkOrders, err = load.report(ctx); err != nil {
		return out, err
	}
	out.Technicians, out.Customers = len(load.technicians), len(load.people)
	out.Sites, out.Assets = len(load.sites), len(load.assets)
	if out.Personas, err = load.personas(ctx); err != nil {
		return out, err
	}
	return out, load.openDesk(ctx, out.Personas)
}

// atOnce is how many calls are under way together.
const atOnce = 8

// each runs one for every index that is not there yet, several at once.
func (l *loading) each(ctx context.Context, what string, n int, there func(int) bool, one func(context.Context, int) error) error {
	l.done = 0
	l.Step(what, 0, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range n {
		group.Go(func() error {
			l.mu.Lock()
			known := there(i)
			l.mu.Unlock()
			if !known {
				if err := one(ctx, i); err != nil {
					return fmt.Errorf("make %s %d of %d: %w", what, i+1, n, err)
				}
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			l.done++
			l.Step(what, l.done, n)
			return nil
		})
	}
	return group.Wait()
}

// keep notes the name of something that was made.
func (l *loading) keep(in map[string]string, key, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	in[key] = name
}

func nothing(int) bool { return false }

// existing passes over what is there already: its id is ours to choose.
func existing(err error) error {
	if status.Code(err) == codes.AlreadyExists {
		return nil
	}
	return err
}

func requestID() string { return uuid.NewString() }

func (p Point) latLng() *latlng.LatLng {
	return &latlng.LatLng{Latitude: p.Latitude, Longitude: p.Longitude}
}

// find reads what an earlier load has made.
func (l *loading) find(ctx context.Context) error {
	l.technicians, l.people, l.sites, l.assets = map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}
	const page = 1000
	err := Pages(func(token string) (string, error) {
		answer, err := l.workforce.ListTechnicians(ctx, &pb.ListTechniciansRequest{ShowInactive: true, PageSize: page, PageToken: token})
		for _, t := range answer.GetTechnicians() {
			l.technicians[t.GetEmail()] = t.GetName()
		}
		return answer.GetNextPageToken(), err
	})
	if err != nil {
		return fmt.Errorf("find technicians: %w", err)
	}
	err = Pages(func(token string) (string, error) {
		answer, err := l.customers.SearchCustomers(ctx, &pb.SearchCustomersRequest{PageSize: page, PageToken: token})
		for _, c := range answer.GetCustomers() {
			l.people[c.GetExternalReference()] = c.GetName()
		}
		return answer.GetNextPageToken(), err
	})
	if err != nil {
		return fmt.Errorf("find customers: %w", err)
	}
	err = Pages(func(token string) (string, error) {
		answer, err := l.customers.SearchSites(ctx, &pb.SearchSitesRequest{PageSize: page, PageToken: token})
		for _, s := range answer.GetSites() {
			l.sites[s.GetAddress()] = s.GetName()
		}
		return answer.GetNextPageToken(), err
	})
	if err != nil {
		return fmt.Errorf("find sites: %w", err)
	}
	err = Pages(func(token string) (string, error) {
		answer, err := l.customers.SearchAssets(ctx, &pb.SearchAssetsRequest{PageSize: page, PageToken: token})
		for _, a := range answer.GetAssets() {
			l.assets[a.GetSerialNumber()] = a.GetName()
		}
		return answer.GetNextPageToken(), err
	})
	if err != nil {
		return fmt.Errorf("find assets: %w", err)
	}
	return nil
}

// Pages reads all pages of a list: read gets the token of one and gives that of the
// next, "" at the end.
func Pages(read func(token string) (next string, err error)) error {
	for token := ""; ; {
		next, err := read(token)
		if err != nil || next == "" {
			return err
		}
		token = next
	}
}

// Patient waits where the server asks to: an interceptor for the connection of a
// Loader, which calls faster than a person.
func Patient(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	for {
		err := invoke(ctx, method, req, reply, conn, opts...)
		wait := retryDelay(err)
		if wait == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// retryDelay is how long a server that is asked too often wants us to wait.
func retryDelay(err error) time.Duration {
	s := status.Convert(err)
	if s.Code() != codes.ResourceExhausted {
		return 0
	}
	for _, detail := range s.Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			return retry.GetRetryDelay().AsDuration()
		}
	}
	return 0
}
