package canvas

import (
	"context"
	"net/http/httptrace"
	"sync/atomic"
)

// wire watches one request to prove that it was never sent: a connection was
// looked for and none was had. Anything else, also a transport that tells
// nothing, counts as possibly sent.
type wire struct {
	looked atomic.Bool
	had    atomic.Bool
}

func (w *wire) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { w.looked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { w.had.Store(true) },
	})
}

func (w *wire) neverSent() bool { return w.looked.Load() && !w.had.Load() }
