package sample

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

const (
	rows, columns = 5, 4
	perArea       = 10 // technicians
	customerCount = 800
	openCount     = 240 // work orders nobody has planned yet
	// zone is the city's, which its tenant has too.
	zone = "America/New_York"
	// The city lies in the country, 17 by 22 kilometres around its market.
	west, north = -75.20, 43.10
	wide, high  = 0.052, 0.040 // of a territory, in degrees
	decimals    = 4            // of a point
)

// Point is a place, in degrees.
type Point struct{ Longitude, Latitude float64 }

// Territory is a quarter of the city.
type Territory struct {
	ID, Name, Area string
	Ring           []Point
	middle         Point
}

// Technician of the company.
type Technician struct {
	Name, Email, Phone, Area string
	Home                     Point
	Skills                   map[string]int // level by skill
	// Early is the start of his shifts in minutes after midnight.
	Early   int
	DaysOff [2]time.Weekday
}

// Customer with the place where he lives.
type Customer struct {
	Reference, Name, Email, Phone string
	Address, PostalCode           string
	Home                          Point
	TextAllowed                   bool
	Asset                         *Asset
}

// Asset is what is installed at a customer's.
type Asset struct {
	Name, Model, Serial string
	Installed           time.Time
	Service             string // what usually is done to it
}

// WorkOrder is a problem that a customer has reported.
type WorkOrder struct {
	Reference string
	Customer  int // index
	Service   string
	Issue     string
	Priority  int
	DueIn     time.Duration
}

// City is everything.
type City struct {
	Territories []Territory
	Technicians []Technician
	Customers   []Customer
	WorkOrders  []WorkOrder
}

// NewCity makes the city of a seed. One seed makes one city.
func NewCity(seed uint64) *City {
	c := &City{}
	c.draw(source(seed, "map"))
	c.hire(source(seed, "people"))
	c.settle(source(seed, "customers"))
	c.report(source(seed, "work"))
	return c
}

// source gives each part of the city a stream of its own, so that a change of one
// leaves the others as they were.
func source(seed uint64, part string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(part))
	return rand.New(rand.NewPCG(seed, h.Sum64())) //nolint:gosec // a city needs no secrecy
}

func round(x float64) float64 {
	scale := math.Pow10(decimals)
	return math.Round(x*scale) / scale
}

// draw makes the map: a grid whose corners and sides are moved a little, each
// side once, so that neighbours fit.
func (c *City) draw(r *rand.Rand) {
	shift := func(reach float64) float64 { return (r.Float64()*2 - 1) * reach }
	var corners [rows + 1][columns + 1]Point
	for i := range corners {
		for j := range corners[i] {
			corners[i][j] = Point{round(west + wide*float64(j) + shift(wide/6)), round(north - high*float64(i) + shift(high/6))}
		}
	}
	between := func(a, b Point) Point {
		return Point{round((a.Longitude+b.Longitude)/2 + shift(wide/10)), round((a.Latitude+b.Latitude)/2 + shift(high/10))}
	}
	var across [rows + 1][columns]Point // middles of the sides that run from west to east
	for i := range across {
		for j := range across[i] {
			across[i][j] = between(corners[i][j], corners[i][j+1])
		}
	}
	var down [rows][columns + 1]Point
	for i := range down {
		for j := range down[i] {
			down[i][j] = between(corners[i][j], corners[i+1][j])
		}
	}
	for i := range rows {
		for j := range columns {
			name := quarters[i][j]
			ring := []Point{
				corners[i][j], down[i][j], corners[i+1][j], across[i+1][j],
				corners[i+1][j+1], down[i][j+1], corners[i][j+1], across[i][j], corners[i][j],
			}
			c.Territories = append(c.Territories, Territory{
				ID: slug(name), Name: name, Area: areas[quarterArea[i][j]].id, Ring: ring,
				middle: Point{west + wide*(float64(j)+0.5), north - high*(float64(i)+0.5)},
			})
		}
	}
}

func slug(name string) string { return strings.ToLower(strings.ReplaceAll(name, " ", "-")) }

// somewhere is a place well inside a territory.
func somewhere(r *rand.Rand, t Territory) Point {
	return Point{
		round(t.middle.Longitude + (r.Float64()-0.5)*wide*0.44),
		round(t.middle.Latitude + (r.Float64()-0.5)*high*0.44),
	}
}

func person(r *rand.Rand) string {
	return givenNames[r.IntN(len(givenNames))] + " " + familyNames[r.IntN(len(familyNames))]
}

// hire makes the technicians of each area: two skills at least, and each skill
// held by several.
func (c *City) hire(r *rand.Rand) {
	for a := range areas {
		var inArea []Territory
		for _, t := range c.Territories {
			if t.Area == areas[a].id {
				inArea = append(inArea, t)
			}
		}
		for i := range perArea {
			n := a*perArea + i + 1
			t := Technician{
				Name: person(r), Email: fmt.Sprintf("technician-%d@wrenfield.example", n), Phone: phone(9000 + n), Area: areas[a].id,
				Home: somewhere(r, inArea[r.IntN(len(inArea))]), Skills: map[string]int{},
				Early:   []int{7 * 60, 8 * 60, 8 * 60, 10 * 60}[i%4],
				DaysOff: [2]time.Weekday{time.Sunday, time.Weekday(i%6 + 1)},
			}
			// Going round, so that every skill has its expert in every area.
			for k := range 3 {
				t.Skills[skills[(i+k*2)%len(skills)].ID] = 5 - min(k, 1)*r.IntN(3)
			}
			c.Technicians = append(c.Technicians, t)
		}
	}
}

// phone is a number of the range that is kept free for stories.
func phone(n int) string { return fmt.Sprintf("+1315555%04d", n%10000) }

// settle makes customers with their homes; half of them have something installed
// that we know of.
func (c *City) settle(r *rand.Rand) {
	taken := map[string]bool{}
	for i := range customerCount {
		at := i % len(c.Territories)
		t := c.Territories[at]
		address := ""
		for address == "" || taken[address] {
			street := streetWords[r.IntN(len(streetWords))] + " " + streetKinds[r.IntN(len(streetKinds))]
			address = fmt.Sprintf("%d %s, %s", 1+r.IntN(240), street, cityName)
		}
		taken[address] = true
		customer := Customer{
			Reference: fmt.Sprintf("sample-%04d", i+1), Name: person(r), Phone: phone(i + 1),
			Email:   fmt.Sprintf("customer-%d@wrenfield.example", i+1),
			Address: address, PostalCode: fmt.Sprintf("998%02d", at+1), Home: somewhere(r, t), TextAllowed: r.IntN(3) == 0,
		}
		service := services[r.IntN(len(services))]
		if i%2 == 0 {
			customer.Asset = &Asset{
				Name: service.Asset, Model: service.Model, Serial: fmt.Sprintf("WF-%06d", 100_000+i), Service: service.ID,
				Installed: time.Date(2012+r.IntN(12), time.Month(1+r.IntN(12)), 1+r.IntN(28), 0, 0, 0, 0, time.UTC),
			}
		}
		c.Customers = append(c.Customers, customer)
	}
}

var complaints = []string{
	"has not worked since yesterday", "makes a noise", "works now and then", "was mended in spring and has the same fault again",
	"shows an error", "is due",
}

// report makes the work that is waiting to be planned.
func (c *City) report(r *rand.Rand) {
	for i := range openCount {
		customer := i * len(c.Customers) / openCount
		service := services[r.IntN(len(services))]
		if asset := c.Customers[customer].Asset; asset != nil {
			service = serviceByID(asset.Service)
		}
		order := WorkOrder{
			Reference: fmt.Sprintf("sample-work-%03d", i+1), Customer: customer, Service: service.ID, Priority: 3,
			Issue: service.Asset + " " + complaints[r.IntN(len(complaints))], DueIn: time.Duration(3+r.IntN(12)) * 24 * time.Hour,
		}
		if service.Corrective && r.IntN(4) == 0 {
			order.Priority, order.DueIn = 2, 48*time.Hour
		}
		c.WorkOrders = append(c.WorkOrders, order)
	}
}

func serviceByID(id string) Service {
	for _, s := range services {
		if s.ID == id {
			return s
		}
	}
	return services[0]
}
