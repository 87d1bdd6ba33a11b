package requests

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Submit sends a request: to the sponsor it names, or straight to review where
// the policy needs none. Whether its author may ask at all, and whether the
// sponsor teaches them, is read from Canvas now. A *access.FormError names what
// to correct, a *access.Refusal why this person cannot ask, and what was typed
// is kept in both cases. Answers to what the policy does not ask are dropped.
func (rq *Requests) Submit(ctx context.Context, caller access.Caller, draftID string, a access.Answers) (access.Request, error) {
	return desk.Verb(ctx, rq.desk, caller, desk.Guard{Do: access.Submit, Object: draftID}, func(ctx context.Context) (access.Request, error) {
		pol, err := rq.desk.NewestPolicy(ctx, caller.Tenant)
		if err != nil {
			return access.Request{}, err
		}
		a := a.Asked(pol.Questions)
		if err := desk.AnswersWithoutTokens(pol.Questions, a); err != nil {
			return access.Request{}, err
		}
		return rq.submit(ctx, caller, pol, draftID, a)
	})
}

func (rq *Requests) submit(ctx context.Context, caller access.Caller, pol policy.Policy, draftID string, a access.Answers) (access.Request, error) {
	if err := caller.MayWrite(); err != nil {
		return access.Request{}, err
	}
	f, err := rq.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return access.Request{}, err
	}
	var r access.Request
	if draftID != "" {
		err := rq.desk.Store.Read(ctx, func(tx *store.Tx) error {
			var err error
			r, err = ownDraft(tx, caller, draftID)
			return err
		})
		if err != nil {
			return access.Request{}, err
		}
	}
	twin, found, err := rq.withoutCanvas(ctx, f, caller, pol, r, a)
	if err != nil || found {
		return twin, err
	}
	course := r.Course
	if course.ID == "" {
		course = caller.Course
	}
	ctx, done := rq.desk.Asking(ctx, caller)
	defer done()
	j, err := rq.judge(ctx, f, caller, pol, course, r.Since, a)
	if err != nil {
		return access.Request{}, err
	}

	err = rq.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		if draftID != "" {
			if r, err = ownDraft(tx, caller, draftID); err != nil {
				return err
			}
		}
		if err := tx.LockPerson(caller.Tenant, caller.Person); err != nil {
			return err
		}
		if draftID == "" {
			twin, found, err := rq.twin(tx, caller, a)
			if err != nil {
				return err
			}
			if found {
				r = twin
				return nil
			}
		}
		why, err := rq.quota(tx, caller, pol, r.Renews)
		if err != nil {
			return err
		}
		if why == "" && r.Renews != "" {
			why, err = rq.cases.StillRenews(tx, r, j.affiliation)
			if err != nil {
				return err
			}
		}
		if why != "" {
			return access.Refuse(why)
		}
		if draftID == "" {
			from := caller
			from.Course = course
			if r, err = rq.NewDraft(tx, from, a, Origin{}); err != nil {
				return err
			}
		}
		r.Answers, r.Course, r.Affiliation = a, course, j.affiliation
		r.PolicyVersion, r.RulesVersion = pol.Version, f.Tenant.School.RulesVersion
		r.Asked, r.End, r.EndCause = j.end, j.end, j.cause
		m := access.Move{Policy: pol, To: access.InReview, Zone: desk.Zone(f.Tenant)}
		if j.sponsor.ID != "" {
			p, err := rq.authority.PersonOf(tx, caller.Tenant, j.sponsor.ID, j.sponsor.Name)
			if err != nil {
				return err
			}
			if err := rq.notices.CountNamed(tx, caller, p.ID); err != nil {
				return err
			}
			m.To, m.Sponsor = access.AwaitingSponsor, p.ID
		}
		if r.Number, err = tx.NextNumber(caller.Tenant); err != nil {
			return err
		}
		if err := tx.DropText(caller.Tenant, caller.Person, r.ID, desk.FormRequest); err != nil {
			return err
		}
		r, err = rq.moved(tx, caller.Actor(), r, access.Submit, m)
		return err
	})
	if err != nil {
		return access.Request{}, err
	}
	return r, nil
}

// withoutCanvas decides what needs no answer of Canvas: that this form was sent a
// moment ago already, that the person has as many requests as they may, and what
// is to be corrected in it whoever sends it. Where something is, what the page
// knew of its person stands beside it.
func (rq *Requests) withoutCanvas(ctx context.Context, f desk.Canvas, caller access.Caller, pol policy.Policy, draft access.Request, a access.Answers) (twin access.Request, found bool, err error) {
	var why access.Why
	err = rq.desk.Store.Read(ctx, func(tx *store.Tx) error {
		if draft.ID == "" {
			if twin, found, err = rq.twin(tx, caller, a); err != nil || found {
				return err
			}
		}
		why, err = rq.quota(tx, caller, pol, draft.Renews)
		return err
	})
	switch {
	case err != nil || found:
		return twin, found, err
	case why != "":
		return twin, false, access.Refuse(why)
	}
	d := access.DraftForm{Answers: a, Now: rq.desk.Now(), Location: desk.Location(caller.TimeZone)}
	if err := access.CheckAnybody(pol, d); err != nil {
		if st, ok := desk.Recall[authority.ShownAffiliation](rq.desk, authority.AffiliationKey(caller)); ok && pol.For(st.Affiliation).Rule != policy.RuleRefuse {
			end, _ := desk.Recall[time.Time](rq.desk, authority.CourseEndKey(f, cmp.Or(draft.Course.ID, caller.Course.ID)))
			d.Affiliation, d.SponsorOK = st.Affiliation, true
			d.Latest, d.LatestCause = pol.LatestEnd(d.Affiliation, end, f.Tenant.LearnedCapDays, draft.Since, d.Now)
			if _, all := access.CheckForm(pol, d); all != nil {
				return twin, false, all
			}
		}
		return twin, false, err
	}
	return twin, false, nil
}

// beforeRoles is what is to be corrected in a form that names nobody who could
// be asked about: the longer questions to Canvas are spared.
func (rq *Requests) beforeRoles(pol policy.Policy, d access.DraftForm, caller access.Caller) error {
	key := d.Answers.Text(policy.KeySponsor)
	d.SponsorSelf = key == caller.CanvasUser
	d.SponsorOK = access.CanvasID(key)
	_, err := access.CheckForm(pol, d)
	return err
}

// TwinLife is how long the same answers count as the same press.
const TwinLife = 10 * time.Minute

// twin finds the request that this very form made a moment ago: a second press,
// or a browser that sends the form again. It is only one that still is where that
// press left it: whoever sends the same again after an answer, or after taking it
// back, wants a new one. Its author must be locked.
func (rq *Requests) twin(tx *store.Tx, caller access.Caller, a access.Answers) (access.Request, bool, error) {
	rs, err := tx.Requests(store.RequestQuery{Tenant: caller.Tenant, Requester: caller.Person,
		States: []access.RequestState{access.AwaitingSponsor, access.InReview}, Limit: policy.MostOpen + 1})
	if err != nil {
		return access.Request{}, false, err
	}
	for _, r := range rs {
		pol, err := desk.PolicyOf(tx, r)
		if err != nil {
			return access.Request{}, false, err
		}
		if r.AsSubmitted(pol.Windows) && rq.desk.Now().Sub(r.SubmittedAt) < TwinLife && r.Answers.Equal(a) {
			return r, true, nil
		}
	}
	return access.Request{}, false, nil
}

// judged is what Canvas and the policy say about a form.
type judged struct {
	affiliation policy.Affiliation
	end         time.Time
	cause       policy.EndCause
	sponsor     canvas.User // zero when none is needed
}

// judge reads from Canvas what a submission is decided by, and checks the form
// by pol.
// since is when the chain of a renewal began, zero for any other request.
func (rq *Requests) judge(ctx context.Context, f desk.Canvas, caller access.Caller, pol policy.Policy, course access.Course, since time.Time, a access.Answers) (judged, error) {
	var j judged
	aff, _, err := rq.authority.Affiliation(ctx, f, caller.CanvasUser)
	if err != nil {
		return j, rq.desk.RefuseUnasked(ctx, "who may ask", err)
	}
	j.affiliation = aff
	rule := pol.For(aff).Rule
	if rule == policy.RuleRefuse {
		return j, access.Refuse(access.WhyRole)
	}
	end, err := rq.authority.CourseEnd(ctx, f, course.ID)
	if err != nil {
		return j, rq.desk.RefuseUnasked(ctx, "the course's end", err)
	}
	d := access.DraftForm{Answers: a, Affiliation: aff, Now: rq.desk.Now(), Location: desk.Location(caller.TimeZone)}
	if !since.IsZero() && !since.Add(pol.For(aff).MaxTotal).After(d.Now) {
		return j, access.Refuse(access.WhyTotalLife)
	}
	d.Latest, d.LatestCause = pol.LatestEnd(aff, end, f.Tenant.LearnedCapDays, since, d.Now)
	j.cause = d.LatestCause
	if wrong := rq.beforeRoles(pol, d, caller); wrong != nil {
		return j, wrong
	}
	role, err := rq.authority.AccountRole(ctx, f, caller.CanvasUser)
	if err != nil {
		return j, rq.desk.RefuseUnasked(ctx, "account roles", err)
	}
	if role || caller.AccountRole {
		return j, access.Refuse(access.WhyAccountRole)
	}
	if key := a.Text(policy.KeySponsor); rule == policy.RuleSponsor && key != "" {
		j.sponsor, err = rq.NamedSponsor(ctx, f, caller, course.ID, key)
		switch why := access.WhyOf(err); {
		case err == nil:
			d.SponsorOK = true
		case why == access.WhySelf:
			d.SponsorSelf = true
		case why == access.WhyCanvas:
			d.SponsorUnknown = true
		case why != access.WhyNotTeaching:
			return j, err
		}
	}
	j.end, err = access.CheckForm(pol, d)
	return j, err
}

// NamedSponsor reads the person a form names as sponsor and decides whether
// they may stand for the caller in course. Every refusal is one of
// WhySelf, WhyNotTeaching (also for somebody who does not exist) and WhyCanvas.
func (rq *Requests) NamedSponsor(ctx context.Context, f desk.Canvas, caller access.Caller, course, key string) (canvas.User, error) {
	if !access.CanvasID(key) {
		return canvas.User{}, access.Refuse(access.WhyNotTeaching)
	}
	if key == caller.CanvasUser {
		return canvas.User{}, access.Refuse(access.WhySelf)
	}
	u, err := f.User(ctx, key)
	if err != nil {
		return canvas.User{}, rq.sponsorError(ctx, err)
	}
	if err := rq.authority.CheckSponsor(ctx, f, key, caller.CanvasUser, course); err != nil {
		return canvas.User{}, rq.sponsorError(ctx, err)
	}
	return u, rq.authority.RosterAgrees(ctx, f, caller, course, key)
}

func (rq *Requests) sponsorError(ctx context.Context, err error) error {
	var ce *canvas.Error
	switch {
	case errors.As(err, &ce) && (ce.Kind == canvas.NotFound || ce.Kind == canvas.Denied):
		return access.Refuse(access.WhyNotTeaching)
	case access.WhyOf(err) == access.WhyNotEnrolled:
		return access.Refuse(access.WhyNotTeaching)
	}
	return rq.desk.RefuseUnasked(ctx, "whether the sponsor teaches", err)
}

// Move applies one move of a request and stores it with its audit row and the
// jobs that follow.
func (rq *Requests) Move(tx *store.Tx, who access.Actor, r access.Request, do access.Action, m access.Move) error {
	_, err := rq.moved(tx, who, r, do, m)
	return err
}

func (rq *Requests) moved(tx *store.Tx, who access.Actor, r access.Request, do access.Action, m access.Move) (access.Request, error) {
	after, effect, err := rq.desk.ApplyMove(tx, r, do, who, m)
	if err != nil {
		return access.Request{}, err
	}
	todo, err := rq.notices.OmitRepeats(tx, who.Person, rq.notices.FollowRequest(effect, r, after))
	if err != nil {
		return access.Request{}, err
	}
	if do == access.Endorse || do == access.Decline {
		if err := rq.notices.CountAnswered(tx, r.Tenant, r.Requester, who.Person, notices.NoticeRef{Kind: notify.AskedToSponsor, Request: r.ID}); err != nil {
			return access.Request{}, err
		}
	}
	if do == access.Endorse || do == access.Approve || do == access.Collect {
		todo = append(todo, rq.desk.CheckRequester(after))
	}
	return after, tx.MoveRequest(after, rq.desk.RequestEvent(who, r, after, do), WordsDetail(m), todo...)
}

// WordsDetail is the detail of a move that carries a person's words.
func WordsDetail(m access.Move) *audit.Detail {
	data := map[string]string{}
	put := func(k, v string) {
		if v != "" {
			data[k] = v
		}
	}
	put("quote", m.Reason)
	if m.Reason == "" {
		put("quote", m.Note)
	}
	put("alternative", m.Alternative)
	put("alternative_text", m.AltText)
	put("conditions", m.Conditions)
	put("lost", m.LostName)
	if !m.End.IsZero() {
		put("end", m.End.UTC().Format(time.RFC3339))
	}
	return audit.NewDetail(data)
}
