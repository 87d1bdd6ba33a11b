package massrevoke_test

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/massrevoke"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// From the filter to the report, over HTTP.
func TestManyTokensAreRevoked(t *testing.T) {
	t.Parallel()
	r := webtest.New(t)
	r.MakeTokens(3)
	dana := r.Launch("dana", r.Account("root"))
	dana.Get("/tokens?role=student&vendor=acme").Want(http.StatusOK, "Tokens").Says("3 tokens")
	for path, n := range map[string]string{"/tokens?role=faculty": "0 tokens", "/tokens?ai=yes": "0 tokens", "/tokens?vendor=nobody": "0 tokens", "/tokens?sponsor=ana": "0 tokens",
		"/tokens?course=bio": "0 tokens", "/tokens?idle_days=5": "0 tokens", "/tokens?q=hyperlink": "3 tokens", "/tokens?role=admin": "3 tokens", "/tokens?idle_days=x": "3 tokens"} {
		dana.Get(path).Want(http.StatusOK, "Tokens").Says(n)
	}
	dana.Get("/tokens?role=student&vendor=acme")
	if !strings.Contains(dana.Body, `<option value="Acme" selected>Acme</option>`) {
		t.Error("the company of the live tokens is not offered, or not chosen")
	}
	dana.Post("/revocations", url.Values{"do": {"matching"}, "role": {"student"}, "vendor": {"acme"}}).Want(http.StatusOK, "Revoke 3 tokens?").
		Says("3 tokens of 1 person will stop.").Says("Company: acme")
	id := webtest.MassAddress.FindStringSubmatch(dana.Body)[1]
	plan := dana.Body
	for _, typed := range []string{"", "2", "three"} {
		dana.Body = plan
		dana.Post("/revocations/"+id, url.Values{"count": {typed}, "reason": {"A breach."}}).Want(http.StatusUnprocessableEntity, "Revoke 3 tokens?").
			Says("Type 3, the number of tokens that will stop.").Says("A breach.")
	}
	dana.Body = plan
	dana.Post("/revocations/"+id, url.Values{"count": {"3"}, "reason": {""}}).Want(http.StatusUnprocessableEntity, "Revoke 3 tokens?").Says("Tell the owner why")
	if n := len(r.Canvas.World().UsableTokens("luca")); n != 3 {
		t.Fatalf("%d tokens work", n)
	}
	dana.Post("/revocations/"+id, url.Values{"count": {"3"}, "reason": {"A breach."}}).Want(http.StatusOK, "Mass revocation").
		Says("may still work until Canvas confirms").Says("0 of 3 confirmed gone.")
	running := dana.Body
	// The poll replaces the status alone: what stands around it is true of the end too.
	around := regexp.MustCompile(`(?s)<div class="td-wait.*?</div>`).ReplaceAllString(running, "")
	for _, moving := range []string{"may still work", "confirmed gone", "Confirmed gone", "Had ended before", "Took"} {
		if strings.Contains(around, moving) {
			t.Errorf("beside the status it says %q", moving)
		}
	}
	dana.Get("/revocations/" + id + "/status")
	if dana.Status != http.StatusOK || !strings.Contains(dana.Body, "0 of 3 confirmed gone.") || strings.Contains(dana.Body, "<h1") {
		t.Errorf("the poll answers %d: %s", dana.Status, dana.Body)
	}
	dana.Get("/revocations").Want(http.StatusOK, "Mass revocations").Says("0 of 3 confirmed gone.")
	finishMass(r, id)
	dana.Body = running
	dana.Get("/revocations/" + id + "/status")
	if !strings.Contains(dana.Body, "Show the report") || strings.Contains(dana.Body, "hx-trigger") {
		t.Errorf("the poll goes on: %s", dana.Body)
	}
	dana.Body = running
	dana.Get("/revocations/"+id).Want(http.StatusOK, "Mass revocation").Says("3 tokens revoked. Canvas confirmed each one.")
	page := dana.Body
	dana.Get("/revocations").Want(http.StatusOK, "Mass revocations").Says("1 mass revocation").Says("3 of 3 confirmed gone.").Says("Finished")
	dana.Get("/go/"+id).Want(http.StatusOK, "Mass revocation")
	dana.Get("/tokens?status=revoked").Want(http.StatusOK, "Tokens").Says("3 tokens")
	dana.Get("/tokens").Want(http.StatusOK, "Tokens").Says("No live token.").Says("Show ended ones")
	dana.Get("/tokens?status=ended").Want(http.StatusOK, "Tokens").Says("3 tokens")
	for path, fields := range map[string]url.Values{"/revocations/" + id + "/export": nil, "/tokens/export": {"status": {"revoked"}}} {
		dana.Body = page
		dana.Post(path, fields)
		if dana.Status != http.StatusOK || !strings.HasPrefix(dana.Header.Get("Content-Type"), "text/csv") || !strings.Contains(dana.Header.Get("Content-Disposition"), "attachment") || dana.Header.Get("Cache-Control") != "no-store, no-transform" {
			t.Fatalf("%s answers %d: %v", path, dana.Status, dana.Header)
		}
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(dana.Body, "\uFEFF"))).ReadAll()
		if err != nil || len(rows) != 4 {
			t.Errorf("%s: %d rows, %v", path, len(rows), err)
			continue
		}
		if !strings.HasPrefix(rows[1][1], "'=HYPERLINK") {
			t.Errorf("%s: a formula: %q", path, rows[1][1])
		}
	}
	if n := len(r.Canvas.World().UsableTokens("luca")); n != 0 {
		t.Errorf("%d tokens work", n)
	}
}

func TestChosenTokensAreRevoked(t *testing.T) {
	t.Parallel()
	r := webtest.New(t)
	ids := r.MakeTokens(3)
	dana := r.Launch("dana", r.Account("root"))
	dana.Get("/tokens").Want(http.StatusOK, "Tokens")
	list := dana.Body
	dana.Post("/revocations", url.Values{"do": {"chosen"}}).Want(http.StatusUnprocessableEntity, "Tokens").Says("Choose at least one token first.")
	dana.Body = list
	dana.Post("/revocations", url.Values{"do": {"chosen"}, "grant": {"grt_NOBODYS"}}).Want(http.StatusUnprocessableEntity, "Tokens").Says("None of these tokens can be revoked")
	dana.Body = list
	dana.Post("/revocations", url.Values{"do": {"chosen"}, "grant": {"<script>"}}).Want(http.StatusBadRequest, webtest.NoForm).Says(webtest.NothingNew)
	dana.Body = list
	dana.Post("/revocations", url.Values{"do": {"chosen"}, "grant": {ids[0], ids[2], "grt_NOBODYS"}, "role": {"faculty"}, "vendor": {"acme"}}).Want(http.StatusOK, "Revoke 2 tokens?").
		Says("1 of the chosen tokens is left out").Says("Chosen one by one")
	id := webtest.MassAddress.FindStringSubmatch(dana.Body)[1]

	// An old launch may look, not start; its text stays.
	r.Clock.Advance(16 * time.Minute)
	dana.Post("/revocations/"+id, url.Values{"count": {"2"}, "reason": {"A breach."}}).Want(http.StatusForbidden, "Revoke 2 tokens?").
		Says("open Tokendesk again").Says("A breach.")
	dana = r.Launch("dana", r.Account("root"))
	dana.Get("/revocations/"+id).Want(http.StatusOK, "Revoke 2 tokens?")
	dana.Post("/revocations/"+id, url.Values{"count": {"2"}, "reason": {"A breach."}}).Want(http.StatusOK, "Mass revocation")
	finishMass(r, id)
	if n := len(r.Canvas.World().UsableTokens("luca")); n != 1 {
		t.Errorf("%d tokens work", n)
	}

	// Nobody else sees or starts anything.
	maya := r.Launch("maya", r.Course("bio201"))
	home := maya.Body
	for _, path := range []string{"/revocations", "/revocations/" + id} {
		maya.Body = home
		maya.Get(path).Want(http.StatusForbidden, webtest.NotAllowed).Says(webtest.WrongDoor)
	}
	for _, path := range []string{"/revocations", "/revocations/" + id, "/revocations/" + id + "/export", "/tokens/export"} {
		maya.Body = home
		maya.Post(path, url.Values{"do": {"matching"}, "count": {"2"}, "reason": {"x"}}).Want(http.StatusForbidden, webtest.NotAllowed).Says(webtest.WrongDoor)
	}
}

// finishMass does what the background work does.
func finishMass(r *webtest.Rig, id string) {
	r.T.Helper()
	var tenant access.TenantID
	err := r.App.Store.Read(r.T.Context(), func(tx *store.Tx) error {
		ps, err := tx.Platforms()
		tenant = ps[0].Tenant
		return err
	})
	if err != nil {
		r.T.Fatal(err)
	}
	if _, err := r.App.Rooms.MassRevoke.Finish(r.T.Context(), access.OperatorCaller(tenant, "test"), id, func(massrevoke.Page, error) {}); err != nil {
		r.T.Fatal(err)
	}
}
