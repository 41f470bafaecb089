package workforce

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/firstfix/firstfix/dispatch"
)

// files are what an import brings, read: the good rows, the bad ones, and the
// map.
type files struct {
	rows        int // good and bad
	good        []request
	bad         []RowError
	territories []dispatch.Territory // without planning area
}

// request is one row.
type request struct {
	line           int
	id             string
	openedAt       time.Time
	closed         bool
	closedAt       time.Time
	dueAt          time.Time
	trade, work    string
	address, zip   string
	district       string
	at             dispatch.Point
	service        dispatch.ServiceID
	territory      dispatch.TerritoryID
	planningAreaID dispatch.PlanningAreaID
}

// readImport reads the files of an import; what is wrong with them as a whole is
// refused.
func readImport(in Import) (files, error) {
	var f files
	size := len(in.RequestsCSV) + len(in.TerritoriesGeoJSON)
	if size > largestImport {
		return f, dispatch.Refuse(dispatch.ReasonImportTooLarge, "", "the files have %d bytes together, at most %d are taken; send them in parts", size, largestImport).
			With("quota", "import_bytes").With("maxBytes", strconv.Itoa(largestImport))
	}
	var wrong faults
	wrong.zone("time_zone", in.TimeZone)
	if err := wrong.err(); err != nil {
		return f, err
	}
	var err error
	if f.territories, err = readTerritories(in.TerritoriesGeoJSON, in.TimeZone); err != nil {
		return f, err
	}
	text, err := plainText(in.RequestsCSV)
	if err != nil {
		return f, err
	}
	if len(bytes.TrimSpace(text)) == 0 {
		if len(f.territories) == 0 {
			return f, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "requests_csv", "it is empty, and so is territories_geojson")
		}
		return f, nil
	}
	return f, f.readRequests(text)
}

// plainText checks that a file is UTF-8, drops a byte order mark, and makes every
// end of line a line feed, so that lines can be counted.
func plainText(file []byte) ([]byte, error) {
	unsupported := func(line int, what string) error {
		return dispatch.InvalidField(dispatch.ReasonEncodingUnsupported, "requests_csv", "line %d %s; expected UTF-8", line, what).
			With("line", strconv.Itoa(line))
	}
	if bytes.HasPrefix(file, []byte{0xFF, 0xFE}) || bytes.HasPrefix(file, []byte{0xFE, 0xFF}) {
		return nil, unsupported(1, "begins as UTF-16")
	}
	file = bytes.TrimPrefix(file, []byte("\uFEFF"))
	file = bytes.ReplaceAll(file, []byte("\r\n"), []byte("\n"))
	file = bytes.ReplaceAll(file, []byte("\r"), []byte("\n"))
	line := 1
	for rest := file; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		switch {
		case r == utf8.RuneError && size == 1:
			return nil, unsupported(line, fmt.Sprintf("holds the byte 0x%02X", rest[0]))
		case r == 0:
			return nil, unsupported(line, "holds the character NUL")
		case r == '\n':
			line++
		}
		rest = rest[size:]
	}
	return file, nil
}

// The columns that are read; the first six must be there.
var importColumns = []string{
	"id", "created_at", "type", "descriptor", "latitude", "longitude",
	"address", "zip", "status", "closed_at", "sla_due_at", "pwd_district",
}

const requiredColumns = 6

func (f *files) readRequests(text []byte) error {
	reader := csv.NewReader(bytes.NewReader(text))
	reader.ReuseRecord = true
	header, err := reader.Read()
	if err != nil {
		return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "requests_csv", "its header cannot be read: %v", err)
	}
	at := map[string]int{}
	for i, name := range header {
		if _, twice := at[name]; twice {
			return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "requests_csv", "its header names %.40q twice", name)
		}
		at[name] = i
	}
	var missing []string
	for _, name := range importColumns[:requiredColumns] {
		if _, ok := at[name]; !ok {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "requests_csv", "its header lacks %s", strings.Join(missing, ", "))
	}
	lines := map[string]int{}
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		f.rows++
		if err != nil {
			f.bad = append(f.bad, unreadable(err))
			continue
		}
		line, _ := reader.FieldPos(0)
		row := rowReader{line: line, at: at, record: record}
		r := row.request()
		if before, twice := lines[r.id]; twice && r.id != "" {
			row.bad("id", "%.40q stands in line %d already", r.id, before)
		}
		lines[r.id] = line
		if row.err != nil {
			f.bad = append(f.bad, *row.err)
			continue
		}
		f.good = append(f.good, r)
	}
}

// unreadable says where a record is no CSV.
func unreadable(err error) RowError {
	var wrong *csv.ParseError
	if errors.As(err, &wrong) {
		return RowError{Line: wrong.StartLine, Reason: wrong.Err.Error()}
	}
	return RowError{Reason: err.Error()}
}

// rowReader reads the columns of one row and keeps the first fault.
type rowReader struct {
	line   int
	at     map[string]int
	record []string
	err    *RowError
}

func (r *rowReader) bad(column, format string, args ...any) {
	if r.err == nil {
		r.err = &RowError{Line: r.line, Column: column, Reason: fmt.Sprintf(format, args...)}
	}
}

// text is the value of a column, "" where the file has none of that name.
func (r *rowReader) text(column string, longest int) string {
	i, ok := r.at[column]
	if !ok {
		return ""
	}
	// The record is used again. A line break within quotes is a space to us.
	value := strings.Join(strings.Fields(strings.Clone(r.record[i])), " ")
	var f faults
	f.line(column, &value)
	if f.err() != nil {
		r.bad(column, "%s", f.all.Fields[0].Message)
	}
	if n := utf8.RuneCountInString(value); n > longest {
		r.bad(column, "it has %d characters, at most %d are taken", n, longest)
	}
	return value
}

func (r *rowReader) required(column string, longest int) string {
	value := r.text(column, longest)
	if value == "" {
		r.bad(column, "it is empty")
	}
	return value
}

func (r *rowReader) request() request {
	out := request{
		line: r.line, id: r.required("id", 100), trade: r.required("type", 100), work: r.required("descriptor", 200),
		address: r.text("address", 300), zip: r.text("zip", 20), district: districtOf(r.text("pwd_district", 20)),
		openedAt: r.instant("created_at"), closedAt: r.instant("closed_at"), dueAt: r.instant("sla_due_at"),
		at: dispatch.Point{Latitude: r.degrees("latitude"), Longitude: r.degrees("longitude")},
	}
	if out.openedAt.IsZero() {
		r.bad("created_at", "it is empty")
	}
	switch status := r.text("status", 40); strings.ToLower(status) {
	case "", "open":
	case "closed":
		out.closed = true
	default:
		r.bad("status", "%.40q is neither Open nor Closed", status)
	}
	if !out.dueAt.IsZero() && out.dueAt.Before(out.openedAt) {
		r.bad("sla_due_at", "it lies before created_at")
	}
	if r.err == nil && !onEarth(out.at) {
		r.bad("latitude", "%v, %v is not on earth: expected a latitude within 90 and a longitude within 180 degrees", out.at.Latitude, out.at.Longitude)
	}
	out.service = serviceID(out.trade, out.work)
	return out
}

func (r *rowReader) instant(column string) time.Time {
	value := r.text(column, 40)
	if value == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil || at.Year() < 1900 || at.Year() >= 2200 {
		r.bad(column, "%.40q is not a time with its offset between the years 1900 and 2200, expected e.g. 2011-10-31T06:08:55-04:00", value)
	}
	return at
}

func (r *rowReader) degrees(column string) float64 {
	value := r.required(column, 40)
	degrees, err := strconv.ParseFloat(value, 64)
	if err != nil && value != "" {
		r.bad(column, "%.40q is not a number of degrees", value)
	}
	return degrees
}

// districtOf gives one spelling to a district: "9" is "09".
func districtOf(text string) string {
	text = strings.ToUpper(text)
	if len(text) == 1 && text >= "0" && text <= "9" {
		return "0" + text
	}
	return text
}

// sortRowErrors puts bad rows into the order of the file.
func sortRowErrors(errs []RowError) {
	slices.SortStableFunc(errs, func(a, b RowError) int { return a.Line - b.Line })
}
