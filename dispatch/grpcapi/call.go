package grpcapi

import (
	"context"

	"github.com/firstfix/firstfix/dispatch"
)

type callKey struct{}

// withCall is how the chain hands the call to the handler.
func withCall(ctx context.Context, call dispatch.Call) context.Context {
	return context.WithValue(ctx, callKey{}, call)
}

// callOf gives the call that the chain has let through: who asks, and for a
// mutation its idempotency key. Every handler passes it on to its use case.
func callOf(ctx context.Context) dispatch.Call {
	call, ok := ctx.Value(callKey{}).(dispatch.Call)
	if !ok {
		panic("grpcapi: a handler ran without the interceptors") //nolint:forbidigo // only our bug leads here, whatever callers send
	}
	return call
}
