package sample

// The words of the city. Names are common ones put together by chance, places
// are invented.
var (
	givenNames = []string{
		"Ada", "Amir", "Ana", "Anton", "Asha", "Bea", "Ben", "Carla", "Chen", "Clara", "Dana", "David", "Ebba", "Elif", "Emil",
		"Esther", "Fatima", "Felix", "Gina", "Hana", "Hugo", "Ines", "Ivan", "Jada", "Jonas", "Juno", "Kai", "Lena", "Leo", "Lina",
		"Luis", "Maja", "Malik", "Mara", "Marco", "Mei", "Mila", "Nadia", "Nils", "Noor", "Olga", "Omar", "Oscar", "Paula", "Pedro",
		"Priya", "Rafael", "Rosa", "Ruth", "Samir", "Sara", "Silas", "Sofia", "Tara", "Theo", "Uma", "Vera", "Viktor", "Wanda", "Yusuf",
	}
	familyNames = []string{
		"Abbott", "Alvarez", "Bauer", "Bennett", "Berg", "Bianchi", "Carver", "Castillo", "Chandra", "Cole", "Costa", "Dahl", "Demir",
		"Dorsey", "Eriksen", "Farouk", "Fischer", "Garcia", "Grant", "Haddad", "Hansen", "Hayes", "Ibarra", "Jensen", "Kaplan", "Keller",
		"Khan", "Kimura", "Kowalski", "Larsen", "Lind", "Lopez", "Marsh", "Mendes", "Meyer", "Moreau", "Nakamura", "Novak", "Okafor",
		"Olsen", "Park", "Patel", "Pereira", "Quinn", "Ramos", "Reyes", "Rossi", "Sato", "Schmidt", "Silva", "Singh", "Sorensen", "Tanaka",
		"Torres", "Vance", "Vogel", "Walsh", "Weber", "Yilmaz", "Zhou",
	}
	streetWords = []string{
		"Alder", "Anchor", "Ash", "Beacon", "Birch", "Brook", "Canal", "Cedar", "Chapel", "Cherry", "Clay", "Cooper", "Copper", "Dock",
		"Elm", "Ferry", "Field", "Foundry", "Garden", "Granite", "Grove", "Harbor", "Hazel", "Heron", "Hill", "Juniper", "Kiln", "Lantern",
		"Linden", "Market", "Mason", "Meadow", "Mill", "Orchard", "Pearl", "Pine", "Quarry", "Rail", "River", "Rope", "Rowan", "School",
		"Slate", "Spring", "Station", "Stone", "Tanner", "Tower", "Walnut", "Weaver", "Willow", "Wren",
	}
	streetKinds = []string{"St", "St", "St", "Ave", "Ln", "Rd", "Ct", "Way"}
)

const cityName = "Wrenfield"

// quarters are the names of its twenty territories, from the north-west on, row
// by row.
var quarters = [rows][columns]string{
	{"Upper Mill", "Kiln Bank", "Foxhollow", "Larkrise"},
	{"Lower Mill", "Tannery", "Beacon Hill", "Eastmoor"},
	{"Westgate", "Old Town", "Exchange", "Rowan Park"},
	{"Saltmarsh", "Ropewalk", "Docklands", "Quarry Side"},
	{"Ferry Point", "Anchor Bay", "Long Strand", "Heron Head"},
}

// quarterArea says which planning area serves each territory: five of them each.
var quarterArea = [rows][columns]int{
	{0, 0, 1, 1},
	{0, 0, 1, 1},
	{0, 2, 3, 1},
	{2, 2, 3, 3},
	{2, 2, 3, 3},
}

var areas = []struct{ id, name string }{
	{"northwest", "Northwest"}, {"northeast", "Northeast"}, {"southwest", "Southwest"}, {"southeast", "Southeast"},
}
