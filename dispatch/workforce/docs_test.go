package workforce_test

import (
	"fmt"
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firstfix/firstfix/dispatch/workforce"
)

// docs/import.md shows the table of trades as it is.
func TestTradesAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/import.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([^|]+) \| (\d+) \| (\d+) \| (yes|no) \|$`).FindAllStringSubmatch(string(text), -1) {
		documented[row[1]] = fmt.Sprint(row[2:])
	}
	table := map[string]string{}
	row := func(t workforce.Trade) string {
		judged := "no"
		if t.Corrective {
			judged = "yes"
		}
		return fmt.Sprintf("[%.0f %.0f %s]", t.Duration.Minutes(), t.Spread.Minutes(), judged)
	}
	for name, trade := range workforce.Trades {
		table[name] = row(trade)
	}
	table["any other"] = row(workforce.DefaultTrade)
	if diff := cmp.Diff(table, documented); diff != "" {
		t.Errorf("docs/import.md (-table +document):\n%s", diff)
	}
}
