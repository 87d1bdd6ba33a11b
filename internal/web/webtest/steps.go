package webtest

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// Has fails unless the page holds the markup, or holds it where it should not.
func (b *Browser) Has(markup string, want bool) *Browser {
	b.Rig.T.Helper()
	if strings.Contains(b.Body, markup) != want {
		b.Rig.T.Errorf("%s: holds %s: %v", b.Path, markup, !want)
	}
	return b
}

// Keeps fails unless the field of the page holds the text.
func (b *Browser) Keeps(field, text string) *Browser {
	b.Rig.T.Helper()
	for n := range Parse(b.Rig.T, b.Body).Descendants() {
		if Attr(n, "name") != field {
			continue
		}
		if got := Attr(n, "value"); got == text || n.Data == "textarea" && strings.TrimSpace(Words(n)) == text {
			return b
		}
	}
	b.Rig.T.Fatalf("%s: the field %s does not hold %.60q:\n%s", b.Path, field, text, b.Body)
	return b
}

// TooLong is a reason that nobody can keep.
var TooLong = strings.Repeat("x", access.MaxNote+1)

// Parts of what tests expect.
const (
	Unprocessable = http.StatusUnprocessableEntity
	Helper        = "“A small helper that tells me which assignments are due this…”"
)

// What pages say that refuse, each by its problem.
const (
	NotThere   = "We cannot find that"
	NotAllowed = "You cannot open this page"
	NoForm     = "We could not read that form"
	WrongDoor  = "This page opens from another place in Canvas."
	ActingAs   = "You are acting as somebody else. You can look, but not change anything here."
	AnySite    = "You cannot do this." // nothing is told to another site
	NotWhere   = "It may have ended, or it is not yours."
	NothingNew = "Nothing was changed."
)

// ActAs changes every launch into one that tells of acting as described.
func ActAs(r *Rig, value any) func() {
	return r.Canvas.OnLaunch(func(l *canvastest.SignedLaunch) {
		custom, ok := l.Claims["https://purl.imsglobal.org/spec/lti/claim/custom"].(map[string]any)
		if !ok {
			r.T.Error("a launch without custom fields")
			return
		}
		if value == nil {
			delete(custom, "acting_user_id")
			return
		}
		custom["acting_user_id"] = value
	})
}

// AllRows is what the database has of requests and tokens, of what was decided and
// written about them, and of who is to be told.
func (r *Rig) AllRows() []string {
	r.T.Helper()
	var out []string
	storetest.DumpURL(r.T, r.DB, func(table, column, cell string) {
		if slices.Contains([]string{"requests", "grants", "found_tokens", "campaigns", "incidents", "mass_revocations", "mass_items", "kept", "votes", "quotes", "notices", "policies"}, table) {
			out = append(out, table+"."+column+" "+cell)
		}
	})
	return out
}

// Unchanged fails unless the rows are what they were.
func (r *Rig) Unchanged(before []string) {
	r.T.Helper()
	for i, now := range r.AllRows() {
		if i >= len(before) || now != before[i] {
			r.T.Fatalf("something was written: %s", now)
		}
	}
}

// Collected is Maya's token, active, by the pages: her browser and the value.
func (r *Rig) Collected() (*Browser, string) {
	r.T.Helper()
	maya := r.Launch("maya", r.Course("bio201"))
	maya.Post("/requests", Answers(r)).Want(http.StatusOK, "Request REQ-0001")
	r.Launch("ana", r.Course("bio201")).Post("/requests/REQ-0001/endorse", nil).Want(http.StatusOK, "Request REQ-0001")
	r.Launch("dana", r.Account("root")).Post("/requests/REQ-0001/approve", nil).Want(http.StatusOK, "Request REQ-0001")
	maya.Post("/requests/REQ-0001/collect", nil).Want(http.StatusOK, "Collect your token")
	value := ValueOn(r.T, maya.Body)
	for _, tok := range r.Canvas.World().Tokens("maya") {
		if err := r.Canvas.ActivateAs("maya", tok.ID); err != nil {
			r.T.Fatal(err)
		}
	}
	r.Clock.Advance(11 * time.Second)
	maya.Open(r.Course("bio201"))
	maya.Get("/requests/REQ-0001/collect").Want(http.StatusOK, "Collect your token")
	return maya, value
}

// MassAddress finds the id of a mass revocation.
var MassAddress = regexp.MustCompile(`/revocations/(mas_[A-Z2-7]{26})`)

// InReview is a rig with Maya's request endorsed.
func InReview(t *testing.T) *Rig {
	t.Helper()
	r := New(t)
	r.Launch("maya", r.Course("bio201")).Post("/requests", Answers(r)).Want(http.StatusOK, "Request REQ-0001")
	ana := r.Launch("ana", r.Course("bio201"))
	ana.Post("/requests/REQ-0001/endorse", nil).Want(http.StatusOK, "Request REQ-0001")
	return r
}

// FormOf is where the request form goes, and its fields.
func FormOf(t *testing.T, page string) (string, url.Values) {
	t.Helper()
	return Form(t, page, "request-form")
}

// WithToken is Maya, with an active token that Ana stands for, and its page's
// address. It ends on 12 December: within the window of renewals.
func WithToken(t *testing.T) (r *Rig, maya *Browser, token string) {
	t.Helper()
	r = InReview(t)
	r.Launch("dana", r.Account("root")).Post("/requests/REQ-0001/approve", nil).Want(http.StatusOK, "Request REQ-0001")
	maya = r.Launch("maya", r.Course("bio201"))
	maya.Post("/requests/REQ-0001/collect", nil).Want(http.StatusOK, "Collect your token")
	var made canvastest.ID
	for _, tok := range r.Canvas.World().Tokens("maya") {
		made = tok.ID
	}
	if err := r.Canvas.ActivateAs("maya", made); err != nil {
		t.Fatal(err)
	}
	r.Clock.Advance(11 * time.Second)
	maya.Get("/requests/REQ-0001/collect/status")
	maya.Get("/").Want(http.StatusOK, "My API tokens")
	return r, maya, LinkOn(t, maya.Body, "/tokens/")
}

// Carried is what the form on the page carries of what the page shows.
func Carried(t *testing.T, page, name string) string {
	t.Helper()
	for n := range Parse(t, page).Descendants() {
		if n.Type == html.ElementNode && n.Data == "input" && Attr(n, "name") == name {
			return Attr(n, "value")
		}
	}
	t.Fatalf("no form on the page carries %s:\n%s", name, Text(page))
	return ""
}

// FoundID finds the id of a token that the tool did not make.
var FoundID = regexp.MustCompile(`/found/(fnd_[A-Z2-7]{26})`)

// CheckTokens lets an admin press Check now and runs the check to its end.
func (r *Rig) CheckTokens(b *Browser) *Browser {
	r.T.Helper()
	b.Get("/unmanaged").Post("/unmanaged/check", nil).Want(http.StatusOK, "Unmanaged tokens").Says("A full check has begun.")
	for range 8 {
		if _, err := r.App.Drain(r.T.Context()); err != nil {
			r.T.Fatal(err)
		}
		r.Clock.Advance(time.Minute)
	}
	return b.Get("/unmanaged").Want(http.StatusOK, "Unmanaged tokens").Says("Last full check")
}

// Answers is a request form that is good.
func Answers(r *Rig) url.Values {
	return url.Values{
		"purpose": {"coursework"}, "build": {"A small helper that tells me which assignments are due this week."}, "maker": {"self"},
		"ai": {"no"}, "data": {"own"}, "storage": {"password_manager"}, "end": {"2026-12-12"},
		"sponsor": {r.Canvas.World().User("ana").ID.String()}, "accepted": {"1"}, "draft": {""}, "do": {"submit"},
	}
}

// AnswersFor is a form that asks for another token: the same answers twice are one
// request.
func AnswersFor(r *Rig, build string) url.Values {
	fields := Answers(r)
	fields.Set("build", build)
	return fields
}

// SaysNowhere fails if a value, or a large piece of it, is in a log line, in the
// database, or on the page that a browser shows.
func (r *Rig) SaysNowhere(when, value string, bs ...*Browser) {
	r.T.Helper()
	piece := value[len(value)-20:]
	if strings.Contains(r.Logs.String(), piece) {
		r.T.Errorf("%s: the value is in the log", when)
	}
	storetest.DumpURL(r.T, r.DB, func(table, column, cell string) {
		if strings.Contains(cell, piece) {
			r.T.Errorf("%s: the value is in %s.%s", when, table, column)
		}
	})
	for _, b := range bs {
		if strings.Contains(b.Body, piece) || strings.Contains(b.Path, piece) || strings.Contains(strings.Join(b.Header["Location"], ""), piece) {
			r.T.Errorf("%s: %s answers with the value", when, b.Path)
		}
	}
}

// MakeTokens puts n active tokens of Luca's into store and Canvas.
func (r *Rig) MakeTokens(n int) (ids []string) {
	r.T.Helper()
	now := r.Clock.Now()
	luca := r.Canvas.World().User("luca")
	r.Launch("dana", r.Account("root"))
	err := r.App.Store.InTx(r.T.Context(), func(tx *store.Tx) error {
		ids = nil
		ps, err := tx.Platforms()
		if err != nil {
			return err
		}
		tenant := ps[0].Tenant
		dana, err := tx.PersonByCanvas(tenant, r.Canvas.World().User("dana").ID.String())
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
			tok, _ := r.Canvas.World().SeedToken("luca", canvastest.TokenSpec{Purpose: g.Purpose(), ExpiresAt: g.Wanted})
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
		r.T.Fatal(err)
	}
	return ids
}
