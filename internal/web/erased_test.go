package web

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	deskleaks "github.com/tokendesk/tokendesk/internal/desk/leaks"
	deskmassrevoke "github.com/tokendesk/tokendesk/internal/desk/massrevoke"
	"github.com/tokendesk/tokendesk/internal/web/inventory"
	"github.com/tokendesk/tokendesk/internal/web/leaks"
	"github.com/tokendesk/tokendesk/internal/web/massrevoke"
	"github.com/tokendesk/tokendesk/internal/web/requests"
	"github.com/tokendesk/tokendesk/internal/web/tokens"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// Where what people wrote was erased, a page says that it was removed.
func TestErasedWordsReadRemoved(t *testing.T) {
	cat := testCatalogue(t)
	r := testRenderer(t, cat)
	s := galleryShell(cat, "en", true)
	const gone = access.Erased
	story := []cases.StoryStep{{At: days(-1), Actor: "Ana Ruiz", Action: audit.GrantRevoke, Quote: gone}}
	request := func(st access.RequestState) cases.CasePage {
		c := galleryCase(st, "")
		q := &c.Request
		if q.Remark = gone; st == access.SponsorDeclined {
			q.Votes[0].Reason, q.Votes[0].AltText, q.Votes[0].Alternative = gone, gone, "other"
		} else {
			q.Votes[0].Reason, q.Votes[1].Conditions, q.Votes[1].Reason, q.Votes[1].AltText, q.Votes[1].Alternative = gone, gone, gone, gone, "other"
		}
		p := galleryCasePage(seenBy(c, ui.AsReviewer))
		p.Story = story
		return p
	}
	frozen := seenBy(galleryCase(access.Fulfilled, access.Frozen, access.Thaw), ui.AsReviewer)
	frozen.Grant.FrozenBy, frozen.Grant.FrozenAt, frozen.Grant.FreezeReason = dana, days(-0.1), gone
	leak := deskleaks.Page{Row: deskleaks.Row{Incident: access.Incident{ID: "inc_x", OpenedAt: days(-1), ClearedAt: days(-0.5)}, Case: cases.Case{}},
		Seen: []cases.StoryStep{{At: days(-1), Actor: "Ana Ruiz", Action: audit.IncidentSeen, Quote: gone}}, Note: gone}
	for name, tt := range map[string]struct {
		page   string
		view   any
		quotes int
	}{
		"declined":  {requests.PageCase, requests.NewCasePage(s, request(access.SponsorDeclined), requests.PanelInput{}), 2},
		"denied":    {requests.PageCase, requests.NewCasePage(s, request(access.Denied), requests.PanelInput{}), 3},
		"rescinded": {requests.PageCase, requests.NewCasePage(s, request(access.Rescinded), requests.PanelInput{}), 3},
		"frozen":    {tokens.PageToken, tokens.NewPage(s, cases.TokenPage{Case: frozen, Story: story}), 2},
		"thaw":      {ui.PageConfirm, confirmPage(s, confirmInput{Do: access.Thaw, Case: frozen}), 1},
		"leak":      {leaks.PageLeak, leaks.NewPage(s, leaks.Input{Page: leak}), 2},
	} {
		var b bytes.Buffer
		if err := r.Render(&b, tt.page, tt.view); err != nil {
			t.Fatal(name, err)
		}
		if n := strings.Count(b.String(), "[removed]"); n < tt.quotes || strings.Contains(b.String(), gone) {
			t.Errorf("%s: %d quotes read removed, want %d\n%s", name, n, tt.quotes, b.String())
		}
	}
	f := cases.FoundCase{Found: access.Found{State: access.FoundAllowing, Votes: access.Votes{{Stage: 1, Verdict: access.Yes, Reason: gone, End: days(1)}}}}
	picked := f
	picked.Can = map[access.Action]bool{access.TellOwner: true}
	for name, text := range map[string]string{"pick": inventory.NewPickPage(s, inventory.PickInput{Do: access.TellOwner, Rows: []cases.FoundCase{picked}}).Choice.Options[0].Note, "found": fmt.Sprint(ui.FoundStatus(s, f).Now),
		"mass": fmt.Sprint(massrevoke.NewPage(s, massrevoke.Input{Mass: deskmassrevoke.Page{Mass: access.Mass{State: access.MassDone, Reason: gone}}}))} {
		if !strings.Contains(text, "[removed]") || strings.Contains(text, gone) {
			t.Errorf("%s: %q", name, text)
		}
	}
}
