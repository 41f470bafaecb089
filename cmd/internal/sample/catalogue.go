package sample

import "time"

// Skill is something that the company's people can do.
type Skill struct{ ID, Name string }

// Part is built in.
type Part struct{ ID, Name string }

// Service is an entry of the catalogue, with two tiers: standard and priority.
type Service struct {
	ID, Name, Description string
	Skill                 string
	Level                 int
	Minutes, Spread       int
	Parts                 []string
	Corrective            bool
	Price                 int64 // whole dollars of the standard tier
	Asset, Model          string
}

// Duration is the mean time on site.
func (s Service) Duration() time.Duration { return time.Duration(s.Minutes) * time.Minute }

var skills = []Skill{
	{"heating", "Heating"},
	{"plumbing", "Plumbing"},
	{"electrical", "Electrical"},
	{"cooling", "Cooling"},
	{"network", "Network"},
	{"appliances", "Appliances"},
	{"metering", "Metering"},
}

var parts = []Part{
	{"gasket-22", "Gasket 22 mm"},
	{"circulation-pump", "Circulation pump"},
	{"ignition-electrode", "Ignition electrode"},
	{"trap-40", "Trap 40 mm"},
	{"breaker-16a", "Circuit breaker 16 A"},
	{"socket-double", "Double socket"},
	{"filter-g4", "Air filter G4"},
	{"router", "Router"},
	{"door-seal", "Door seal"},
	{"meter-smart", "Smart meter"},
}

var services = []Service{
	{"boiler-breakdown", "Boiler breakdown", "Your heating or hot water has failed. We find the fault and mend it.", "heating", 3, 90, 35, []string{"ignition-electrode", "circulation-pump"}, true, 129, "Boiler", "Calorex 24"},
	{"boiler-service", "Boiler service", "The yearly service that keeps the warranty.", "heating", 2, 60, 12, []string{"gasket-22"}, false, 99, "Boiler", "Calorex 24"},
	{"heat-pump-check", "Heat pump check", "Settings, refrigerant circuit and noise of a heat pump.", "heating", 4, 75, 20, nil, false, 149, "Heat pump", "Aerotherm 8"},
	{"leak-repair", "Leak repair", "Water where it should not be: we find the leak and close it.", "plumbing", 2, 75, 40, []string{"gasket-22"}, true, 119, "Kitchen tap", ""},
	{"drain-clearing", "Drain clearing", "Blocked sink, shower, toilet or drain.", "plumbing", 1, 45, 20, []string{"trap-40"}, true, 89, "Bathroom drain", ""},
	{"wiring-fault", "Wiring fault", "Breakers that trip, sockets or lights without power.", "electrical", 3, 60, 30, []string{"breaker-16a"}, true, 109, "Fuse box", "Siluro 3-row"},
	{"socket-installation", "Socket installation", "A new socket or light, up to two in one visit.", "electrical", 2, 60, 15, []string{"socket-double"}, false, 95, "Fuse box", "Siluro 3-row"},
	{"cooling-repair", "Air conditioning repair", "Air conditioning that does not cool, drips or is loud.", "cooling", 3, 80, 30, []string{"filter-g4"}, true, 139, "Air conditioner", "Norda Split 35"},
	{"broadband-fault", "Broadband fault", "No or slow internet: from the wall to the router.", "network", 2, 50, 25, []string{"router"}, true, 79, "Router", "Linea AX3"},
	{"broadband-installation", "Broadband installation", "Connection, router and a first test of every room.", "network", 2, 70, 20, []string{"router"}, false, 59, "Router", "Linea AX3"},
	{"appliance-repair", "Washing machine or fridge repair", "Household appliances of all makes.", "appliances", 2, 60, 30, []string{"door-seal"}, true, 99, "Washing machine", "Lavanda 7"},
	{"meter-exchange", "Smart meter exchange", "The old meter out, the smart one in, with a test.", "metering", 1, 35, 10, []string{"meter-smart"}, false, 0, "Electricity meter", "Ferraris"},
}
