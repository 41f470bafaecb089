package grpcapi

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"buf.build/go/protovalidate"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/firstfix/firstfix/dispatch"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// checkShape refuses a request that is wrong whatever the state: what the
// annotations of the contract say, undefined enum numbers, and NUL, which
// PostgreSQL's text cannot hold. The refusal names all faults, not the first.
//
// The events of UploadEvents are not looked into, since a bad one must not hold
// up the others: its handler calls this for each of them.
func checkShape(m proto.Message) error {
	var faults []dispatch.FieldViolation
	if _, batch := m.(*pb.UploadEventsRequest); !batch {
		var err error
		if faults, err = scanFaults(m); err != nil {
			return err
		}
	}
	var invalid *protovalidate.ValidationError
	switch err := protovalidate.Validate(m); {
	case errors.As(err, &invalid):
		for _, v := range invalid.Violations {
			faults = append(faults, fieldFault(v))
		}
	case err != nil:
		return fmt.Errorf("validate %s: %w", m.ProtoReflect().Descriptor().FullName(), err)
	}
	if len(faults) == 0 {
		return nil
	}
	message := fmt.Sprintf("%s: %s", faults[0].Field, faults[0].Message)
	if len(faults) > 1 {
		message += fmt.Sprintf(", and %d more faults", len(faults)-1)
	}
	return &dispatch.Error{Reason: dispatch.ReasonInvalidRequest, Message: message, Fields: faults}
}

// The largest requests, decoded. The transport's limit is the larger one, since
// it cannot tell methods apart before it has read a message.
const (
	largestRequest = 1 << 20
	largestImport  = 4 << 20
)

// checkSize refuses what is larger than its method takes.
func checkSize(method string, m proto.Message) error {
	switch method {
	case pb.DispatchService_ImportRequests_FullMethodName:
		return nil // dispatch/workforce counts the files' bytes, which is what it promises
	case pb.PhotoService_UploadPhoto_FullMethodName:
		return nil // the contract bounds the content
	}
	if size := proto.Size(m); size > largestRequest {
		return dispatch.Refuse(dispatch.ReasonRequestTooLarge, "", "the request has %d bytes, at most %d are taken", size, largestRequest).
			With("quota", "bytes of a request").With("maxBytes", strconv.Itoa(largestRequest))
	}
	return nil
}

// mostFaults bounds what one request can make us answer.
const mostFaults = 100

// scanFaults walks every value of a request for what no annotation can say.
func scanFaults(m proto.Message) ([]dispatch.FieldViolation, error) {
	var faults []dispatch.FieldViolation
	err := protorange.Range(m.ProtoReflect(), func(p protopath.Values) error {
		last := p.Index(-1)
		field := reached(p)
		switch v := last.Value.Interface().(type) {
		case string:
			if strings.ContainsRune(v, 0) {
				faults = append(faults, dispatch.FieldViolation{Field: pathOf(p), Reason: "CONTROL_CHARACTER", Message: "it holds the character NUL"})
			}
		case protoreflect.EnumNumber:
			if field != nil && field.Enum() != nil && field.Enum().Values().ByNumber(v) == nil {
				faults = append(faults, dispatch.FieldViolation{Field: pathOf(p), Reason: "ENUM_UNKNOWN", Message: fmt.Sprintf("%d is no value of %s", v, field.Enum().Name())})
			}
		}
		if len(faults) >= mostFaults {
			return protorange.Terminate
		}
		return nil
	})
	return faults, err
}

// reached gives the field whose value, or whose element, a walk has reached.
func reached(p protopath.Values) protoreflect.FieldDescriptor {
	for i := len(p.Path) - 1; i >= 0; i-- {
		if step := p.Path[i]; step.Kind() == protopath.FieldAccessStep {
			return step.FieldDescriptor()
		}
	}
	return nil
}

// pathOf is the path of a field from the request on, e.g. "events[3].note".
func pathOf(p protopath.Values) string {
	var b strings.Builder
	for _, step := range p.Path {
		switch step.Kind() {
		case protopath.FieldAccessStep:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(string(step.FieldDescriptor().Name()))
		case protopath.ListIndexStep:
			fmt.Fprintf(&b, "[%d]", step.ListIndex())
		case protopath.MapIndexStep:
			fmt.Fprintf(&b, "[%q]", step.MapIndex().String())
		}
	}
	return b.String()
}

// faultReasons are the reasons of the standard rules; the id of a rule of ours
// is its reason already, where a field below the annotated one is at fault with
// that field behind a dot.
var faultReasons = map[string]string{
	"required":           "REQUIRED",
	"string.min_len":     "TOO_SHORT",
	"string.max_len":     "TOO_LONG",
	"string.max_bytes":   "TOO_LONG",
	"bytes.max_len":      "TOO_LONG",
	"string.not_in":      "NOT_ALLOWED",
	"enum.not_in":        "REQUIRED", // the unspecified value
	"enum.defined_only":  "ENUM_UNKNOWN",
	"repeated.min_items": "REQUIRED",
	"repeated.max_items": "TOO_MANY",
	"repeated.unique":    "DUPLICATE",
	"map.max_pairs":      "TOO_MANY",
}

func fieldFault(v *protovalidate.Violation) dispatch.FieldViolation {
	rule, path := v.Proto.GetRuleId(), protovalidate.FieldPathString(v.Proto.GetField())
	message := v.Proto.GetMessage()
	if message == "" {
		message = "it breaks the rule " + rule
	}
	reason, below, _ := strings.Cut(rule, ".")
	switch known, ok := faultReasons[rule]; {
	case ok:
		return dispatch.FieldViolation{Field: path, Reason: known, Message: message}
	case rule != "" && strings.ToUpper(reason) == reason: // ours
		if below != "" && path != "" {
			path += "."
		}
		return dispatch.FieldViolation{Field: path + below, Reason: reason, Message: message}
	case reason == "string", reason == "bytes":
		return dispatch.FieldViolation{Field: path, Reason: "FORMAT_INVALID", Message: message}
	}
	return dispatch.FieldViolation{Field: path, Reason: "OUT_OF_RANGE", Message: message}
}

// requestKey reads the idempotency key of a mutation and hashes what it asks
// for. Which methods mutate stands in the contract: their requests have a
// request_id.
func requestKey(m proto.Message) (id uuid.UUID, hash [32]byte, err error) {
	field := m.ProtoReflect().Descriptor().Fields().ByName("request_id")
	if field == nil {
		return uuid.Nil, hash, nil
	}
	text := m.ProtoReflect().Get(field).String()
	id, err = uuid.Parse(text)
	if err != nil || len(text) != 36 || id == uuid.Nil {
		return uuid.Nil, hash, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "request_id",
			"expected a UUID other than nil that is new for every request")
	}
	return id, canonicalHash(m, "request_id"), nil
}
