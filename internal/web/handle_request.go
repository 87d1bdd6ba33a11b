package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// show renders a page of a signed-in person under a fresh nonce.
func show[V any](v *visit, status int, name string, banner *Banner, build func(Shell) V) error {
	sh := v.shell(banner)
	sh.Nonce = newNonce()
	return v.page(status, name, build(sh), sh.Nonce)
}

// home is My API tokens.
func home(v *visit) error { return v.home(nil) }

func (v *visit) home(banner *Banner) error {
	h, err := v.kit.work.Home(v.ctx(), v.sess.Caller)
	if err != nil {
		return err
	}
	return show(v, http.StatusOK, PageHome, banner, func(sh Shell) HomePage { return NewHomePage(sh, h) })
}

// newRequest is the empty form, or the text that a session left behind.
func newRequest(v *visit) error { return v.form(http.StatusOK, "", nil, nil, nil) }

// form shows the request form. With typed it shows what was just posted.
func (v *visit) form(status int, draft string, typed *access.Answers, wrong *access.FormError, also func(*FormInput, Shell) *Banner) error {
	f, err := v.kit.work.Form(v.ctx(), v.sess.Caller, draft)
	if err != nil {
		return err
	}
	in := FormInput{Form: f, Errors: wrong}
	if typed != nil {
		in.Form.Answers, in.Form.KeptAt = *typed, time.Time{}
	}
	return show(v, status, PageForm, nil, func(sh Shell) FormPage {
		if also != nil {
			sh.Banner = also(&in, sh)
		}
		return NewFormPage(sh, in)
	})
}

// openForm shows the form of a draft that another page began, with a result
// banner if there is one.
func (v *visit) openForm(draft string, banner func(Shell) *Banner) error {
	return v.form(http.StatusOK, draft, nil, nil, func(_ *FormInput, sh Shell) *Banner {
		if banner == nil {
			return nil
		}
		return banner(sh)
	})
}

// postRequest is the form sent: to find a teacher, to save the draft, or to
// submit it.
func postRequest(v *visit) error {
	qs, err := v.kit.work.Questions(v.ctx(), v.sess.Caller)
	if err != nil {
		return err
	}
	a, end, err := v.answers(qs)
	if err != nil {
		return err
	}
	draft := v.draft()
	held := v.held(typedKeys(qs)...)
	switch v.r.PostForm.Get("do") {
	case "find":
		query, _ := text.Clean(v.r.PostForm.Get("sponsor_q"), maxSearch)
		return v.form(http.StatusOK, draft, &a, held, func(in *FormInput, _ Shell) *Banner {
			in.SponsorQuery = query
			return nil
		})
	case "draft":
		r, err := v.kit.work.SaveDraft(v.ctx(), v.sess.Caller, draft, a)
		if err != nil {
			return v.formRefused(draft, a, end, err)
		}
		// The draft is saved without the value, and the field says so.
		return v.form(http.StatusOK, r.ID, nil, held, func(in *FormInput, _ Shell) *Banner {
			in.SavedAt = r.UpdatedAt
			return nil
		})
	case "submit":
		if held != nil {
			return v.formRefused(draft, a, end, held)
		}
		r, err := v.kit.work.Submit(v.ctx(), v.sess.Caller, draft, a)
		if err != nil {
			return v.formRefused(draft, a, end, err)
		}
		return v.opened(http.StatusOK, r.ID, access.Submit, PanelInput{}, nil)
	}
	return errForm
}

// draft is the hidden field that names the draft a form belongs to.
func (v *visit) draft() string {
	id, _ := text.Clean(v.r.PostForm.Get("draft"), maxID)
	return id
}

// formRefused answers a form that was not accepted: the same form, with
// everything typed, under the reason. What was typed is kept besides, should
// the session end before the correction.
func (v *visit) formRefused(draft string, a access.Answers, end typedDate, err error) error {
	if errors.Is(err, access.ErrConflict) && draft != "" {
		// The draft is no draft any more. If it went out, by the first press of
		// a double click, this press shows where it stands.
		if openErr := v.opened(http.StatusOK, draft, access.Submit, PanelInput{}, nil); openErr == nil {
			return nil
		}
		return err
	}
	var wrong *access.FormError
	why := access.WhyOf(err)
	if !errors.As(err, &wrong) && why == "" {
		return err
	}
	if e, bad := end.problem("end", v.words.Zone()); bad && wrong != nil {
		for i := range wrong.Fields {
			if wrong.Fields[i].Field == e.Field && wrong.Fields[i].Code != workflow.HeldToken {
				wrong.Fields[i] = e // the core knows only that it is no date
			}
		}
	}
	v.keep(draft, workflow.FormRequest, a)
	return v.form(statusOf(err), draft, &a, wrong, func(_ *FormInput, sh Shell) *Banner {
		if why == "" {
			return nil
		}
		return RefusedBanner(sh, why, nil)
	})
}

// keep keeps what was typed for the next session. It is a service on the side:
// where it fails, the page still has the text.
func (v *visit) keep(object, form string, what any) {
	if v.sess.NoWrites != "" {
		return
	}
	data, err := json.Marshal(what)
	if err == nil {
		_, err = v.kit.work.Keep(v.ctx(), v.sess.Caller, object, form, data)
	}
	if err != nil {
		v.warn("typed text could not be kept", "form", form, "err", err)
	}
}

// keepTyped is the silent save while somebody types. Whatever happens, the
// answer replaces one line and never the form.
func (s *Server) keepTyped(v *visit) error {
	qs, err := s.work.Questions(v.ctx(), v.sess.Caller)
	if err != nil {
		return err
	}
	a, _, err := v.answers(qs)
	if err != nil {
		return err
	}
	data, err := json.Marshal(a)
	if err != nil {
		return err
	}
	at, err := s.work.Keep(v.ctx(), v.sess.Caller, v.draft(), workflow.FormRequest, data)
	if err != nil {
		return err
	}
	return v.fragment(PageKept, NewKept(v.bare(), at))
}
