package tokens_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

func TestFreezeAndThawByThePages(t *testing.T) {
	r := webtest.New(t)
	maya, value := r.Collected()
	token := webtest.LinkOn(t, maya.Get("/").Body, "/tokens/")
	dana, priya := r.Launch("dana", r.Account("root")), r.Launch("priya", r.Account("root"))
	dana.Get(token + "/freeze").Says("Only two people together can thaw it.")
	dana.Post(token+"/freeze", nil).Says("Write why it is stopped, in a sentence.")
	dana.Post(token+"/freeze", url.Values{"reason": {"Odd traffic."}}).Says("Frozen since")
	if r.Canvas.World().Authenticates(value) {
		t.Error("the frozen token works")
	}
	maya.Get(token).Says("Your software gets errors now.").Says("Odd traffic.")
	maya.Post(token+"/thaw", nil).Want(http.StatusForbidden, "Token "+webtest.Helper).Says("This is another person's part in the request, so you cannot do it.")
	dana.Post(token+"/thaw", nil).Want(http.StatusOK, "Token "+webtest.Helper)
	dana.Post(token+"/thaw", nil).Says("This takes a second person.")
	priya.Get(token + "/thaw").Says("yours is the second voice")
	priya.Post(token+"/thaw", nil).Says("can make the new token.")
	maya.Open(r.Course("bio201")).Says("The old token is deleted first.")
	maya.Post("/requests/REQ-0001/collect", nil).Want(http.StatusOK, "Collect your token").Says("Copy it now")
	r.SaysNowhere("afterwards", value, maya, dana, priya)
}
