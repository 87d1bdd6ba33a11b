package ui

import (
	"context"
)

// Trace is what is known of one request while it is served: what its log line
// says, and the number that a person can quote.
type Trace struct {
	Reference string
	Route     string // pattern, never the address: that may hold an id or a query
	Actor     string // per_…
	Client    string
	Logged    bool // a fault was logged with this reference
}

type traceKey struct{}

// Traced is a context with the trace of its request.
func Traced(ctx context.Context, t *Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// TraceOf returns the request's trace; a request from elsewhere has an empty one.
func TraceOf(ctx context.Context) *Trace {
	if t, ok := ctx.Value(traceKey{}).(*Trace); ok {
		return t
	}
	return &Trace{}
}
