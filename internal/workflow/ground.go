package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// What a token or a request stands on can move: its owner leaves the course or
// Canvas, the course ends, the sponsor no longer teaches. Everybody with something
// live is looked at once a round, spread over it, and after each decision about
// them.
//
// A look never ends anything by itself. What it finds must be found again by a
// second look, groundAgain later, and both need positive answers: a list read to
// its end, a person found or proven to be deleted, and a credential that Canvas
// confirms may see them. Whatever could not be read changes nothing.
const (
	jobGround = "ground"        // a slot of the round over everybody with something live
	jobSurvey = "ground.survey" // one tenant's people of a slot
	jobOwner  = "ground.owner"  // one person: at once, or to confirm what a survey saw

	groundRound = 12 * time.Hour // a loss is seen within it, and the second look
	groundSlot  = 15 * time.Minute
	groundAgain = 10 * time.Minute
	groundBatch = 50 // people of one job; the rest get the next
)

// finding is one thing that no longer holds.
type finding struct {
	Object string `json:"object"` // grt_… or req_…
	What   string `json:"what"`   // a cause of an end, or one of the below
	// Of is the sponsor who was lost.
	Of access.PersonID `json:"of,omitempty"`
}

// What a finding is besides a cause.
const (
	lostSponsor = "sponsor"
	lostOwner   = "gone" // the requester of an open request
)

type groundRef struct {
	Slot int `json:"slot,omitempty"`
	// Missed slots before it are looked at too.
	Missed int `json:"missed,omitempty"`
	// Until is when a survey that Canvas interrupted leaves it to the next round.
	Until time.Time       `json:"until,omitzero"`
	After access.PersonID `json:"after,omitempty"` // survey: continue behind this person
	Owner access.PersonID `json:"owner,omitempty"`
	Seen  []finding       `json:"seen,omitempty"` // owner: what the first look saw
}

func groundJob(t access.TenantID, kind, key string, ref groundRef, at time.Time) jobs.Insert {
	data, _ := json.Marshal(ref) // always marshals
	return enqueue(t, kind, kind+":"+string(t)+":"+key, data, at)
}

// lookAt looks at the requester's tokens soon, because somebody decided about r.
func (s *Service) lookAt(r access.Request) jobs.Insert {
	return groundJob(r.Tenant, jobOwner, fmt.Sprintf("%s:v%d", r.ID, r.Version), groundRef{Owner: r.Requester}, s.Now().Add(time.Second))
}

// groundSlots is how many slots a round has.
const groundSlots = int(groundRound / groundSlot)

// slotOf is a person's place in the round.
func slotOf(p access.PersonID) int {
	h := fnv.New32a()
	h.Write([]byte(p))
	return int(h.Sum32() % uint32(groundSlots))
}

// groundHandler gives each tenant a job for the slot, so that a Canvas that does
// not answer holds up its own people only. It is the job's slot that counts, not
// when the job comes to run, and those that were missed before it: each has people
// of its own.
func (s *Service) groundHandler(ctx context.Context, j jobs.Job) error {
	at := s.Now().UTC().Truncate(groundSlot)
	slots := jobs.Slots{First: at, Last: at}
	if len(j.Data) > 0 {
		var err error
		if slots, err = jobs.Decode[jobs.Slots](j.Data); err != nil {
			return err
		}
		at = slots.Last
	}
	ref := groundRef{Slot: int(at.Sub(at.Truncate(groundRound)) / groundSlot), Missed: min(int(at.Sub(slots.First)/groundSlot), groundSlots-1)}
	return s.Store.InTx(ctx, func(tx *store.Tx) error {
		tenants, err := tx.Tenants()
		if err != nil {
			return err
		}
		for _, t := range tenants {
			if err := tx.InsertJob(groundJob(t.ID, jobSurvey, at.Format(time.RFC3339), ref, at)); err != nil {
				return err
			}
		}
		return nil
	})
}

// surveyHandler looks at the people of one slot.
func (s *Service) surveyHandler(ctx context.Context, j jobs.Job) error {
	ref, err := jobs.Decode[groundRef](j.Data)
	if err != nil {
		return err
	}
	f, err := s.far(ctx, access.TenantID(j.Tenant), "")
	if access.WhyOf(err) == access.WhyTenantSuspended {
		return nil
	}
	if err != nil {
		return err
	}
	if s.resting(f.tenant.ID) {
		return jobs.Later(restFor)
	}
	people, err := s.concerned(ctx, f.tenant.ID, ref)
	if err != nil {
		return err
	}
	rest := len(people) > groundBatch
	if rest {
		people = people[:groundBatch]
	}
	v := s.newView(canvas.Paced(ctx), f)
	for i, p := range people {
		found, err := v.look(p)
		if err != nil && (notify.Away(err) || ctx.Err() != nil) &&
			// Where a survey goes on, it may be this person who cannot be read.
			(i > 0 || ref.Until.IsZero() || notify.Away(v.trusted())) {
			if i > 0 {
				ref.After = people[i-1]
			}
			return s.surveyLater(ctx, f, j, ref, err)
		}
		if err != nil {
			s.Log.WarnContext(ctx, "what somebody's tokens stand on could not be read; nothing changes", "person", p, "err", err)
			continue
		}
		if len(found) > 0 {
			if err := s.Store.InsertJob(ctx, s.confirmJob(f.tenant.ID, p, found)); err != nil {
				return err
			}
		}
	}
	if rest {
		last := people[len(people)-1]
		return s.Store.InsertJob(ctx, groundJob(f.tenant.ID, jobSurvey, j.Key+">"+string(last), groundRef{Slot: ref.Slot, Missed: ref.Missed, After: last}, s.Now()))
	}
	return nil
}

// surveyLater goes on with a survey behind ref.After when Canvas, which did not
// answer, may again. Its people would not be seen for a whole round otherwise.
func (s *Service) surveyLater(ctx context.Context, f far, j jobs.Job, ref groundRef, cause error) error {
	ctx, cancel := s.limit(context.WithoutCancel(ctx), 10*time.Second) // the job's time may be over
	defer cancel()
	at := s.Now().Add(groundAgain)
	if ref.Until.IsZero() {
		ref.Until = s.Now().Add(groundRound)
	}
	s.Log.WarnContext(ctx, "a survey waits for Canvas", "slot", ref.Slot, "again_at", at, "err", cause)
	if at.After(ref.Until) {
		return nil // the round comes back to them
	}
	key, _, _ := strings.Cut(strings.TrimPrefix(j.Key, jobSurvey+":"+string(f.tenant.ID)+":"), ">")
	return s.Store.InsertJob(ctx, groundJob(f.tenant.ID, jobSurvey, key+">"+string(ref.After)+"@"+at.UTC().Format(time.RFC3339), ref, at))
}

func (s *Service) confirmJob(t access.TenantID, p access.PersonID, seen []finding) jobs.Insert {
	at := s.Now().Add(groundAgain)
	return groundJob(t, jobOwner, string(p)+"?"+at.UTC().Format(time.RFC3339), groundRef{Owner: p, Seen: seen}, at)
}

// concerned lists the people of a slot with something live, in the order of
// their ids.
func (s *Service) concerned(ctx context.Context, t access.TenantID, ref groundRef) ([]access.PersonID, error) {
	var out []access.PersonID
	add := func(p access.PersonID) {
		if behind := (ref.Slot - slotOf(p) + groundSlots) % groundSlots; behind <= ref.Missed && p > ref.After {
			out = append(out, p)
		}
	}
	err := s.Store.Read(ctx, func(tx *store.Tx) error {
		gq := store.GrantQuery{Tenant: t, States: standingStates, Limit: store.MaxLimit}
		for {
			gs, err := tx.Grants(gq)
			if err != nil {
				return err
			}
			for _, g := range gs {
				add(g.Owner)
			}
			if len(gs) < store.MaxLimit {
				break
			}
			gq.After = gq.Next(gs[len(gs)-1])
		}
		rq := store.RequestQuery{Tenant: t, States: decidedUpon, Limit: store.MaxLimit}
		for {
			rs, err := tx.Requests(rq)
			if err != nil {
				return err
			}
			for _, r := range rs {
				add(r.Requester)
			}
			if len(rs) < store.MaxLimit {
				return nil
			}
			rq.After = rq.Next(rs[len(rs)-1])
		}
	})
	slices.Sort(out)
	return slices.Compact(out), err
}

// decidedUpon are the states of requests that stand on what Canvas says.
var decidedUpon = []access.RequestState{access.AwaitingSponsor, access.InReview, access.Approved}

// ownerHandler looks at one person, and acts on what the first look saw too.
func (s *Service) ownerHandler(ctx context.Context, j jobs.Job) error {
	ref, err := jobs.Decode[groundRef](j.Data)
	if err != nil {
		return err
	}
	f, err := s.far(ctx, access.TenantID(j.Tenant), "")
	if access.WhyOf(err) == access.WhyTenantSuspended {
		return nil
	}
	if err != nil {
		return err
	}
	v := s.newView(canvas.Paced(ctx), f)
	found, err := v.look(ref.Owner)
	if err == nil && len(ref.Seen) > 0 && len(found) > 0 {
		err = v.trusted()
	}
	if err != nil {
		s.Log.WarnContext(ctx, "what somebody's tokens stand on could not be read; nothing changes", "person", ref.Owner, "err", err)
		if len(ref.Seen) == 0 {
			return nil // the round comes back to them
		}
		return jobs.Later(groundAgain)
	}
	var fresh []finding
	for _, x := range found {
		if !slices.Contains(ref.Seen, x) {
			fresh = append(fresh, x)
			continue
		}
		if err := s.give(ctx, f, x); err != nil && !errors.Is(err, access.ErrConflict) {
			return err
		}
	}
	s.nudge()
	if len(fresh) > 0 {
		return s.Store.InsertJob(ctx, s.confirmJob(f.tenant.ID, ref.Owner, fresh))
	}
	return nil
}

// give does what follows from a loss that was seen twice.
func (s *Service) give(ctx context.Context, f far, x finding) error {
	return s.Store.InTx(ctx, func(tx *store.Tx) error {
		if grantID(x.Object) {
			g, err := tx.Grant(f.tenant.ID, x.Object)
			if err != nil || !slices.Contains(standingStates, g.State) {
				return err
			}
			if x.What != lostSponsor {
				_, err = s.startEnd(tx, access.SystemActor, g, access.GrantMove{Cause: access.Cause(x.What)}, nil)
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
			return s.movedSponsor(tx, access.SystemActor, g, r, access.LoseSponsor, access.GrantMove{}, map[string]string{"lost": p.Name})
		}
		r, err := tx.Request(f.tenant.ID, x.Object)
		if err != nil || !slices.Contains(decidedUpon, r.State) {
			return err
		}
		return s.giveRequest(tx, f, r, x)
	})
}

func (s *Service) giveRequest(tx *store.Tx, f far, r access.Request, x finding) error {
	m := access.Move{To: access.AwaitingSponsor, Zone: zone(f.tenant)}
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
		return s.move(tx, access.SystemActor, r, access.LoseSponsor, m)
	case x.What == lostSponsor:
		return s.move(tx, access.SystemActor, r, access.Return, m)
	case r.State == access.InReview:
		// By way of the sponsor's stage, which is the one that can time out. Nobody
		// is asked to choose a sponsor for it.
		back, _, err := s.apply(tx, r, access.Return, access.SystemActor, m)
		if err != nil {
			return err
		}
		if err := tx.MoveRequest(back, s.tellRequest(access.SystemActor, r, back, access.Return), said(m)); err != nil {
			return err
		}
		r = back
	}
	return s.move(tx, access.SystemActor, r, access.Lapse, access.Move{})
}

// moveEnd keeps with a token by when it ends because its course is over, or that
// its course goes on, and tells its owner and sponsor of a day that comes sooner
// than the one they know. It returns that day: what was decided before, where
// Canvas has no date and the grace runs from when the end was first seen. At that
// day the token is looked at again, as the second of the two looks.
func (s *Service) moveEnd(ctx context.Context, g access.Grant, over bool, since time.Time) (time.Time, error) {
	var by time.Time
	err := s.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := tx.Grant(g.Tenant, g.ID)
		if err != nil || !slices.Contains(standingStates, before.State) {
			return err
		}
		now := s.Now()
		r, err := tx.Request(g.Tenant, g.RequestID)
		if err != nil {
			return err
		}
		m := access.GrantMove{Cause: access.ByCourse}
		var grace time.Duration
		if over {
			pol, err := policyOf(tx, r)
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
		step, err := s.stepGrant(before, access.MoveEnd, access.SystemActor, m)
		if err != nil {
			return err
		}
		after := step.after
		d := map[string]string{"ends": after.EndsAt().UTC().Format(time.RFC3339)}
		var todo []jobs.Insert
		if over {
			d["cause"] = string(after.EndsWhy)
			at := by
			if soon := now.Add(groundAgain); at.Before(soon) {
				at = soon
			}
			seen := []finding{{Object: g.ID, What: string(access.ByCourse)}}
			todo = append(todo, groundJob(g.Tenant, jobOwner, g.ID+"="+at.UTC().Format(time.RFC3339), groundRef{Owner: g.Owner, Seen: seen}, at))
		}
		return s.moveGrant(tx, access.SystemActor, step, audit.NewDetail(d), todo...)
	})
	return by, err
}
