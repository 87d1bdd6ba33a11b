package ui

import (
	"cmp"
	"errors"
	"html/template"
	"net/http"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
)

// Confirmation is what a room asks before something that is not easily undone. It is
// shown at the address to which it posts.
type Confirmation struct {
	Key    string   // of its words: Key.h1, Key.what and Key.stays
	Args   []any    // of these words
	What   []string // words in place of Key.what and Key.stays
	List   string   // the list that it was opened from
	Post   string   // an address
	Do     string   // words of the button that posts
	Danger bool     // that button takes something away
	Keep   Way      // the safe way out, which always names what it keeps
	Also   *Way     // another way out, beside the two
	Reason *ConfirmReason
	Facts  []Fact        // what two people agree about
	Terms  *access.Terms // what the form agrees to
}

// Way is a way out of a question.
type Way struct{ Words, To string }

// ConfirmReason is the field reason of a question.
type ConfirmReason struct {
	Typed    string
	Reader   string // who will read it
	Required bool
	Words    string // beside the field; empty for confirm.reason
}

// Confirm shows a question, and above it why an answer to it was refused: nil where it is
// asked for the first time. c is the case that it is about, if it is about one.
func (v *Visit) Confirm(refused error, c *cases.Case, question func(Shell) Confirmation) error {
	status := http.StatusOK
	if refused != nil {
		status = StatusOf(refused)
	}
	var wrong *access.FormError
	errors.As(refused, &wrong)
	return Show(v, status, PageConfirm, nil, func(sh Shell) ConfirmPage {
		q := question(sh)
		if why := access.WhyOf(refused); why != "" {
			sh.Banner = RefusedBanner(sh, why, c)
		}
		if q.Terms != nil && refused != nil {
			if b := TermsBanner(q.Terms.Check(v.TermsRead(TermsField)), false); b != nil {
				sh.Banner = b
			}
		}
		return NewConfirmPage(sh, q, wrong)
	})
}

// ConfirmPage is component 10: the question, what happens, what stays.
type ConfirmPage struct {
	Frame
	What   []template.HTML
	Facts  []Fact
	Terms  string
	Reason *Field
	Do     Action
	Keep   Action
	Also   *Action
	Action string
}

// NewConfirmPage words a question, with what is to be corrected in its answer.
func NewConfirmPage(s Shell, q Confirmation, wrong *access.FormError) ConfirmPage {
	s.Asks = true
	p := ConfirmPage{Frame: NewFrame(s, q.List, s.T(q.Key+".h1", q.Args...), q.Post), Facts: q.Facts, Action: q.Post}
	p.SetErrors(wrong)
	what := q.What
	if what == nil {
		what = []string{q.Key + ".what", q.Key + ".stays"}
	}
	for _, id := range what {
		p.What = append(p.What, s.H(id, q.Args...))
	}
	look := Primary
	if q.Danger {
		look = DangerFill
	}
	p.Do, p.Keep = s.Submit(look, q.Do, "", ""), s.GoTo(Secondary, q.Keep.Words, q.Keep.To)
	if q.Also != nil {
		a := s.GoTo(Danger, q.Also.Words, q.Also.To)
		p.Also = &a
	}
	if q.Terms != nil {
		p.Terms = q.Terms.Digest()
	}
	if r := q.Reason; r != nil {
		f := s.PanelArea("reason", cmp.Or(r.Words, "confirm.reason"), r.Typed, s.ErrorsOf(wrong))
		f.Hint, f.Required = s.H("confirm.reason_hint", "Requester", r.Reader), r.Required
		p.Reason = &f
	}
	return p
}

// ConfirmCase begins the question before a move of a request or of its token.
// others is the list of who is neither its requester nor its sponsor.
func ConfirmCase(s Shell, do access.Action, c cases.Case, others string) Confirmation {
	r := c.Request
	return Confirmation{Key: "confirm." + string(do), Do: ActKey(do), List: ListOf(c, others),
		Args: []any{"Title", s.CaseTitle(c), "Code", r.Code(), "Requester", s.PersonName(c, r.Requester)}}
}

// ReasonTo is a field for a reason that a case's requester will read.
func (s Shell) ReasonTo(c cases.Case, typed string, required bool) *ConfirmReason {
	return &ConfirmReason{Typed: typed, Reader: s.PersonName(c, c.Request.Requester), Required: required}
}

// ConfirmLeaving is the question before a sponsorship ends, of a request or of its token.
func ConfirmLeaving(s Shell, c cases.Case, reason string) Confirmation {
	q := ConfirmCase(s, access.EndSponsor, c, PageQueue)
	q.Reason = s.ReasonTo(c, reason, false)
	q.Reason.Words = "confirm.reason_optional"
	if LeavesRequest(c) {
		q.Key += "_request"
		q.Post, q.Keep = CasePath(c.Request, "/end-sponsorship"), Way{"confirm.keep_sponsorship", CasePath(c.Request, "")}
		return q
	}
	q.Post, q.Keep = GrantPath(c.Grant, "/end-sponsorship"), Way{"confirm.keep_sponsorship", GrantPath(c.Grant, "")}
	q.Also = &Way{"act.misuse", GrantPath(c.Grant, "/misuse")}
	return q
}

// ConfirmKeys are the words of questions with these keys.
func ConfirmKeys(keys ...string) (out []string) {
	for _, key := range keys {
		out = append(out, key+".h1", key+".what", key+".stays")
	}
	return out
}

// ActKey is the button's name of an action.
func ActKey(do access.Action) string { return "act." + string(do) }

// ListOf is the list that a page of a case was opened from; others is that of who is
// neither its requester nor its sponsor.
func ListOf(c cases.Case, others string) string {
	switch {
	case c.Own:
		return PageHome
	case c.Sponsor:
		return PageSponsorships
	}
	return others
}
