// Package grpcapi is the doors: it turns messages into calls of the use cases
// and their answers and refusals into messages.
//
// Every call passes the same chain, unary or stream, gRPC or HTTP/JSON: limits of
// the transport, recovery, one log line, a deadline, who calls, what he may, how
// often, the shape of the request, its idempotency key. What is left for a
// handler is translation. Nothing here decides about the state of things; that
// is the use cases'. cmd/firstfix serves what New makes.
package grpcapi
