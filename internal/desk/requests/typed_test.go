package requests_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// TestNoVerbStoresAValue: whoever calls a verb, by whatever way, a token's value
// in a text is refused by its field, or stored as what is left of it, and access
// is removed nonetheless.
func TestNoVerbStoresAValue(t *testing.T) {
	desktest.Each(t, func(r *desktest.Rig) {
		t, ctx := r.T, r.T.Context()
		value := strings.Repeat("aB3dE6gH", 8)
		text := "It is " + value + ", which I found in a chat of ours."
		maya, ana, dana := r.As("maya", access.DoorCourse), r.As("ana", access.DoorCourse), r.As("dana", access.DoorAccount)

		a := r.Answers()
		good := a
		a.Set("maker", "company") // who made it, and an AI service, are asked about
		a.Set("ai", "yes")
		for _, field := range []string{"build", "maker_name", "maker_link", "ai_service", "ai_data", "end"} {
			was := a
			a.Set(field, text)
			if _, err := r.Requests.Submit(ctx, maya, "", a); desktest.FieldCode(err, field) != desk.HeldToken {
				t.Errorf("submitted with a value in %s: %v", field, err)
			}
			d, err := r.Requests.SaveDraft(ctx, maya, "", a)
			r.Must(err)
			d, err = r.Requests.SaveDraft(ctx, maya, d.ID, a)
			r.Must(err)
			r.Must(r.Requests.DiscardDraft(ctx, maya, d.ID))
			a = was
		}
		_, err := r.Requests.SaveText(ctx, maya, desk.NewObject, desk.FormRequest, []byte(`{"build":"line\n`+value+`","data":["7~`+value+`"],"accepted":true}`))
		r.Must(err)
		kept, _, err := r.Requests.SavedText(ctx, maya, desk.NewObject, desk.FormRequest)
		r.Must(err)
		if got := string(kept); got != `{"accepted":true,"build":"line\n[removed]","data":["[removed]"]}` {
			t.Errorf("kept: %s", got)
		}

		q, err := r.Requests.Submit(ctx, maya, "", good)
		r.Must(err)
		id := q.ID
		for do, field := range map[access.Action]string{access.Endorse: "reason", access.Approve: "conditions", access.Deny: "alternative_text"} {
			m := access.Move{Note: text, Conditions: text, AltText: text}
			if _, err := r.Requests.Act(ctx, dana, id, do, m, r.TermsOf(id)); desktest.FieldCode(err, field) != desk.HeldToken {
				t.Errorf("%s with a value: %v", do, err)
			}
		}
		c, err := r.Requests.Act(ctx, ana, id, access.Decline, access.Move{Reason: text}, r.TermsOf(id))
		r.Must(err)
		if c.Request.State != access.SponsorDeclined || c.Request.Reason() != "It is [removed], which I found in a chat of ours." {
			t.Errorf("declined: %s %q", c.Request.State, c.Request.Reason())
		}

		for name, end := range map[string]func(g access.Grant) (cases.TokenPage, error){
			"revoke":          func(g access.Grant) (cases.TokenPage, error) { return r.Tokens.Revoke(ctx, dana, g.ID, text) },
			"misuse":          func(g access.Grant) (cases.TokenPage, error) { return r.Tokens.ReportMisuse(ctx, ana, g.ID, text) },
			"end sponsorship": func(g access.Grant) (cases.TokenPage, error) { return r.Tokens.EndSponsorship(ctx, ana, g.ID, text) },
			"freeze":          func(g access.Grant) (cases.TokenPage, error) { return r.Tokens.Freeze(ctx, dana, g.ID, text) },
		} {
			c, _ := r.Collected()
			r.Activate("maya", c.Grant.CanvasID)
			r.Tick(2 * time.Minute)
			maya, ana, dana = r.As("maya", access.DoorCourse), r.As("ana", access.DoorCourse), r.As("dana", access.DoorAccount)
			if _, err := end(*c.Grant); err != nil {
				t.Errorf("%s with a value in the reason: %v", name, err)
			}
			if g := r.Grant(c.Grant.ID); !g.State.Final() {
				_, err := r.Tokens.Revoke(ctx, maya, g.ID, "")
				r.Must(err)
			}
			r.Clock.Advance(time.Hour)
		}
		storetest.Dump(t, r.Desk.Store, func(table, column, cell string) {
			if strings.Contains(cell, value) {
				t.Errorf("the value is in %s.%s: %s", table, column, cell)
			}
		})
	})
}
