package web

import (
	"errors"
	"net/http"
	"slices"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// unmanaged is the list of tokens that the tool did not make.
func unmanaged(v *visit) error { return v.unmanaged(http.StatusOK, nil) }

func (v *visit) unmanaged(status int, banner *Banner) error {
	return v.unmanagedTicked(status, banner, nil)
}

// unmanagedTicked is the list with some of its tokens ticked.
func (v *visit) unmanagedTicked(status int, banner *Banner, ticked []string) error {
	f := workflow.FoundFilter{Status: v.query("status"), Search: v.query("q"), NeverEnds: v.query("ends") == "never", Admins: v.query("who") == "admins", After: v.query("after")}
	l, err := v.kit.work.Unmanaged(v.ctx(), v.sess.Caller, f)
	if errors.Is(err, access.ErrInvalid) { // an address that was changed by hand
		f = workflow.FoundFilter{}
		l, err = v.kit.work.Unmanaged(v.ctx(), v.sess.Caller, f)
	}
	if err != nil {
		return err
	}
	return show(v, status, PageUnmanaged, banner, func(sh Shell) UnmanagedPage {
		list := NewUnmanagedPage(sh, l, f)
		list.tick(ticked)
		return list
	})
}

// checkNow begins a check of all tokens.
func checkNow(v *visit) error {
	if err := v.kit.work.CheckNow(v.ctx(), v.sess.Caller); err != nil {
		return err
	}
	return v.unmanaged(http.StatusOK, &Banner{Kind: BannerInfo, ID: "result.check_now"})
}

// picked are the ids that a form ticks.
func (v *visit) picked() []string {
	var out []string
	for _, id := range v.r.PostForm["pick"] {
		if id, err := text.Clean(id, maxID); err == nil && id != "" && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// pickTokens asks once more about the tokens that were chosen in the list.
func pickTokens(v *visit) error {
	if why := v.sess.NoWrites; why != "" {
		return access.Refuse(why) // the page is of no use to who may only look
	}
	ids := v.picked()
	rows, err := v.kit.work.Picked(v.ctx(), v.sess.Caller, ids)
	if err != nil {
		return err
	}
	do := access.Action(v.r.PostForm.Get("do"))
	if _, ok := pickAddress[do]; !ok {
		return errForm
	}
	if !slices.ContainsFunc(rows, func(c workflow.FoundCase) bool { return c.Can[pickMove(do)] }) {
		none := &Banner{Kind: BannerWarn, ID: "pick.none"}
		if len(ids) > 0 {
			none.ID = "pick.none_possible"
		}
		for sh, i := v.shell(nil), 0; i < len(rows); i++ {
			none.Items = append(none.Items, sh.pickWhy(do, rows[i]))
		}
		return v.unmanagedTicked(http.StatusOK, none, ids)
	}
	return v.pickPage(http.StatusOK, PickInput{Do: do, Rows: rows})
}

func (v *visit) pickPage(status int, in PickInput) error {
	return show(v, status, PagePick, nil, func(sh Shell) PickPage { return NewPickPage(sh, in) })
}

// pickDo does what the page asked about, with what is ticked there.
func pickDo(do access.Action) handler {
	return func(v *visit) error {
		in := PickInput{Do: do, Chosen: map[string]bool{}}
		ids := v.picked()
		for _, id := range ids {
			in.Chosen[id] = true
		}
		wrong := &access.FormError{}
		var err error
		if name := pickText[do]; name != "" {
			read := v.note
			if do == access.Remove {
				read = v.parting
			}
			var bad *access.FormError
			if in.Text, bad = read(name); bad != nil {
				wrong = bad
			}
		}
		var date typedDate
		if name := pickDate[do]; name != "" {
			date = v.readDate(name)
			in.Date = date.Typed
			if e, bad := date.problem(name, v.words.Zone()); bad {
				wrong.Fields = append(wrong.Fields, e)
			}
		}
		in.Number, _ = text.Clean(v.r.PostForm.Get("number"), maxID)
		if err = wrong.Err(); err == nil {
			var done *Banner
			if done, err = v.doPicked(in, ids, date); err == nil {
				return v.unmanaged(http.StatusOK, done)
			}
		}
		return v.pickRefused(in, err)
	}
}

func (v *visit) doPicked(in PickInput, ids []string, date typedDate) (*Banner, error) {
	work, at := v.kit.work, date.end(v.words.Zone())
	switch in.Do {
	case access.TellOwner:
		c, err := work.TellOwners(v.ctx(), v.sess.Caller, ids, at, in.Text)
		return &Banner{Kind: BannerGood, ID: "result.tell_owner", Args: map[string]any{"Count": c.Told, "By": until(c.DueAt)}}, err
	case access.Allow:
		read := map[string]string{}
		for _, id := range ids {
			read[id] = v.read(termsOf(id))
		}
		fs, err := work.AllowTokens(v.ctx(), v.sess.Caller, ids, read, in.Text, at)
		id := "result.allow"
		if len(fs) > 0 && fs[0].State == access.FoundAllowing {
			id = "result.allow_first"
		}
		return &Banner{Kind: BannerGood, ID: id, Args: map[string]any{"Count": len(fs)}}, err
	case access.Adopt:
		n, err := work.ProposeKeep(v.ctx(), v.sess.Caller, ids, in.Text, date.iso())
		return &Banner{Kind: BannerGood, ID: "result.propose", Args: map[string]any{"Count": n}}, err
	}
	fs, err := work.RemoveTokens(v.ctx(), v.sess.Caller, ids, in.Text, in.Number)
	return &Banner{Kind: BannerInfo, ID: "result.removing", Args: map[string]any{"Count": len(fs)}}, err
}

// pickRefused shows the same page with everything typed and what stands in the
// way, or gives err to the table of errors.
func (v *visit) pickRefused(in PickInput, err error) error {
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
		if v.unmanaged(statusOf(err), &Banner{Kind: BannerWarn, ID: "result.changed"}) == nil {
			return nil
		}
		return err
	default:
		return err
	}
	all := make([]string, 0, len(in.Chosen))
	for id := range in.Chosen {
		all = append(all, id)
	}
	rows, readErr := v.kit.work.Picked(v.ctx(), v.sess.Caller, all)
	if readErr != nil || len(rows) == 0 {
		if wrong != nil && v.unmanaged(statusOf(err), &Banner{Kind: BannerWarn, ID: "pick.none"}) == nil {
			return nil
		}
		return err
	}
	in.Rows = rows
	if in.Do == access.Allow {
		// What is shown now is what the next press will have read.
		for _, c := range rows {
			in.Changed = errors.Join(in.Changed, access.FoundTerms(c.Found).Check(v.read(termsOf(c.ID))))
		}
	}
	return v.pickPage(statusOf(err), in)
}

// openFound is one token that the tool did not make.
func openFound(v *visit) error { return v.found(http.StatusOK, nil) }

func (v *visit) found(status int, banner *Banner) error {
	c, err := v.kit.work.FoundToken(v.ctx(), v.sess.Caller, v.id)
	if err != nil {
		return err
	}
	return show(v, status, PageFound, banner, func(sh Shell) FoundPage { return NewFoundPage(sh, c) })
}

// keepFound begins the request to keep one's own token, and opens its form.
func keepFound(v *visit) error {
	r, err := v.kit.work.AskToKeep(v.ctx(), v.sess.Caller, v.id)
	switch why := access.WhyOf(err); {
	case err == nil && r.State == access.Draft:
		return v.openForm(r.ID, nil)
	case err == nil:
		return v.openRequest(http.StatusOK, r.ID, nil)
	case why != "":
		if v.found(statusOf(err), &Banner{Kind: BannerWarn, ID: refusedKey(why), Args: map[string]any{"School": v.sess.School}}) == nil {
			return nil
		}
	case errors.Is(err, access.ErrConflict):
		if openFound(v) == nil {
			return nil
		}
	}
	return err
}

// askRemove asks before a token is deleted.
func askRemove(v *visit) error { return v.confirmRemove(http.StatusOK, "", nil) }

func (v *visit) confirmRemove(status int, reason string, refused error) error {
	c, err := v.kit.work.FoundToken(v.ctx(), v.sess.Caller, v.id)
	if err != nil {
		return err
	}
	if !c.Can[access.Remove] {
		return openFound(v) // it is ending or has ended: the page says so
	}
	var wrong *access.FormError
	errors.As(refused, &wrong)
	return show(v, status, PageConfirm, nil, func(sh Shell) ConfirmPage {
		if why := access.WhyOf(refused); why != "" {
			sh.Banner = RefusedBanner(sh, why, nil)
		}
		return NewRemovePage(sh, c, reason, wrong)
	})
}

// removeFound deletes a token. The page says what Canvas was found to say.
func removeFound(v *visit) error {
	reason, tooLong := v.parting("reason")
	if tooLong != nil {
		return v.confirmRemove(statusOf(tooLong), reason, tooLong)
	}
	c, err := v.kit.work.RemoveToken(v.ctx(), v.sess.Caller, v.id, reason)
	switch {
	case err == nil:
		b := &Banner{Kind: BannerWarn, ID: "result.revoking"}
		if c.State == access.FoundRemoved {
			b = &Banner{Kind: BannerGood, ID: "result.removed", Args: map[string]any{"When": moment(c.EndedAt)}}
		}
		return show(v, http.StatusOK, PageFound, b, func(sh Shell) FoundPage { return NewFoundPage(sh, c) })
	case isFormError(err), access.WhyOf(err) != "":
		if v.confirmRemove(statusOf(err), reason, err) == nil {
			return nil
		}
	case errors.Is(err, access.ErrConflict):
		if openFound(v) == nil {
			return nil
		}
	}
	return err
}

// disallow takes a token off the allow-list, or a proposal back.
func disallow(v *visit) error {
	err := v.kit.work.Disallow(v.ctx(), v.sess.Caller, v.id)
	switch why := access.WhyOf(err); {
	case err == nil:
		return v.found(http.StatusOK, &Banner{Kind: BannerGood, ID: "result.disallow"})
	case why != "":
		if v.found(statusOf(err), RefusedBanner(v.shell(nil), why, nil)) == nil {
			return nil
		}
	case errors.Is(err, access.ErrConflict):
		if openFound(v) == nil {
			return nil
		}
	}
	return err
}
