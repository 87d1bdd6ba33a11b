package inventory

import (
	"errors"
	"net/http"
	"slices"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/inventory"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// openList is the list of tokens that the tool did not make.
func (p *Pages) openList(v *ui.Visit) error { return p.showList(v, http.StatusOK, nil) }

func (p *Pages) showList(v *ui.Visit, status int, banner *ui.Banner) error {
	return p.showTicked(v, status, banner, nil)
}

// showTicked is the list with some of its tokens ticked.
func (p *Pages) showTicked(v *ui.Visit, status int, banner *ui.Banner, ticked []string) error {
	f := inventory.FoundFilter{Status: v.Query("status"), Search: v.Query("q"), NeverEnds: v.Query("ends") == "never", Admins: v.Query("who") == "admins", After: v.Query("after")}
	l, err := p.inventory.Unmanaged(v.Ctx(), v.Session.Caller, f)
	if errors.Is(err, access.ErrInvalid) { // an address that was changed by hand
		f = inventory.FoundFilter{}
		l, err = p.inventory.Unmanaged(v.Ctx(), v.Session.Caller, f)
	}
	if err != nil {
		return err
	}
	return ui.Show(v, status, ui.PageUnmanaged, banner, func(sh ui.Shell) ListPage {
		list := NewListPage(sh, l, f)
		list.tick(ticked)
		return list
	})
}

// checkNow begins a check of all tokens.
func (p *Pages) checkNow(v *ui.Visit) error {
	if err := p.inventory.CheckNow(v.Ctx(), v.Session.Caller); err != nil {
		return err
	}
	return p.showList(v, http.StatusOK, &ui.Banner{Kind: ui.BannerInfo, ID: "result.check_now"})
}

// picked are the ids that a form ticks.
func picked(v *ui.Visit) []string {
	var out []string
	for _, id := range v.R.PostForm["pick"] {
		if id, err := text.Clean(id, ui.MaxID); err == nil && id != "" && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// pickTokens asks once more about the tokens that were chosen in the list.
func (p *Pages) pickTokens(v *ui.Visit) error {
	if why := v.Session.NoWrites; why != "" {
		return access.Refuse(why) // the page is of no use to who may only look
	}
	ids := picked(v)
	rows, err := p.inventory.Picked(v.Ctx(), v.Session.Caller, ids)
	if err != nil {
		return err
	}
	do := access.Action(v.R.PostForm.Get("do"))
	if _, ok := pickAddress[do]; !ok {
		return ui.ErrForm
	}
	if !slices.ContainsFunc(rows, func(c cases.FoundCase) bool { return c.Can[pickMove(do)] }) {
		none := &ui.Banner{Kind: ui.BannerWarn, ID: "pick.none"}
		if len(ids) > 0 {
			none.ID = "pick.none_possible"
		}
		for sh, i := v.Shell(nil), 0; i < len(rows); i++ {
			none.Items = append(none.Items, pickWhy(sh, do, rows[i]))
		}
		return p.showTicked(v, http.StatusOK, none, ids)
	}
	return showPick(v, http.StatusOK, PickInput{Do: do, Rows: rows})
}

func showPick(v *ui.Visit, status int, in PickInput) error {
	return ui.Show(v, status, PagePick, nil, func(sh ui.Shell) PickPage { return NewPickPage(sh, in) })
}

// pickDo does what the page asked about, with what is ticked there.
func (p *Pages) pickDo(do access.Action) ui.Handler {
	return func(v *ui.Visit) error {
		in := PickInput{Do: do, Chosen: map[string]bool{}}
		ids := picked(v)
		for _, id := range ids {
			in.Chosen[id] = true
		}
		wrong := &access.FormError{}
		var err error
		if name := pickText[do]; name != "" {
			read := v.Note
			if do == access.Remove {
				read = v.Parting
			}
			var bad *access.FormError
			if in.Text, bad = read(name); bad != nil {
				wrong = bad
			}
		}
		var date ui.TypedDate
		if name := pickDate[do]; name != "" {
			date = v.ReadDate(name)
			in.Date = date.Typed
			if e, bad := date.Problem(name, v.Words.Zone()); bad {
				wrong.Fields = append(wrong.Fields, e)
			}
		}
		in.Number, _ = text.Clean(v.R.PostForm.Get("number"), ui.MaxID)
		if err = wrong.Err(); err == nil {
			var done *ui.Banner
			if done, err = p.doPicked(v, in, ids, date); err == nil {
				return p.showList(v, http.StatusOK, done)
			}
		}
		return p.pickRefused(v, in, err)
	}
}

func (p *Pages) doPicked(v *ui.Visit, in PickInput, ids []string, date ui.TypedDate) (*ui.Banner, error) {
	at := date.End(v.Words.Zone())
	switch in.Do {
	case access.TellOwner:
		c, err := p.inventory.TellOwners(v.Ctx(), v.Session.Caller, ids, at, in.Text)
		return &ui.Banner{Kind: ui.BannerGood, ID: "result.tell_owner", Args: map[string]any{"Count": c.Told, "By": ui.Until(c.DueAt)}}, err
	case access.Allow:
		read := map[string]string{}
		for _, id := range ids {
			read[id] = v.TermsRead(termsOf(id))
		}
		fs, err := p.inventory.AllowTokens(v.Ctx(), v.Session.Caller, ids, read, in.Text, at)
		id := "result.allow"
		if len(fs) > 0 && fs[0].State == access.FoundAllowing {
			id = "result.allow_first"
		}
		return &ui.Banner{Kind: ui.BannerGood, ID: id, Args: map[string]any{"Count": len(fs)}}, err
	case access.Adopt:
		n, err := p.inventory.ProposeKeep(v.Ctx(), v.Session.Caller, ids, in.Text, date.Iso())
		return &ui.Banner{Kind: ui.BannerGood, ID: "result.propose", Args: map[string]any{"Count": n}}, err
	}
	fs, err := p.inventory.RemoveTokens(v.Ctx(), v.Session.Caller, ids, in.Text, in.Number)
	return &ui.Banner{Kind: ui.BannerInfo, ID: "result.removing", Args: map[string]any{"Count": len(fs)}}, err
}

// pickRefused shows the same page with everything typed and what stands in the
// way, or gives err to the table of errors.
func (p *Pages) pickRefused(v *ui.Visit, in PickInput, err error) error {
	var wrong *access.FormError
	var changed *access.TermsError
	switch {
	case errors.As(err, &wrong):
		in.Errors = wrong
	case errors.As(err, &changed):
		in.Changed = err
	case access.WhyOf(err) != "":
		in.Refused = access.WhyOf(err)
	case errors.Is(err, access.ErrConflict):
		return ui.Instead(p.showList(v, ui.StatusOf(err), &ui.Banner{Kind: ui.BannerWarn, ID: "result.changed"}), err)
	default:
		return err
	}
	all := make([]string, 0, len(in.Chosen))
	for id := range in.Chosen {
		all = append(all, id)
	}
	rows, readErr := p.inventory.Picked(v.Ctx(), v.Session.Caller, all)
	if readErr != nil || len(rows) == 0 {
		if wrong == nil {
			return err
		}
		return ui.Instead(p.showList(v, ui.StatusOf(err), &ui.Banner{Kind: ui.BannerWarn, ID: "pick.none"}), err)
	}
	in.Rows = rows
	if in.Do == access.Allow {
		// What is shown now is what the next press will have read.
		for _, c := range rows {
			in.Changed = errors.Join(in.Changed, access.FoundTerms(c.Found).Check(v.TermsRead(termsOf(c.ID))))
		}
	}
	return showPick(v, ui.StatusOf(err), in)
}

// open is one token that the tool did not make.
func (p *Pages) open(v *ui.Visit) error { return p.show(v, http.StatusOK, nil) }

func (p *Pages) show(v *ui.Visit, status int, banner *ui.Banner) error {
	c, err := p.inventory.FoundToken(v.Ctx(), v.Session.Caller, v.ID)
	if err != nil {
		return err
	}
	return ui.Show(v, status, PageFound, banner, func(sh ui.Shell) Page { return NewPage(sh, c) })
}

// keepFound begins the request to keep one's own token, and opens its form.
func (p *Pages) keepFound(v *ui.Visit) error {
	r, err := p.inventory.AskToKeep(v.Ctx(), v.Session.Caller, v.ID)
	switch why := access.WhyOf(err); {
	case err == nil && r.State == access.Draft:
		return p.to.Form(v, r.ID, nil)
	case err == nil:
		return p.to.Request(v, http.StatusOK, r.ID, nil)
	case why != "":
		return ui.Instead(p.show(v, ui.StatusOf(err), ui.RefusedBanner(v.Bare(), why, nil)), err)
	case errors.Is(err, access.ErrConflict):
		return ui.Instead(p.open(v), err)
	}
	return err
}

// askRemove asks before a token is deleted.
func (p *Pages) askRemove(v *ui.Visit) error { return p.confirmRemove(v, "", nil) }

func (p *Pages) confirmRemove(v *ui.Visit, reason string, refused error) error {
	c, err := p.inventory.FoundToken(v.Ctx(), v.Session.Caller, v.ID)
	if err != nil {
		return err
	}
	if !c.Can[access.Remove] {
		return p.open(v) // it is ending or has ended: the page says so
	}
	return v.Confirm(refused, nil, func(sh ui.Shell) ui.Confirmation { return Confirmation(sh, c, reason) })
}

// Confirmation is the question before a token that the tool did not make is deleted;
// reason is as typed.
func Confirmation(s ui.Shell, c inventory.FoundPage, reason string) ui.Confirmation {
	f, owner := c.Found, ui.FoundOwner(s, c.FoundCase)
	q := ui.Confirmation{Key: "confirm.remove", Args: []any{"Title", ui.FoundPurpose(s, f), "Owner", owner}, List: ui.PageHome, Do: "act.remove_one", Danger: true,
		Post: ui.FoundPath(f, "/remove"), Keep: ui.Way{Words: "confirm.keep_token", To: ui.FoundPath(f, "")}}
	if !c.Own {
		q.Key, q.List = "confirm.remove_other", ui.PageUnmanaged
		q.Reason = &ui.ConfirmReason{Typed: reason, Reader: owner, Required: true}
	}
	return q
}

// removeFound deletes a token. The page says what Canvas was found to say.
func (p *Pages) removeFound(v *ui.Visit) error {
	reason, tooLong := v.Parting("reason")
	if tooLong != nil {
		return p.confirmRemove(v, reason, tooLong)
	}
	c, err := p.inventory.RemoveToken(v.Ctx(), v.Session.Caller, v.ID, reason)
	switch {
	case err == nil:
		b := &ui.Banner{Kind: ui.BannerWarn, ID: "result.revoking"}
		if c.State == access.FoundRemoved {
			b = &ui.Banner{Kind: ui.BannerGood, ID: "result.removed", Args: map[string]any{"When": ui.Moment(c.EndedAt)}}
		}
		return ui.Show(v, http.StatusOK, PageFound, b, func(sh ui.Shell) Page { return NewPage(sh, c) })
	case ui.IsFormError(err), access.WhyOf(err) != "":
		return ui.Instead(p.confirmRemove(v, reason, err), err)
	case errors.Is(err, access.ErrConflict):
		return ui.Instead(p.open(v), err)
	}
	return err
}

// disallow takes a token off the allow-list, or a proposal back.
func (p *Pages) disallow(v *ui.Visit) error {
	err := p.inventory.Disallow(v.Ctx(), v.Session.Caller, v.ID)
	switch why := access.WhyOf(err); {
	case err == nil:
		return p.show(v, http.StatusOK, &ui.Banner{Kind: ui.BannerGood, ID: "result.disallow"})
	case why != "":
		return ui.Instead(p.show(v, ui.StatusOf(err), ui.RefusedBanner(v.Bare(), why, nil)), err)
	case errors.Is(err, access.ErrConflict):
		return ui.Instead(p.open(v), err)
	}
	return err
}
