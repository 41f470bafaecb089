package workforce

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/firstfix/firstfix/dispatch"
)

// Trade is what an import assumes of the work of a trade, since a city's file
// says when a case was closed and never how long anybody was there. An
// administrator corrects the services afterwards; what is there is not
// overwritten.
type Trade struct {
	Duration   time.Duration // mean time on site
	Spread     time.Duration // standard deviation of it
	Corrective bool          // mends something, judged for first-time fix
}

// Trades are by the column type. docs/import.md shows the table; a test holds the
// two together.
var Trades = map[string]Trade{
	"Abandoned Bicycle":                {minutes(15), minutes(5), false},
	"Building":                         {minutes(45), minutes(20), false},
	"Code Enforcement":                 {minutes(30), minutes(15), false},
	"Enforcement & Abandoned Vehicles": {minutes(20), minutes(10), false},
	"Environmental Services":           {minutes(40), minutes(20), true},
	"Graffiti":                         {minutes(45), minutes(20), true},
	"Health":                           {minutes(45), minutes(20), true},
	"Highway Maintenance":              {minutes(40), minutes(25), true},
	"Housing":                          {minutes(50), minutes(20), true},
	"Operations":                       {minutes(60), minutes(30), true},
	"Park Maintenance & Safety":        {minutes(60), minutes(30), true},
	"Recycling":                        {minutes(10), minutes(5), false},
	"Sanitation":                       {minutes(15), minutes(8), true},
	"Signs & Signals":                  {minutes(45), minutes(25), true},
	"Street Cleaning":                  {minutes(30), minutes(15), true},
	"Street Lights":                    {minutes(35), minutes(20), true},
	"Trees":                            {minutes(75), minutes(40), true},
}

// DefaultTrade is assumed of a trade that the table does not know.
var DefaultTrade = Trade{minutes(45), minutes(20), true}

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }

func tradeOf(name string) Trade {
	if t, ok := Trades[name]; ok {
		return t
	}
	return DefaultTrade
}

// skillOf makes the skill of a trade.
func skillOf(trade string) dispatch.Skill {
	return dispatch.Skill{ID: dispatch.SkillID(slugOf(trade)), DisplayName: trade, Version: 1}
}

// serviceOf makes the service of a work type.
func serviceOf(r request) dispatch.Service {
	trade := tradeOf(r.trade)
	return dispatch.Service{
		ID: r.service, DisplayName: r.work, Description: r.trade, Duration: trade.Duration, Spread: trade.Spread,
		Skills: []dispatch.SkillLevel{{Skill: skillOf(r.trade).ID, Level: 1}}, FixWindowDays: defaultFixWindowDays,
		Corrective: trade.Corrective, Version: 1,
	}
}

// importTier is the one tier of an imported service: a city does not charge.
func importTier(service dispatch.ServiceID, currency string) dispatch.Tier {
	return dispatch.Tier{Service: service, ID: "standard", DisplayName: "Standard", Price: dispatch.Money{Currency: currency}, Version: 1}
}

func serviceID(trade, work string) dispatch.ServiceID {
	return dispatch.ServiceID(slugOf(trade + " " + work))
}

// longestSlug is how long an id that the company chooses may be.
const longestSlug = 63

// slugOf makes an id of a name: its letters without accents, its digits, dashes
// between words. Of a name without any, or longer than an id, a digest stands in,
// so that two names have two ids.
func slugOf(name string) string {
	var b strings.Builder
	dash := false
	for _, r := range norm.NFKD.String(strings.ToLower(name)) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(r)
		default:
			dash = true
		}
	}
	slug := b.String()
	if slug != "" && len(slug) <= longestSlug {
		return slug
	}
	digest := sha256.Sum256([]byte(name))
	short := hex.EncodeToString(digest[:4])
	return strings.Trim(slug[:min(len(slug), longestSlug-len(short)-1)]+"-"+short, "-")
}

// urgentWords make a request urgent whatever its due time.
var urgentWords = []string{
	"emergenc", "knock down", "dangerous", "carbon monoxide", "no utilities", "heat", "sewage", "fire", "make safe", "signal repair",
}

// priorityOf is how urgent a request is, 1 (most) to 5: by the words of its work,
// else by how soon it is due. One without a due time can wait.
func priorityOf(r request) int {
	words := strings.ToLower(r.trade + " " + r.work)
	for _, word := range urgentWords {
		if strings.Contains(words, word) {
			return 1
		}
	}
	if r.dueAt.IsZero() {
		return 4
	}
	const day = 24 * time.Hour
	switch due := r.dueAt.Sub(r.openedAt); {
	case due <= day:
		return 1
	case due <= 3*day:
		return 2
	case due <= 14*day:
		return 3
	case due <= 45*day:
		return 4
	}
	return 5
}
