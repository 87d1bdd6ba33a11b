package notices

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// This file holds the paces of one person: what they cause that costs others.
// State moves all the same; what is spared is the message, the row that stays,
// the question to Canvas. Nothing here looks at the audit log.

// asks are the messages that one person alone can cause again and again, by
// asking. Every other one follows a move that somebody else must answer before it
// can come again, or ends access, and is always told.
var asks = []notify.Kind{notify.AskedToSponsor, notify.AskedToTakeOver}

// OmitRepeats leaves out of what follows a press the messages that say nothing new: the
// same question to the same person about the same object within PaceWindow.
// Another question to them waits until the window of the first is over, and is
// told then if it still stands; answering opens it at once (see CountAnswered).
func (ns *Notices) OmitRepeats(tx *store.Tx, by access.PersonID, todo []jobs.Insert) ([]jobs.Insert, error) {
	var out []jobs.Insert
	for _, j := range todo {
		ref, err := jobs.Decode[NoticeRef](j.Data)
		if by == "" || j.Kind != desk.JobNotice || err != nil || !slices.Contains(asks, ref.Kind) {
			out = append(out, j)
			continue
		}
		now := ns.desk.Now()
		toThem, aboutIt := ns.asked(access.TenantID(j.Tenant), by, ref)
		until, err := tx.PaceUntil(toThem, now)
		if err != nil {
			return nil, err
		}
		if !until.IsZero() {
			aboutIt.Until = until
		}
		first, err := tx.RecordPace(aboutIt, now)
		if err != nil {
			return nil, err
		}
		if !first {
			continue
		}
		if ref.By = by; !until.IsZero() {
			ref.Later, j.RunAt = true, until
		} else if _, err := tx.RecordPace(toThem, now); err != nil {
			return nil, err
		}
		j.Data, _ = json.Marshal(ref) // always marshals
		out = append(out, j)
	}
	return out, nil
}

// asked are the two paces of a message that asks: that they were asked, and about
// this object.
func (ns *Notices) asked(tenant access.TenantID, by access.PersonID, ref NoticeRef) (toThem, aboutIt store.Pace) {
	toThem = store.Pace{Tenant: tenant, Person: by, Kind: desk.PaceNotice, About: string(ref.Kind) + " " + string(ref.To), Until: ns.desk.Now().Add(access.PaceWindow)}
	aboutIt = toThem
	aboutIt.About += " " + cmp.Or(ref.Grant, ref.Request)
	return toThem, aboutIt
}

// CountAnswered notes that who was asked has answered: what they are asked next is
// news.
func (ns *Notices) CountAnswered(tx *store.Tx, tenant access.TenantID, asker, answerer access.PersonID, ref NoticeRef) error {
	ref.To = answerer
	toThem, aboutIt := ns.asked(tenant, asker, ref)
	if err := tx.DropPace(toThem); err != nil {
		return err
	}
	return tx.DropPace(aboutIt)
}

// unsaid forgets the pace of a message that was moot when its time came: nobody
// heard it. Where it stands again by now it is told after all.
func (ns *Notices) unsaid(ctx context.Context, f desk.Canvas, ref NoticeRef) error {
	if ref.By == "" {
		return nil
	}
	toThem, aboutIt := ns.asked(f.Tenant.ID, ref.By, ref)
	err := ns.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		if !ref.Later {
			if err := tx.DropPace(toThem); err != nil {
				return err
			}
		}
		return tx.DropPace(aboutIt)
	})
	if err != nil {
		return err
	}
	err = ns.desk.Store.Read(ctx, func(tx *store.Tx) error {
		_, err := ns.FactsOf(tx, f, ref)
		return err
	})
	switch {
	case errors.Is(err, errMoot):
		return nil
	case err != nil:
		return err
	}
	return jobs.Later(0)
}

// mootAsk reports whether a message about a sponsor's part in a request came too
// late, or about what its reader never heard of.
func mootAsk(tx *store.Tx, ref NoticeRef, r access.Request, to store.Person) (bool, error) {
	switch ref.Kind {
	case notify.AskedToSponsor:
		return r.State.Final() || ref.Later && (r.State != access.AwaitingSponsor || r.Sponsor != ref.To), nil
	case notify.Withdrawn:
		keys, err := tx.NoticesOf(r.Tenant, r.ID)
		return !slices.ContainsFunc(keys, func(key string) bool {
			return strings.HasSuffix(key, "/"+to.CanvasUser) &&
				(strings.Contains(key, "/"+string(notify.AskedToSponsor)+"/") || strings.Contains(key, "/"+string(notify.SponsorReminder)+"/"))
		}), err
	}
	return false, nil
}

// IsNews reports whether an owner who is told of these found tokens, to answer by
// due, did not hear the same of each from the same person within PaceWindow.
func (ns *Notices) IsNews(tx *store.Tx, caller access.Caller, owner access.PersonID, found []string, due time.Time) (news bool, err error) {
	for _, id := range found {
		p := store.Pace{Tenant: caller.Tenant, Person: caller.Person, Kind: desk.PaceNotice, Until: ns.desk.Now().Add(access.PaceWindow),
			About: string(notify.FoundTold) + " " + string(owner) + " " + id + " " + due.UTC().Format(time.RFC3339)}
		first, err := tx.RecordPace(p, ns.desk.Now())
		if err != nil {
			return false, err
		}
		news = news || first
	}
	return news, nil
}

// CountNamed notes that the caller asks somebody to stand for them. Beyond
// access.MaxNamed different people in a day it is a *access.FormError.
func (ns *Notices) CountNamed(tx *store.Tx, caller access.Caller, who access.PersonID) error {
	if err := tx.LockPerson(caller.Tenant, caller.Person); err != nil {
		return err
	}
	now := ns.desk.Now()
	p := store.Pace{Tenant: caller.Tenant, Person: caller.Person, Kind: desk.PaceNamed, About: string(who), Until: now.Add(access.PaceWindow)}
	known, err := tx.PaceUntil(p, now)
	if err != nil || !known.IsZero() {
		return err
	}
	n, err := tx.CountPaces(caller.Tenant, caller.Person, desk.PaceNamed, now)
	if err != nil {
		return err
	}
	if n >= access.MaxNamed {
		form := &access.FormError{}
		form.Add("sponsor", "sponsor.too_many", map[string]any{"Max": access.MaxNamed})
		return form
	}
	_, err = tx.RecordPace(p, now)
	return err
}

// CountBegun notes that a person begins a request, whatever becomes of it. It refuses
// with WhyBegun. The person must be locked.
func (ns *Notices) CountBegun(tx *store.Tx, tenant access.TenantID, person access.PersonID, id string) error {
	now := ns.desk.Now()
	n, err := tx.CountPaces(tenant, person, desk.PaceBegun, now)
	if err != nil {
		return err
	}
	if n >= access.MaxBegun {
		return access.Refuse(access.WhyBegun)
	}
	_, err = tx.RecordPace(store.Pace{Tenant: tenant, Person: person, Kind: desk.PaceBegun, About: id, Until: now.Add(access.PaceWindow)}, now)
	return err
}

// RecordRefusedPage is RecordRefusal for a page that was only to be looked at: it is
// recorded once per person, object, reason and access.RefusalWindow, on however
// many replicas.
func (ns *Notices) RecordRefusedPage(ctx context.Context, caller access.Caller, object string, do access.Action, err error) error {
	why := access.WhyOf(err)
	if !desk.Recordable(caller, why) {
		return err
	}
	if caller.Person == "" {
		return ns.desk.RecordRefusal(ctx, caller, object, do, err)
	}
	now := ns.desk.Now()
	p := store.Pace{Tenant: caller.Tenant, Person: caller.Person, Kind: desk.PaceRefused,
		About: string(why) + " " + string(do) + " " + object, Until: now.Add(access.RefusalWindow)}
	var until time.Time
	txErr := ns.desk.Store.Read(ctx, func(tx *store.Tx) (err error) {
		until, err = tx.PaceUntil(p, now)
		return err
	})
	if txErr == nil && until.IsZero() {
		txErr = ns.desk.Store.InTx(ctx, func(tx *store.Tx) error {
			first, err := tx.RecordPace(p, now)
			if err != nil || !first {
				return err
			}
			e := ns.desk.Event(caller.Tenant, caller.ID(), audit.Refused, object)
			return tx.Audit(e, audit.NewDetail(map[string]string{"why": string(why), "action": string(do)}))
		})
	}
	if txErr != nil {
		ns.desk.Log.ErrorContext(ctx, "a refusal could not be recorded", "why", why, "err", txErr)
	}
	return err
}
