package grpcapi

import (
	"iter"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	// For its descriptors.
	_ "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// contractServices walks the services of the contract.
func contractServices() iter.Seq[protoreflect.ServiceDescriptor] {
	return func(yield func(protoreflect.ServiceDescriptor) bool) {
		protoregistry.GlobalFiles.RangeFilesByPackage("firstfix.v1", func(f protoreflect.FileDescriptor) bool {
			for i := range f.Services().Len() {
				if !yield(f.Services().Get(i)) {
					return false
				}
			}
			return true
		})
	}
}

// messages walks the top-level messages of the contract.
func messages(t *testing.T) iter.Seq[protoreflect.MessageDescriptor] {
	t.Helper()
	return func(yield func(protoreflect.MessageDescriptor) bool) {
		protoregistry.GlobalFiles.RangeFilesByPackage("firstfix.v1", func(f protoreflect.FileDescriptor) bool {
			for i := range f.Messages().Len() {
				if !yield(f.Messages().Get(i)) {
					return false
				}
			}
			return true
		})
	}
}

// resourceField is a collection and the type of what it holds.
type resourceField struct{ collection, kind string }

// resourceFields gives the resource that a message is, as its annotation says.
func resourceFields(m protoreflect.MessageDescriptor) []resourceField {
	resource, ok := proto.GetExtension(m.Options(), annotations.E_Resource).(*annotations.ResourceDescriptor)
	if !ok || resource == nil {
		return nil
	}
	var out []resourceField
	for _, pattern := range resource.GetPattern() {
		segments := strings.Split(pattern, "/")
		if len(segments) >= 2 {
			out = append(out, resourceField{collection: segments[len(segments)-2], kind: resource.GetType()})
		}
	}
	return out
}
