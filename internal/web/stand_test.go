package web_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

// working is Maya, with an active token that Ana stands for, and its page's
// address. It ends on 12 December: within the window of renewals.
func working(t *testing.T) (r *rig, maya *browser, token string) {
	t.Helper()
	r = inReview(t)
	r.launch("dana", r.account("root")).post("/requests/REQ-0001/approve", nil).want(http.StatusOK, "Request REQ-0001")
	maya = r.launch("maya", r.course("bio201"))
	maya.post("/requests/REQ-0001/collect", nil).want(http.StatusOK, "Collect your token")
	var made canvastest.ID
	for _, tok := range r.cv.World().Tokens("maya") {
		made = tok.ID
	}
	if err := r.cv.ActivateAs("maya", made); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(11 * time.Second)
	maya.get("/requests/REQ-0001/collect/status")
	maya.get("/").want(http.StatusOK, "My API tokens")
	return r, maya, linkOn(t, maya.body, "/tokens/")
}

func TestRenewOverHTTP(t *testing.T) {
	r, maya, token := working(t)
	maya.post(token+"/renew", nil).want(http.StatusOK, "Request an API token").says("A renewal with your last answers").says("Your answers from last time")
	_, sent := form(t, maya.body, "request-form")
	maya.says(asked(r).Get("build"))
	fields := asked(r)
	fields.Set("draft", sent.Get("draft"))
	fields.Set("accepted", "")
	maya.get(token+"/renew").want(http.StatusOK, "Token "+aHelper).says("Renew") // a reload
	// A form cannot say what it renews.
	fields.Set("renews", "grt_"+"AAAAAAAAAAAAAAAAAAAAAAAAAA")
	fields.Set("end", "")
	fields.Set("do", "submit")
	maya.post("/requests", fields).want(http.StatusUnprocessableEntity, "Request an API token").says("Choose an end date.").says("Tick the box")
	fields.Set("end", "2027-02-28")
	fields.Set("accepted", "1")
	maya.post("/requests", fields).want(http.StatusOK, "Request REQ-0002").says("Sent to Ana Ruiz")
	maya.get(token).says("Keeps working while the renewal is in review.").says("Open the renewal")
	maya.post(token+"/renew", nil).want(http.StatusOK, "Request REQ-0002")

	r.launch("luca", r.course("bio201")).post(token+"/renew", nil).want(http.StatusNotFound, notThere).says(notWhere)
	ana := r.launch("ana", r.course("bio201"))
	ana.get("/requests/REQ-0002").want(http.StatusOK, "Request REQ-0002").says("The token so far").says("Still teaches the requester")
	ana.post("/requests/REQ-0002/endorse", nil).want(http.StatusOK, "Request REQ-0002")
	dana := r.launch("dana", r.account("root"))
	dana.get("/requests/REQ-0002").want(http.StatusOK, "Request REQ-0002").says("Token and renewals").says("Still teaches the requester")
}

func TestSponsorGapOverHTTP(t *testing.T) {
	r, maya, token := working(t)
	ana := r.launch("ana", r.course("bio201"))
	ana.get("/sponsorships").want(http.StatusOK, "Sponsorships").says("End sponsorship")
	ana.get(token+"/end-sponsorship").want(http.StatusOK, "End your sponsorship of “A small helper that tells me which assignments are due this…”?").
		says("keeps working for 14 days").says("Report misuse")
	ana.post(token+"/end-sponsorship", url.Values{"reason": {""}}).says("You no longer stand for it")
	ana.post(token+"/end-sponsorship", url.Values{"reason": {""}}) // pressed twice

	maya.get("/").want(http.StatusOK, "My API tokens").says("Sponsor needed").says("Choose a sponsor")
	maya.get(token + "/sponsor").says("Without one by")
	maya.post(token+"/sponsor", url.Values{"sponsor": {""}}).says("Choose a sponsor who teaches you now.")
	r.cv.World().Enroll("helen", "bio201", canvastest.TeacherEnrollment)
	helenID := r.cv.World().User("helen").ID.String()
	r.launch("luca", r.course("bio201")).post(token+"/sponsor", url.Values{"sponsor": {helenID}}).want(http.StatusNotFound, notThere).says(notWhere)
	maya.post(token+"/sponsor", url.Values{"sponsor": {helenID}}).says("is asked to take over")

	helen := r.launch("helen", r.course("bio201"))
	helen.get("/sponsorships").want(http.StatusOK, "Sponsorships").says("Waiting for you (1)").says("asks you to take over")
	helen.get("/requests/REQ-0001").want(http.StatusOK, "Request REQ-0001").says("What you confirm").says("Take over")
	r.clock.Advance(16 * time.Minute)
	helen.post(token+"/take-over", nil).want(http.StatusForbidden, "Request REQ-0001").says("open Tokendesk again")
	helen.open(r.course("bio201"))
	helen.post(token+"/take-over", nil).says("You stand for this token now")
	helen.post(token+"/turn-down", nil)
	maya.get(token).says("Helen Park")

	helen.get(token + "/misuse").says("Report misuse of")
	helen.post(token+"/misuse", url.Values{"reason": {""}}).says("Write what happened")
	helen.post(token+"/misuse", url.Values{"reason": {"It posts in the forum."}}).says("Revoked")
}

func TestTurnDownOverHTTP(t *testing.T) {
	r, maya, token := working(t)
	r.launch("ana", r.course("bio201")).post(token+"/end-sponsorship", nil)
	r.cv.World().Enroll("helen", "bio201", canvastest.TeacherEnrollment)
	maya.post(token+"/sponsor", url.Values{"sponsor": {r.cv.World().User("helen").ID.String()}})
	helen := r.launch("helen", r.course("bio201"))
	helen.post(token+"/turn-down", nil).want(http.StatusOK, "Sponsorships").says("Recorded. The owner is told")
	maya.get(token).says("Choose a sponsor")
}
