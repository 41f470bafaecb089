package solvefile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// decode reads a JSON document into v. Faults carry a line and column when the
// text is no JSON, and otherwise the path of the value and what was expected
// there. A strict document may hold no field that v does not know.
func decode(data []byte, v any, strict bool) error {
	var tree any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		offset := int64(len(data))
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			offset = syntax.Offset
		}
		before := data[:min(offset, int64(len(data)))]
		line := 1 + bytes.Count(before, []byte("\n"))
		column := len(before) - bytes.LastIndexByte(before, '\n') - 1
		return &Error{fmt.Sprintf("line %d, column %d", line, column), fmt.Sprintf("%v; want a JSON object", err)}
	}
	s := shape{strict: strict}
	s.check("$", tree, reflect.TypeOf(v).Elem())
	if s.fault != nil {
		return s.fault
	}
	if err := json.Unmarshal(data, v); err != nil {
		return &Error{"$", err.Error()}
	}
	return nil
}

// shape compares a decoded tree with the Go type that it is meant for. It keeps
// the first fault.
type shape struct {
	strict bool
	fault  *Error
}

func (s *shape) bad(path, format string, args ...any) {
	if s.fault == nil {
		s.fault = &Error{path, fmt.Sprintf(format, args...)}
	}
}

func (s *shape) check(path string, v any, t reflect.Type) {
	if s.fault != nil {
		return
	}
	if v == nil && (t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map) {
		return
	}
	switch t.Kind() {
	case reflect.Interface: // anything
	case reflect.Pointer:
		s.check(path, v, t.Elem())
	case reflect.Struct:
		s.object(path, v, t)
	case reflect.Slice, reflect.Array:
		list, ok := v.([]any)
		if !ok {
			s.bad(path, "is %s; want a list", kindOf(v))
			return
		}
		if t.Kind() == reflect.Array && len(list) != t.Len() {
			s.bad(path, "has %d elements; want %d", len(list), t.Len())
			return
		}
		for i, e := range list {
			s.check(fmt.Sprintf("%s[%d]", path, i), e, t.Elem())
		}
	case reflect.Map:
		fields, ok := v.(map[string]any)
		if !ok {
			s.bad(path, "is %s; want an object", kindOf(v))
			return
		}
		for _, k := range slices.Sorted(maps.Keys(fields)) {
			s.check(path+"."+k, fields[k], t.Elem())
		}
	default:
		s.scalar(path, v, t)
	}
}

func (s *shape) object(path string, v any, t reflect.Type) {
	fields, ok := v.(map[string]any)
	if !ok {
		s.bad(path, "is %s; want an object", kindOf(v))
		return
	}
	known := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		known[tag] = f.Type
	}
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		e := fields[k]
		ft, ok := known[k]
		switch {
		case ok:
			s.check(path+"."+k, e, ft)
		case s.strict:
			s.bad(path+"."+k, "is not a field of this object")
		}
	}
}

func (s *shape) scalar(path string, v any, t reflect.Type) {
	switch t.Kind() {
	case reflect.String:
		if _, ok := v.(string); !ok {
			s.bad(path, "is %s; want a string", kindOf(v))
		}
	case reflect.Bool:
		if _, ok := v.(bool); !ok {
			s.bad(path, "is %s; want true or false", kindOf(v))
		}
	case reflect.Float64:
		if _, ok := v.(json.Number); !ok {
			s.bad(path, "is %s; want a number", kindOf(v))
		}
	case reflect.Uint64:
		n, ok := v.(json.Number)
		if !ok {
			s.bad(path, "is %s; want a whole number", kindOf(v))
		} else if _, err := strconv.ParseUint(n.String(), 10, 64); err != nil {
			s.bad(path, "is %s; want a whole number of 0 or more", n)
		}
	default: // integers
		n, ok := v.(json.Number)
		if !ok {
			s.bad(path, "is %s; want a whole number", kindOf(v))
			return
		}
		if x, err := n.Int64(); err != nil || reflect.New(t).Elem().OverflowInt(x) {
			s.bad(path, "is %s; want a whole number", n)
		}
	}
}

func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return fmt.Sprintf("the string %q", v)
	case bool:
		return fmt.Sprint(v)
	case json.Number:
		return "the number " + v.String()
	case []any:
		return "a list"
	default:
		return "an object"
	}
}
