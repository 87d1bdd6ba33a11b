package massrevoke

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// massNoticeEvery spreads the notices of a large mass revocation, so that they
// neither use up Canvas's rate limit nor hold up other work.
const massNoticeEvery = 3 * time.Second

// massTelling is the data of a notice about a mass revocation: one for each
// person, whatever the number of their tokens.
type massTelling struct {
	Mass   string          `json:"mass"`
	To     access.PersonID `json:"to"`
	As     notify.Audience `json:"as"`
	Tokens int             `json:"tokens,omitempty"`
}

func (w *massWork) massNotice(to access.PersonID, at time.Time) jobs.Insert {
	return massNoticeJob(w.Mass, massTelling{Mass: w.Mass.ID, To: to, As: notify.AsReviewer}, at)
}

func massNoticeJob(m access.Mass, t massTelling, at time.Time) jobs.Insert {
	data, _ := json.Marshal(t) // always marshals
	return desk.NewJob(m.Tenant, jobMassNotice, fmt.Sprintf("%s:%s:%s:%s", jobMassNotice, m.ID, t.As, t.To), data, at)
}

// tellOwner tells an owner whose tokens of this mass revocation are all gone.
func (w *massWork) tellOwner(tx *store.Tx, owner access.PersonID) error {
	gone, left, err := tx.MassOf(w.Mass.ID, owner)
	if err != nil || left > 0 || gone == 0 {
		return err
	}
	return tx.InsertJob(massNoticeJob(w.Mass, massTelling{w.Mass.ID, owner, notify.AsRequester, gone}, w.desk.Now()))
}

// tellOwners tells everybody who can be told by now: the owners whose tokens are
// all gone, and, when every token is, the sponsors. Those who were told are not
// told again.
func (w *massWork) tellOwners(ctx context.Context) error {
	var todo []jobs.Insert
	err := w.desk.Store.Read(ctx, func(tx *store.Tx) error {
		owners, err := tx.MassOwners(w.Mass.ID)
		if err != nil {
			return err
		}
		c, err := tx.MassCounts(w.Mass.ID)
		if err != nil {
			return err
		}
		var sponsors []store.MassPerson
		if c.Left() == 0 {
			if sponsors, err = tx.MassSponsors(w.Mass.ID); err != nil {
				return err
			}
		}
		todo = nil
		at := w.desk.Now()
		for as, people := range map[notify.Audience][]store.MassPerson{notify.AsRequester: owners, notify.AsSponsor: sponsors} {
			for _, p := range people {
				todo = append(todo, massNoticeJob(w.Mass, massTelling{w.Mass.ID, p.Person, as, p.Gone}, at))
				at = at.Add(massNoticeEvery)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for len(todo) > 0 {
		n := min(len(todo), massBatch)
		err := w.desk.Store.InTx(ctx, func(tx *store.Tx) error {
			for _, j := range todo[:n] {
				if err := tx.InsertJob(j); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		todo = todo[n:]
	}
	return nil
}

// massNoticeHandler sends one notice about a mass revocation. Its calls wait
// their turn behind what people are waiting for.
func (mr *MassRevoke) massNoticeHandler(ctx context.Context, j jobs.Job) error {
	t, err := jobs.Decode[massTelling](j.Data)
	if err != nil {
		return err
	}
	tenant := access.TenantID(j.Tenant)
	f, err := mr.desk.CanvasOf(ctx, tenant, "")
	if err == nil {
		err = mr.notices.LettersRest(f)
	}
	if err != nil {
		return err
	}
	var to store.Person
	facts := notices.MessageFacts{Object: t.Mass, Facts: notify.Facts{Occasion: t.Mass, Tokens: t.Tokens, Team: f.Tenant.School.CanvasTeam,
		Contact: f.Tenant.School.Contact, SettingsLink: notices.SettingsLink(f)}}
	err = mr.desk.Store.Read(ctx, func(tx *store.Tx) error {
		m, err := tx.Mass(tenant, t.Mass)
		if err != nil {
			return err
		}
		people, err := tx.People(tenant, notices.CompactIDs(access.PersonID(m.By), t.To))
		if err != nil {
			return err
		}
		facts.Reason, facts.By, facts.At = m.Reason, people[access.PersonID(m.By)].Name, cmp.Or(m.EndedAt, m.StartedAt)
		if t.To == notices.ToReviewers {
			c, err := tx.MassCounts(m.ID)
			facts.Tokens, facts.Before, facts.People = c.Gone, c.EndedBefore, m.People
			return err
		}
		var ok bool
		if to, ok = people[t.To]; !ok {
			return access.ErrNotFound
		}
		return nil
	})
	if errors.Is(err, access.ErrNotFound) {
		return jobs.Permanent(err)
	}
	if err != nil {
		return err
	}
	ctx = canvas.Paced(ctx)
	if t.To == notices.ToReviewers {
		if facts.Tokens == 0 {
			return nil // everything had ended before: nothing was revoked
		}
		facts.Link = mr.notices.ToolLink(f, "accounts/"+f.Root(), "account_navigation", "/go/"+t.Mass)
		return mr.notices.SendReviewers(ctx, f, notify.MassDone, facts, j.Claim > 1)
	}
	facts.Link = mr.notices.ToolLink(f, "users/"+to.CanvasUser, "user_navigation", "/")
	return mr.notices.Send(ctx, f, notify.MassRevoked, facts, to, t.As, j.Claim > 1)
}
