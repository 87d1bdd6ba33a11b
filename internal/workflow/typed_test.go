package workflow

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// fieldCode is the correction that err asks for at a field, or "".
func fieldCode(err error, field string) string {
	var form *access.FormError
	if errors.As(err, &form) {
		for _, f := range form.Fields {
			if f.Field == field {
				return f.Code
			}
		}
	}
	return ""
}

// TestNoVerbStoresAValue: whoever calls a verb, by whatever way, a token's value
// in a text is refused by its field, or stored as what is left of it, and access
// is removed nonetheless.
func TestNoVerbStoresAValue(t *testing.T) {
	each(t, func(r *rig) {
		t, ctx := r.t, r.t.Context()
		value := strings.Repeat("aB3dE6gH", 8)
		text := "It is " + value + ", which I found in a chat of ours."
		maya, ana, dana := r.as("maya", access.DoorCourse), r.as("ana", access.DoorCourse), r.as("dana", access.DoorAccount)

		a := r.answers()
		good := a
		a.Set("maker", "company") // who made it, and an AI service, are asked about
		a.Set("ai", "yes")
		for _, field := range []string{"build", "maker_name", "maker_link", "ai_service", "ai_data", "end"} {
			was := a
			a.Set(field, text)
			if _, err := r.Submit(ctx, maya, "", a); fieldCode(err, field) != HeldToken {
				t.Errorf("submitted with a value in %s: %v", field, err)
			}
			d, err := r.SaveDraft(ctx, maya, "", a)
			r.must(err)
			d, err = r.SaveDraft(ctx, maya, d.ID, a)
			r.must(err)
			r.must(r.DiscardDraft(ctx, maya, d.ID))
			a = was
		}
		_, err := r.Keep(ctx, maya, NewObject, FormRequest, []byte(`{"build":"line\n`+value+`","data":["7~`+value+`"],"accepted":true}`))
		r.must(err)
		kept, _, err := r.Kept(ctx, maya, NewObject, FormRequest)
		r.must(err)
		if got := string(kept); got != `{"accepted":true,"build":"line\n[removed]","data":["[removed]"]}` {
			t.Errorf("kept: %s", got)
		}

		q, err := r.Submit(ctx, maya, "", good)
		r.must(err)
		id := q.ID
		for do, field := range map[access.Action]string{access.Endorse: "reason", access.Approve: "conditions", access.Deny: "alternative_text"} {
			m := access.Move{Note: text, Conditions: text, AltText: text}
			if _, err := r.Act(ctx, dana, id, do, m, r.termsOf(id)); fieldCode(err, field) != HeldToken {
				t.Errorf("%s with a value: %v", do, err)
			}
		}
		c, err := r.Act(ctx, ana, id, access.Decline, access.Move{Reason: text}, r.termsOf(id))
		r.must(err)
		if c.Request.State != access.SponsorDeclined || c.Request.Reason() != "It is [removed], which I found in a chat of ours." {
			t.Errorf("declined: %s %q", c.Request.State, c.Request.Reason())
		}

		for name, end := range map[string]func(g access.Grant) (TokenPage, error){
			"revoke":          func(g access.Grant) (TokenPage, error) { return r.Revoke(ctx, dana, g.ID, text) },
			"misuse":          func(g access.Grant) (TokenPage, error) { return r.ReportMisuse(ctx, ana, g.ID, text) },
			"end sponsorship": func(g access.Grant) (TokenPage, error) { return r.EndSponsorship(ctx, ana, g.ID, text) },
			"freeze":          func(g access.Grant) (TokenPage, error) { return r.Freeze(ctx, dana, g.ID, text) },
		} {
			c, _ := r.collected()
			r.activate("maya", c.Grant.CanvasID)
			r.tick(2 * time.Minute)
			maya, ana, dana = r.as("maya", access.DoorCourse), r.as("ana", access.DoorCourse), r.as("dana", access.DoorAccount)
			if _, err := end(*c.Grant); err != nil {
				t.Errorf("%s with a value in the reason: %v", name, err)
			}
			if g := r.grant(c.Grant.ID); !g.State.Final() {
				_, err := r.Revoke(ctx, maya, g.ID, "")
				r.must(err)
			}
			r.clock.Advance(time.Hour)
		}
		storetest.Dump(t, r.Store, func(table, column, cell string) {
			if strings.Contains(cell, value) {
				t.Errorf("the value is in %s.%s: %s", table, column, cell)
			}
		})
	})
}
