// Package firstfixv1 is the wire contract of Firstfix: messages, gRPC services
// and their HTTP/JSON gateway, generated from the .proto files beside them and
// never edited. It decides nothing. dispatch/grpcapi serves it; clients, the
// replay and the fault lab call it.
//
// The rules of the input stand beside the fields as annotations of buf.validate:
// lengths are counted in code points and bounded in bytes. The id of a rule in
// CEL is the reason of its violation, e.g. OUT_OF_RANGE, or the reason and the
// field below the annotated one that it is about, e.g. REQUIRED.display_name.
package firstfixv1

import _ "embed"

// OpenAPI is the OpenAPI 3.1 document of the HTTP/JSON form, as JSON.
//
//go:embed openapi.json
var OpenAPI []byte
