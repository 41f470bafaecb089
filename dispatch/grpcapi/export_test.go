package grpcapi

import "github.com/firstfix/firstfix/dispatch"

// MayCall shows the table of access to the tests over the wire.
func MayCall(role dispatch.Role, method string) bool {
	return access[method].public || access[method].may(role)
}
