package web

import (
	"bytes"
	"html/template"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/templates"
)

// componentsPage shows each component in every state, for looking at.
type componentsPage struct {
	frame
	Badges  []badge
	Buttons []action
	Cards   []card
	Empties []empty
	Fields  []field
	Choices []choice
	Table   table
	Filter  filter
	Pager   pager
	Story   story
	Facts   []fact
	Waiting []CollectStatus
}

const componentsTemplate = `{{define "content"}}
<div class="td-head"><h1 tabindex="-1">{{.H1}}</h1><div class="td-actions">{{template "action" (index .Buttons 0)}}</div></div>
{{template "notes" .}}
<section class="td-section"><h2>2</h2>{{template "actions" .Buttons}}</section>
<section class="td-section"><h2>3</h2>{{template "badges" .Badges}}</section>
<section class="td-section"><h2>5</h2>{{template "cards" .Cards}}{{range .Empties}}{{template "empty" .}}{{end}}</section>
<section class="td-section"><h2>6</h2><div class="td-form">{{range .Fields}}{{template "field" .}}{{end}}</div></section>
<section class="td-section"><h2>7</h2><div class="td-form">{{range .Choices}}{{template "choice" .}}{{end}}</div></section>
<section class="td-section"><h2>8</h2>{{template "filter" .}}{{template "chips" .Filter.Chips}}{{template "table" .Table}}{{template "pager" .}}</section>
<section class="td-section"><h2>9</h2>{{template "story" .Story}}</section>
<section class="td-section"><h2>11</h2>{{range .Waiting}}{{template "waiting" .}}{{end}}</section>
{{end}}`

// TestEveryComponentInEveryState renders the components on one page, in English
// and the two pseudo languages, and holds it against the rules of all pages.
func TestEveryComponentInEveryState(t *testing.T) {
	cat := testCatalogue(t)
	r := testRenderer(t, cat)
	set, err := template.New(layoutTemplate).Option("missingkey=error").Funcs(r.functions()).ParseFS(templates.Pages, "layouts/*.html", "partials/*.html")
	if err == nil {
		_, err = set.Parse(componentsTemplate)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, locale := range []string{"en", "en-XA", "ar-XB"} {
		s := galleryShell(cat, locale, true)
		asDana(&s)
		var b bytes.Buffer
		if err := set.ExecuteTemplate(&b, layoutTemplate, newComponents(s)); err != nil {
			t.Fatal(err)
		}
		checkPage(t, b.String(), locale, false)
		for _, class := range []string{"td-k-info", "td-k-good", "td-k-warn", "td-k-bad", "td-k-held", "td-k-quiet", "td-filled", "td-primary",
			"td-danger", "td-danger-fill", "td-linklike", "td-compact", "td-mirror", `aria-invalid="true"`, `aria-required="true"`, "data-invalid",
			`aria-current="step"`, `aria-current="page"`, `aria-describedby="c-`, "td-late", "td-chip", "td-nested", `type="radio"`, `type="checkbox"`} {
			if !strings.Contains(b.String(), class) {
				t.Errorf("%s: nothing shows %s", locale, class)
			}
		}
		if dir := os.Getenv(galleryDir); dir != "" {
			writeAssets(t, r, dir)
			write(t, filepath.Join(dir, "components."+locale+".html"), []byte(strings.ReplaceAll(b.String(), `"/static/`, `"static/`)))
		}
	}
}

func newComponents(s Shell) componentsPage {
	s.Banner = &Banner{Kind: BannerGood, ID: "result.submit", Args: map[string]any{"Sponsor": who("Ana Ruiz"), "SponsorBy": days(9)}, Text: galleryReason,
		Href: "/", LinkID: "nav.home"}
	p := componentsPage{frame: newFrame(s, PageQueue, s.T("words.tokendesk"), "")}
	for _, k := range []BannerKind{BannerInfo, BannerWarn, BannerBad} {
		p.Notes = append(p.Notes, s.bannerView(Banner{Kind: k, ID: "result.withdraw"}, false))
	}
	for _, k := range []string{"info", "good", "warn", "bad", "held", "quiet"} {
		p.Badges = append(p.Badges, s.badge(k, "active"))
	}
	p.Badges = append(p.Badges, badge{Kind: "bad", Icon: "octagon", Word: s.T("status.stuck"), Filled: true})
	for _, look := range []string{primary, secondary, danger, dangerFill, linklike} {
		a := s.goTo(look, "act.revoke", "/")
		p.Buttons = append(p.Buttons, a, s.postTo(look, "act.revoke", "/tokens/grt_1/revoke"), compact([]action{a})[0])
	}
	p.Buttons = append(p.Buttons, s.external(primary, "act.activate", "https://canvas.northfield.test/profile/settings"))
	wait := galleryCase(access.AwaitingSponsor, "", access.Withdraw)
	token := numbered(galleryCase(access.Fulfilled, access.Active, access.Revoke, access.Replace), 5, "")
	p.Cards = []card{s.requestCard(wait), s.tokenCard(token)}
	p.Empties = []empty{{Icon: "key", Title: s.T("home.empty_title"), Text: s.T("home.empty_text"), Actions: []action{s.goTo(primary, "home.ask", "/requests/new")}},
		*s.nothingMatches("/queue"), {Icon: "tray", Title: s.T("queue.empty")}, {Icon: "hands", Title: s.T("sponsorships.empty")}}
	wrong := map[string]string{"build": s.T("error.purpose.missing"), "maker": s.T("error.maker.missing"), "data": s.T("error.data.missing")}
	question := func(key string) policy.Question { q, _ := policy.BuiltIn().Question(key); return q }
	area := s.formField(question("build"), galleryBuild, wrong)
	area.Rows, area.Required = 3, true
	date := s.formField(question("end"), "2026-12-12", nil)
	date.Required = false
	date.Type, date.Set, date.SetLabel, date.After = "date", "2026-12-12", s.T("form.end_use_latest"), s.T("form.end_echo", "Date", "12", "Zone", s.zoneName())
	p.Fields = []field{area, date, s.text(question("ai_service"), "", nil)}
	maker := s.formChoice(question("maker"), []string{"company"}, wrong)
	s.under(&maker, "company", s.text(question("maker_name"), "Inkwell Labs", nil))
	data := s.formChoice(question("data"), []string{"own", "grades"}, wrong)
	p.Choices = []choice{maker, data, s.formChoice(question("purpose"), nil, nil)}
	late := seenBy(galleryCase(access.InReview, ""), asReviewer)
	late.Request.ReviewDue = days(-2.5)
	list := NewQueuePage(s, galleryQueue(late), galleryQueueFilter)
	p.Table, p.Filter, p.Pager = list.Table, list.Filter, list.Pager
	p.Story = s.newStory(galleryLife(), s.nextSteps(wait))
	for _, e := range collectExhibits() {
		if e.page == PageCollectStatus {
			if st, ok := e.view(s).(CollectStatus); ok && st.Go == nil && st.Again == nil && st.Poll == "" {
				p.Waiting = append(p.Waiting, st)
			}
		}
	}
	return p
}
