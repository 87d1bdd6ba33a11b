package web

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/rooms"
	"github.com/tokendesk/tokendesk/internal/web/collect"
	"github.com/tokendesk/tokendesk/internal/web/home"
	"github.com/tokendesk/tokendesk/internal/web/requests"
	"github.com/tokendesk/tokendesk/internal/web/review"
	"github.com/tokendesk/tokendesk/internal/web/ui"
	"github.com/tokendesk/tokendesk/lti"
)

// componentsPage shows each component in every state, for looking at.
type componentsPage struct {
	ui.Frame
	Badges  []ui.Badge
	Buttons []ui.Action
	Cards   []ui.Card
	Empties []ui.Empty
	Fields  []ui.Field
	Choices []ui.Choice
	Table   ui.Table
	Filter  ui.Filter
	Pager   ui.Pager
	Story   ui.Story
	Facts   []ui.Fact
	Waiting []collect.Status
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

type componentsRoom struct{}

func (componentsRoom) Views() []ui.View {
	return []ui.View{{Page: "components", File: "ui/components", Of: componentsPage{}}}
}
func (componentsRoom) Messages() []string { return nil }
func (componentsRoom) Routes(*ui.Routes)  {}

// TestEveryComponentInEveryState renders the components on one page, in English
// and the two pseudo languages, and holds it against the rules of all pages.
func TestEveryComponentInEveryState(t *testing.T) {
	cat := testCatalogue(t)
	r := testRenderer(t, cat)
	own, err := ui.NewRenderer(withPage(t, "ui/components.html", componentsTemplate), lti.BrowserScript, append(newSubjects(&rooms.Rooms{}, nil).all, componentsRoom{})...)
	if err != nil {
		t.Fatal(err)
	}
	for _, locale := range []string{"en", "en-XA", "ar-XB"} {
		s := galleryShell(cat, locale, true)
		asDana(&s)
		var b bytes.Buffer
		if err := own.Render(&b, "components", newComponents(s)); err != nil {
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

func newComponents(s ui.Shell) componentsPage {
	s.Banner = &ui.Banner{Kind: ui.BannerGood, ID: "result.submit", Args: map[string]any{"Sponsor": ui.Who("Ana Ruiz"), "SponsorBy": days(9)}, Text: galleryReason,
		Href: "/", LinkID: "nav.home"}
	p := componentsPage{Frame: ui.NewFrame(s, ui.PageQueue, s.T("words.tokendesk"), "")}
	for _, k := range []ui.BannerKind{ui.BannerInfo, ui.BannerWarn, ui.BannerBad} {
		p.Notes = append(p.Notes, s.BannerView(ui.Banner{Kind: k, ID: "result.withdraw"}, false))
	}
	for _, k := range []string{"info", "good", "warn", "bad", "held", "quiet"} {
		p.Badges = append(p.Badges, s.Badge(k, "active"))
	}
	p.Badges = append(p.Badges, ui.Badge{Kind: "bad", Icon: "octagon", Word: s.T("status.stuck"), Filled: true})
	for _, look := range []string{ui.Primary, ui.Secondary, ui.Danger, ui.DangerFill, ui.Linklike} {
		a := s.GoTo(look, "act.revoke", "/")
		p.Buttons = append(p.Buttons, a, s.PostTo(look, "act.revoke", "/tokens/grt_1/revoke"), ui.Compact([]ui.Action{a})[0])
	}
	p.Buttons = append(p.Buttons, s.External(ui.Primary, "act.activate", "https://canvas.northfield.test/profile/settings"))
	wait := galleryCase(access.AwaitingSponsor, "", access.Withdraw)
	token := numbered(galleryCase(access.Fulfilled, access.Active, access.Revoke, access.Replace), 5, "")
	mine := home.NewPage(s, cases.Home{Progress: []cases.Case{wait}, Tokens: []cases.Case{token}})
	p.Cards = []ui.Card{mine.Progress[0], mine.Tokens[0]}
	p.Empties = []ui.Empty{{Icon: "key", Title: s.T("home.empty_title"), Text: s.T("home.empty_text"), Actions: []ui.Action{s.GoTo(ui.Primary, "home.ask", "/requests/new")}},
		*s.NothingMatches("/queue"), {Icon: "tray", Title: s.T("queue.empty")}, {Icon: "hands", Title: s.T("sponsorships.empty")}}
	form := galleryForm()
	for key, answer := range map[string][]string{"build": {galleryBuild}, "maker": {"company"}, "maker_name": {"Inkwell Labs"}, "data": {"own", "grades"}, "end": {"2026-12-12"}} {
		form.Answers.Set(key, answer...)
	}
	wrong := &access.FormError{Fields: []access.FieldError{
		{Field: "build", Code: "purpose.missing"}, {Field: "maker", Code: "maker.missing"}, {Field: "data", Code: "data.missing"},
	}}
	fields, choices := map[string]ui.Field{}, map[string]ui.Choice{}
	page := requests.NewFormPage(s, requests.FormInput{Form: form, Errors: wrong})
	for _, section := range append(page.About, page.Terms...) {
		for _, q := range section.Asked {
			switch {
			case q.Field != nil:
				fields[q.Field.Name] = *q.Field
			case q.Choice != nil:
				choices[q.Choice.Name] = *q.Choice
				for _, o := range q.Choice.Options {
					for _, f := range o.Fields {
						fields[f.Name] = f
					}
				}
			}
		}
	}
	area, date := fields["build"], fields["end"]
	area.Rows, area.Required = 3, true
	date.Required = false
	date.Type, date.Set, date.SetLabel, date.After = "date", "2026-12-12", s.T("form.end_use_latest"), s.T("form.end_echo", "Date", "12", "Zone", s.ZoneName())
	p.Fields = []ui.Field{area, date, fields["ai_service"]}
	p.Choices = []ui.Choice{choices["maker"], choices["data"], choices["purpose"]}
	late := seenBy(galleryCase(access.InReview, ""), ui.AsReviewer)
	late.Request.ReviewDue = days(-2.5)
	list := review.NewPage(s, galleryQueue(late), galleryQueueFilter)
	p.Table, p.Filter, p.Pager = list.Table, list.Filter, list.Pager
	p.Story = ui.NewStory(s, galleryLife(), ui.NextSteps(s, wait))
	for _, e := range collectExhibits() {
		if e.page == collect.PageCollectStatus {
			if st, ok := e.view(s).(collect.Status); ok && st.Go == nil && st.Again == nil && st.Poll == "" {
				p.Waiting = append(p.Waiting, st)
			}
		}
	}
	return p
}
