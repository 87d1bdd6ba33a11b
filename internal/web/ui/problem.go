package ui

import (
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/policy"
)

// ProblemKind picks the words of a page that says what stands in the way.
type ProblemKind string

// The problem pages.
const (
	ProblemForbidden ProblemKind = "forbidden" // 403; Why names the reason
	ProblemNotFound  ProblemKind = "not_found" // 404
	ProblemEnded     ProblemKind = "ended"     // 401: no session, or it ended
	ProblemConflict  ProblemKind = "conflict"  // 409 where no better page can say it
	ProblemTrouble   ProblemKind = "trouble"   // 5xx: our fault
	ProblemCanvas    ProblemKind = "canvas"    // Canvas did not answer what this page needs
	ProblemDatabase  ProblemKind = "database"  // our database does not answer
	ProblemBusy      ProblemKind = "busy"      // 429
	ProblemRequest   ProblemKind = "request"   // 400 and 413: a form the tool cannot read
)

// Echo is one field of the just-posted form, shown as text so that nothing
// typed is lost. LabelID is a message key; Value is as typed.
type Echo struct{ LabelID, Value string }

// ProblemInput is what a problem page says.
type ProblemInput struct {
	Kind ProblemKind
	Why  access.Why
	// Reference is the short number of the log line, for ProblemTrouble and
	// ProblemDatabase.
	Reference string
	// Echo is only what was just posted (docs/decisions.md 24), see EchoOf.
	Echo []Echo
	// SavedAt, when set, says that the text was kept then; SavedTitle names it.
	SavedAt    time.Time
	SavedTitle string
	// RetryAction and RetryFields make a "Try again" form of the same POST; a
	// retry never carries a secret. Empty: no button.
	RetryAction string
	RetryFields []RetryField
	// NothingChanged is set only where that is known.
	NothingChanged bool
}

// RetryField is one hidden field of the "Try again" form.
type RetryField struct{ Name, Value string }

// ProblemPage says what stands in the way, and what to do.
type ProblemPage struct {
	Frame
	Lines []template.HTML
	Echo  []echoView
	Lead  string // above the echo
	Link  *Action
	Tab   *Action
	Retry *retry
}

// echoView is one field of what was just posted, as text.
type echoView struct{ ID, Label, Value string }

// retry is the same post again.
type retry struct {
	Action, Handle string
	Fields         []RetryField
	Button         Action
}

// NewProblemPage says what stands in the way and what to do.
func NewProblemPage(s Shell, in ProblemInput) ProblemPage {
	key := "problem." + string(in.Kind)
	p := ProblemPage{Frame: NewFrame(s, "", s.T(key+".h1"), "")}
	switch in.Kind {
	case ProblemForbidden:
		p.Lines = append(p.Lines, s.H(RefusedKey(in.Why), "School", s.school()))
		if s.HasSession {
			p.Lines = append(p.Lines, p.signedInAs())
		}
	case ProblemTrouble, ProblemDatabase:
		p.Lines = append(p.Lines, s.H(key+".text", "Reference", Code(in.Reference)))
		if in.NothingChanged {
			p.Lines = append(p.Lines, s.H(key+".nothing_changed"))
		}
	default:
		p.Lines = append(p.Lines, s.H(key+".text"))
	}
	if !in.SavedAt.IsZero() {
		id := "problem.saved"
		if in.SavedTitle == "" {
			id = "problem.saved_untitled"
		}
		p.Lines = append(p.Lines, s.H(id, "Title", in.SavedTitle, "When", in.SavedAt))
	}
	for i, e := range in.Echo {
		p.Echo = append(p.Echo, echoView{ID: "e-" + strconv.Itoa(i+1), Label: s.T(e.LabelID), Value: e.Value})
	}
	if len(p.Echo) > 0 {
		p.Lead = s.T("problem.echo")
	}
	if s.HasSession && in.Kind != ProblemEnded {
		a := s.GoTo(Linklike, "problem.home", "/")
		p.Link = &a
	}
	if s.NewTabURL != "" && in.Kind == ProblemEnded {
		a := s.External(Secondary, "words.new_tab", s.NewTabURL)
		p.Tab = &a
	}
	if in.RetryAction != "" {
		p.Retry = &retry{Action: in.RetryAction, Handle: s.Handle, Fields: in.RetryFields, Button: s.Submit(Primary, "problem.retry", "", "")}
	}
	return p
}

// signedInAs tells a person which of their names and doors was refused.
func (f Frame) signedInAs() template.HTML {
	who := f.Identity
	if len(who) > 1 {
		return f.H("problem.signed_in_as", "Name", who[0], "Part", Word(who[1]), "School", f.school())
	}
	return f.H("problem.signed_in", "Name", f.Session.Name)
}

func (s Shell) school() string {
	if s.Session.School != "" {
		return s.Session.School
	}
	return s.T("words.your_school")
}

// RefusedKey is the sentence for a refusal.
func RefusedKey(why access.Why) string {
	if !slices.Contains(access.Whys(), why) {
		return "refused.general"
	}
	return "refused." + string(why)
}

// echoFields are the fields whose text a person typed, in the form's order.
var echoFields = []struct{ name, label string }{
	{"build", "form.build"}, {"maker_name", "form.maker_name"}, {"maker_link", "form.maker_link"},
	{"ai_service", "form.ai_service"}, {"ai_data", "form.ai_data"},
	{"message", "pick.tell_owner.text"}, {"conditions", "review.conditions"}, {"reason", "sponsor.reason"}, {"alternative_text", "review.alternative_text"},
}

// EchoOf lists the known, non-empty fields of a posted form for a problem page,
// in the form's order. Fields that are not text a person typed are left out.
func EchoOf(posted map[string][]string) []Echo {
	var out []Echo
	for _, f := range echoFields {
		if v := posted[f.name]; len(v) > 0 && v[0] != "" {
			out = append(out, Echo{LabelID: f.label, Value: v[0]})
		}
	}
	if _, isRequest := posted["draft"]; !isRequest {
		return out
	}
	// Without a session nobody knows what the school asks besides, nor in which
	// words: what was answered stands under its own.
	for _, name := range SortedKeys(posted) {
		if policy.IsBuiltIn(name) || policy.IsReserved(name) || len(out) == retryMax {
			continue
		}
		if v := posted[name]; len(v) > 0 && v[0] != "" {
			out = append(out, Echo{LabelID: "problem.echo_answer", Value: strings.Join(v, "\n")})
		}
	}
	return out
}

// RefusedBanner says why a move was refused, for showing above the same page
// with the text kept. With c, the sentence names the people of that case.
func RefusedBanner(s Shell, why access.Why, c *cases.Case) *Banner {
	b := &Banner{Kind: BannerWarn, ID: RefusedKey(why), Args: map[string]any{"School": s.school()}}
	if c == nil {
		return b
	}
	switch why {
	case access.WhyNotTeaching, access.WhyNotEnrolled:
		b.ID += "_of"
		b.Args["Requester"] = s.PersonName(*c, c.Request.Requester)
		b.Args["Course"] = s.CourseName(c.Request.Course)
	case access.WhyOtherPerson:
		b.ID += "_of"
		b.Args["Name"] = s.PersonName(*c, c.Request.Claim().Person)
	}
	return b
}
