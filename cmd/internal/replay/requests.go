package replay

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Request is one row of the file: somebody wanted something done.
type Request struct {
	ID        string
	CreatedAt time.Time
	Type      string // trade
	WorkType  string // what is wrong, within the trade
	Address   string
	Zip       string
	Latitude  float64
	Longitude float64
	// Repeats is the earlier request whose issue came back, "" for most. The
	// replay does not tell anybody: it is found again by address and work type.
	Repeats string
}

// columns are those that a file has to have.
var columns = []string{"id", "created_at", "type", "descriptor", "address", "zip", "latitude", "longitude"}

// ReadRequests reads a file of requests in the form that ImportRequests takes,
// and orders it by time. It names every bad line at once.
func ReadRequests(r io.Reader) ([]Request, error) {
	reader := csv.NewReader(r)
	reader.ReuseRecord = true
	header, err := reader.Read()
	if err != nil {
		return nil, fmt.Errorf("read the header of the requests: %w", err)
	}
	at := map[string]int{}
	for i, name := range header {
		at[strings.TrimPrefix(name, "\ufeff")] = i
	}
	for _, name := range columns {
		if _, ok := at[name]; !ok {
			return nil, fmt.Errorf("the requests have no column %s; expected %s", name, strings.Join(columns, ", "))
		}
	}
	var requests []Request
	var faults []error
	repeats := map[string]string{} // a later request → the one that it repeats
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read the requests: %w", err)
		}
		line, _ := reader.FieldPos(0)
		request, err := readRequest(record, at)
		if err != nil {
			faults = append(faults, fmt.Errorf("line %d: %w", line, err))
			continue
		}
		if i, ok := at["repeat_case_id"]; ok && record[i] != "" {
			repeats[strings.Clone(record[i])] = request.ID
		}
		requests = append(requests, request)
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("%d requests cannot be read:\n%w", len(faults), errors.Join(faults...))
	}
	for i := range requests {
		requests[i].Repeats = repeats[requests[i].ID]
	}
	slices.SortStableFunc(requests, func(a, b Request) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return requests, nil
}

func readRequest(record []string, at map[string]int) (Request, error) {
	field := func(name string) string { return strings.Clone(strings.TrimSpace(record[at[name]])) }
	r := Request{
		ID: field("id"), Type: field("type"), WorkType: field("descriptor"),
		Address: strings.Join(strings.Fields(field("address")), " "), Zip: field("zip"),
	}
	var faults []error
	if r.ID == "" {
		faults = append(faults, errors.New("id is empty"))
	}
	if r.WorkType == "" {
		faults = append(faults, errors.New("descriptor is empty, expected the work type"))
	}
	var err error
	if r.CreatedAt, err = time.Parse(time.RFC3339, field("created_at")); err != nil {
		faults = append(faults, fmt.Errorf("created_at %.40q is not a time as of RFC 3339", field("created_at")))
	}
	degrees := func(name string, limit float64) float64 {
		v, err := strconv.ParseFloat(field(name), 64)
		if err != nil || !(v >= -limit && v <= limit) {
			faults = append(faults, fmt.Errorf("%s %.20q is not within %g degrees", name, field(name), limit))
		}
		return v
	}
	r.Latitude, r.Longitude = degrees("latitude", 90), degrees("longitude", 180)
	return r, errors.Join(faults...)
}

// Between gives the requests of the local days [from, until) in zone.
func Between(requests []Request, from, until time.Time) []Request {
	var out []Request
	for _, r := range requests {
		if !r.CreatedAt.Before(from) && r.CreatedAt.Before(until) {
			out = append(out, r)
		}
	}
	return out
}
