package firstfixv1_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"

	firstfixv1 "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// withoutRequestID are the calls that are not plain reads and need no request_id
// all the same, each with its reason.
var withoutRequestID = map[protoreflect.FullName]string{
	"firstfix.v1.BookingService.CreateVisitorToken":  "writes nothing: a token is computed",
	"firstfix.v1.BookingService.OpenAppointmentLink": "writes nothing: a token is computed",
	"firstfix.v1.FollowUpService.OpenFollowUpLink":   "changes nothing; POST keeps the secret out of URLs",
	"firstfix.v1.WaitlistService.OpenWaitlistLink":   "changes nothing; POST keeps the secret out of URLs",
	"firstfix.v1.SalesDeskService.DryRunRouting":     "changes nothing; rules that are thought of do not fit into a URL",
	"firstfix.v1.BookingService.SearchSlotOffers":    "changes nothing; POST keeps the address out of URLs",
	"firstfix.v1.TechnicianService.UploadEvents":     "each event has an id of its own, and batches are cut anew",
}

func TestEveryMethodHasAnHTTPBinding(t *testing.T) {
	for m := range methods(t) {
		rule := httpRule(m)
		if rule.GetPattern() == nil {
			t.Errorf("%s has no google.api.http annotation", m.FullName())
		}
	}
}

func TestEveryMutationCarriesARequestID(t *testing.T) {
	unused := map[protoreflect.FullName]bool{}
	for name := range withoutRequestID {
		unused[name] = true
	}
	for m := range methods(t) {
		reads := httpRule(m).GetGet() != ""
		_, excused := withoutRequestID[m.FullName()]
		delete(unused, m.FullName())
		field := m.Input().Fields().ByName("request_id")
		switch {
		case reads || excused:
			if field != nil {
				t.Errorf("%s changes nothing, yet has a request_id", m.FullName())
			}
		case field == nil:
			t.Errorf("%s may change something and has no request_id", m.FullName())
		default:
			rules := fieldRules(field)
			if !rules.GetRequired() || !rules.GetString().GetUuid() || len(rules.GetString().GetNotIn()) != 1 {
				t.Errorf("%s: request_id is not a required UUID other than nil", m.FullName())
			}
		}
	}
	for name := range unused {
		t.Errorf("%s is excused from request_id and does not exist", name)
	}
}

// TestUpdatesAreByMaskAndVersion: an update without a mask or an etag would
// overwrite what others wrote.
func TestUpdatesAreByMaskAndVersion(t *testing.T) {
	for m := range methods(t) {
		if !strings.HasPrefix(string(m.Name()), "Update") {
			continue
		}
		mask := m.Input().Fields().ByName("update_mask")
		if mask == nil || !fieldRules(mask).GetRequired() {
			t.Errorf("%s: update_mask is missing or not required", m.FullName())
		}
		var ids []string
		for _, rule := range fieldRules(m.Input().Fields().ByNumber(1)).GetCel() {
			ids = append(ids, rule.GetId())
		}
		for _, want := range []string{"REQUIRED.name", "REQUIRED.etag"} {
			if !slices.Contains(ids, want) {
				t.Errorf("%s: rule %s is missing", m.FullName(), want)
			}
		}
	}
}

// TestInputsAreBounded: whatever a caller can send has an end. Fields that only
// the server writes, and the bytes of an import, which the transport bounds, are
// not among them.
func TestInputsAreBounded(t *testing.T) {
	seen := map[protoreflect.FullName]bool{}
	for m := range methods(t) {
		checkBounds(t, m.Input(), seen)
	}
}

func checkBounds(t *testing.T, message protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) {
	t.Helper()
	if seen[message.FullName()] || !strings.HasPrefix(string(message.FullName()), "firstfix.") {
		return
	}
	seen[message.FullName()] = true
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		if behaves(field, annotations.FieldBehavior_OUTPUT_ONLY) {
			continue
		}
		rules := fieldRules(field)
		element := rules
		if field.IsList() {
			if rules.GetRepeated().MaxItems == nil {
				t.Errorf("%s has no max_items", field.FullName())
			}
			element = rules.GetRepeated().GetItems()
		}
		switch field.Kind() {
		case protoreflect.StringKind:
			s := element.GetString()
			if s.MaxBytes == nil && s.Pattern == nil && !s.GetUuid() {
				t.Errorf("%s is a string without an end", field.FullName())
			}
		case protoreflect.EnumKind:
			e := element.GetEnum()
			if !e.GetDefinedOnly() && len(e.GetIn()) == 0 {
				t.Errorf("%s takes numbers that mean nothing", field.FullName())
			}
		case protoreflect.MessageKind:
			checkBounds(t, field.Message(), seen)
		}
	}
}

// TestReferencesNameResources: what refers to a resource has the pattern of its
// name, and the resource exists.
func TestReferencesNameResources(t *testing.T) {
	patterns := map[string]string{}
	var messages []protoreflect.MessageDescriptor
	eachMessage(func(m protoreflect.MessageDescriptor) {
		messages = append(messages, m)
		if r, ok := proto.GetExtension(m.Options(), annotations.E_Resource).(*annotations.ResourceDescriptor); ok && r.GetType() != "" {
			patterns[r.GetType()] = r.GetPattern()[0]
		}
	})
	if len(patterns) < 15 {
		t.Fatalf("found %d resources, expected at least 15", len(patterns))
	}
	for _, m := range messages {
		for i := range m.Fields().Len() {
			field := m.Fields().Get(i)
			ref, ok := proto.GetExtension(field.Options(), annotations.E_ResourceReference).(*annotations.ResourceReference)
			if !ok || ref.GetType() == "" || ref.GetType() == "*" { // * names one of several kinds (AIP-124)
				continue
			}
			pattern, known := patterns[ref.GetType()]
			if !known {
				t.Errorf("%s refers to %s, which is no resource", field.FullName(), ref.GetType())
				continue
			}
			rule := fieldRules(field).GetString().GetPattern()
			if rule == "" {
				continue // only the server writes it
			}
			example := exampleName(pattern)
			if !regexp.MustCompile(rule).MatchString(example) {
				t.Errorf("%s: %s does not match %q", field.FullName(), example, rule)
			}
			if regexp.MustCompile(rule).MatchString(example + "/x") {
				t.Errorf("%s: %q is not anchored", field.FullName(), rule)
			}
		}
	}
}

// exampleName fills a resource pattern: slugs where callers choose the id.
func exampleName(pattern string) string {
	slugs := []string{"skill", "service", "tier", "part", "territory", "planning_area"}
	return regexp.MustCompile(`\{(\w+)\}`).ReplaceAllStringFunc(pattern, func(variable string) string {
		if slices.Contains(slugs, strings.Trim(variable, "{}")) {
			return "gas-2"
		}
		if variable == "{photo}" {
			return strings.Repeat("0a", 32)
		}
		return "0190c3a4-5b6c-7d8e-9f00-112233445566"
	})
}

func TestReasonsAreWireWords(t *testing.T) {
	word := regexp.MustCompile(`^[A-Z][A-Z0-9_]+[A-Z0-9]$`)
	values := firstfixv1.Reason(0).Descriptor().Values()
	for i := range values.Len() {
		name, ok := strings.CutPrefix(string(values.Get(i).Name()), "REASON_")
		if !ok || !word.MatchString(name) || len(name) > 63 {
			t.Errorf("%s is not a word that ErrorInfo.reason can hold", values.Get(i).Name())
		}
	}
}

func TestOpenAPIHoldsEveryMethod(t *testing.T) {
	var document struct {
		OpenAPI string
		Info    struct{ Title string }
		Paths   map[string]map[string]struct{ OperationID string }
	}
	if err := json.Unmarshal(firstfixv1.OpenAPI, &document); err != nil {
		t.Fatalf("openapi.json: %v", err)
	}
	if document.Info.Title != "Firstfix" || !strings.HasPrefix(document.OpenAPI, "3.") {
		t.Errorf("openapi.json is %q in OpenAPI %q, expected Firstfix in 3.x", document.Info.Title, document.OpenAPI)
	}
	operations := map[string]bool{}
	for _, verbs := range document.Paths {
		for _, operation := range verbs {
			operations[operation.OperationID] = true
		}
	}
	for m := range methods(t) {
		id := string(m.Parent().Name()) + "_" + string(m.Name())
		if !operations[id] {
			t.Errorf("openapi.json lacks %s: run make proto", id)
		}
	}
}

// methods yields every method of the contract.
func methods(t *testing.T) func(func(protoreflect.MethodDescriptor) bool) {
	t.Helper()
	var all []protoreflect.MethodDescriptor
	eachFile(func(file protoreflect.FileDescriptor) {
		for i := range file.Services().Len() {
			for j := range file.Services().Get(i).Methods().Len() {
				all = append(all, file.Services().Get(i).Methods().Get(j))
			}
		}
	})
	if len(all) < 80 {
		t.Fatalf("found %d methods, expected at least 80", len(all))
	}
	return slices.Values(all)
}

func eachFile(visit func(protoreflect.FileDescriptor)) {
	protoregistry.GlobalFiles.RangeFilesByPackage("firstfix.v1", func(file protoreflect.FileDescriptor) bool {
		visit(file)
		return true
	})
}

func eachMessage(visit func(protoreflect.MessageDescriptor)) {
	var walk func(protoreflect.MessageDescriptors)
	walk = func(messages protoreflect.MessageDescriptors) {
		for i := range messages.Len() {
			visit(messages.Get(i))
			walk(messages.Get(i).Messages())
		}
	}
	eachFile(func(file protoreflect.FileDescriptor) { walk(file.Messages()) })
}

func httpRule(m protoreflect.MethodDescriptor) *annotations.HttpRule {
	rule, _ := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
	return rule
}

func fieldRules(field protoreflect.FieldDescriptor) *validate.FieldRules {
	rules, _ := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
	return rules
}

func behaves(field protoreflect.FieldDescriptor, behaviour annotations.FieldBehavior) bool {
	all, _ := proto.GetExtension(field.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return slices.Contains(all, behaviour)
}
