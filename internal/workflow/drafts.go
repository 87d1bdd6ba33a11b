package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

// NewObject and FormRequest name the kept text of a request not yet saved.
const (
	NewObject   = "new"
	FormRequest = "request"
)

const maxKept = 32 << 10

// Keep keeps what a person typed in a form and has not sent, for 7 days, one
// row per person, object and form (docs/decisions.md 24). Object is a request's id or
// NewObject. Sessions that may only look keep nothing.
func (s *Service) Keep(ctx context.Context, caller access.Caller, object, form string, data []byte) (time.Time, error) {
	if err := caller.MayWrite(); err != nil {
		return time.Time{}, err
	}
	if len(data) > maxKept || !json.Valid(data) {
		return time.Time{}, access.ErrInvalid
	}
	data, err := storableJSON(data)
	if err != nil {
		return time.Time{}, err
	}
	now := s.Now()
	err = s.Store.InTx(ctx, func(tx *store.Tx) error {
		id, err := s.keptObject(tx, caller, object)
		if err != nil {
			return err
		}
		return tx.Keep(store.Kept{Tenant: caller.Tenant, Person: caller.Person, Object: id, Form: form, Data: data, UpdatedAt: now})
	})
	return now, err
}

// keptObject is the id that kept text is stored under. Text can be kept only
// for what the person may see.
func (s *Service) keptObject(tx *store.Tx, caller access.Caller, object string) (string, error) {
	if object == "" || object == NewObject {
		return NewObject, nil
	}
	r, err := findRequest(tx, caller.Tenant, object)
	if err != nil {
		return "", err
	}
	if r.Requester != caller.Person && r.Sponsor != caller.Person && !(caller.RootGate && caller.Door == access.DoorAccount) {
		return "", access.ErrNotFound
	}
	return r.ID, nil
}

// Kept gives back what Keep kept, and when; nil when there is nothing.
func (s *Service) Kept(ctx context.Context, caller access.Caller, object, form string) ([]byte, time.Time, error) {
	var k store.Kept
	err := s.Store.Read(ctx, func(tx *store.Tx) error {
		id, err := s.keptObject(tx, caller, object)
		if err != nil {
			return err
		}
		k, err = tx.KeptFor(caller.Tenant, caller.Person, id, form)
		return err
	})
	if errors.Is(err, access.ErrNotFound) {
		return nil, time.Time{}, nil
	}
	return k.Data, k.UpdatedAt, err
}

// Form is everything the request form shows: the draft named, or for a new
// request the text kept of a session that ended.
func (s *Service) Form(ctx context.Context, caller access.Caller, draftID string) (Form, error) {
	f, err := s.far(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return Form{}, err
	}
	now := s.Now()
	form := Form{Course: caller.Course, Location: location(caller.TimeZone), Rules: f.tenant.School.Rules,
		RulesVer: f.tenant.School.RulesVersion, RulesDate: f.tenant.School.RulesDate, Affiliation: policy.None}
	object := NewObject
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		if draftID != "" {
			r, err := ownDraft(tx, caller, draftID)
			if err != nil {
				return err
			}
			form.Draft, form.Answers, object = r, r.Answers, r.ID
			if r.Course.ID != "" {
				form.Course = r.Course
			}
			if r.Adopts != "" {
				f, err := tx.Found(r.Tenant, r.Adopts)
				if err != nil {
					return err
				}
				form.Keeps = &f
			}
		}
		k, err := tx.KeptFor(caller.Tenant, caller.Person, object, FormRequest)
		if err == nil && k.UpdatedAt.After(form.Draft.UpdatedAt) {
			var a access.Answers
			if json.Unmarshal(k.Data, &a) == nil {
				form.Answers, form.KeptAt = a, k.UpdatedAt
			}
		} else if err != nil && !errors.Is(err, access.ErrNotFound) {
			return err
		}
		if form.Policy, err = tx.NewestPolicy(caller.Tenant); err != nil {
			return err
		}
		form.Quota, err = s.quota(tx, caller, form.Policy, form.Draft.Renews)
		return err
	})
	if err != nil {
		return Form{}, err
	}
	ctx, done := s.asking(ctx, caller)
	defer done()
	st, err := s.shownStanding(ctx, f, caller)
	if err != nil {
		form.TeachersErr = true
		s.Log.WarnContext(ctx, "the form is shown without Canvas's answers", "err", err)
		return form, nil
	}
	form.Affiliation, form.Reach = st.Affiliation, reach(st.Enrollments, st.At)
	pol := form.Policy
	form.Rule = pol.For(st.Affiliation).Rule
	if form.CourseEnd, err = s.shownCourseEnd(ctx, f, form.Course.ID); err != nil {
		s.Log.WarnContext(ctx, "the course's end could not be read", "err", err)
	}
	form.Latest, form.Cause = pol.LatestEnd(st.Affiliation, form.CourseEnd, f.tenant.LearnedCapDays, form.Draft.Since, now)
	if form.Rule == policy.RuleSponsor {
		form.Teachers, err = s.teachers(ctx, f, caller, form.Course.ID)
		form.TeachersErr = err != nil
	}
	return form, nil
}

// Questions are what the request form asks the caller's people now.
func (s *Service) Questions(ctx context.Context, caller access.Caller) ([]policy.Question, error) {
	pol, err := s.newestPolicy(ctx, caller.Tenant)
	return pol.Questions, err
}

// ownDraft is a draft of the caller.
func ownDraft(tx *store.Tx, caller access.Caller, id string) (access.Request, error) {
	r, err := findRequest(tx, caller.Tenant, id)
	if err != nil {
		return access.Request{}, err
	}
	if r.Requester != caller.Person {
		return access.Request{}, access.ErrNotFound
	}
	if r.State != access.Draft {
		return access.Request{}, &access.TransitionError{From: string(r.State), Action: access.Submit}
	}
	return r, nil
}

var openStates = slices.DeleteFunc(slices.Clone(access.RequestStates), func(s access.RequestState) bool { return !s.Open() })

var liveStates = slices.DeleteFunc(slices.Clone(access.GrantStates), func(s access.GrantState) bool { return !s.Live() })

// quota tells which of a policy's numbers another request would exceed, one
// that renews the grant given, or none. Who goes on to add one must hold the
// person's lock, so that two at once are counted one after the other.
func (s *Service) quota(tx *store.Tx, caller access.Caller, pol policy.Policy, renews string) (access.Why, error) {
	open, err := tx.CountRequests(store.RequestQuery{Tenant: caller.Tenant, Requester: caller.Person, States: openStates})
	if err != nil {
		return "", err
	}
	live, err := liveTokens(tx, caller.Tenant, caller.Person, renews)
	if err != nil {
		return "", err
	}
	switch {
	case open >= pol.Quotas.Open:
		return access.WhyQuotaOpen, nil
	case live >= pol.Quotas.Live:
		return access.WhyQuotaLive, nil
	}
	return "", nil
}

// liveTokens counts a person's live tokens as access.LiveTokens does.
func liveTokens(tx *store.Tx, tenant access.TenantID, owner access.PersonID, renewing string) (int, error) {
	gs, err := tx.Grants(store.GrantQuery{Tenant: tenant, Owner: owner, States: liveStates, Limit: store.MaxLimit})
	return access.LiveTokens(gs, renewing), err
}

// maxDrafts bounds how many drafts one person may have.
const maxDrafts = 20

// SaveDraft saves a request that is not sent yet; draftID is "" for a new one.
// It judges nothing that was typed; answers to questions that the school does not
// ask are dropped.
func (s *Service) SaveDraft(ctx context.Context, caller access.Caller, draftID string, a access.Answers) (_ access.Request, err error) {
	defer verbEnded(s.Observer, access.VerbSaveDraft, &err)
	if err := caller.MayWrite(); err != nil {
		return access.Request{}, s.noteRefusal(ctx, caller, draftID, access.Submit, err)
	}
	a = storableAnswers(a)
	var r access.Request
	err = s.Store.InTx(ctx, func(tx *store.Tx) error {
		pol, err := tx.NewestPolicy(caller.Tenant)
		if err != nil {
			return err
		}
		a := a.Known(pol.Questions)
		if draftID != "" {
			if r, err = ownDraft(tx, caller, draftID); err != nil {
				return err
			}
			r.Answers, r.UpdatedAt = a, s.Now()
			if r.Course.ID == "" {
				r.Course = caller.Course
			}
			if err = tx.SaveDraft(r); err != nil {
				return err
			}
			return tx.DropKept(caller.Tenant, caller.Person, r.ID, FormRequest)
		}
		r, err = s.newDraft(tx, caller, a, origin{})
		return err
	})
	if err != nil {
		return access.Request{}, err
	}
	return r, nil
}

// origin is what a draft starts from; zero for a new request.
type origin struct {
	refiled string        // the request that ended
	renews  *access.Grant // the token to renew
}

// newDraft begins a request of the caller, who is locked from here on:
// of many at once each counts those before it.
func (s *Service) newDraft(tx *store.Tx, caller access.Caller, a access.Answers, from origin) (access.Request, error) {
	if err := tx.LockPerson(caller.Tenant, caller.Person); err != nil {
		return access.Request{}, err
	}
	n, err := tx.CountRequests(store.RequestQuery{Tenant: caller.Tenant, Requester: caller.Person, States: []access.RequestState{access.Draft}})
	if err != nil {
		return access.Request{}, err
	}
	if n >= maxDrafts {
		return access.Request{}, access.Refuse(access.WhyDrafts)
	}
	now := s.Now()
	r := access.Request{ID: store.NewID("req"), Tenant: caller.Tenant, Version: 1, State: access.Draft, Requester: caller.Person,
		Course: caller.Course, Answers: a, CreatedAt: now, UpdatedAt: now, RefiledFrom: from.refiled}
	if err := s.begin(tx, r.Tenant, r.Requester, r.ID); err != nil {
		return access.Request{}, err
	}
	e := s.event(r.Tenant, caller.ID(), audit.RequestCreate, r.ID)
	if g := from.renews; g != nil {
		r.Renews, r.Since, e.Related = g.ID, g.Since, g.ID
	}
	if from.refiled != "" {
		e.Action, e.Related = audit.RequestRefile, from.refiled
	}
	e.To, e.Version = string(r.State), r.Version
	if err := tx.CreateRequest(r, e, nil); err != nil {
		return access.Request{}, err
	}
	return r, tx.DropKept(caller.Tenant, caller.Person, NewObject, FormRequest)
}

// DiscardDraft throws a draft away. What was typed in it goes with it.
func (s *Service) DiscardDraft(ctx context.Context, caller access.Caller, draftID string) (err error) {
	defer verbEnded(s.Observer, access.Discard, &err)
	if err := caller.MayWrite(); err != nil {
		return s.noteRefusal(ctx, caller, draftID, access.Discard, err)
	}
	return s.Store.InTx(ctx, func(tx *store.Tx) error {
		r, err := ownDraft(tx, caller, draftID)
		if err != nil {
			return err
		}
		r.Answers = nil
		return s.move(tx, caller.Actor(), r, access.Discard, access.Move{})
	})
}

// Refile starts a new draft with the answers of a request that was declined, denied or
// timed out, linked to it. Pressing twice gives the same draft. One that asked for
// a renewal still does, while the token can be renewed.
func (s *Service) Refile(ctx context.Context, caller access.Caller, id string) (_ access.Request, err error) {
	defer verbEnded(s.Observer, access.Refile, &err)
	if err := caller.MayWrite(); err != nil {
		return access.Request{}, s.noteRefusal(ctx, caller, id, access.Refile, err)
	}
	var out access.Request
	err = s.Store.InTx(ctx, func(tx *store.Tx) error {
		r, err := findRequest(tx, caller.Tenant, id)
		if err != nil {
			return err
		}
		if r.Requester != caller.Person {
			return access.ErrNotFound
		}
		if !access.Can(r, access.Refile, caller.Actor()) {
			return &access.TransitionError{From: string(r.State), Action: access.Refile}
		}
		if err := tx.LockPerson(caller.Tenant, caller.Person); err != nil {
			return err
		}
		drafts, err := tx.Requests(store.RequestQuery{Tenant: caller.Tenant, Requester: caller.Person, States: []access.RequestState{access.Draft}, Limit: maxDrafts})
		if err != nil {
			return err
		}
		for _, d := range drafts {
			if d.RefiledFrom == r.ID {
				out = d
				return nil
			}
		}
		again := origin{refiled: r.ID}
		if r.Renews != "" {
			// The same wish, the same bounds: it goes on to renew its token if it can.
			g, err := tx.Grant(caller.Tenant, r.Renews)
			if err != nil {
				return err
			}
			open, found, err := openRenewal(tx, g)
			if err != nil || found {
				out = open
				return err
			}
			if why, err := s.renewable(tx, g, r.Affiliation); err != nil {
				return err
			} else if why == "" {
				again.renews = &g
			}
		}
		a := storableAnswers(r.Answers).Without(policy.KeySponsor, policy.KeyAccepted)
		from := caller
		if r.Course.ID != "" {
			from.Course = r.Course
		}
		out, err = s.newDraft(tx, from, a, again)
		return err
	})
	return out, err
}
