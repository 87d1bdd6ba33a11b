package web

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/web/tokens"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// plainText is a sentence as a reader gets it.
func plainText(t *testing.T, h string) string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(h))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(textOf(doc)), " ")
}

func TestStatusOfARequest(t *testing.T) {
	s := galleryShell(testCatalogue(t), "en", true)
	late := galleryCase(access.InReview, "")
	late.Request.ReviewDue = days(-1)
	held := galleryCase(access.InReview, "")
	claimed(&held.Request, dana, days(-0.1))
	lost := galleryCase(access.AwaitingSponsor, "")
	lost.Request.Sponsor, lost.Request.SponsorLost = "", "Ana Ruiz"
	notCollected := galleryCase(access.Lapsed, "")
	notCollected.Request.CollectBy = days(-1)
	text := galleryCase(access.Denied, "")
	text.Request.Votes[1].Alternative, text.Request.Votes[1].AltText = "other", "Use the CSV export in the gradebook."
	answer := galleryCase(access.AwaitingSponsor, "", access.Endorse)
	for name, c := range map[string]struct {
		c         cases.Case
		v         ui.Viewer
		kind      string
		word, now string
	}{
		"a draft":                             {galleryCase(access.Draft, ""), ui.AsRequester, "quiet", "Draft", "Only you can see this. Finish it and submit."},
		"a discarded draft":                   {galleryCase(access.Discarded, ""), ui.AsRequester, "quiet", "Discarded", "Removed."},
		"with the sponsor":                    {galleryCase(access.AwaitingSponsor, ""), ui.AsRequester, "info", "With sponsor", "With Ana Ruiz since Mon 16 Nov. Answer due by Mon 30 Nov."},
		"with the sponsor, for the sponsor":   {answer, ui.AsSponsor, "warn", "Your answer", "Maya Chen asks you to sponsor this. Answer by Mon 30 Nov."},
		"with another sponsor, for the first": {galleryCase(access.AwaitingSponsor, ""), ui.AsSponsor, "info", "With sponsor", "With Ana Ruiz since Mon 16 Nov. Answer due by Mon 30 Nov."},
		"the sponsor is lost":                 {lost, ui.AsRequester, "warn", "Sponsor needed", "Ana Ruiz does not sponsor it any more. Choose another sponsor by Mon 30 Nov."},
		"the sponsor is lost, for a reviewer": {lost, ui.AsReviewer, "warn", "Sponsor needed", "Ana Ruiz does not sponsor it any more. Maya Chen must choose another sponsor by Mon 30 Nov."},
		"in review":                           {galleryCase(access.InReview, ""), ui.AsRequester, "info", "In review", "With the Canvas team. You hear from us by Wed 25 Nov."},
		"in review, claimed":                  {held, ui.AsRequester, "info", "In review", "Being looked at by Dana Ortiz. You hear from us by Wed 25 Nov."},
		"in review, late":                     {late, ui.AsRequester, "info", "In review", "With the Canvas team. It was due by Fri 20 Nov, 14:05 MST and is late."},
		"in review, for a reviewer":           {galleryCase(access.InReview, ""), ui.AsReviewer, "info", "In review", "Day 3 of 5. Nobody has claimed it. Due by Wed 25 Nov."},
		"in review, late, for a reviewer":     {late, ui.AsReviewer, "info", "In review", "Overdue. Nobody has claimed it. Due by Fri 20 Nov, 14:05 MST."},
		"approved":                            {galleryCase(access.Approved, ""), ui.AsRequester, "good", "Ready to collect", "Approved until 12 Dec 2026. Collect it by Fri 4 Dec."},
		"approved, for the sponsor":           {galleryCase(access.Approved, ""), ui.AsSponsor, "info", "Approved, not collected", "Approved until 12 Dec 2026. Maya Chen has until Fri 4 Dec to collect it."},
		"refused by Canvas":                   {galleryCase(access.Approved, access.Void), ui.AsRequester, "warn", "Not created", "Canvas refused: the end date is later than your school allows (90 days). We noted that. Nothing was made. You may try again until Fri 4 Dec."},
		"being made":                          {galleryCase(access.Collecting, access.Minting), ui.AsRequester, "info", "Creating", "Canvas is making the token."},
		"being checked":                       {galleryCase(access.Collecting, access.Recovering), ui.AsRequester, "info", "Checking Canvas", "Canvas did not answer clearly. We check before trying again, so there is exactly one."},
		"being checked, for a reviewer":       {galleryCase(access.Collecting, access.Recovering), ui.AsReviewer, "warn", "Checking Canvas", "Canvas did not answer clearly. We check before trying again, so there is exactly one."},
		"issued":                              {galleryCase(access.Fulfilled, ""), ui.AsRequester, "good", "Token issued", "The token was handed over. See the token on this page."},
		"declined":                            {galleryCase(access.SponsorDeclined, ""), ui.AsRequester, "bad", "Not sponsored", "Ana Ruiz said no: “" + galleryReason + "” You can ask another teacher."},
		"denied":                              {galleryCase(access.Denied, ""), ui.AsRequester, "bad", "Denied", "Dana Ortiz said no: “" + galleryReason + "” You can do this instead: Export the data from Canvas"},
		"denied, with words of its own":       {text, ui.AsRequester, "bad", "Denied", "Dana Ortiz said no: “" + galleryReason + "” You can do this instead: Use the CSV export in the gradebook."},
		"withdrawn":                           {galleryCase(access.Withdrawn, ""), ui.AsRequester, "quiet", "Withdrawn", "You withdrew it on Sat 21 Nov, 09:17 MST."},
		"withdrawn, for the sponsor":          {galleryCase(access.Withdrawn, ""), ui.AsSponsor, "quiet", "Withdrawn", "Maya Chen withdrew it on Sat 21 Nov, 09:17 MST."},
		"no answer in time":                   {galleryCase(access.Lapsed, ""), ui.AsRequester, "quiet", "Timed out", "Nobody answered by Mon 30 Nov. Start again with the same answers."},
		"not collected in time":               {notCollected, ui.AsRequester, "quiet", "Timed out", "You did not collect it by Fri 20 Nov, 14:05 MST. Start again with the same answers."},
		"taken back":                          {galleryCase(access.Rescinded, ""), ui.AsRequester, "bad", "Approval ended", "Dana Ortiz took the approval back before you collected: “" + galleryReason + "”"},
	} {
		t.Run(name, func(t *testing.T) {
			st := ui.RequestStatus(s, c.c, c.v)
			if st.Badge.Kind != c.kind || st.Badge.Word != c.word || st.Badge.Icon != s.Badge(c.kind, "active").Icon {
				t.Errorf("the badge is %+v", st.Badge)
			}
			if got := plainText(t, string(st.Now)); got != c.now {
				t.Errorf("the sentence is\n%s, not\n%s", got, c.now)
			}
		})
	}
}

func TestStatusOfAToken(t *testing.T) {
	s := galleryShell(testCatalogue(t), "en", true)
	of := func(st access.GrantState, change func(*access.Grant)) cases.Case {
		c := galleryCase(access.Fulfilled, st)
		if change != nil {
			change(c.Grant)
		}
		return c
	}
	stuck := func(g *access.Grant) {
		g.RevokingAt, g.Tries, g.Trouble, g.NextTry = days(-0.1), 6, "mint.canvas_down", days(0.003)
	}
	for name, c := range map[string]struct {
		c         cases.Case
		v         ui.Viewer
		kind      string
		word, now string
		filled    bool
	}{
		"not activated":             {of(access.HandedOver, nil), ui.AsRequester, "warn", "Not activated", "Activate it in Canvas by Sat 28 Nov, or it is deleted.", false},
		"not activated, for others": {of(access.HandedOver, nil), ui.AsReviewer, "warn", "Not activated", "Maya Chen must activate it in Canvas by Sat 28 Nov, or it is deleted.", false},
		"active":                    {of(access.Active, nil), ui.AsRequester, "good", "Active", "Works until 12 Dec 2026. Last used Fri 20 Nov, 14:05 MST.", false},
		"active, until its course takes it away": {of(access.Active, func(g *access.Grant) { g.EndsBy, g.EndsWhy = days(15), access.ByCourse }), ui.AsRequester, "good", "Active",
			"Works until 6 Dec 2026. Last used Fri 20 Nov, 14:05 MST. It ends then because its course is over.", false},
		"active, and Canvas says no more": {of(access.Active, func(g *access.Grant) { g.Drift, g.DriftAt = access.DriftMaybe, days(-1) }), ui.AsRequester, "good", "Active",
			"Works until 12 Dec 2026. Last used Fri 20 Nov, 14:05 MST. Canvas says that it was changed, and does not say how. If its owner did not make a new value there, revoke it.", false},
		"active, never used":         {of(access.Active, func(g *access.Grant) { g.LastUsedAt = time0 }), ui.AsRequester, "good", "Active", "Works until 12 Dec 2026. Not used yet.", false},
		"active, never looked at":    {of(access.Active, func(g *access.Grant) { g.LastUsedAt, g.CheckedAt = time0, time0 }), ui.AsRequester, "good", "Active", "Works until 12 Dec 2026. Last use not known yet.", false},
		"active, not looked at long": {of(access.Active, func(g *access.Grant) { g.CheckedAt = days(-3) }), ui.AsRequester, "good", "Active", "Works until 12 Dec 2026. Last used Fri 20 Nov, 14:05 MST, not checked since Wed 18 Nov.", false},
		"ending in a week":           {of(access.Active, func(g *access.Grant) { g.Expires = days(7) }), ui.AsRequester, "warn", "Ends in 7 days", "Works until Sat 28 Nov. If you need it longer, ask for a new one. Last used Fri 20 Nov, 14:05 MST.", false},
		"ending tomorrow":            {of(access.Active, func(g *access.Grant) { g.Expires = days(1) }), ui.AsRequester, "warn", "Ends in 1 day", "Works until Sun 22 Nov, 14:05 MST. If you need it longer, ask for a new one. Last used Fri 20 Nov, 14:05 MST.", false},
		"ending today":               {of(access.Active, func(g *access.Grant) { g.Expires = days(0.2) }), ui.AsRequester, "warn", "Ends today", "Works until Sat 21 Nov, 18:53 MST. If you need it longer, ask for a new one. Last used Fri 20 Nov, 14:05 MST.", false},
		"its time is over":           {of(access.Active, func(g *access.Grant) { g.Expires = days(-0.2) }), ui.AsRequester, "warn", "Ending", "Its time was over on Sat 21 Nov, 09:17 MST. We confirm with Canvas that it is gone.", false},
		"being deleted":              {of(access.Revoking, nil), ui.AsRequester, "warn", "Revoking", "Asked Canvas to delete it. It may still work until Canvas confirms.", false},
		"deletion stuck": {of(access.Revoking, stuck), ui.AsRequester, "bad", "Still usable",
			"It may still work. We asked Canvas 6 times since Sat 21 Nov, 11:41 MST, without proof that it is gone. Canvas is not answering. Next try Sat 21 Nov, 14:09 MST. If this cannot wait, delete it yourself in your Canvas settings.", false},
		"deletion stuck, for a reviewer": {of(access.Revoking, stuck), ui.AsReviewer, "bad", "Still usable",
			"It may still work. We asked Canvas 6 times since Sat 21 Nov, 11:41 MST, without proof that it is gone. Canvas is not answering. Next try Sat 21 Nov, 14:09 MST.", true},
		"revoked":         {of(access.Revoked, nil), ui.AsRequester, "quiet", "Revoked", "Stopped working by 21 Nov 2026, 11:55 MST. Confirmed in Canvas. Revoked by Dana Ortiz, for the school.", false},
		"expired":         {of(access.Expired, nil), ui.AsRequester, "quiet", "Expired", "Its time was over. Confirmed in Canvas on 21 Nov 2026, 02:05 MST.", false},
		"never activated": {of(access.Unclaimed, nil), ui.AsRequester, "quiet", "Never activated", "It was never activated, so it was deleted. Confirmed in Canvas on 21 Nov 2026, 02:05 MST.", false},
		"nothing made":    {of(access.Void, nil), ui.AsRequester, "quiet", "Not created", "Nothing was ever handed over.", false},
		"being replaced":  {of(access.Replacing, nil), ui.AsRequester, "info", "Being replaced", "The old token is deleted first. Then create the new one, by Sat 28 Nov.", false},
	} {
		t.Run(name, func(t *testing.T) {
			st := ui.GrantStatus(s, c.c, c.v)
			if st.Badge.Kind != c.kind || st.Badge.Word != c.word || st.Badge.Filled != c.filled {
				t.Errorf("the badge is %+v", st.Badge)
			}
			if got := plainText(t, string(st.Now)); got != c.now {
				t.Errorf("the sentence is\n%s, not\n%s", got, c.now)
			}
		})
	}
}

// Law 7: "Revoked" is said only of what Canvas confirmed.
func TestRevokedIsSaidOnlyAfterProof(t *testing.T) {
	cat := testCatalogue(t)
	r := testRenderer(t, cat)
	for _, st := range access.GrantStates {
		c := galleryCase(access.Fulfilled, st)
		s := galleryShell(cat, "en", true)
		s.Banner = ui.ResultBanner(s, access.Revoke, c)
		var b bytes.Buffer
		if err := r.Render(&b, tokens.PageToken, tokens.NewPage(s, cases.TokenPage{Case: c})); err != nil {
			t.Fatal(err)
		}
		if said := strings.Contains(plainText(t, b.String()), "Confirmed in Canvas"); said != st.Final() && st != access.Void {
			t.Errorf("%s: confirmed is said: %v", st, said)
		}
	}
}

func TestReviewAgeCountsBusinessDays(t *testing.T) {
	s := galleryShell(testCatalogue(t), "en", true)
	at := func(day int) time.Time { return time.Date(2026, 11, day, 10, 0, 0, 0, s.P.Zone()) }
	pol := policy.BuiltIn()
	c := cases.Case{Policy: pol, Request: access.Request{ReviewSince: at(12), ReviewDue: pol.Calendar.After(at(12), pol.Windows.ReviewDays, s.P.Zone())}} // a Thursday
	for now, want := range map[time.Time]string{
		at(12): "Day 1 of 5", at(13): "Day 2 of 5", at(14): "Day 2 of 5", at(16): "Day 3 of 5", at(18): "Day 5 of 5", at(19): "Day 5 of 5",
		at(19).Add(time.Hour): "Overdue", at(20): "Overdue by 1 day", at(21): "Overdue by 1 day", at(24): "Overdue by 3 days",
	} {
		s.Now = now
		if got, _ := ui.ReviewAge(s, c); got != want {
			t.Errorf("on %s: %s, not %s", now, got, want)
		}
	}
}

// The five ends that nobody may take for one another have five words, in the
// data and on the pages.
func TestFiveEnds(t *testing.T) {
	s := galleryShell(testCatalogue(t), "en", true)
	seen := map[string]string{}
	for cause, want := range map[access.Cause]struct {
		state     access.GrantState
		word, now string
	}{
		access.ByEnd:        {access.Expired, "Expired", "Its time was over."},
		access.ByReviewer:   {access.Revoked, "Revoked", "Stopped working by"},
		access.ByCanvas:     {access.Revoked, "Ended in Canvas", "It was deleted in Canvas by"},
		access.ByUnclaimed:  {access.Unclaimed, "Never activated", "It was never activated, so it was deleted."},
		access.BySuperseded: {access.Revoked, "Replaced", "The renewed token took over by"},
	} {
		if cause.End() != want.state {
			t.Errorf("%s ends as %s", cause, cause.End())
		}
		c := galleryCase(access.Fulfilled, want.state)
		c.Grant.Cause = cause
		for _, v := range []ui.Viewer{ui.AsRequester, ui.AsSponsor, ui.AsReviewer} {
			st := ui.GrantStatus(s, c, v)
			if now := plainText(t, string(st.Now)); st.Badge.Word != want.word || !strings.HasPrefix(now, want.now) {
				t.Errorf("%s is %q: %s", cause, st.Badge.Word, now)
			}
		}
		if other, twice := seen[want.word]; twice {
			t.Errorf("%s and %s have one word", cause, other)
		}
		seen[want.word] = string(cause)
	}
}
