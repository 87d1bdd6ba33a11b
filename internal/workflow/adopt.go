package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

// This file keeps tokens that exist: a request after the fact, and, once it is
// approved, the job that makes the token the tool's.

// jobAdopt takes over the token of an approved request.
const jobAdopt = "found.adopt"

// Why Canvas let a token not be taken over, as message keys of stories.
const (
	stoppedAdoptRefused = "adopt.refused" // Canvas refused the change, or did not make it
	stoppedAdoptPending = "adopt.pending" // the token is not activated
	stoppedAdoptQuota   = "adopt.quota"   // its owner has as many live tokens as they may
	stoppedAdoptOver    = "adopt.over"    // the approved time is over
	// "adopt.not_recorded" stands where it was sent back before this was kept with
	// the request, and the record is gone.
)

// AskToKeep begins a request to keep a found token, for its owner: a draft with
// what is known filled in. Pressing again gives the same draft.
func (s *Service) AskToKeep(ctx context.Context, caller access.Caller, id string) (_ access.Request, err error) {
	defer verbEnded(s.Observer, access.AskToKeep, &err)
	r, err := s.askToKeep(ctx, caller, id)
	if err != nil {
		return access.Request{}, s.noteRefusal(ctx, caller, id, access.AskToKeep, err)
	}
	return r, nil
}

func (s *Service) askToKeep(ctx context.Context, caller access.Caller, id string) (access.Request, error) {
	if err := caller.MayWrite(); err != nil {
		return access.Request{}, err
	}
	var r access.Request
	err := s.Store.InTx(ctx, func(tx *store.Tx) error {
		f, err := s.foundFor(tx, caller, caller.Actor(), id) // its owner only
		if err != nil {
			return err
		}
		pol, err := tx.NewestPolicy(caller.Tenant)
		if err != nil {
			return err
		}
		r, _, err = s.wish(tx, caller.Actor(), f, caller.Course, keepAnswers(f.Purpose, s.keptEnd(pol, f, location(caller.TimeZone))))
		return err
	})
	return r, err
}

// keptEnd is the end to offer: the token's own, where it has one.
func (s *Service) keptEnd(pol policy.Policy, f access.Found, loc *time.Location) string {
	if f.NeverEnds() {
		return ""
	}
	// The last whole day before it ends, and no later than the policy allows anybody.
	last := policy.LastDate(f.Expires, loc)
	if latest := s.Now().Add(pol.For(policy.Student).MaxLife); last.After(latest) {
		last = policy.LastDate(latest, loc)
	}
	if !policy.EndOfDate(last).After(s.Now()) {
		return ""
	}
	return last.Format(time.DateOnly)
}

// keepAnswers are what a form that asks to keep a token is filled in with.
func keepAnswers(build, end string) (a access.Answers) {
	a.Set(policy.KeyBuild, build)
	a.Set(policy.KeyEnd, end)
	return a
}

// wish is the request that asks to keep f: the one there is, as long as it is
// open or a draft, else a new draft. fresh tells that it was made now.
func (s *Service) wish(tx *store.Tx, who access.Actor, f access.Found, course access.Course, a access.Answers) (r access.Request, fresh bool, err error) {
	if f.AccountRole {
		return r, false, access.Refuse(access.WhyAccountRole)
	}
	if f.RequestID != "" {
		r, err = tx.Request(f.Tenant, f.RequestID)
		if err != nil && !errors.Is(err, access.ErrNotFound) {
			return r, false, err
		}
		if err == nil && !r.State.Final() {
			return r, false, nil
		}
	}
	owner, err := s.personOf(tx, f.Tenant, f.CanvasUser, f.OwnerName)
	if err != nil {
		return r, false, err
	}
	f.Owner = owner.ID
	if err := tx.LockPerson(f.Tenant, owner.ID); err != nil {
		return r, false, err
	}
	n, err := tx.CountRequests(store.RequestQuery{Tenant: f.Tenant, Requester: owner.ID, States: []access.RequestState{access.Draft}})
	if err != nil {
		return r, false, err
	}
	if n >= maxDrafts {
		return r, false, access.Refuse(access.WhyDrafts)
	}
	now := s.Now()
	r = access.Request{ID: store.NewID("req"), Tenant: f.Tenant, Version: 1, State: access.Draft, Requester: owner.ID, Course: course, Answers: a,
		CreatedAt: now, UpdatedAt: now, Adopts: f.ID}
	if who.Person == owner.ID {
		if err := s.begin(tx, f.Tenant, owner.ID, r.ID); err != nil {
			return r, false, err
		}
	}
	if _, err := s.movedFound(tx, who, f, access.AskToKeep, access.FoundMove{RequestID: r.ID}, nil); err != nil {
		return r, false, err
	}
	e := s.event(r.Tenant, who.ID(), audit.RequestCreate, r.ID)
	e.To, e.Version, e.Related = string(r.State), r.Version, f.ID
	return r, true, tx.CreateRequest(r, e, nil)
}

// ProposeKeep begins requests to keep found tokens on behalf of their owners,
// who are told and must agree by sending them. build and endDate fill the form
// in; an empty build takes the purpose as it is written in Canvas.
func (s *Service) ProposeKeep(ctx context.Context, caller access.Caller, ids []string, build, endDate string) (_ int, err error) {
	defer verbEnded(s.Observer, access.VerbProposeKeep, &err)
	made := 0
	f, who, err := s.deciding(ctx, caller)
	if err == nil {
		err = withoutTokens(typedText{"build", build})
	}
	if err == nil {
		err = s.Store.InTx(ctx, func(tx *store.Tx) error {
			made = 0
			fs, err := pickedForMove(tx, caller, ids)
			if err != nil {
				return err
			}
			pol, err := tx.NewestPolicy(caller.Tenant)
			if err != nil {
				return err
			}
			for _, t := range fs {
				if t.Owner == caller.Person {
					return access.Refuse(access.WhySelf) // their own they ask for at their home
				}
				end := first(endDate, s.keptEnd(pol, t, zone(f.tenant)))
				r, fresh, err := s.wish(tx, who, t, access.Course{}, keepAnswers(first(build, t.Purpose), end))
				if err != nil {
					return err
				}
				if !fresh {
					continue
				}
				made++
				ref := foundRef{Kind: noticeKeepProposed, Found: []string{t.ID}, To: r.Requester, By: caller.Person, Occasion: r.ID + "/proposed"}
				if err := tx.InsertJob(s.foundNotice(caller.Tenant, ref)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return 0, s.noteRefusal(ctx, caller, firstOf(ids), access.AskToKeep, err)
	}
	s.nudge()
	return made, nil
}

type adoptRef struct {
	Request string `json:"request"`
}

// adoptJob takes over the token of r, which was just approved.
func (s *Service) adoptJob(r access.Request) jobs.Insert {
	data, _ := json.Marshal(adoptRef{r.ID}) // always marshals
	return enqueue(r.Tenant, jobAdopt, fmt.Sprintf("%s:v%d", r.ID, r.Version), data, s.Now())
}

// adoptHandler takes over the token of an approved request: our marker and the
// approved end are written to it in Canvas and read back, and only then the
// grant exists. A token that is gone ends the request; a refusal of Canvas
// sends it back to review; a Canvas that does not answer is asked again.
func (s *Service) adoptHandler(ctx context.Context, j jobs.Job) error {
	ref, err := jobs.Decode[adoptRef](j.Data)
	if err != nil {
		return err
	}
	var r access.Request
	var t access.Found
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		var err error
		if r, err = tx.Request(access.TenantID(j.Tenant), ref.Request); err != nil {
			return err
		}
		t, err = tx.Found(r.Tenant, r.Adopts)
		return err
	})
	if errors.Is(err, access.ErrNotFound) {
		return jobs.Permanent(err)
	}
	if err != nil || r.State != access.Approved {
		return err
	}
	f, err := s.far(ctx, r.Tenant, "")
	if err != nil {
		return err
	}
	if err := s.adopt(ctx, f, r, t); err != nil {
		s.Log.WarnContext(ctx, "a token is not taken over yet", "request", r.ID, "found", t.ID, "err", err)
		return jobs.Later(time.Minute)
	}
	return nil
}

func (s *Service) adopt(ctx context.Context, f far, r access.Request, t access.Found) error {
	if t.State != access.FoundNew && t.State != access.FoundTold {
		return s.adoptEnded(ctx, r) // removed, gone, or on the allow-list by now
	}
	lost, err := s.failing(ctx, f, r)
	if err != nil {
		return err
	}
	if lost.to != "" {
		if err := s.sendBack(ctx, f, r, lost); access.WhyOf(err) == "" {
			return err
		}
		return nil
	}
	end, err := s.adoptEnd(ctx, f, r, t)
	if err != nil {
		return err
	}
	if end.Sub(s.Now()) < leastLife {
		return s.adoptRefused(ctx, r, stoppedAdoptOver)
	}
	shown, err := f.ShowToken(ctx, t.CanvasUser, t.CanvasID)
	switch {
	case notFound(err) || (err == nil && shown.State == canvas.StateDeleted):
		if err := s.lookAfter(ctx, f, t); err != nil {
			return err
		}
		return s.adoptIfGone(ctx, t)
	case s.heard(t.Tenant, err) != nil:
		return err
	case shown.State != canvas.StateActive:
		return s.adoptRefused(ctx, r, stoppedAdoptPending)
	}
	g := access.AdoptedGrant(adoptedID(r), r, observed(t, shown), end, s.Now())
	if _, err := f.UpdateToken(ctx, t.CanvasUser, t.CanvasID, canvas.TokenUpdate{ExpiresAt: end, Purpose: g.Purpose()}); s.heard(t.Tenant, err) != nil {
		switch canvas.KindOf(err) {
		case canvas.Denied, canvas.Invalid, canvas.NotFound: // 404 is how Canvas denies the right to change a token it has just shown
			return s.adoptRefused(ctx, r, stoppedAdoptRefused)
		}
		return err
	}
	s.step("marker written")
	back, err := f.ShowToken(ctx, t.CanvasUser, t.CanvasID)
	if s.heard(t.Tenant, err) != nil {
		return err
	}
	if id, _, ok := access.ParseMarker(back.Purpose); !ok || id != g.ID || back.ExpiresAt.IsZero() || back.ExpiresAt.After(end.Add(time.Minute)) {
		return s.adoptRefused(ctx, r, stoppedAdoptRefused)
	}
	g.Expires, g.Hint = back.ExpiresAt, back.Hint
	return s.adopted(ctx, r, t, g)
}

// adoptedID is the id of the grant that takes over r's token. It follows from
// the request's, so that a job which died after it wrote the marker writes the
// same one again.
func adoptedID(r access.Request) string { return "grt_" + strings.TrimPrefix(r.ID, "req_") }

// adoptEnd is the end that Canvas is asked for: what was approved, and no later
// than its own policy and the newest allow.
func (s *Service) adoptEnd(ctx context.Context, f far, r access.Request, t access.Found) (time.Time, error) {
	aff, _, err := s.affiliation(ctx, f, t.CanvasUser)
	if err != nil {
		return time.Time{}, err
	}
	courseEnd, err := s.courseEnd(ctx, f, r.Course.ID)
	if err != nil {
		return time.Time{}, err
	}
	pol, err := s.limits(ctx, r)
	if err != nil {
		return time.Time{}, err
	}
	end, _ := pol.LatestEnd(aff, courseEnd, f.tenant.LearnedCapDays, r.Since, s.Now())
	if r.End.Before(end) {
		end = r.End
	}
	return end.UTC().Truncate(time.Second), nil
}

// adopted stores in one transaction that the found token is adopted, the grant
// that keeps it, and that its request is fulfilled.
func (s *Service) adopted(ctx context.Context, r access.Request, t access.Found, g access.Grant) error {
	full := false
	err := s.Store.InTx(ctx, func(tx *store.Tx) error {
		full = false
		before, err := tx.Request(r.Tenant, r.ID)
		if err != nil {
			return err
		}
		cur, err := tx.Found(t.Tenant, t.ID)
		if err != nil {
			return err
		}
		if before.Version != r.Version || cur.Version != t.Version {
			return access.ErrConflict // the next run decides anew
		}
		if err := tx.LockPerson(r.Tenant, r.Requester); err != nil {
			return err
		}
		if err := noLeak(tx, r.Tenant, r.Requester); err != nil {
			return err // until it is cleared; the job asks again
		}
		live, err := tx.CountGrants(store.GrantQuery{Tenant: r.Tenant, Owner: r.Requester, States: liveStates})
		if err != nil {
			return err
		}
		pol, err := limitsOf(tx, before)
		if err != nil {
			return err
		}
		if live >= pol.Quotas.Live {
			full = true
			return nil
		}
		cur.Owner = r.Requester
		if _, err := s.movedFound(tx, access.SystemActor, cur, access.Adopt, access.FoundMove{GrantID: g.ID}, nil); err != nil {
			return err
		}
		e := s.event(g.Tenant, access.SystemID, audit.GrantCreate, g.ID)
		e.To, e.Version, e.Related = string(g.State), g.Version, g.RequestID
		d := audit.NewDetail(map[string]string{"canvas_token": g.CanvasID, "expires": g.Expires.UTC().Format(time.RFC3339), "found": t.ID})
		if err := tx.CreateGrant(g, e, d, watchJob(g, s.Now().Add(time.Minute))); err != nil {
			return err
		}
		after, _, err := s.apply(tx, before, access.Adopt, access.SystemActor, access.Move{})
		if err != nil {
			return err
		}
		told := s.tellRequest(access.SystemActor, before, after, access.Adopt)
		told.Related = g.ID
		return tx.MoveRequest(after, told, nil, s.adoptedNotices(after, &g)...)
	})
	if err == nil && full {
		return s.adoptRefused(ctx, r, stoppedAdoptQuota)
	}
	return err
}

// adoptRefused sends a request back to review, with what stood in the way.
func (s *Service) adoptRefused(ctx context.Context, r access.Request, trouble string) error {
	return s.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := tx.Request(r.Tenant, r.ID)
		if err != nil || before.State != access.Approved {
			return err
		}
		after, effect, err := s.apply(tx, before, access.Return, access.SystemActor, access.Move{To: access.InReview, Why: trouble})
		if err != nil {
			return err
		}
		return tx.MoveRequest(after, s.tellRequest(access.SystemActor, before, after, access.Return),
			audit.NewDetail(map[string]string{"trouble": trouble}), s.follow(effect, before, after)...)
	})
}

// adoptIfGone lets the handler end a request whose token was proven gone; while
// there is no proof it asks again.
func (s *Service) adoptIfGone(ctx context.Context, t access.Found) error {
	return s.Store.Read(ctx, func(tx *store.Tx) error {
		cur, err := tx.Found(t.Tenant, t.ID)
		if err == nil && cur.State != access.FoundGone {
			err = errors.New("not shown by Canvas, and not proven gone")
		}
		return err
	})
}

// adoptEnded ends an approved request whose token cannot be kept any more.
func (s *Service) adoptEnded(ctx context.Context, r access.Request) error {
	return s.Store.InTx(ctx, func(tx *store.Tx) error {
		cur, err := tx.Request(r.Tenant, r.ID)
		if err != nil || cur.State != access.Approved {
			return err
		}
		return s.move(tx, access.SystemActor, cur, access.Lapse, access.Move{})
	})
}
