package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// This file reads the inventory of all tokens of a Canvas: its account report,
// row by row, and for each row that no grant explains the list of its owner.
// A row only leads to a token; a token is known by its Canvas id (docs/decisions.md 15).

// The kinds of jobs of an inventory.
const (
	JobNightly   = "inventory.nightly" // begins one where it is time
	jobInventory = "inventory"         // one inventory, from the report's start to its end
	jobOwners    = "inventory.owners"  // asks some owners for their tokens
)

// Why an inventory failed, as message keys of pages.
const (
	failedReports = "inventory.denied"     // the credential may not read reports
	failedList    = "inventory.no_listing" // it may not list the tokens of others
	failedReport  = "inventory.report"     // Canvas ended the report with an error
	failedFile    = "inventory.file"       // the report's file could not be read to its end
	failedSilent  = "inventory.canvas"     // Canvas did not answer for too long
)

const (
	nightHour = 3 // of the school's day
	// retryFailed is how long a failed inventory rests before the next one.
	retryFailed = 3 * time.Hour
	// inventoryRuns bounds how often one inventory looks whether it can go on:
	// about half a day. troubleLimit is how long Canvas may give no answer to it.
	inventoryRuns = 1500
	troubleLimit  = 3 * time.Hour
	troubleRest   = time.Minute

	matchBatch = 500 // rows matched against grants at a time
	ownerBatch = 50  // owners asked by one job
	// askedRecently bounds how many owners are remembered as queued, so that one
	// with several tokens is mostly asked once. A larger file only asks again.
	askedRecently = 20_000
)

// nightlyHandler begins an inventory for each tenant that had none since its
// last night, or whose last one failed a while ago.
func (iv *Inventory) nightlyHandler(ctx context.Context, _ jobs.Job) error {
	tenants, err := iv.desk.Tenants(ctx)
	if err != nil {
		return err
	}
	var all error
	for _, t := range tenants {
		due, err := iv.inventoryDue(ctx, t)
		if err == nil && due {
			err = iv.beginInventory(ctx, access.SystemCaller(t.ID))
		}
		all = errors.Join(all, err)
	}
	return all
}

func (iv *Inventory) inventoryDue(ctx context.Context, t store.Tenant) (bool, error) {
	if _, off, err := iv.desk.CanvasInUse(ctx, t.ID); err != nil || off {
		return false, err
	}
	now := iv.desk.Now().In(desk.Zone(t))
	night := time.Date(now.Year(), now.Month(), now.Day(), nightHour, 0, 0, 0, now.Location())
	if night.After(now) {
		night = night.AddDate(0, 0, -1)
	}
	due := true
	err := iv.desk.Store.Read(ctx, func(tx *store.Tx) error {
		for _, st := range []store.InventoryState{store.InventoryRunning, store.InventoryDone, store.InventoryFailed} {
			i, err := tx.LastInventory(t.ID, st)
			switch {
			case errors.Is(err, access.ErrNotFound):
			case err != nil:
				return err
			case st == store.InventoryRunning,
				st == store.InventoryDone && !i.StartedAt.Before(night),
				st == store.InventoryFailed && now.Sub(i.EndedAt) < retryFailed:
				due = false
			}
		}
		return nil
	})
	return due, err
}

// CheckNow begins an inventory because a reviewer asked for it. One that runs
// already is as good.
func (iv *Inventory) CheckNow(ctx context.Context, caller access.Caller) error {
	guard := desk.Guard{Do: access.VerbCheckNow, Object: string(caller.Tenant), Refused: access.Claim}
	_, err := desk.Verb(ctx, iv.desk, caller, guard, func(ctx context.Context) (struct{}, error) {
		if err := caller.MayWrite(); err != nil {
			return struct{}{}, err
		}
		if _, err := iv.cases.AsReviewer(ctx, caller); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, iv.beginInventory(ctx, caller)
	})
	return err
}

// beginInventory stores that an inventory runs, with its job. Of several that
// begin at once, one does.
func (iv *Inventory) beginInventory(ctx context.Context, caller access.Caller) error {
	i := store.Inventory{ID: store.NewID("inv"), Tenant: caller.Tenant, Version: 1, State: store.InventoryRunning, AskedBy: caller.ID(), StartedAt: iv.desk.Now()}
	err := iv.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		e := iv.desk.Event(i.Tenant, i.AskedBy, audit.InventoryStart, i.ID)
		e.To, e.Version = string(i.State), i.Version
		return tx.CreateInventory(i, e, desk.NewJob(i.Tenant, jobInventory, i.ID, inventoryData(i), iv.desk.Now()))
	})
	if errors.Is(err, access.ErrConflict) {
		return nil
	}
	return err
}

type inventoryRef struct {
	Inventory string  `json:"inventory"`
	Owners    []owner `json:"owners,omitempty"`
}

// owner is whom a report's row names.
type owner struct {
	User string `json:"user"`
	Name string `json:"name"`
}

func inventoryData(i store.Inventory, owners ...owner) []byte {
	b, _ := json.Marshal(inventoryRef{i.ID, owners}) // always marshals
	return b
}

// jobInventory reads the inventory that a job works for, and its Canvas.
func (iv *Inventory) jobInventory(ctx context.Context, j jobs.Job) (store.Inventory, inventoryRef, desk.Canvas, error) {
	ref, i, err := desk.JobAbout(ctx, iv.desk, j, func(tx *store.Tx, ref inventoryRef) (store.Inventory, error) {
		return tx.Inventory(access.TenantID(j.Tenant), ref.Inventory)
	})
	if err != nil || i.State != store.InventoryRunning {
		return i, ref, desk.Canvas{}, err
	}
	f, err := iv.desk.CanvasOf(ctx, i.Tenant, "")
	return i, ref, f, err
}

// inventoryHandler takes one inventory a step on: start the report, wait for
// it, read it, wait for the owners in question, look after what was not seen.
func (iv *Inventory) inventoryHandler(ctx context.Context, j jobs.Job) error {
	i, _, f, err := iv.jobInventory(ctx, j)
	if access.WhyOf(err) == access.WhyTenantSuspended {
		return iv.failInventory(ctx, i, failedSilent, err)
	}
	if err != nil || i.State != store.InventoryRunning {
		return err
	}
	ctx = canvas.Paced(ctx)
	err = iv.advanceInventory(ctx, f, i, j.Claim)
	// The limits count runs and failed questions, not time alone: a program that
	// was down may find everything ready.
	var later *jobs.LaterError
	if errors.As(err, &later) && (j.Claim > inventoryRuns || later.After >= troubleRest && iv.desk.Now().Sub(i.StartedAt) > troubleLimit) {
		return iv.failInventory(ctx, i, failedSilent, errors.New("it takes too long"))
	}
	return err
}

func (iv *Inventory) advanceInventory(ctx context.Context, f desk.Canvas, i store.Inventory, claim int) error {
	age := iv.desk.Now().Sub(i.StartedAt)
	switch {
	case i.ReportID == "":
		r, err := f.StartTokenReport(ctx, f.Root())
		if iv.desk.TrackAnswer(i.Tenant, err) != nil {
			return iv.inventoryTrouble(ctx, i, err)
		}
		i.ReportID = r.ID
		if err := iv.recordInventory(ctx, i); err != nil {
			return err
		}
		return jobs.Later(pollReport(age))
	case i.ReadAt.IsZero():
		r, err := f.TokenReport(ctx, f.Root(), i.ReportID)
		switch {
		case desk.NotFound(err):
			return iv.failInventory(ctx, i, failedReport, err)
		case iv.desk.TrackAnswer(i.Tenant, err) != nil:
			return iv.inventoryTrouble(ctx, i, err)
		case r.Failed():
			return iv.failInventory(ctx, i, failedReport, errors.New("Canvas says "+r.Status))
		case !r.Complete():
			return jobs.Later(pollReport(age))
		}
		if i, err = iv.readInventory(ctx, f, i, r, claim); err != nil {
			if ctx.Err() != nil {
				return err // this program stops; the next one reads again
			}
			return iv.failInventory(ctx, i, failedFile, err)
		}
		if err := iv.recordInventory(ctx, i); err != nil {
			return err
		}
	}
	return iv.finishInventory(ctx, f, i)
}

// pollReport is when to ask next whether the report is there: soon at first,
// for the person who pressed, then every half minute.
func pollReport(age time.Duration) time.Duration {
	return min(max(age/2, 2*time.Second), 30*time.Second)
}

// inventoryTrouble decides what a failed question means for an inventory.
func (iv *Inventory) inventoryTrouble(ctx context.Context, i store.Inventory, err error) error {
	switch canvas.KindOf(err) {
	case canvas.Denied, canvas.NotFound, canvas.Unauthenticated: // a Canvas without the report says 404
		return iv.failInventory(ctx, i, failedReports, err)
	}
	iv.desk.Log.WarnContext(ctx, "the inventory waits for Canvas", "inventory", i.ID, "err", err)
	return jobs.Later(troubleRest)
}

func (iv *Inventory) recordInventory(ctx context.Context, i store.Inventory) error {
	return iv.desk.Store.InTx(ctx, func(tx *store.Tx) error { return tx.RecordInventory(i) })
}

// failInventory ends an inventory from which nothing may be concluded.
func (iv *Inventory) failInventory(ctx context.Context, i store.Inventory, trouble string, cause error) error {
	iv.desk.Log.WarnContext(ctx, "the inventory failed", "inventory", i.ID, "trouble", trouble, "err", cause)
	if i.ReadAt.IsZero() {
		// Without a report our own tokens are looked up owner by owner.
		if _, err := iv.tokens.ReconcileAll(ctx, i.Tenant, i.ID); err != nil {
			return err
		}
	}
	i.Trouble = trouble
	return iv.endInventory(ctx, i, store.InventoryFailed)
}

func (iv *Inventory) endInventory(ctx context.Context, i store.Inventory, to store.InventoryState) error {
	i.Version, i.State, i.EndedAt = i.Version+1, to, iv.desk.Now()
	e := iv.desk.Event(i.Tenant, access.SystemID, audit.InventoryEnd, i.ID)
	e.From, e.To, e.Version = string(store.InventoryRunning), string(i.State), i.Version
	d := map[string]string{"tokens": strconv.Itoa(i.Tokens), "ours": strconv.Itoa(i.Ours), "others": strconv.Itoa(i.Others)}
	if i.Trouble != "" {
		d["trouble"] = i.Trouble
	}
	err := iv.desk.Store.InTx(ctx, func(tx *store.Tx) error { return tx.EndInventory(i, e, audit.NewDetail(d)) })
	if errors.Is(err, access.ErrConflict) {
		return nil // it has ended already
	}
	return err
}

// reading is what is kept while a report is read: one batch of rows, and what
// grows with our own grants or up to a limit, never with the file.
type reading struct {
	iv    *Inventory
	f     desk.Canvas
	i     store.Inventory
	claim int

	rows    []canvas.ReportRow
	matched map[string]struct{} // grants that a row was taken for
	asked   map[string]struct{} // owners queued lately
	owners  []owner
	part    int
}

// readInventory reads the whole report and queues the owners in question. What
// it queues is worked on only once the report was read to its end.
func (iv *Inventory) readInventory(ctx context.Context, f desk.Canvas, i store.Inventory, r canvas.Report, claim int) (store.Inventory, error) {
	rd := &reading{iv: iv, f: f, i: i, claim: claim, matched: map[string]struct{}{}, asked: map[string]struct{}{}}
	rd.i.Tokens, rd.i.Ours, rd.i.Others = 0, 0, 0
	now := iv.desk.Now()
	// The same rows are held against our own grants. One that was made since the
	// report was started is in no row; its owner is asked once more than needed.
	rec, err := iv.tokens.NewReconciliation(ctx, i.Tenant)
	if err != nil {
		return i, err
	}
	err = f.ReadTokenReport(ctx, r, func(row canvas.ReportRow) error {
		if err := rec.Each(row); err != nil {
			return err
		}
		if !row.Manual || over(row, now) {
			return nil
		}
		rd.i.Tokens++
		if rd.rows = append(rd.rows, row); len(rd.rows) < matchBatch {
			return nil
		}
		return rd.match(ctx)
	})
	if err == nil {
		err = rd.match(ctx)
	}
	if err == nil {
		err = rd.queue(ctx, 1)
	}
	if err == nil {
		_, err = iv.tokens.FinishReconciliation(ctx, rec, i.ID)
	}
	if err != nil {
		return i, err
	}
	rd.i.ReadAt = iv.desk.Now()
	return rd.i, nil
}

// over reports whether a row is of a token that cannot work any more. Files
// without a status tell another end than the token's own: those owners are asked.
func over(r canvas.ReportRow, now time.Time) bool {
	switch r.Status {
	case "":
		return false
	case canvas.StateDeleted, "expired":
		return true
	}
	return !r.ExpiresAt.IsZero() && !r.ExpiresAt.After(now)
}

// match holds a batch of rows against the live grants of their owners.
func (rd *reading) match(ctx context.Context) error {
	if len(rd.rows) == 0 {
		return nil
	}
	users := map[string]bool{}
	for _, row := range rd.rows {
		users[row.UserID] = true
	}
	byUser := map[string][]access.Grant{}
	err := rd.iv.desk.Store.Read(ctx, func(tx *store.Tx) error {
		list := make([]string, 0, len(users))
		for u := range users {
			list = append(list, u)
		}
		q := store.GrantQuery{Tenant: rd.i.Tenant, CanvasUsers: list, States: desk.LiveStates, Limit: store.MaxLimit}
		for {
			gs, err := tx.Grants(q)
			if err != nil {
				return err
			}
			for _, g := range gs {
				byUser[g.CanvasUser] = append(byUser[g.CanvasUser], g)
			}
			if len(gs) < store.MaxLimit {
				return nil
			}
			q.After = q.Next(gs[len(gs)-1])
		}
	})
	if err != nil {
		return err
	}
	for _, row := range rd.rows {
		if g, ok := explained(row, byUser[row.UserID]); ok {
			if _, twice := rd.matched[g.ID]; !twice {
				rd.matched[g.ID] = struct{}{}
				rd.i.Ours++
				continue
			}
		}
		rd.i.Others++
		if _, queued := rd.asked[row.UserID]; queued {
			continue
		}
		if len(rd.asked) >= askedRecently {
			clear(rd.asked)
		}
		rd.asked[row.UserID] = struct{}{}
		rd.owners = append(rd.owners, owner{row.UserID, row.UserName})
	}
	rd.rows = rd.rows[:0]
	return rd.queue(ctx, ownerBatch)
}

// explained finds the one grant of the row's owner that the row can be of. A
// hint that is cut, or that several of the owner's grants have, is no evidence.
func explained(row canvas.ReportRow, of []access.Grant) (access.Grant, bool) {
	var found access.Grant
	n := 0
	for _, g := range of {
		if row.SameHint(g.Hint) {
			found = g
			n++
		}
	}
	return found, n == 1 && whole(row.Hint) && whole(found.Hint)
}

// queue inserts jobs for the owners in question, while there are at least so
// many.
func (rd *reading) queue(ctx context.Context, least int) error {
	if len(rd.owners) < least {
		return nil
	}
	err := rd.iv.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		part := rd.part
		for at := 0; at < len(rd.owners); at += ownerBatch {
			some := rd.owners[at:min(at+ownerBatch, len(rd.owners))]
			key := fmt.Sprintf("%s:%d:%d", rd.i.ID, rd.claim, part)
			part++
			if err := tx.InsertJob(desk.NewJob(rd.i.Tenant, jobOwners, key, inventoryData(rd.i, some...), rd.iv.desk.Now())); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	rd.part += (len(rd.owners) + ownerBatch - 1) / ownerBatch
	rd.owners = rd.owners[:0]
	rd.iv.desk.Step("owners queued")
	return nil
}

// finishInventory waits until every owner in question was asked, then looks
// after the tokens that were not seen, and ends the inventory.
func (iv *Inventory) finishInventory(ctx context.Context, f desk.Canvas, i store.Inventory) error {
	var open, parked int
	var unseen []access.Found
	err := iv.desk.Store.Read(ctx, func(tx *store.Tx) error {
		var err error
		if open, parked, err = tx.JobsOf(jobOwners, i.ID+":"); err != nil || open > 0 {
			return err
		}
		unseen, err = tx.FoundTokens(store.FoundQuery{Tenant: i.Tenant, States: vanishing, SeenBefore: i.StartedAt, Rested: iv.desk.Now(), Limit: vanishBatch})
		return err
	})
	switch {
	case err != nil:
		return err
	case parked > 0:
		return iv.failInventory(ctx, i, failedSilent, fmt.Errorf("%d jobs are set aside", parked))
	case open > 0:
		return jobs.Later(pollReport(iv.desk.Now().Sub(i.ReadAt)))
	}
	for _, t := range unseen {
		if err := iv.checkMissing(ctx, f, t); err != nil {
			iv.desk.Log.WarnContext(ctx, "the inventory waits for Canvas", "inventory", i.ID, "err", err)
			return jobs.Later(troubleRest)
		}
	}
	if len(unseen) == vanishBatch {
		return jobs.Later(0)
	}
	return iv.endInventory(ctx, i, store.InventoryDone)
}
