package tokens_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

func TestRenewOverHTTP(t *testing.T) {
	r, maya, token := webtest.WithToken(t)
	maya.Post(token+"/renew", nil).Want(http.StatusOK, "Request an API token").Says("A renewal with your last answers").Says("Your answers from last time")
	_, sent := webtest.Form(t, maya.Body, "request-form")
	maya.Says(webtest.Answers(r).Get("build"))
	fields := webtest.Answers(r)
	fields.Set("draft", sent.Get("draft"))
	fields.Set("accepted", "")
	maya.Get(token+"/renew").Want(http.StatusOK, "Token "+webtest.Helper).Says("Renew") // a reload
	// A form cannot say what it renews.
	fields.Set("renews", "grt_"+"AAAAAAAAAAAAAAAAAAAAAAAAAA")
	fields.Set("end", "")
	fields.Set("do", "submit")
	maya.Post("/requests", fields).Want(http.StatusUnprocessableEntity, "Request an API token").Says("Choose an end date.").Says("Tick the box")
	fields.Set("end", "2027-02-28")
	fields.Set("accepted", "1")
	maya.Post("/requests", fields).Want(http.StatusOK, "Request REQ-0002").Says("Sent to Ana Ruiz")
	maya.Get(token).Says("Keeps working while the renewal is in review.").Says("Open the renewal")
	maya.Post(token+"/renew", nil).Want(http.StatusOK, "Request REQ-0002")

	r.Launch("luca", r.Course("bio201")).Post(token+"/renew", nil).Want(http.StatusNotFound, webtest.NotThere).Says(webtest.NotWhere)
	ana := r.Launch("ana", r.Course("bio201"))
	ana.Get("/requests/REQ-0002").Want(http.StatusOK, "Request REQ-0002").Says("The token so far").Says("Still teaches the requester")
	ana.Post("/requests/REQ-0002/endorse", nil).Want(http.StatusOK, "Request REQ-0002")
	dana := r.Launch("dana", r.Account("root"))
	dana.Get("/requests/REQ-0002").Want(http.StatusOK, "Request REQ-0002").Says("Token and renewals").Says("Still teaches the requester")
}

func TestSponsorGapOverHTTP(t *testing.T) {
	r, maya, token := webtest.WithToken(t)
	ana := r.Launch("ana", r.Course("bio201"))
	ana.Get("/sponsorships").Want(http.StatusOK, "Sponsorships").Says("End sponsorship")
	ana.Get(token+"/end-sponsorship").Want(http.StatusOK, "End your sponsorship of “A small helper that tells me which assignments are due this…”?").
		Says("keeps working for 14 days").Says("Report misuse")
	ana.Post(token+"/end-sponsorship", url.Values{"reason": {""}}).Says("You no longer stand for it")
	ana.Post(token+"/end-sponsorship", url.Values{"reason": {""}}) // pressed twice

	maya.Get("/").Want(http.StatusOK, "My API tokens").Says("Sponsor needed").Says("Choose a sponsor")
	maya.Get(token + "/sponsor").Says("Without one by")
	maya.Post(token+"/sponsor", url.Values{"sponsor": {""}}).Says("Choose a sponsor who teaches you now.")
	r.Canvas.World().Enroll("helen", "bio201", canvastest.TeacherEnrollment)
	helenID := r.Canvas.World().User("helen").ID.String()
	r.Launch("luca", r.Course("bio201")).Post(token+"/sponsor", url.Values{"sponsor": {helenID}}).Want(http.StatusNotFound, webtest.NotThere).Says(webtest.NotWhere)
	maya.Post(token+"/sponsor", url.Values{"sponsor": {helenID}}).Says("is asked to take over")

	helen := r.Launch("helen", r.Course("bio201"))
	helen.Get("/sponsorships").Want(http.StatusOK, "Sponsorships").Says("Waiting for you (1)").Says("asks you to take over")
	helen.Get("/requests/REQ-0001").Want(http.StatusOK, "Request REQ-0001").Says("What you confirm").Says("Take over")
	r.Clock.Advance(16 * time.Minute)
	helen.Post(token+"/take-over", nil).Want(http.StatusForbidden, "Request REQ-0001").Says("open Tokendesk again")
	helen.Open(r.Course("bio201"))
	helen.Post(token+"/take-over", nil).Says("You stand for this token now")
	helen.Post(token+"/turn-down", nil)
	maya.Get(token).Says("Helen Park")

	helen.Get(token + "/misuse").Says("Report misuse of")
	helen.Post(token+"/misuse", url.Values{"reason": {""}}).Says("Write what happened")
	helen.Post(token+"/misuse", url.Values{"reason": {"It posts in the forum."}}).Says("Revoked")
}

func TestTurnDownOverHTTP(t *testing.T) {
	r, maya, token := webtest.WithToken(t)
	r.Launch("ana", r.Course("bio201")).Post(token+"/end-sponsorship", nil)
	r.Canvas.World().Enroll("helen", "bio201", canvastest.TeacherEnrollment)
	maya.Post(token+"/sponsor", url.Values{"sponsor": {r.Canvas.World().User("helen").ID.String()}})
	helen := r.Launch("helen", r.Course("bio201"))
	helen.Post(token+"/turn-down", nil).Want(http.StatusOK, "Sponsorships").Says("Recorded. The owner is told")
	maya.Get(token).Says("Choose a sponsor")
}
