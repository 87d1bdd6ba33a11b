package tokens_test

import (
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
)

// A Canvas that does not answer is left alone by work that can wait: of many
// looks at once, one finds that out.
func TestLooksRest(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	for range 2 {
		g := r.InUse()
		r.Changed(g, func(tok *canvastest.Token) { tok.LastUsedAt = r.Clock.Now() })
	}
	stop := r.Cv.Fail(canvastest.Fault{Status: 503, Times: -1})
	r.Clock.Advance(2 * time.Hour)
	if _, err := r.Tokens.ReconcileAll(t.Context(), r.Tenant, "night"); err != nil {
		t.Fatal(err)
	}
	r.Cv.ClearRequests()
	r.Drain()
	if n := len(r.Cv.Requests()); n != 1 {
		t.Errorf("%d calls while Canvas is down", n)
	}
	stop()
	r.Clock.Advance(tokens.WatchAgain + desk.RestFor)
	r.Drain()
	for _, tok := range r.W.UsableTokens("maya") {
		var seen bool
		for _, g := range r.Grants() {
			seen = seen || g.CanvasID == tok.ID.String() && g.CheckedAt.Equal(r.Clock.Now())
		}
		if !seen {
			t.Error("with Canvas back a token was not looked up")
		}
	}
}
