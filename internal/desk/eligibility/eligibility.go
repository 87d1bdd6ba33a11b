package eligibility

import (
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/requests"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// The jobs of this room, and how often they look.
const (
	JobEligibility   = "ground"        // a slot of the round over everybody with something live
	jobSurvey        = "ground.survey" // one tenant's people of a slot
	EligibilityRound = 12 * time.Hour  // a loss is seen within it, and the second look
	EligibilitySlot  = 15 * time.Minute
	EligibilityAgain = 10 * time.Minute
	eligibilityBatch = 50  // people of one job; the rest get the next
	eligibilityPage  = 500 // people that are read at a time to find those of a slot
)

// What a finding is besides a cause.
const (
	lostSponsor = "sponsor"
	lostOwner   = "gone" // the requester of an open request
)

// eligibilitySlots is how many slots a round has.
const eligibilitySlots = int(EligibilityRound / EligibilitySlot)

// slotOf is a person's place in the round.
func slotOf(p access.PersonID) int {
	h := fnv.New32a()
	h.Write([]byte(p))
	return int(h.Sum32() % uint32(eligibilitySlots))
}

// eligibilityHandler gives each tenant a job for the slot, so that a Canvas that does
// not answer holds up its own people only. It is the job's slot that counts, not
// when the job comes to run, and those that were missed before it: each has people
// of its own.
func (el *Eligibility) eligibilityHandler(ctx context.Context, j jobs.Job) error {
	at := el.desk.Now().UTC().Truncate(EligibilitySlot)
	slots := jobs.Slots{First: at, Last: at}
	if len(j.Data) > 0 {
		var err error
		if slots, err = jobs.Decode[jobs.Slots](j.Data); err != nil {
			return err
		}
		at = slots.Last
	}
	ref := desk.EligibilityRef{Slot: int(at.Sub(at.Truncate(EligibilityRound)) / EligibilitySlot), Missed: min(int(at.Sub(slots.First)/EligibilitySlot), eligibilitySlots-1)}
	return el.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		tenants, err := tx.Tenants()
		if err != nil {
			return err
		}
		for _, t := range tenants {
			if err := tx.InsertJob(desk.EligibilityJob(t.ID, jobSurvey, at.Format(time.RFC3339), ref, at)); err != nil {
				return err
			}
		}
		return nil
	})
}

// surveyHandler looks at the people of one slot.
func (el *Eligibility) surveyHandler(ctx context.Context, j jobs.Job) error {
	ref, err := jobs.Decode[desk.EligibilityRef](j.Data)
	if err != nil {
		return err
	}
	f, off, err := el.desk.CanvasInUse(ctx, access.TenantID(j.Tenant))
	if err != nil || off {
		return err
	}
	if el.desk.Resting(f.Tenant.ID) {
		return jobs.Later(desk.RestFor)
	}
	people, err := el.Concerned(ctx, f.Tenant.ID, ref)
	if err != nil {
		return err
	}
	rest := len(people) > eligibilityBatch
	if rest {
		people = people[:eligibilityBatch]
	}
	v := el.newView(canvas.Paced(ctx), f)
	for i, p := range people {
		found, err := v.check(p)
		if err != nil && (notify.Away(err) || ctx.Err() != nil) &&
			// Where a survey goes on, it may be this person who cannot be read.
			(i > 0 || ref.Until.IsZero() || notify.Away(v.trusted())) {
			if i > 0 {
				ref.After = people[i-1]
			}
			return el.surveyLater(ctx, f, j, ref, err)
		}
		if err != nil {
			el.desk.Log.WarnContext(ctx, "what somebody's tokens stand on could not be read; nothing changes", "person", p, "err", err)
			continue
		}
		if len(found) > 0 {
			if err := el.desk.Store.InsertJob(ctx, el.confirmJob(f.Tenant.ID, p, found)); err != nil {
				return err
			}
		}
	}
	if rest {
		last := people[len(people)-1]
		return el.desk.Store.InsertJob(ctx, desk.EligibilityJob(f.Tenant.ID, jobSurvey, j.Key+">"+string(last), desk.EligibilityRef{Slot: ref.Slot, Missed: ref.Missed, After: last}, el.desk.Now()))
	}
	return nil
}

// surveyLater goes on with a survey behind ref.After when Canvas, which did not
// answer, may again. Its people would not be seen for a whole round otherwise.
func (el *Eligibility) surveyLater(ctx context.Context, f desk.Canvas, j jobs.Job, ref desk.EligibilityRef, cause error) error {
	ctx, cancel := el.desk.WithLimit(context.WithoutCancel(ctx), 10*time.Second) // the job's time may be over
	defer cancel()
	at := el.desk.Now().Add(EligibilityAgain)
	if ref.Until.IsZero() {
		ref.Until = el.desk.Now().Add(EligibilityRound)
	}
	el.desk.Log.WarnContext(ctx, "a survey waits for Canvas", "slot", ref.Slot, "again_at", at, "err", cause)
	if at.After(ref.Until) {
		return nil // the round comes back to them
	}
	key, _, _ := strings.Cut(strings.TrimPrefix(j.Key, jobSurvey+":"+string(f.Tenant.ID)+":"), ">")
	return el.desk.Store.InsertJob(ctx, desk.EligibilityJob(f.Tenant.ID, jobSurvey, key+">"+string(ref.After)+"@"+at.UTC().Format(time.RFC3339), ref, at))
}

func (el *Eligibility) confirmJob(t access.TenantID, p access.PersonID, seen []desk.Finding) jobs.Insert {
	at := el.desk.Now().Add(EligibilityAgain)
	return desk.EligibilityJob(t, desk.JobOwner, string(p)+"?"+at.UTC().Format(time.RFC3339), desk.EligibilityRef{Owner: p, Seen: seen}, at)
}

// Concerned lists the first people of a slot behind ref.After with something live, in
// the order of their ids: those of one job, and one more where there is one.
func (el *Eligibility) Concerned(ctx context.Context, t access.TenantID, ref desk.EligibilityRef) ([]access.PersonID, error) {
	var out []access.PersonID
	for after := ref.After; ; {
		var some []access.PersonID
		err := el.desk.Store.Read(ctx, func(tx *store.Tx) (err error) {
			some, err = tx.Concerned(t, desk.UsableStates, desk.DecidedUpon, after, eligibilityPage)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, p := range some {
			if behind := (ref.Slot - slotOf(p) + eligibilitySlots) % eligibilitySlots; behind > ref.Missed {
				continue
			}
			if out = append(out, p); len(out) > eligibilityBatch {
				return out, nil
			}
		}
		if len(some) < eligibilityPage {
			return out, nil
		}
		after = some[len(some)-1]
	}
}

// ownerHandler looks at one person, and acts on what the first look saw too.
func (el *Eligibility) ownerHandler(ctx context.Context, j jobs.Job) error {
	ref, err := jobs.Decode[desk.EligibilityRef](j.Data)
	if err != nil {
		return err
	}
	f, off, err := el.desk.CanvasInUse(ctx, access.TenantID(j.Tenant))
	if err != nil || off {
		return err
	}
	v := el.newView(canvas.Paced(ctx), f)
	found, err := v.check(ref.Owner)
	if err == nil && len(ref.Seen) > 0 && len(found) > 0 {
		err = v.trusted()
	}
	if err != nil {
		el.desk.Log.WarnContext(ctx, "what somebody's tokens stand on could not be read; nothing changes", "person", ref.Owner, "err", err)
		if len(ref.Seen) == 0 {
			return nil // the round comes back to them
		}
		return jobs.Later(EligibilityAgain)
	}
	var fresh []desk.Finding
	for _, x := range found {
		if !slices.Contains(ref.Seen, x) {
			fresh = append(fresh, x)
			continue
		}
		if err := el.give(ctx, f, x); err != nil && !errors.Is(err, access.ErrConflict) {
			return err
		}
	}
	el.desk.Wake()
	if len(fresh) > 0 {
		return el.desk.Store.InsertJob(ctx, el.confirmJob(f.Tenant.ID, ref.Owner, fresh))
	}
	return nil
}

// give does what follows from a loss that was seen twice.
func (el *Eligibility) give(ctx context.Context, f desk.Canvas, x desk.Finding) error {
	return el.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		if desk.GrantID(x.Object) {
			g, err := tx.Grant(f.Tenant.ID, x.Object)
			if err != nil || !slices.Contains(desk.UsableStates, g.State) {
				return err
			}
			if x.What != lostSponsor {
				_, err = el.tokens.StartEnd(tx, access.SystemActor, g, access.GrantMove{Cause: access.Cause(x.What)}, nil)
				return err
			}
			if g.Sponsor != x.Of {
				return nil
			}
			r, err := tx.Request(g.Tenant, g.RequestID)
			if err != nil {
				return err
			}
			p, err := tx.Person(g.Tenant, x.Of)
			if err != nil {
				return err
			}
			return el.tokens.MovedSponsor(tx, access.SystemActor, g, r, access.LoseSponsor, access.GrantMove{}, map[string]string{"lost": p.Name})
		}
		r, err := tx.Request(f.Tenant.ID, x.Object)
		if err != nil || !slices.Contains(desk.DecidedUpon, r.State) {
			return err
		}
		return el.giveRequest(tx, f, r, x)
	})
}

func (el *Eligibility) giveRequest(tx *store.Tx, f desk.Canvas, r access.Request, x desk.Finding) error {
	m := access.Move{To: access.AwaitingSponsor, Zone: desk.Zone(f.Tenant)}
	if x.Of != "" {
		p, err := tx.Person(r.Tenant, x.Of)
		if err != nil {
			return err
		}
		m.LostName = p.Name
	}
	switch {
	case x.What == lostSponsor && r.State == access.AwaitingSponsor:
		if r.Sponsor != x.Of {
			return nil
		}
		m.To = ""
		return el.requests.Move(tx, access.SystemActor, r, access.LoseSponsor, m)
	case x.What == lostSponsor:
		return el.requests.Move(tx, access.SystemActor, r, access.Return, m)
	case r.State == access.InReview:
		// By way of the sponsor's stage, which is the one that can time out. Nobody
		// is asked to choose a sponsor for it.
		back, _, err := el.desk.ApplyMove(tx, r, access.Return, access.SystemActor, m)
		if err != nil {
			return err
		}
		if err := tx.MoveRequest(back, el.desk.RequestEvent(access.SystemActor, r, back, access.Return), requests.WordsDetail(m)); err != nil {
			return err
		}
		r = back
	}
	return el.requests.Move(tx, access.SystemActor, r, access.Lapse, access.Move{})
}

// moveEnd keeps with a token by when it ends because its course is over, or that
// its course goes on, and tells its owner and sponsor of a day that comes sooner
// than the one they know. It returns that day: what was decided before, where
// Canvas has no date and the grace runs from when the end was first seen. At that
// day the token is looked at again, as the second of the two looks.
func (el *Eligibility) moveEnd(ctx context.Context, g access.Grant, over bool, since time.Time) (time.Time, error) {
	var by time.Time
	err := el.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := tx.Grant(g.Tenant, g.ID)
		if err != nil || !slices.Contains(desk.UsableStates, before.State) {
			return err
		}
		now := el.desk.Now()
		r, err := tx.Request(g.Tenant, g.RequestID)
		if err != nil {
			return err
		}
		m := access.GrantMove{Cause: access.ByCourse}
		var grace time.Duration
		if over {
			pol, err := desk.PolicyOf(tx, r)
			if err != nil {
				return err
			}
			grace = pol.Windows.Grace
		}
		switch {
		case !over:
		case !since.IsZero():
			m.EndsBy = since.Add(grace)
		case before.EndsBy.IsZero():
			m.EndsBy = now.Add(grace)
		default:
			m.EndsBy = before.EndsBy
		}
		m.EndsBy = m.EndsBy.UTC().Truncate(time.Second)
		if by = m.EndsBy; by.Equal(before.EndsBy) {
			return nil
		}
		step, err := el.notices.StepGrant(before, access.MoveEnd, access.SystemActor, m)
		if err != nil {
			return err
		}
		after := step.After
		d := map[string]string{"ends": after.EndsAt().UTC().Format(time.RFC3339)}
		var todo []jobs.Insert
		if over {
			d["cause"] = string(after.EndsWhy)
			at := by
			if soon := now.Add(EligibilityAgain); at.Before(soon) {
				at = soon
			}
			seen := []desk.Finding{{Object: g.ID, What: string(access.ByCourse)}}
			todo = append(todo, desk.EligibilityJob(g.Tenant, desk.JobOwner, g.ID+"="+at.UTC().Format(time.RFC3339), desk.EligibilityRef{Owner: g.Owner, Seen: seen}, at))
		}
		return el.notices.StoreGrant(tx, access.SystemActor, step, audit.NewDetail(d), todo...)
	})
	return by, err
}
