package sample

import (
	"fmt"
	"time"
)

// Commands are worth trying against a stack with this city. They name addresses
// and tokens by the shell variables that the stack writes: $API and the personas'
// names in capitals.
func Commands(city *City, now time.Time) []string {
	place, err := time.LoadLocation(zone)
	if err != nil {
		place = time.UTC // the binary carries the zones; nothing here is worth failing for
	}
	day := func(offset int) (year, month, dom int) {
		y, m, d := now.In(place).AddDate(0, 0, offset).Date()
		return y, int(m), d
	}
	home := city.Customers[1].Home
	fromYear, fromMonth, fromDay := day(1)
	toYear, toMonth, toDay := day(6)
	area := city.Territories[0].Area
	return []string{
		`curl -s $API/v1/services -H "Authorization: Bearer $VISITOR"`,
		fmt.Sprintf(`curl -s $API/v1/slotOffers:search -H "Authorization: Bearer $VISITOR" -d '{"place": {"address": %q, "location": {"latitude": %.4f, "longitude": %.4f}}, "service": "services/boiler-breakdown", "startDate": {"year": %d, "month": %d, "day": %d}, "endDate": {"year": %d, "month": %d, "day": %d}}'`,
			city.Customers[1].Address, home.Latitude, home.Longitude, fromYear, fromMonth, fromDay, toYear, toMonth, toDay),
		fmt.Sprintf(`curl -s -X POST $API/v1/planningAreas/%s:planDay -H "Authorization: Bearer $DISPATCHER" -d '{"date": {"year": %d, "month": %d, "day": %d}, "requestId": "'$(cat /proc/sys/kernel/random/uuid)'"}'`,
			area, fromYear, fromMonth, fromDay),
		fmt.Sprintf(`curl -s "$API/v1/planningAreas/%s/board?date.year=%d&date.month=%d&date.day=%d" -H "Authorization: Bearer $DISPATCHER"`,
			area, fromYear, fromMonth, fromDay),
		`curl -s "$API/v1/customers:search?query=garcia" -H "Authorization: Bearer $DISPATCHER"`,
	}
}
