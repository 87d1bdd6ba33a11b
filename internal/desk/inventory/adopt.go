package inventory

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/desk/requests"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Why Canvas let a token not be taken over, as message keys of stories.
const (
	StoppedAdoptRefused = "adopt.refused" // Canvas refused the change, or did not make it
	stoppedAdoptPending = "adopt.pending" // the token is not activated
	stoppedAdoptQuota   = "adopt.quota"   // its owner has as many live tokens as they may
	stoppedAdoptOver    = "adopt.over"    // the approved time is over
	// "adopt.not_recorded" stands where it was sent back before this was kept with
	// the request, and the record is gone.
)

// AskToKeep begins a request to keep a found token, for its owner: a draft with
// what is known filled in. Pressing again gives the same draft.
func (iv *Inventory) AskToKeep(ctx context.Context, caller access.Caller, id string) (access.Request, error) {
	return desk.Verb(ctx, iv.desk, caller, desk.Guard{Do: access.AskToKeep, Object: id}, func(ctx context.Context) (access.Request, error) {
		return iv.askToKeep(ctx, caller, id)
	})
}

func (iv *Inventory) askToKeep(ctx context.Context, caller access.Caller, id string) (access.Request, error) {
	if err := caller.MayWrite(); err != nil {
		return access.Request{}, err
	}
	var r access.Request
	err := iv.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		f, err := iv.cases.FoundFor(tx, caller, caller.Actor(), id) // its owner only
		if err != nil {
			return err
		}
		pol, err := tx.NewestPolicy(caller.Tenant)
		if err != nil {
			return err
		}
		r, _, err = iv.wish(tx, caller.Actor(), f, caller.Course, keepAnswers(f.Purpose, iv.offeredEnd(pol, f, desk.Location(caller.TimeZone))))
		return err
	})
	return r, err
}

// offeredEnd is the end to offer: the token's own, where it has one.
func (iv *Inventory) offeredEnd(pol policy.Policy, f access.Found, loc *time.Location) string {
	if f.NeverEnds() {
		return ""
	}
	// The last whole day before it ends, and no later than the policy allows anybody.
	last := policy.LastDate(f.Expires, loc)
	if latest := iv.desk.Now().Add(pol.For(policy.Student).MaxLife); last.After(latest) {
		last = policy.LastDate(latest, loc)
	}
	if !policy.EndOfDate(last).After(iv.desk.Now()) {
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
func (iv *Inventory) wish(tx *store.Tx, who access.Actor, f access.Found, course access.Course, a access.Answers) (r access.Request, fresh bool, err error) {
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
	owner, err := iv.authority.PersonOf(tx, f.Tenant, f.CanvasUser, f.OwnerName)
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
	if n >= requests.MaxDrafts {
		return r, false, access.Refuse(access.WhyDrafts)
	}
	now := iv.desk.Now()
	r = access.Request{ID: store.NewID("req"), Tenant: f.Tenant, Version: 1, State: access.Draft, Requester: owner.ID, Course: course, Answers: a,
		CreatedAt: now, UpdatedAt: now, Adopts: f.ID}
	if who.Person == owner.ID {
		if err := iv.notices.CountBegun(tx, f.Tenant, owner.ID, r.ID); err != nil {
			return r, false, err
		}
	}
	if _, err := iv.movedFound(tx, who, f, access.AskToKeep, access.FoundMove{RequestID: r.ID}, nil); err != nil {
		return r, false, err
	}
	e := iv.desk.Event(r.Tenant, who.ID(), audit.RequestCreate, r.ID)
	e.To, e.Version, e.Related = string(r.State), r.Version, f.ID
	return r, true, tx.CreateRequest(r, e, nil)
}

// ProposeKeep begins requests to keep found tokens on behalf of their owners,
// who are told and must agree by sending them. build and endDate fill the form
// in; an empty build takes the purpose as it is written in Canvas.
func (iv *Inventory) ProposeKeep(ctx context.Context, caller access.Caller, ids []string, build, endDate string) (int, error) {
	guard := desk.Guard{Do: access.VerbProposeKeep, Object: firstOf(ids), Refused: access.AskToKeep}
	return desk.Verb(ctx, iv.desk, caller, guard, func(ctx context.Context) (made int, err error) {
		f, who, err := iv.deciding(ctx, caller)
		if err == nil {
			err = desk.WithoutTokens(desk.TypedText{Field: "build", Text: build})
		}
		if err != nil {
			return 0, err
		}
		err = iv.desk.Store.InTx(ctx, func(tx *store.Tx) error {
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
				end := cmp.Or(endDate, iv.offeredEnd(pol, t, desk.Zone(f.Tenant)))
				r, fresh, err := iv.wish(tx, who, t, access.Course{}, keepAnswers(cmp.Or(build, t.Purpose), end))
				if err != nil {
					return err
				}
				if !fresh {
					continue
				}
				made++
				ref := FoundRef{Kind: notify.KeepProposed, Found: []string{t.ID}, To: r.Requester, By: caller.Person, Occasion: r.ID + "/proposed"}
				if err := tx.InsertJob(iv.foundNotice(caller.Tenant, ref)); err != nil {
					return err
				}
			}
			return nil
		})
		return made, err
	})
}

// adoptHandler takes over the token of an approved request: our marker and the
// approved end are written to it in Canvas and read back, and only then the
// grant exists. A token that is gone ends the request; a refusal of Canvas
// sends it back to review; a Canvas that does not answer is asked again.
func (iv *Inventory) adoptHandler(ctx context.Context, j jobs.Job) error {
	var t access.Found
	_, r, err := desk.JobAbout(ctx, iv.desk, j, func(tx *store.Tx, ref notices.AdoptRef) (access.Request, error) {
		r, err := tx.Request(access.TenantID(j.Tenant), ref.Request)
		if err == nil {
			t, err = tx.Found(r.Tenant, r.Adopts)
		}
		return r, err
	})
	if err != nil || r.State != access.Approved {
		return err
	}
	f, err := iv.desk.CanvasOf(ctx, r.Tenant, "")
	if err != nil {
		return err
	}
	if err := iv.adopt(ctx, f, r, t); err != nil {
		iv.desk.Log.WarnContext(ctx, "a token is not taken over yet", "request", r.ID, "found", t.ID, "err", err)
		return jobs.Later(time.Minute)
	}
	return nil
}

func (iv *Inventory) adopt(ctx context.Context, f desk.Canvas, r access.Request, t access.Found) error {
	if t.State != access.FoundNew && t.State != access.FoundTold {
		return iv.adoptEnded(ctx, r) // removed, gone, or on the allow-list by now
	}
	lost, err := iv.requests.Failing(ctx, f, r)
	if err != nil {
		return err
	}
	if lost.To != "" {
		if err := iv.requests.SendBack(ctx, f, r, lost); access.WhyOf(err) == "" {
			return err
		}
		return nil
	}
	end, err := iv.adoptEnd(ctx, f, r, t)
	if err != nil {
		return err
	}
	if end.Sub(iv.desk.Now()) < tokens.LeastLife {
		return iv.adoptRefused(ctx, r, stoppedAdoptOver)
	}
	shown, err := f.ShowToken(ctx, t.CanvasUser, t.CanvasID)
	switch {
	case desk.NotFound(err) || (err == nil && shown.State == canvas.StateDeleted):
		if err := iv.checkMissing(ctx, f, t); err != nil {
			return err
		}
		return iv.adoptIfGone(ctx, t)
	case iv.desk.TrackAnswer(t.Tenant, err) != nil:
		return err
	case shown.State != canvas.StateActive:
		return iv.adoptRefused(ctx, r, stoppedAdoptPending)
	}
	g := access.AdoptedGrant(adoptedID(r), r, observed(t, shown), end, iv.desk.Now())
	if _, err := f.UpdateToken(ctx, t.CanvasUser, t.CanvasID, canvas.TokenUpdate{ExpiresAt: end, Purpose: g.Purpose()}); iv.desk.TrackAnswer(t.Tenant, err) != nil {
		switch canvas.KindOf(err) {
		case canvas.Denied, canvas.Invalid, canvas.NotFound: // 404 is how Canvas denies the right to change a token it has just shown
			return iv.adoptRefused(ctx, r, StoppedAdoptRefused)
		}
		return err
	}
	iv.desk.Step("marker written")
	back, err := f.ShowToken(ctx, t.CanvasUser, t.CanvasID)
	if iv.desk.TrackAnswer(t.Tenant, err) != nil {
		return err
	}
	if id, _, ok := access.ParseMarker(back.Purpose); !ok || id != g.ID || back.ExpiresAt.IsZero() || back.ExpiresAt.After(end.Add(time.Minute)) {
		return iv.adoptRefused(ctx, r, StoppedAdoptRefused)
	}
	g.Expires, g.Hint = back.ExpiresAt, back.Hint
	return iv.adopted(ctx, r, t, g)
}

// adoptedID is the id of the grant that takes over r's token. It follows from
// the request's, so that a job which died after it wrote the marker writes the
// same one again.
func adoptedID(r access.Request) string { return "grt_" + strings.TrimPrefix(r.ID, "req_") }

// adoptEnd is the end that Canvas is asked for: what was approved, and no later
// than its own policy and the newest allow.
func (iv *Inventory) adoptEnd(ctx context.Context, f desk.Canvas, r access.Request, t access.Found) (time.Time, error) {
	aff, _, err := iv.authority.Affiliation(ctx, f, t.CanvasUser)
	if err != nil {
		return time.Time{}, err
	}
	courseEnd, err := iv.authority.CourseEnd(ctx, f, r.Course.ID)
	if err != nil {
		return time.Time{}, err
	}
	pol, err := iv.desk.Limits(ctx, r)
	if err != nil {
		return time.Time{}, err
	}
	end, _ := pol.LatestEnd(aff, courseEnd, f.Tenant.LearnedCapDays, r.Since, iv.desk.Now())
	if r.End.Before(end) {
		end = r.End
	}
	return end.UTC().Truncate(time.Second), nil
}

// adopted stores in one transaction that the found token is adopted, the grant
// that keeps it, and that its request is fulfilled.
func (iv *Inventory) adopted(ctx context.Context, r access.Request, t access.Found, g access.Grant) error {
	full := false
	err := iv.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		full = false
		before, err := desk.RequestAsRead(tx, r)
		if err != nil {
			return err // where either has moved on, the next run decides anew
		}
		cur, err := desk.FoundAsRead(tx, t)
		if err != nil {
			return err
		}
		if err := tx.LockPerson(r.Tenant, r.Requester); err != nil {
			return err
		}
		if err := desk.RefuseOpenLeak(tx, r.Tenant, r.Requester); err != nil {
			return err // until it is cleared; the job asks again
		}
		live, err := tx.CountGrants(store.GrantQuery{Tenant: r.Tenant, Owner: r.Requester, States: desk.LiveStates})
		if err != nil {
			return err
		}
		pol, err := desk.LimitsOf(tx, before)
		if err != nil {
			return err
		}
		if live >= pol.Quotas.Live {
			full = true
			return nil
		}
		cur.Owner = r.Requester
		if _, err := iv.movedFound(tx, access.SystemActor, cur, access.Adopt, access.FoundMove{GrantID: g.ID}, nil); err != nil {
			return err
		}
		e := iv.desk.Event(g.Tenant, access.SystemID, audit.GrantCreate, g.ID)
		e.To, e.Version, e.Related = string(g.State), g.Version, g.RequestID
		d := audit.NewDetail(map[string]string{"canvas_token": g.CanvasID, "expires": g.Expires.UTC().Format(time.RFC3339), "found": t.ID})
		if err := tx.CreateGrant(g, e, d, desk.WatchJob(g, iv.desk.Now().Add(time.Minute))); err != nil {
			return err
		}
		after, _, err := iv.desk.ApplyMove(tx, before, access.Adopt, access.SystemActor, access.Move{})
		if err != nil {
			return err
		}
		told := iv.desk.RequestEvent(access.SystemActor, before, after, access.Adopt)
		told.Related = g.ID
		return tx.MoveRequest(after, told, nil, iv.notices.AdoptedNotices(after, &g)...)
	})
	if err == nil && full {
		return iv.adoptRefused(ctx, r, stoppedAdoptQuota)
	}
	return err
}

// adoptRefused sends a request back to review, with what stood in the way.
func (iv *Inventory) adoptRefused(ctx context.Context, r access.Request, trouble string) error {
	return iv.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := tx.Request(r.Tenant, r.ID)
		if err != nil || before.State != access.Approved {
			return err
		}
		after, effect, err := iv.desk.ApplyMove(tx, before, access.Return, access.SystemActor, access.Move{To: access.InReview, Why: trouble})
		if err != nil {
			return err
		}
		return tx.MoveRequest(after, iv.desk.RequestEvent(access.SystemActor, before, after, access.Return),
			audit.NewDetail(map[string]string{"trouble": trouble}), iv.notices.FollowRequest(effect, before, after)...)
	})
}

// adoptIfGone lets the handler end a request whose token was proven gone; while
// there is no proof it asks again.
func (iv *Inventory) adoptIfGone(ctx context.Context, t access.Found) error {
	return iv.desk.Store.Read(ctx, func(tx *store.Tx) error {
		cur, err := tx.Found(t.Tenant, t.ID)
		if err == nil && cur.State != access.FoundGone {
			err = errors.New("not shown by Canvas, and not proven gone")
		}
		return err
	})
}

// adoptEnded ends an approved request whose token cannot be kept any more.
func (iv *Inventory) adoptEnded(ctx context.Context, r access.Request) error {
	return iv.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		cur, err := tx.Request(r.Tenant, r.ID)
		if err != nil || cur.State != access.Approved {
			return err
		}
		return iv.requests.Move(tx, access.SystemActor, cur, access.Lapse, access.Move{})
	})
}
