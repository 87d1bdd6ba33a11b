package web_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// tokens puts n active tokens of Luca's into store and Canvas.
func (r *rig) tokens(n int) (ids []string) {
	r.t.Helper()
	now := r.clock.Now()
	luca := r.cv.World().User("luca")
	r.launch("dana", r.account("root"))
	err := r.app.Store.InTx(r.t.Context(), func(tx *store.Tx) error {
		ids = nil
		ps, err := tx.Platforms()
		if err != nil {
			return err
		}
		tenant := ps[0].Tenant
		dana, err := tx.PersonByCanvas(tenant, r.cv.World().User("dana").ID.String())
		if err != nil {
			return err
		}
		if err := tx.SavePerson(store.Person{ID: "per_luca", Tenant: tenant, CanvasUser: luca.ID.String(), Name: luca.Name, CreatedAt: now}); err != nil {
			return err
		}
		for i := range n {
			q := access.Request{ID: store.NewID("req"), Tenant: tenant, Number: 500 + i, Version: 1, State: access.Fulfilled, PolicyVersion: 1, Requester: "per_luca", Affiliation: policy.Student,
				Votes: access.Votes{{Stage: 1, Part: access.AsReviewer, Person: dana.ID, Verdict: access.Yes, At: now}}, CreatedAt: now, UpdatedAt: now, Answers: access.Answers{"build": {fmt.Sprintf("=HYPERLINK(%d)", i)}, "ai": {"no"}, "maker_name": {"Acme"}}}
			g := access.NewGrant(store.NewID("grt"), q, luca.ID.String(), now.AddDate(0, 1, i), now)
			tok, _ := r.cv.World().SeedToken("luca", canvastest.TokenSpec{Purpose: g.Purpose(), ExpiresAt: g.Wanted})
			g.State, g.CanvasID, g.ShownAt, g.Expires = access.Active, tok.ID.String(), now, g.Wanted
			told := func(do audit.Action, id, to string) audit.Event {
				return audit.Event{Tenant: string(tenant), At: now, Actor: "system", Action: do, Object: id, To: to, Version: 1}
			}
			if err := tx.CreateRequest(q, told(audit.RequestCreate, q.ID, string(q.State)), nil); err != nil {
				return err
			}
			if err := tx.CreateGrant(g, told(audit.GrantCreate, g.ID, string(g.State)), nil); err != nil {
				return err
			}
			ids = append(ids, g.ID)
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return ids
}

var massAddress = regexp.MustCompile(`/revocations/(mas_[A-Z2-7]{26})`)

// finish does what the background work does.
func (r *rig) finish(id string) {
	r.t.Helper()
	var tenant access.TenantID
	err := r.app.Store.Read(r.t.Context(), func(tx *store.Tx) error {
		ps, err := tx.Platforms()
		tenant = ps[0].Tenant
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.app.Work.FinishMass(r.t.Context(), access.OperatorCaller(tenant, "test"), id, func(workflow.MassPage, error) {}); err != nil {
		r.t.Fatal(err)
	}
}

// From the filter to the report, over HTTP.
func TestManyTokensAreRevoked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tokens(3)
	dana := r.launch("dana", r.account("root"))
	dana.get("/tokens?role=student&vendor=acme").want(http.StatusOK, "Tokens").says("3 tokens")
	for path, n := range map[string]string{"/tokens?role=faculty": "0 tokens", "/tokens?ai=yes": "0 tokens", "/tokens?vendor=nobody": "0 tokens", "/tokens?sponsor=ana": "0 tokens",
		"/tokens?course=bio": "0 tokens", "/tokens?idle_days=5": "0 tokens", "/tokens?q=hyperlink": "3 tokens", "/tokens?role=admin": "3 tokens", "/tokens?idle_days=x": "3 tokens"} {
		dana.get(path).want(http.StatusOK, "Tokens").says(n)
	}
	dana.get("/tokens?role=student&vendor=acme")
	dana.post("/revocations", url.Values{"do": {"matching"}, "role": {"student"}, "vendor": {"acme"}}).want(http.StatusOK, "Revoke 3 tokens?").
		says("3 tokens of 1 person will stop.").says("Company: acme")
	id := massAddress.FindStringSubmatch(dana.body)[1]
	plan := dana.body
	for _, typed := range []string{"", "2", "three"} {
		dana.body = plan
		dana.post("/revocations/"+id, url.Values{"count": {typed}, "reason": {"A breach."}}).want(http.StatusUnprocessableEntity, "Revoke 3 tokens?").
			says("Type 3, the number of tokens that will stop.").says("A breach.")
	}
	dana.body = plan
	dana.post("/revocations/"+id, url.Values{"count": {"3"}, "reason": {""}}).want(http.StatusUnprocessableEntity, "Revoke 3 tokens?").says("Tell the owner why")
	if n := len(r.cv.World().UsableTokens("luca")); n != 3 {
		t.Fatalf("%d tokens work", n)
	}
	dana.post("/revocations/"+id, url.Values{"count": {"3"}, "reason": {"A breach."}}).want(http.StatusOK, "Mass revocation").
		says("may still work until Canvas confirms").says("0 of 3 confirmed gone.")
	running := dana.body
	// The poll replaces the status alone: what stands around it is true of the end too.
	around := regexp.MustCompile(`(?s)<div class="td-wait.*?</div>`).ReplaceAllString(running, "")
	for _, moving := range []string{"may still work", "confirmed gone", "Confirmed gone", "Had ended before", "Took"} {
		if strings.Contains(around, moving) {
			t.Errorf("beside the status it says %q", moving)
		}
	}
	dana.get("/revocations/" + id + "/status")
	if dana.status != http.StatusOK || !strings.Contains(dana.body, "0 of 3 confirmed gone.") || strings.Contains(dana.body, "<h1") {
		t.Errorf("the poll answers %d: %s", dana.status, dana.body)
	}
	r.finish(id)
	dana.body = running
	dana.get("/revocations/" + id + "/status")
	if !strings.Contains(dana.body, "Show the report") || strings.Contains(dana.body, "hx-trigger") {
		t.Errorf("the poll goes on: %s", dana.body)
	}
	dana.body = running
	dana.get("/revocations/"+id).want(http.StatusOK, "Mass revocation").says("3 tokens revoked. Canvas confirmed each one.")
	page := dana.body
	dana.get("/revocations").want(http.StatusOK, "Mass revocations").says("1 mass revocation").says("Finished")
	dana.get("/go/"+id).want(http.StatusOK, "Mass revocation")
	dana.get("/tokens?status=revoked").want(http.StatusOK, "Tokens").says("3 tokens")
	dana.get("/tokens").want(http.StatusOK, "Tokens").says("No live token.").says("Show ended ones")
	dana.get("/tokens?status=ended").want(http.StatusOK, "Tokens").says("3 tokens")
	for path, fields := range map[string]url.Values{"/revocations/" + id + "/export": nil, "/tokens/export": {"status": {"revoked"}}} {
		dana.body = page
		dana.post(path, fields)
		if dana.status != http.StatusOK || !strings.HasPrefix(dana.header.Get("Content-Type"), "text/csv") || !strings.Contains(dana.header.Get("Content-Disposition"), "attachment") || dana.header.Get("Cache-Control") != "no-store, no-transform" {
			t.Fatalf("%s answers %d: %v", path, dana.status, dana.header)
		}
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(dana.body, "\uFEFF"))).ReadAll()
		if err != nil || len(rows) != 4 {
			t.Errorf("%s: %d rows, %v", path, len(rows), err)
			continue
		}
		if !strings.HasPrefix(rows[1][1], "'=HYPERLINK") {
			t.Errorf("%s: a formula: %q", path, rows[1][1])
		}
	}
	if n := len(r.cv.World().UsableTokens("luca")); n != 0 {
		t.Errorf("%d tokens work", n)
	}
}

func TestChosenTokensAreRevoked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ids := r.tokens(3)
	dana := r.launch("dana", r.account("root"))
	dana.get("/tokens").want(http.StatusOK, "Tokens")
	list := dana.body
	dana.post("/revocations", url.Values{"do": {"chosen"}}).want(http.StatusUnprocessableEntity, "Tokens").says("Choose at least one token first.")
	dana.body = list
	dana.post("/revocations", url.Values{"do": {"chosen"}, "grant": {"grt_NOBODYS"}}).want(http.StatusUnprocessableEntity, "Tokens").says("None of these tokens can be revoked")
	dana.body = list
	dana.post("/revocations", url.Values{"do": {"chosen"}, "grant": {"<script>"}}).want(http.StatusBadRequest, noForm).says(nothingNew)
	dana.body = list
	dana.post("/revocations", url.Values{"do": {"chosen"}, "grant": {ids[0], ids[2], "grt_NOBODYS"}, "role": {"faculty"}, "vendor": {"acme"}}).want(http.StatusOK, "Revoke 2 tokens?").
		says("1 of the chosen tokens is left out").says("Chosen one by one")
	id := massAddress.FindStringSubmatch(dana.body)[1]

	// An old launch may look, not start; its text stays.
	r.clock.Advance(16 * time.Minute)
	dana.post("/revocations/"+id, url.Values{"count": {"2"}, "reason": {"A breach."}}).want(http.StatusForbidden, "Revoke 2 tokens?").
		says("open Tokendesk again").says("A breach.")
	dana = r.launch("dana", r.account("root"))
	dana.get("/revocations/"+id).want(http.StatusOK, "Revoke 2 tokens?")
	dana.post("/revocations/"+id, url.Values{"count": {"2"}, "reason": {"A breach."}}).want(http.StatusOK, "Mass revocation")
	r.finish(id)
	if n := len(r.cv.World().UsableTokens("luca")); n != 1 {
		t.Errorf("%d tokens work", n)
	}

	// Nobody else sees or starts anything.
	maya := r.launch("maya", r.course("bio201"))
	home := maya.body
	for _, path := range []string{"/revocations", "/revocations/" + id} {
		maya.body = home
		maya.get(path).want(http.StatusForbidden, notAllowed).says(wrongDoor)
	}
	for _, path := range []string{"/revocations", "/revocations/" + id, "/revocations/" + id + "/export", "/tokens/export"} {
		maya.body = home
		maya.post(path, url.Values{"do": {"matching"}, "count": {"2"}, "reason": {"x"}}).want(http.StatusForbidden, notAllowed).says(wrongDoor)
	}
}
