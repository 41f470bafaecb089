package grpcapi_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/firstfix/firstfix/dispatch"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// filler makes a well-formed request for any method of the contract, from its
// descriptor: each field gets a value that its rules allow, each reference a
// name that the caller may use, but for the one field that is probed.
type filler struct {
	side   *side
	role   dispatch.Role // of the caller
	sparse bool          // leaves out what is optional
	serial int
}

// probe is one field that names a resource, by its path in the request.
type probe struct {
	path string // e.g. "work_order.site"
	kind string // e.g. "firstfix.dev/Site"
	form string // what the field holds, with %s for the name
}

// walk calls visit for every field that a caller may set.
func walk(m protoreflect.MessageDescriptor, prefix string, depth int, visit func(path string, f protoreflect.FieldDescriptor)) {
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		if behaves(f, annotations.FieldBehavior_OUTPUT_ONLY) || depth > 6 {
			continue
		}
		path := prefix + string(f.Name())
		visit(path, f)
		if f.Message() != nil && f.Message().ParentFile().Package() == "firstfix.v1" {
			walk(f.Message(), path+".", depth+1, visit)
		}
	}
}

func behaves(f protoreflect.FieldDescriptor, b annotations.FieldBehavior) bool {
	behaviors, _ := proto.GetExtension(f.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return slices.Contains(behaviors, b)
}

// refersTo gives the type of resource that a field names, "" for others.
func refersTo(f protoreflect.FieldDescriptor) string {
	if f.Kind() != protoreflect.StringKind {
		return ""
	}
	if reference, _ := proto.GetExtension(f.Options(), annotations.E_ResourceReference).(*annotations.ResourceReference); reference != nil {
		return reference.GetType()
	}
	resource, _ := proto.GetExtension(f.ContainingMessage().Options(), annotations.E_Resource).(*annotations.ResourceDescriptor)
	if resource != nil && f.Name() == "name" {
		return resource.GetType()
	}
	return ""
}

// probes lists the fields of a method that name a resource. The name of what is
// to be made is the server's to give and no probe.
func probes(m protoreflect.MethodDescriptor) []probe {
	var out []probe
	creates := strings.HasPrefix(string(m.Name()), "Create") || strings.HasPrefix(string(m.Name()), "Batch")
	walk(m.Input(), "", 0, func(path string, f protoreflect.FieldDescriptor) {
		kind := refersTo(f)
		if kind == "" || (creates && strings.HasSuffix(path, ".name")) {
			return
		}
		out = append(out, probe{path, kind, "%s"})
	})
	if m.Input().Fields().ByName("filter") != nil {
		for _, kind := range slices.Sorted(maps.Keys(filterFields)) {
			out = append(out, probe{"filter", "firstfix.dev/" + kind, filterFields[kind] + ` = "%s"`})
		}
	}
	return out
}

// filterFields are the fields of filters that name a resource.
var filterFields = map[string]string{
	"Customer": "customer", "Site": "site", "Asset": "asset", "Service": "service", "PlanningArea": "planning_area",
	"Technician": "technician", "WorkOrder": "work_order", "Appointment": "appointment", "Visit": "visit", "Territory": "territory", "SalesDesk": "sales_desk",
}

// request fills a request. The field at path gets name.
func (b *filler) request(t *testing.T, m protoreflect.MethodDescriptor, path, name string) proto.Message {
	t.Helper()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(m.Input().FullName())
	if err != nil {
		t.Fatal(err)
	}
	message := kind.New()
	b.fill(message, "", path, name, !strings.HasPrefix(string(m.Name()), "Update"))
	if mask := message.Descriptor().Fields().ByName("update_mask"); mask != nil {
		b.mask(message, mask, path)
	}
	return message.Interface()
}

// mask names the field that is probed, else the first that can be written.
func (b *filler) mask(m protoreflect.Message, mask protoreflect.FieldDescriptor, path string) {
	resource := ""
	writable := ""
	walk(m.Descriptor(), "", 0, func(p string, f protoreflect.FieldDescriptor) {
		head, field, nested := strings.Cut(p, ".")
		if !nested || strings.Contains(field, ".") || head == "update_mask" {
			return
		}
		resource = head
		if writable == "" && field != "name" && field != "etag" && !behaves(f, annotations.FieldBehavior_IMMUTABLE) {
			writable = field
		}
	})
	if field, ok := strings.CutPrefix(path, resource+"."); ok && field != "name" {
		writable, _, _ = strings.Cut(field, ".")
	}
	paths := m.Mutable(mask).Message()
	list := paths.Mutable(paths.Descriptor().Fields().ByName("paths")).List()
	list.Append(protoreflect.ValueOfString(writable))
}

func (b *filler) fill(m protoreflect.Message, prefix, probed, name string, fresh bool) {
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		path := prefix + string(f.Name())
		if behaves(f, annotations.FieldBehavior_OUTPUT_ONLY) || f.Name() == "update_mask" {
			continue
		}
		if b.sparse && behaves(f, annotations.FieldBehavior_OPTIONAL) {
			continue
		}
		if choice := f.ContainingOneof(); choice != nil && !chosen(choice, f, prefix, probed) {
			continue
		}
		switch {
		case path == probed:
			b.set(m, f, protoreflect.ValueOfString(name))
		case f.Message() != nil:
			b.fillMessage(m, f, path, probed, name, fresh)
		case refersTo(f) != "":
			if f.Name() == "name" && prefix != "" && fresh {
				continue // given by the server
			}
			if own, ok := b.side.names[refersTo(f)]; ok && wanted(f, probed) {
				b.set(m, f, protoreflect.ValueOfString(own))
			}
		case f.Name() == "etag":
			b.set(m, f, protoreflect.ValueOfString(b.side.etag(named(m.Descriptor()))))
		default:
			if v := b.scalar(f, probed); v.IsValid() {
				b.set(m, f, v)
			}
		}
	}
}

// wanted leaves out references that stand in each other's way.
func wanted(f protoreflect.FieldDescriptor, probed string) bool {
	in := f.ContainingMessage()
	switch {
	case f.Name() == "corrects":
		return false
	case in.Name() == "Referral" && f.Name() == "service": // the same product twice is a duplicate
		return !strings.HasSuffix(probed, "photos")
	case in.Name() == "Member":
		return (f.Name() == "customer") == strings.HasSuffix(probed, "customer")
	case f.Name() == "customer": // of ConfirmHold: instead of customer_details
		return in.Fields().ByName("customer_details") == nil
	}
	return true
}

// chosen reports whether a field is the one of its oneof that is set: the probed
// one, or else the first.
func chosen(choice protoreflect.OneofDescriptor, f protoreflect.FieldDescriptor, prefix, probed string) bool {
	pick := choice.Fields().Get(0)
	for i := range choice.Fields().Len() {
		path := prefix + string(choice.Fields().Get(i).Name())
		if probed == path || strings.HasPrefix(probed, path+".") {
			pick = choice.Fields().Get(i)
		}
	}
	return pick == f
}

func (b *filler) set(m protoreflect.Message, f protoreflect.FieldDescriptor, v protoreflect.Value) {
	if f.IsList() {
		m.Mutable(f).List().Append(v)
		return
	}
	m.Set(f, v)
}

func (b *filler) fillMessage(m protoreflect.Message, f protoreflect.FieldDescriptor, path, probed, name string, fresh bool) {
	if f.Message().Name() == "Ring" {
		ring := m.Mutable(f).List()
		v := ring.NewElement()
		square(v.Message())
		ring.Append(v)
		return
	}
	if f.Name() == "promised_saving" {
		return // for one outcome only
	}
	if f.Name() == "customer_details" && strings.HasPrefix(probed, "customer") {
		return // the one excludes the other
	}
	var inner protoreflect.Message
	if f.IsList() {
		list := m.Mutable(f).List()
		v := list.NewElement()
		inner = v.Message()
		defer list.Append(v)
	} else {
		inner = m.Mutable(f).Message()
	}
	if b.wellKnown(inner, f) {
		return
	}
	b.fill(inner, path+".", probed, name, fresh)
}

// wellKnown fills the types of others by what they mean.
func (b *filler) wellKnown(m protoreflect.Message, f protoreflect.FieldDescriptor) bool {
	put := func(pairs ...any) {
		for i := 0; i < len(pairs); i += 2 {
			field := m.Descriptor().Fields().ByName(protoreflect.Name(pairs[i].(string)))
			m.Set(field, protoreflect.ValueOf(pairs[i+1]))
		}
	}
	const noon = int64(1717600000) // on 5 June 2024, within the shifts of the companies
	switch m.Descriptor().FullName() {
	case "google.protobuf.Timestamp":
		at := noon
		if strings.HasPrefix(string(f.Name()), "end") || strings.HasPrefix(string(f.Name()), "due") {
			at += 3600
		}
		put("seconds", at)
	case "google.protobuf.Duration":
		put("seconds", int64(600))
	case "google.type.Date":
		day := int32(5)
		if f.Name() == "end_date" {
			day++
		}
		put("year", int32(2024), "month", int32(6), "day", day)
	case "google.type.TimeOfDay":
		hours := int32(18)
		if f.Name() == "start" {
			hours = 8
		}
		put("hours", hours)
	case "google.type.LatLng":
		put("latitude", 42.35, "longitude", -71.06)
	case "google.type.Money":
		put("currency_code", "USD", "units", int64(49))
	case "google.type.Interval":
		start, end := m.Descriptor().Fields().ByName("start_time"), m.Descriptor().Fields().ByName("end_time")
		b.wellKnown(m.Mutable(start).Message(), start)
		b.wellKnown(m.Mutable(end).Message(), end)
	default:
		return false
	}
	return true
}

func square(ring protoreflect.Message) {
	points := ring.Mutable(ring.Descriptor().Fields().ByName("points")).List()
	for _, p := range [][2]float64{{-71.09, 42.32}, {-71.03, 42.32}, {-71.03, 42.38}, {-71.09, 42.38}, {-71.09, 42.32}} {
		v := points.NewElement()
		fields := v.Message().Descriptor().Fields()
		v.Message().Set(fields.ByName("longitude"), protoreflect.ValueOfFloat64(p[0]))
		v.Message().Set(fields.ByName("latitude"), protoreflect.ValueOfFloat64(p[1]))
		points.Append(v)
	}
}

// named gives the type of resource whose etag a message carries.
func named(m protoreflect.MessageDescriptor) string {
	if name := m.Fields().ByName("name"); name != nil {
		return refersTo(name)
	}
	return ""
}

// scalar gives a value for a field by its name, else by its kind.
func (b *filler) scalar(f protoreflect.FieldDescriptor, probed string) protoreflect.Value {
	b.serial++
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(b.text(string(f.Name())))
	case protoreflect.EnumKind:
		switch {
		case f.Enum().Name() == "Role" && !strings.HasSuffix(probed, "customer"):
			return protoreflect.ValueOfEnum(protoreflect.EnumNumber(pb.Role_ROLE_TECHNICIAN))
		case f.Enum().Name() == "Role":
			return protoreflect.ValueOfEnum(protoreflect.EnumNumber(pb.Role_ROLE_CUSTOMER))
		case f.Enum().Name() == "ReferralState": // the first outcome that can be recorded
			return protoreflect.ValueOfEnum(protoreflect.EnumNumber(pb.ReferralState_REFERRAL_STATE_CONTACTED))
		}
		if f.ContainingMessage().Name() == "ReferralClock" {
			return protoreflect.Value{} // the last clock is for every urgency
		}
		return protoreflect.ValueOfEnum(1)
	case protoreflect.BytesKind:
		if f.Name() == "requests_csv" {
			return protoreflect.ValueOfBytes([]byte("id,created_at,type,address,zip,latitude,longitude\n"))
		}
		return protoreflect.Value{}
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(3)
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(1)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(math.Sqrt2 / 2)
	}
	return protoreflect.Value{} // flags stay down
}

func (b *filler) text(field string) string {
	switch field {
	case "request_id", "event_id", "device_id":
		return uuid.NewString()
	case "page_token", "filter", "query", "resume_token", "cursor", "base_etag":
		return ""
	case "slot_token":
		return b.side.slot
	case "hold_token":
		return b.side.holdTokens[b.role]
	case "email":
		return fmt.Sprintf("somebody-%d@example.org", b.serial)
	case "phone":
		return "+16175550199"
	case "time_zone":
		return "America/New_York"
	case "language":
		return "en"
	case "issuer":
		return "https://third.example.org"
	case "subject":
		return fmt.Sprintf("subject-%d", b.serial)
	case "owner", "account_owner", "members", "ladder":
		return "member:sales"
	case "member", "tier": // of rules and clocks, for everybody
		return ""
	case "media_type":
		return "image/jpeg"
	}
	if strings.HasSuffix(field, "_id") {
		return fmt.Sprintf("crawler-%d", b.serial)
	}
	return fmt.Sprintf("text %d", b.serial)
}
