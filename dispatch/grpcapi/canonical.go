package grpcapi

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// canonicalHash hashes what a request says, leaving out the top-level fields
// named. It walks the decoded fields in the order of their numbers instead of
// hashing an encoding, since protobuf's is not canonical: unknown fields do not
// count, and a field added to the contract later changes no hash as long as
// nobody sets it.
func canonicalHash(m proto.Message, without ...protoreflect.Name) [32]byte {
	h := canonical{sha256.New()}
	h.message(m.ProtoReflect(), without)
	return [32]byte(h.Sum(nil))
}

type canonical struct{ hash.Hash }

func (h canonical) number(n uint64) {
	var buffer [8]byte
	binary.BigEndian.PutUint64(buffer[:], n)
	h.Write(buffer[:])
}

// bytes are led by their length, so that no two sequences read the same.
func (h canonical) bytes(b []byte) {
	h.number(uint64(len(b)))
	h.Write(b)
}

func (h canonical) message(m protoreflect.Message, without []protoreflect.Name) {
	var fields []protoreflect.FieldDescriptor
	m.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if !slices.Contains(without, f.Name()) {
			fields = append(fields, f)
		}
		return true
	})
	slices.SortFunc(fields, func(a, b protoreflect.FieldDescriptor) int { return cmp.Compare(a.Number(), b.Number()) })
	h.number(uint64(len(fields)))
	for _, f := range fields {
		h.number(uint64(f.Number())) //nolint:gosec // a field's number is positive
		h.field(f, m.Get(f))
	}
}

func (h canonical) field(f protoreflect.FieldDescriptor, v protoreflect.Value) {
	switch {
	case f.IsList():
		list := v.List()
		h.number(uint64(list.Len())) //nolint:gosec // a length is not negative
		for i := range list.Len() {
			h.value(f, list.Get(i))
		}
	case f.IsMap():
		h.mapping(f, v.Map())
	default:
		h.value(f, v)
	}
}

func (h canonical) mapping(f protoreflect.FieldDescriptor, m protoreflect.Map) {
	var keys []protoreflect.MapKey
	m.Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, k)
		return true
	})
	slices.SortFunc(keys, func(a, b protoreflect.MapKey) int { return cmp.Compare(a.String(), b.String()) })
	h.number(uint64(len(keys)))
	for _, k := range keys {
		h.bytes([]byte(k.String()))
		h.value(f.MapValue(), m.Get(k))
	}
}

func (h canonical) value(f protoreflect.FieldDescriptor, v protoreflect.Value) {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		h.message(v.Message(), nil)
	case protoreflect.StringKind:
		h.bytes([]byte(v.String()))
	case protoreflect.BytesKind:
		h.bytes(v.Bytes())
	case protoreflect.BoolKind:
		h.number(map[bool]uint64{true: 1}[v.Bool()])
	case protoreflect.EnumKind:
		h.number(uint64(v.Enum())) //nolint:gosec // bits, not a quantity
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		h.number(math.Float64bits(v.Float()))
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		h.number(v.Uint())
	default:
		h.number(uint64(v.Int())) //nolint:gosec // bits, not a quantity
	}
}
