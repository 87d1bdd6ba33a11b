package ui

import (
	"html/template"
	"slices"
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
)

// storyShown is how many steps stand open; earlier ones are folded.
const storyShown = 8

// Story is component 9, newest last.
type Story struct {
	Earlier     []StoryLine
	EarlierWord string
	Lines       []StoryLine
}

// StoryLine is one step: done, the present one, or one that comes.
type StoryLine struct {
	State string // done, now, next
	Icon  string
	Text  template.HTML
	At    template.HTML
	Quote string
}

// NewStory tells what happened, then what comes next.
func NewStory(s Shell, steps []cases.StoryStep, next []StoryLine) Story {
	var st Story
	for _, x := range steps {
		if id := storyKey(x); id != "" {
			actor := x.Actor
			var by any = Who(actor)
			if actor == "" {
				by = Word(s.T("words.tokendesk"))
			}
			st.Lines = append(st.Lines, StoryLine{State: "done", Icon: "done", Text: s.H(id, "Actor", by), At: storyTime(s, x), Quote: s.Said(x.Quote)})
		}
	}
	if n := len(st.Lines) - storyShown; n > 1 {
		st.Earlier, st.Lines = st.Lines[:n], st.Lines[n:]
		st.EarlierWord = s.T("story.earlier", "Count", n)
	}
	st.Lines = append(st.Lines, next...)
	return st
}

func storyTime(s Shell, x cases.StoryStep) template.HTML {
	return s.H("story.at", "When", Moment(x.At), "Ago", Word(s.age(x.At)))
}

// storyKey is the sentence of one step. Steps that only the record needs (an
// observation, a lease) have none and are left out.
func storyKey(x cases.StoryStep) string {
	switch x.Action {
	case audit.RequestCreate, audit.GrantObserved, audit.Refused, audit.PlatformAdd, audit.PlatformChange, audit.PersonLink, audit.PersonMerge,
		audit.CapLearned, audit.NoticeFailed, audit.RequestCollect:
		return ""
	case audit.GrantCreate:
		if x.To == string(access.Active) {
			return "story.grant_create_kept"
		}
	case audit.RequestMigrate:
		return ""
	case audit.RequestApprove:
		if x.To == string(access.InReview) {
			return "story.request_approve_stage"
		}
	case audit.RequestReturn:
		if key := "story.request_return_" + strings.ReplaceAll(x.Why, ".", "_"); slices.Contains(adoptStories, key) {
			return key
		}
	case audit.IncidentSeen, audit.LeakIntake:
		return "" // for the page of the leak
	case audit.IncidentOpen:
		if x.Why != cases.WhyEnded {
			return "" // the report of the leak stands beside it
		}
	case audit.GrantGone:
		switch access.GrantState(x.To) {
		case access.Expired, access.Unclaimed:
			return "story.grant_gone_" + x.To
		}
	}
	return "story." + strings.ReplaceAll(string(x.Action), ".", "_")
}

// adoptStories tell why a token was not taken over.
var adoptStories = []string{"story.request_return_adopt_refused", "story.request_return_adopt_pending", "story.request_return_adopt_quota", "story.request_return_adopt_over",
	"story.request_return_adopt_not_recorded"}

// NextSteps is what follows now: the present step in bold, then the ones ahead.
func NextSteps(s Shell, c cases.Case) []StoryLine {
	r := c.Request
	now := func(id string, args ...any) StoryLine {
		return StoryLine{State: "now", Icon: "ring", Text: s.H(id, args...)}
	}
	next := func(id string, args ...any) StoryLine {
		return StoryLine{State: "next", Icon: "hollow", Text: s.H("story.next", "What", s.H(id, args...))}
	}
	team := Word(s.Team())
	requester := Who(s.PersonName(c, r.Requester))
	last := next("story.then_collect", "Requester", requester)
	if r.Adopts != "" {
		last = next("story.then_adopt")
	}
	switch r.State {
	case access.AwaitingSponsor:
		first := now("story.wait_sponsor", "Sponsor", Who(s.PersonName(c, r.Sponsor)), "By", r.SponsorDue)
		if r.Sponsor == "" {
			first = now("story.wait_choice", "Requester", requester, "By", r.SponsorDue)
		}
		return []StoryLine{first, next("story.then_team", "Team", team), last}
	case access.InReview:
		lines := []StoryLine{now("story.wait_team", "Team", reviewing(s, c), "By", r.ReviewDue)}
		for _, stage := range c.Policy.Stages[min(r.Stage, len(c.Policy.Stages)):] {
			lines = append(lines, next("story.then_stage", "Stage", stage.Name))
		}
		return append(lines, last)
	case access.Approved:
		if r.Adopts != "" {
			return []StoryLine{now("story.wait_adopt")}
		}
		return []StoryLine{now("story.wait_collect", "Requester", requester, "By", r.CollectBy)}
	case access.Collecting:
		return []StoryLine{now("story.wait_canvas")}
	}
	if g := c.Grant; g != nil {
		switch g.State {
		case access.HandedOver:
			return []StoryLine{now("story.wait_activate", "Requester", requester, "By", g.ActivateBy)}
		case access.Active:
			if !g.EndsAt().IsZero() {
				return []StoryLine{next("story.then_ends", "End", Day(g.EndsAt()))}
			}
		case access.Revoking:
			return []StoryLine{now("story.wait_gone")}
		case access.Replacing:
			return []StoryLine{now("story.wait_replace", "Requester", requester, "By", g.ActivateBy)}
		}
	}
	return nil
}
