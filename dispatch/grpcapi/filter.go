package grpcapi

import (
	"strconv"
	"time"

	"go.einride.tech/aip/filtering"
	expr "google.golang.org/genproto/googleapis/api/expr/v1alpha1"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/firstfix/firstfix/dispatch"
)

// condition is one comparison of a filter: field, operator and value.
type condition struct {
	field    string // dotted path, e.g. "window.start_time"
	operator string // "=", "!=", "<", "<=", ">" or ">="
	value    string
}

// longestFilter bounds the conditions of one filter.
const longestFilter = 20

// parseFilter reads a filter of comparisons joined by AND, the part of AIP-160
// that an index can serve. allowed says which operators each field knows; other
// fields are refused with FIELD_NOT_FILTERABLE.
func parseFilter(filter string, allowed map[string][]string) ([]condition, error) {
	if filter == "" {
		return nil, nil
	}
	var parser filtering.Parser
	parser.Init(filter)
	parsed, err := parser.Parse()
	if err != nil {
		return nil, badFilter("it cannot be read; expected comparisons joined by AND, such as state = \"OPEN\"").Because(err)
	}
	conditions, err := conditionsOf(parsed.GetExpr(), nil)
	if err != nil {
		return nil, err
	}
	for _, c := range conditions {
		operators, ok := allowed[c.field]
		if !ok {
			return nil, dispatch.InvalidField(dispatch.ReasonFieldNotFilterable, "filter", "%.60q cannot be filtered by", c.field).With("field", c.field)
		}
		known := false
		for _, o := range operators {
			known = known || o == c.operator
		}
		if !known {
			return nil, badFilter("%s knows only the operators %v, not %s", c.field, operators, c.operator)
		}
	}
	return conditions, nil
}

func badFilter(format string, args ...any) *dispatch.Error {
	return dispatch.InvalidField(dispatch.ReasonInvalidRequest, "filter", format, args...)
}

// conditionsOf walks the tree of ANDs and collects the comparisons.
func conditionsOf(e *expr.Expr, found []condition) ([]condition, error) {
	call := e.GetCallExpr()
	if call == nil || len(call.GetArgs()) != 2 {
		return nil, badFilter("expected comparisons joined by AND, such as state = \"OPEN\"")
	}
	switch operator := call.GetFunction(); operator {
	case filtering.FunctionAnd:
		for _, side := range call.GetArgs() {
			var err error
			if found, err = conditionsOf(side, found); err != nil {
				return nil, err
			}
		}
		return found, nil
	case filtering.FunctionEquals, filtering.FunctionNotEquals, filtering.FunctionLessThan,
		filtering.FunctionLessEquals, filtering.FunctionGreaterThan, filtering.FunctionGreaterEquals:
		field, isField := filterPath(call.GetArgs()[0])
		value, isValue := valueOf(call.GetArgs()[1])
		if !isField || !isValue {
			return nil, badFilter("a comparison is a field, an operator and a value in quotes")
		}
		if len(found) == longestFilter {
			return nil, badFilter("it has more than %d comparisons", longestFilter)
		}
		return append(found, condition{field, operator, value}), nil
	default:
		return nil, badFilter("%.20q is not supported; expected comparisons joined by AND", operator)
	}
}

// filterPath reads a field, "state" or "window.start_time".
func filterPath(e *expr.Expr) (string, bool) {
	if ident := e.GetIdentExpr(); ident != nil {
		return ident.GetName(), true
	}
	if sel := e.GetSelectExpr(); sel != nil {
		head, ok := filterPath(sel.GetOperand())
		return head + "." + sel.GetField(), ok
	}
	return "", false
}

// valueOf reads a value: in quotes, a number, or a bare word.
func valueOf(e *expr.Expr) (string, bool) {
	switch c := e.GetConstExpr(); kind := c.GetConstantKind().(type) {
	case *expr.Constant_StringValue:
		return kind.StringValue, true
	case *expr.Constant_Int64Value:
		return strconv.FormatInt(kind.Int64Value, 10), true
	case *expr.Constant_DoubleValue:
		return strconv.FormatFloat(kind.DoubleValue, 'g', -1, 64), true
	}
	return filterPath(e)
}

// instant reads a condition's value as a time.
func (c condition) instant() (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, c.value)
	if err != nil || at.Before(earliestInstant) || !at.Before(latestInstant) {
		return time.Time{}, badFilter("%s is compared with %.40q, expected a time such as \"2026-11-02T09:00:00Z\"", c.field, c.value)
	}
	return at, nil
}

// enumWord reads a condition's value as a value of an enum, with or without its
// prefix, and gives it as the domain spells it.
func enumWord[S ~string](c condition, enum protoreflect.EnumDescriptor, words map[int32]S) (S, error) {
	prefix := string(enum.Values().Get(0).Name())
	prefix = prefix[:len(prefix)-len("UNSPECIFIED")]
	for _, name := range []string{c.value, prefix + c.value} {
		if v := enum.Values().ByName(protoreflect.Name(name)); v != nil {
			if word, ok := words[int32(v.Number())]; ok {
				return word, nil
			}
		}
	}
	return "", badFilter("%s is compared with %.40q, which is none of its values", c.field, c.value)
}
