package massrevoke

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// How a mass revocation is worked on: in turns, by one worker of a tenant at a
// time, so that its calls to Canvas go one after the other.
const (
	massLease = 3 * time.Minute
	massTurn  = time.Minute // how long one run of the job works
	// massSafe is what must be left of the lease when a group of calls begins,
	// and more than that group may take.
	massSafe  = 2 * time.Minute
	massGroup = 100 * time.Second
	massBatch = 200 // grants that begin to end in one transaction
	massAhead = 100 // items that are read ahead
	// massOwned is how many tokens of one owner are deleted and proven together.
	massOwned = 10
	massBusy  = 20 * time.Second // until the next look while somebody else works
	massAway  = 30 * time.Second // while Canvas answers nobody
	// massDenials in a row are no accident of single tokens: the credential may
	// not delete any more.
	massDenials    = 5
	massDeniedWait = 5 * time.Minute
	// The job that ends a single token takes over where nobody has worked on the
	// mass revocation for a long time. The first ones come after a day, then one
	// every few seconds.
	massNet       = 24 * time.Hour
	massNetSpread = 5 * time.Second
)

// massHandler works on a mass revocation for a turn. Whatever stands in the way,
// it comes back: it never gives up and never waits long.
func (mr *MassRevoke) massHandler(ctx context.Context, j jobs.Job) error {
	ref, err := jobs.Decode[massRef](j.Data)
	if err != nil {
		return err
	}
	done, wait, err := mr.work(ctx, access.TenantID(j.Tenant), ref.Mass, massTurn)
	switch {
	case errors.Is(err, access.ErrNotFound):
		return jobs.Permanent(err)
	case err != nil:
		mr.desk.Log.WarnContext(ctx, "a mass revocation is held up", "mass", ref.Mass, "again_in", wait, "err", err)
	case done:
		mr.desk.Wake()
		return nil
	}
	return jobs.Later(wait)
}

// massWork is one worker's turn.
type massWork struct {
	*MassRevoke
	Canvas desk.Canvas
	Mass   access.Mass
	Holder string
	until  time.Time // the lease's end
	held   canvas.Confirmed
	denied int  // in a row
	Begun  int  // grants that have begun to end, for spreading their jobs
	fresh  bool // some tokens were not tried once when the turn began
	Late   bool // every token was tried once: owners are told as theirs are gone
}

// errMassHalt ends a turn: going on at once is of no use.
type errMassHalt struct {
	wait  time.Duration
	cause error
}

func (e *errMassHalt) Error() string { return "the turn ends: " + e.cause.Error() }

func (e *errMassHalt) Unwrap() error { return e.cause }

// work works on a mass revocation for at most the given time. done means
// that every token of it is proven gone; otherwise it wants to be called again
// after wait. It may be called by any number of processes at once, and may be
// killed at any point.
func (mr *MassRevoke) work(ctx context.Context, tenant access.TenantID, id string, limit time.Duration) (done bool, wait time.Duration, err error) {
	w := &massWork{MassRevoke: mr, Holder: store.NewID("run")}
	if err := mr.desk.Store.Read(ctx, func(tx *store.Tx) error {
		w.Mass, err = tx.Mass(tenant, id)
		return err
	}); err != nil {
		return false, massAway, err
	}
	if w.Mass.State != access.MassRunning {
		return w.Mass.State == access.MassDone, massAway, nil
	}
	if w.Canvas, err = mr.desk.CanvasOf(ctx, tenant, ""); err != nil {
		return false, massDeniedWait, err
	}
	if err := w.lease(ctx); err != nil {
		if errors.Is(err, access.ErrConflict) {
			return false, massBusy, nil
		}
		return false, massAway, err
	}
	defer func() {
		last, cancel := mr.desk.WithLimit(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if e := mr.desk.Store.InTx(last, func(tx *store.Tx) error { return tx.ReleaseMass(tenant, id, w.Holder, mr.desk.Now()) }); e != nil {
			mr.desk.Log.WarnContext(last, "a lease could not be given back; it ends by itself", "mass", id, "err", e)
		}
	}()
	done, wait, err = w.turn(canvas.Paced(ctx), mr.desk.Now().Add(limit))
	if halt, ok := errors.AsType[*errMassHalt](err); ok {
		wait = halt.wait
	}
	return done, wait, err
}

// lease takes or lengthens the right to work.
func (w *massWork) lease(ctx context.Context) error {
	now := w.desk.Now()
	until := now.Add(massLease)
	err := w.desk.Store.InTx(ctx, func(tx *store.Tx) error { return tx.LeaseMass(w.Mass.Tenant, w.Mass.ID, w.Holder, now, until) })
	if err == nil {
		w.until = until
	}
	return err
}

// turn works until nothing is left to do now, or the time is over.
func (w *massWork) turn(ctx context.Context, over time.Time) (done bool, wait time.Duration, err error) {
	c, err := w.counts(ctx)
	if err != nil {
		return false, massAway, err
	}
	w.Begun, w.fresh, w.Late = c.Total()-c.Waiting, c.Untried > 0, c.Untried == 0
	w.desk.Step("mass leased")
	for ctx.Err() == nil && w.desk.Now().Before(over) {
		if w.until.Sub(w.desk.Now()) < massSafe {
			if err := w.lease(ctx); err != nil {
				return false, massBusy, err
			}
		}
		did, err := w.begin(ctx)
		if err == nil && !did {
			did, err = w.end(ctx, over)
		}
		if err != nil {
			return false, massAway, err
		}
		if did {
			continue
		}
		if c, err = w.counts(ctx); err != nil {
			return false, massAway, err
		}
		if c.Left() > 0 {
			return false, max(c.NextTry.Sub(w.desk.Now()), time.Second), nil
		}
		if err := w.finish(ctx, c); err != nil {
			return false, massAway, err
		}
		return true, 0, nil
	}
	return false, time.Second, ctx.Err()
}

func (w *massWork) counts(ctx context.Context) (c store.MassCounts, err error) {
	err = w.desk.Store.Read(ctx, func(tx *store.Tx) error {
		c, err = tx.MassCounts(w.Mass.ID)
		return err
	})
	return c, err
}

// actor is who ends the grants, and how the log names them.
func (w *massWork) actor() access.Actor {
	if account, ok := strings.CutPrefix(w.Mass.By, access.OperatorPrefix); ok {
		return access.OperatorCaller(w.Mass.Tenant, account).Actor()
	}
	return access.Actor{Person: access.PersonID(w.Mass.By), Reviewer: true}
}

// begin stores of a batch of grants that they are to end. It reports whether
// there were any.
func (w *massWork) begin(ctx context.Context) (did bool, err error) {
	who, now := w.actor(), w.desk.Now()
	n := 0
	err = w.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		works, err := tx.MassNext(w.Mass.ID, access.MassWaiting, now, massBatch)
		if err != nil {
			return err
		}
		n = len(works)
		for i, x := range works {
			item := x.Item
			switch {
			case x.Grant.State.Final():
				item.State, item.EndedAt = access.MassEndedBefore, now
			case x.Grant.State == access.Revoking:
				item.State = access.MassEnding // somebody else began; it is proven here all the same
			default:
				item.State = access.MassEnding
				if err := w.beginOne(tx, who, x.Grant, w.Begun+i); err != nil {
					return err
				}
			}
			if err := tx.SaveMassItem(item, access.MassWaiting); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	w.Begun += n
	if n > 0 {
		w.desk.Step("mass begun")
	}
	return n > 0, nil
}

func (w *massWork) beginOne(tx *store.Tx, who access.Actor, before access.Grant, nth int) error {
	step, err := w.notices.StepGrant(before, access.Revoke, who, access.GrantMove{Cause: access.ByMass, Reason: w.Mass.Reason})
	if err != nil {
		return err
	}
	todo, err := w.notices.FollowGrant(tx, step)
	if err != nil {
		return err
	}
	for i := range todo { // the run itself ends it; its job is the net below
		todo[i].RunAt = w.desk.Now().Add(massNet + time.Duration(nth)*massNetSpread)
	}
	d := audit.NewDetail(map[string]string{"cause": string(access.ByMass), "quote": w.Mass.Reason, "mass": w.Mass.ID})
	return tx.MoveGrant(step.After, w.desk.GrantEvent(who, before, step.After, access.Revoke), d, todo...)
}

// end deletes and proves what is due, owner by owner. It reports whether there
// was anything.
func (w *massWork) end(ctx context.Context, over time.Time) (did bool, err error) {
	var due []store.MassWork
	err = w.desk.Store.Read(ctx, func(tx *store.Tx) error {
		due, err = tx.MassNext(w.Mass.ID, access.MassEnding, w.desk.Now(), massAhead)
		return err
	})
	if err != nil {
		return false, err
	}
	for len(due) > 0 && ctx.Err() == nil && w.desk.Now().Before(over) {
		if w.fresh && !w.Late && due[0].Item.Tries > 0 {
			w.Late = true
			if err := w.tellOwners(ctx); err != nil {
				return true, err
			}
		}
		n := 1
		for n < min(len(due), massOwned) && due[n].Grant.CanvasUser == due[0].Grant.CanvasUser && due[n].Item.Tries == due[0].Item.Tries {
			n++
		}
		if w.until.Sub(w.desk.Now()) < massSafe {
			if err := w.lease(ctx); err != nil {
				return true, err
			}
		}
		if err := w.group(ctx, due[:n]); err != nil {
			return true, err
		}
		due, did = due[n:], true
	}
	return did, ctx.Err()
}

// group deletes some tokens of one owner, proves what it can and stores that.
func (w *massWork) group(ctx context.Context, all []store.MassWork) error {
	ctx, cancel := w.desk.WithLimit(ctx, massGroup)
	defer cancel()
	user := all[0].Grant.CanvasUser
	var ids []string
	var first error
	for _, x := range all {
		if x.Grant.State != access.Revoking || x.Grant.CanvasID == "" {
			continue
		}
		_, err := w.Canvas.DeleteToken(ctx, user, x.Grant.CanvasID)
		if w.desk.TrackAnswer(w.Mass.Tenant, err) != nil && !desk.NotFound(err) {
			if canvas.Away(err) {
				return &errMassHalt{massAway, err}
			}
			first = errors.Join(first, err)
			continue // not deleted, for all that is known: nothing to prove
		}
		ids = append(ids, x.Grant.CanvasID)
	}
	w.desk.Step("mass deleted")
	found, list, err := w.Canvas.GoneAll(ctx, w.Canvas.Root(), user, ids, &w.held)
	if w.desk.TrackAnswer(w.Mass.Tenant, err) != nil {
		if canvas.Away(err) {
			return &errMassHalt{massAway, err}
		}
		first = errors.Join(first, err)
	}
	if list, err = w.strays(ctx, user, all, list); err != nil {
		if canvas.Away(err) {
			return &errMassHalt{massAway, err}
		}
		first = errors.Join(first, err)
	}
	w.desk.Step("mass proven")
	failed, err := w.store(ctx, all, found, list)
	if err != nil {
		return err
	}
	w.desk.Step("mass stored")
	if failed > 0 {
		w.desk.Log.WarnContext(ctx, "tokens of a mass revocation are not proven gone", "mass", w.Mass.ID, "tokens", failed, "err", first)
	}
	if w.denied = w.denied + 1; failed == 0 || canvas.KindOf(first) != canvas.Denied {
		w.denied = 0
	}
	if w.denied >= massDenials {
		return &errMassHalt{massDeniedWait, first}
	}
	return nil
}

// strays deletes other tokens of the owner that carry a marker of these grants,
// and returns the list as it is after that: nil where it could not be read.
func (w *massWork) strays(ctx context.Context, user string, all []store.MassWork, list []canvas.Token) ([]canvas.Token, error) {
	for range 3 {
		at := slices.IndexFunc(list, func(t canvas.Token) bool { return strayOf(t, all) >= 0 })
		if at < 0 {
			return list, nil
		}
		for _, t := range list[at:] {
			i := strayOf(t, all)
			if i < 0 {
				continue
			}
			if _, err := w.Canvas.DeleteToken(ctx, user, t.ID); w.desk.TrackAnswer(w.Mass.Tenant, err) != nil && !desk.NotFound(err) {
				return nil, err
			}
			g := all[i].Grant
			e := w.desk.Event(g.Tenant, access.SystemID, audit.GrantStray, g.ID)
			e.Related = g.RequestID
			d := audit.NewDetail(map[string]string{"canvas_token": t.ID})
			if err := w.desk.Store.InTx(ctx, func(tx *store.Tx) error { return tx.Audit(e, d) }); err != nil {
				return nil, err
			}
		}
		var err error
		if _, list, err = w.Canvas.GoneAll(ctx, w.Canvas.Root(), user, nil, &w.held); w.desk.TrackAnswer(w.Mass.Tenant, err) != nil {
			return nil, err
		}
	}
	return nil, errors.New("tokens with these markers come back")
}

// strayOf tells which of the grants a listed token is a stray of, or -1. What
// carries a later attempt's marker is none that this database knows of
// (docs/decisions.md 16).
func strayOf(t canvas.Token, all []store.MassWork) int {
	id, n, ok := access.ParseMarker(t.Purpose)
	if !ok || t.State == canvas.StateDeleted {
		return -1
	}
	return slices.IndexFunc(all, func(x store.MassWork) bool {
		return x.Grant.ID == id && n <= x.Grant.Attempt && (x.Grant.CanvasID == "" || !canvas.SameID(x.Grant.CanvasID, t.ID))
	})
}

// proofListed proves a grant gone of which no token's id is known.
const proofListed = "Canvas lists no token of this grant in its owner's full list"

// store stores what was found out: the final word of what is proven gone, and
// when the rest is tried again. It returns how many are not proven.
func (w *massWork) store(ctx context.Context, all []store.MassWork, found map[string]canvas.GoneEvidence, list []canvas.Token) (failed int, err error) {
	// What Canvas said must not be lost to a turn that is over.
	ctx, cancel := w.desk.WithLimit(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	var stuck []access.Grant
	err = w.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		failed, stuck = 0, nil
		for _, x := range all {
			g, err := tx.Grant(w.Mass.Tenant, x.Grant.ID)
			if err != nil {
				return err
			}
			item := x.Item
			proof := ""
			switch {
			case x.Grant.CanvasID != "":
				if ev := found[x.Grant.CanvasID]; ev.Gone {
					proof = ev.Reason
				}
			case list != nil:
				proof = proofListed
			}
			switch {
			case g.State.Final(): // another worker proved it
				item.State, item.EndedAt, item.Proof = access.MassGone, g.EndedAt, "proven before its turn"
				if g.Cause != access.ByMass {
					item.State = access.MassEndedBefore
				}
			case proof != "":
				item.State, item.EndedAt, item.Proof, item.Trouble = access.MassGone, w.desk.Now(), proof, ""
				if err := w.goneOne(tx, g, proof, list == nil || g.CanvasID == ""); err != nil {
					return err
				}
			default:
				failed++
				item.Tries++
				item.NextTry, item.Trouble = w.desk.Now().Add(tokens.EndDelay(item.Tries)), tokens.TroubleDown
				g.Tries, g.NextTry, g.Trouble = item.Tries, item.NextTry, item.Trouble
				if err := tx.RecordGrant(g); err != nil {
					return err
				}
				if g.Stuck(w.desk.Now()) {
					stuck = append(stuck, g)
				}
			}
			if err := tx.SaveMassItem(item, access.MassEnding); err != nil {
				return err
			}
		}
		if w.Late {
			return w.tellOwner(tx, all[0].Grant.Owner)
		}
		return nil
	})
	for _, g := range stuck {
		w.notices.TellStuck(ctx, g)
	}
	return failed, err
}

// goneOne stores the final word of a grant. Where its owner's list was not read,
// or its token was never known, strays are looked for once more later.
func (w *massWork) goneOne(tx *store.Tx, before access.Grant, proof string, sweep bool) error {
	step, err := w.notices.StepGrant(before, access.Gone, access.SystemActor, access.GrantMove{})
	if err != nil {
		return err
	}
	after := step.After
	todo, err := w.notices.FollowGrant(tx, step)
	if err != nil {
		return err
	}
	todo = slices.DeleteFunc(todo, func(j jobs.Insert) bool {
		// What the run ended is told by the run; what somebody ended alone, as that.
		return j.Kind == desk.JobNotice && before.Cause == access.ByMass || j.Kind == desk.JobSweep && !sweep
	})
	d := audit.NewDetail(map[string]string{"proof": proof, "mass": w.Mass.ID})
	if err := tx.MoveGrant(after, w.desk.GrantEvent(access.SystemActor, before, after, access.Gone), d, todo...); err != nil {
		return err
	}
	r, err := tx.Request(after.Tenant, after.RequestID)
	if err != nil || r.State != access.Collecting {
		return err
	}
	return w.requests.Move(tx, access.SystemActor, r, access.MintFailed, access.Move{})
}

// finish stores that every token is proven gone, and tells who has not been told.
func (w *massWork) finish(ctx context.Context, c store.MassCounts) error {
	w.desk.Step("mass finishing")
	if err := w.tellOwners(ctx); err != nil {
		return err
	}
	return w.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := tx.Mass(w.Mass.Tenant, w.Mass.ID)
		if err != nil || before.State != access.MassRunning {
			return err
		}
		after := before
		after.State, after.Version, after.EndedAt = access.MassDone, before.Version+1, w.desk.Now()
		d := audit.NewDetail(map[string]string{"gone": strconv.Itoa(c.Gone), "ended_before": strconv.Itoa(c.EndedBefore),
			"took": after.EndedAt.Sub(after.StartedAt).Round(time.Second).String(), "estimate": after.Estimate.String()})
		return tx.SaveMass(after, w.massEvent(before, after, access.SystemID, audit.MassFinish), d, w.massNotice(notices.ToReviewers, w.desk.Now()))
	})
}
