package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// Each form that agrees to what somebody else said carries it.
func TestAnOldPageAgreesToNothing(t *testing.T) {
	r := webtest.InReview(t)
	r.Canvas.World().SeedToken("sam", canvastest.TokenSpec{Purpose: "library sync", CreatedAt: r.Clock.Now().AddDate(0, -1, 0)})
	dana, priya := r.Launch("dana", r.Account("root")), r.Launch("priya", r.Account("root"))
	m := webtest.FoundID.FindStringSubmatch(r.CheckTokens(dana).Body)
	if m == nil {
		t.Fatal("no link to the token")
	}
	id := m[1]
	dana.Open(r.Account("root"))
	priya.Open(r.Account("root"))
	first := url.Values{"pick": {id}, "reason": {"Harmless, two weeks."}, "review_at": {"2026-12-12"}}
	dana.Post("/unmanaged/allow", first).Want(http.StatusOK, "Unmanaged tokens")
	priya.Post("/unmanaged/pick", url.Values{"do": {"allow"}, "pick": {id}}).Want(http.StatusOK, "Allow-list").Says("Harmless, two weeks.")
	read := url.Values{"pick": {id}, "terms_" + id: {webtest.Carried(t, priya.Body, "terms_"+id)}}
	dana.Post("/found/"+id+"/disallow", nil).Want(http.StatusOK, "Unmanaged token “library sync”")
	dana.Post("/unmanaged/allow", url.Values{"pick": {id}, "reason": {"For ever."}, "review_at": {"2027-11-01"}}).Want(http.StatusOK, "Unmanaged tokens")
	priya.Post("/unmanaged/allow", read).Want(http.StatusConflict, "Allow-list").Says("This changed after you opened it").Says("What the other person agreed to").Says("For ever.")
	priya.Post("/unmanaged/allow", url.Values{"pick": {id}, "terms_" + id: {webtest.Carried(t, priya.Body, "terms_"+id)}}).Want(http.StatusOK, "Unmanaged tokens").Says("allow-list")
}
