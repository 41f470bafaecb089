package notify

import (
	"fmt"
	"time"

	"golang.org/x/text/language"
)

// The languages that messages are written in. The first one is for people whose
// own is not among them.
var (
	english = voice{
		tag: language.English, dir: "en",
		date:  func(t time.Time) string { return t.Format("Monday, January 2, 2006") },
		clock: func(t time.Time) string { return t.Format("3:04 PM") },
	}
	german = voice{
		tag: language.German, dir: "de",
		date: func(t time.Time) string {
			return fmt.Sprintf("%s, %d. %s %d", germanDays[t.Weekday()], t.Day(), germanMonths[t.Month()-1], t.Year())
		},
		clock: func(t time.Time) string { return t.Format("15:04") + " Uhr" },
	}
)

var (
	germanDays   = [...]string{"Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"}
	germanMonths = [...]string{
		"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember",
	}
)
