package requests

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// openForm is the empty form, or the text that a session left behind.
func (p *Pages) openForm(v *ui.Visit) error { return p.showForm(v, http.StatusOK, "", nil, nil, nil) }

// showForm shows the request form. With typed it shows what was just posted.
func (p *Pages) showForm(v *ui.Visit, status int, draft string, typed *access.Answers, wrong *access.FormError, also func(*FormInput, ui.Shell) *ui.Banner) error {
	f, err := p.requests.Form(v.Ctx(), v.Session.Caller, draft)
	if err != nil {
		return err
	}
	in := FormInput{Form: f, Errors: wrong}
	if typed != nil {
		in.Form.Answers, in.Form.KeptAt = *typed, time.Time{}
	}
	return ui.Show(v, status, PageForm, nil, func(sh ui.Shell) FormPage {
		if also != nil {
			sh.Banner = also(&in, sh)
		}
		return NewFormPage(sh, in)
	})
}

// ShowForm shows the form of a draft that another page began, with a result
// banner if there is one.
func (p *Pages) ShowForm(v *ui.Visit, draft string, banner func(ui.Shell) *ui.Banner) error {
	return p.showForm(v, http.StatusOK, draft, nil, nil, func(_ *FormInput, sh ui.Shell) *ui.Banner {
		if banner == nil {
			return nil
		}
		return banner(sh)
	})
}

// postRequest is the form sent: to find a teacher, to save the draft, or to
// submit it.
func (p *Pages) postRequest(v *ui.Visit) error {
	qs, err := p.requests.Questions(v.Ctx(), v.Session.Caller)
	if err != nil {
		return err
	}
	a, end, err := readAnswers(v, qs)
	if err != nil {
		return err
	}
	draft := draft(v)
	held := v.Held(typedKeys(qs)...)
	switch v.R.PostForm.Get("do") {
	case "find":
		query, _ := text.Clean(v.R.PostForm.Get("sponsor_q"), ui.MaxSearch)
		return p.showForm(v, http.StatusOK, draft, &a, held, func(in *FormInput, _ ui.Shell) *ui.Banner {
			in.SponsorQuery = query
			return nil
		})
	case "draft":
		r, err := p.requests.SaveDraft(v.Ctx(), v.Session.Caller, draft, a)
		if err != nil {
			return p.formRefused(v, draft, a, end, err)
		}
		// The draft is saved without the value, and the field says so.
		return p.showForm(v, http.StatusOK, r.ID, nil, held, func(in *FormInput, _ ui.Shell) *ui.Banner {
			in.SavedAt = r.UpdatedAt
			return nil
		})
	case "submit":
		if held != nil {
			return p.formRefused(v, draft, a, end, held)
		}
		r, err := p.requests.Submit(v.Ctx(), v.Session.Caller, draft, a)
		if err != nil {
			return p.formRefused(v, draft, a, end, err)
		}
		return p.showMoved(v, http.StatusOK, r.ID, access.Submit, PanelInput{}, nil)
	}
	return ui.ErrForm
}

// draft is the hidden field that names the draft a form belongs to.
func draft(v *ui.Visit) string {
	id, _ := text.Clean(v.R.PostForm.Get("draft"), ui.MaxID)
	return id
}

// formRefused answers a form that was not accepted: the same form, with
// everything typed, under the reason. What was typed is kept besides, should
// the session end before the correction.
func (p *Pages) formRefused(v *ui.Visit, draft string, a access.Answers, end ui.TypedDate, err error) error {
	if errors.Is(err, access.ErrConflict) && draft != "" {
		// The draft is no draft any more. If it went out, by the first press of
		// a double click, this press shows where it stands.
		return ui.Instead(p.showMoved(v, http.StatusOK, draft, access.Submit, PanelInput{}, nil), err)
	}
	var wrong *access.FormError
	why := access.WhyOf(err)
	if !errors.As(err, &wrong) && why == "" {
		return err
	}
	if e, bad := end.Problem("end", v.Words.Zone()); bad && wrong != nil {
		for i := range wrong.Fields {
			if wrong.Fields[i].Field == e.Field && wrong.Fields[i].Code != desk.HeldToken {
				wrong.Fields[i] = e // the core knows only that it is no date
			}
		}
	}
	p.saveText(v, draft, desk.FormRequest, a)
	return p.showForm(v, ui.StatusOf(err), draft, &a, wrong, func(_ *FormInput, sh ui.Shell) *ui.Banner {
		if why == "" {
			return nil
		}
		return ui.RefusedBanner(sh, why, nil)
	})
}

// saveText keeps what was typed for the next session. It is a service on the side:
// where it fails, the page still has the text.
func (p *Pages) saveText(v *ui.Visit, object, form string, what any) {
	if v.Session.NoWrites != "" {
		return
	}
	data, err := json.Marshal(what)
	if err == nil {
		_, err = p.requests.SaveText(v.Ctx(), v.Session.Caller, object, form, data)
	}
	if err != nil {
		v.Log().WarnContext(v.Ctx(), "typed text could not be kept", "form", form, "err", err)
	}
}

// saveTyped is the silent save while somebody types. Whatever happens, the
// answer replaces one line and never the form.
func (p *Pages) saveTyped(v *ui.Visit) error {
	qs, err := p.requests.Questions(v.Ctx(), v.Session.Caller)
	if err != nil {
		return err
	}
	a, _, err := readAnswers(v, qs)
	if err != nil {
		return err
	}
	data, err := json.Marshal(a)
	if err != nil {
		return err
	}
	at, err := p.requests.SaveText(v.Ctx(), v.Session.Caller, draft(v), desk.FormRequest, data)
	if err != nil {
		return err
	}
	return v.Fragment(PageSaved, NewSavedLine(v.Bare(), at))
}

// saveFailed says in the form's own line that the text could not be saved.
func saveFailed(v *ui.Visit, _ error) error {
	return v.Fragment(PageSaved, NewSavedLine(v.Bare(), time.Time{}))
}
