package store

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/jobs"
)

type massRow struct {
	ID          string `gorm:"primaryKey"`
	Tenant      string
	Version     int
	State       string
	Filter      string
	Reason      string
	Actor       string
	PlannedAt   moment
	StartedAt   moment
	EndedAt     moment
	Tokens      int
	People      int
	Estimate    int
	LeasedBy    string
	LeasedUntil moment
}

func (massRow) TableName() string { return "mass_revocations" }

func rowOfMass(m access.Mass) massRow {
	return massRow{ID: m.ID, Tenant: string(m.Tenant), Version: m.Version, State: string(m.State), Filter: m.Filter.String(),
		Reason: m.Reason, Actor: m.By, PlannedAt: stamp(m.PlannedAt), StartedAt: stamp(m.StartedAt), EndedAt: stamp(m.EndedAt),
		Tokens: m.Tokens, People: m.People, Estimate: int(m.Estimate / time.Second)}
}

func (r massRow) mass() (access.Mass, error) {
	m := access.Mass{ID: r.ID, Tenant: access.TenantID(r.Tenant), Version: r.Version, State: access.MassState(r.State), Reason: r.Reason,
		By: r.Actor, PlannedAt: r.PlannedAt.time(), StartedAt: r.StartedAt.time(), EndedAt: r.EndedAt.time(), Tokens: r.Tokens,
		People: r.People, Estimate: time.Duration(r.Estimate) * time.Second}
	if r.Filter == "" {
		return m, nil // chosen one by one
	}
	var err error
	if m.Filter, err = access.ParseMassFilter(r.Filter); err != nil {
		return m, fmt.Errorf("mass revocation %s: %w", r.ID, err)
	}
	return m, nil
}

// massColumns are what a move of a mass revocation writes. Who works on it is
// written by LeaseMass alone.
var massColumns = []string{"version", "state", "reason", "actor", "planned_at", "started_at", "ended_at", "tokens", "people", "estimate"}

type massItemRow struct {
	Mass    string `gorm:"primaryKey"`
	GrantID string `gorm:"primaryKey"`
	State   string
	Trouble string
	Tries   int
	NextTry moment
	Proof   string
	EndedAt moment
}

func (massItemRow) TableName() string { return "mass_items" }

func (r massItemRow) item() access.MassItem {
	return access.MassItem{Mass: r.Mass, Grant: r.GrantID, State: access.MassItemState(r.State), Trouble: r.Trouble, Tries: r.Tries,
		NextTry: r.NextTry.time(), Proof: r.Proof, EndedAt: r.EndedAt.time()}
}

func rowOfItem(i access.MassItem) massItemRow {
	return massItemRow{Mass: i.Mass, GrantID: i.Grant, State: string(i.State), Trouble: i.Trouble, Tries: i.Tries,
		NextTry: stamp(i.NextTry), Proof: i.Proof, EndedAt: stamp(i.EndedAt)}
}

// MassQuery is the query of the grants that a filter selects at the given time:
// live ones that are not being ended already. The zero filter selects nothing.
func MassQuery(tenant access.TenantID, f access.MassFilter, now time.Time) GrantQuery {
	q := GrantQuery{Tenant: tenant, States: access.MassTargets, Affiliation: f.Role, Course: f.Course, SponsorCanvas: f.Sponsor,
		Vendor: f.Vendor, AI: f.AI, IssuedBefore: f.IssuedBefore, CanvasUser: f.Owner}
	if f.IdleDays > 0 {
		q.UnusedSince = now.AddDate(0, 0, -f.IdleDays)
	}
	if f == (access.MassFilter{}) {
		q.IDs = []string{}
	}
	return q
}

// CountMass counts the grants that q selects and the people who own them.
func (tx *Tx) CountMass(q GrantQuery) (tokens, people int, err error) {
	db, err := tx.selectGrants(q)
	if err != nil {
		return 0, 0, err
	}
	var n struct{ Tokens, People int }
	err = db.Select("COUNT(*) AS tokens, COUNT(DISTINCT owner) AS people").Scan(&n).Error
	return n.Tokens, n.People, tx.fail("count grants and people", err)
}

// PlanMass adds a mass revocation at version 1 in state planned, with the grants
// that q selects as its items, and returns it with its counts. What is told
// comes from no state. A query that selects nothing makes a plan of nothing.
func (tx *Tx) PlanMass(m access.Mass, q GrantQuery, told audit.Event, d *audit.Detail) (access.Mass, error) {
	if err := tx.may("plan mass revocation"); err != nil {
		return m, err
	}
	if m.Version != 1 || m.State != access.MassPlanned || told.From != "" {
		return m, fmt.Errorf("mass revocation %s: %w", m.ID, errFromNothing)
	}
	if err := checkMove(m.ID, string(m.State), m.Version, told); err != nil {
		return m, err
	}
	row := rowOfMass(m)
	if err := tx.db.Create(&row).Error; err != nil {
		return m, tx.fail("plan mass revocation", err)
	}
	m, err := tx.fillMass(m, q)
	if err != nil {
		return m, err
	}
	return m, tx.tell(m.Tenant, told, d)
}

// ReplanMass gives a planned mass revocation the items that q selects now, as
// SaveMass would; m is the next version.
func (tx *Tx) ReplanMass(m access.Mass, q GrantQuery, told audit.Event, d *audit.Detail) (access.Mass, error) {
	if m.State != access.MassPlanned {
		return m, fmt.Errorf("mass revocation %s: only a plan is made anew", m.ID)
	}
	if err := tx.SaveMass(m, told, d); err != nil {
		return m, err
	}
	chosen, err := tx.selectGrants(q)
	if err != nil {
		return m, err
	}
	if err := tx.db.Where("mass = ? AND grant_id NOT IN (?)", m.ID, chosen.Select("grants.id")).Delete(&massItemRow{}).Error; err != nil {
		return m, tx.fail("replan mass revocation", err)
	}
	return tx.fillMass(m, q)
}

// fillMass makes items of the grants that q selects and that are none yet, and
// counts all.
func (tx *Tx) fillMass(m access.Mass, q GrantQuery) (access.Mass, error) {
	if q.Tenant != m.Tenant {
		return m, fmt.Errorf("mass revocation %s: a plan over another tenant's grants", m.ID)
	}
	chosen, err := tx.selectGrants(q)
	if err != nil {
		return m, err
	}
	err = tx.db.Exec(`INSERT INTO mass_items (mass, grant_id, state, trouble, tries, proof)
SELECT CAST(? AS text), id, 'waiting', '', 0, '' FROM grants
WHERE id IN (?) AND id NOT IN (SELECT grant_id FROM mass_items WHERE mass = ?)`, m.ID, chosen.Select("grants.id"), m.ID).Error
	if err != nil {
		return m, tx.fail("plan mass revocation", err)
	}
	var n struct{ Tokens, People int }
	err = tx.db.Raw(`SELECT COUNT(*) AS tokens, COUNT(DISTINCT g.owner) AS people
FROM mass_items i JOIN grants g ON g.id = i.grant_id WHERE i.mass = ?`, m.ID).Scan(&n).Error
	if err != nil {
		return m, tx.fail("count mass revocation", err)
	}
	m.Tokens, m.People = n.Tokens, n.People
	err = tx.db.Model(&massRow{}).Where("id = ?", m.ID).Updates(map[string]any{"tokens": m.Tokens, "people": m.People}).Error
	return m, tx.fail("count mass revocation", err)
}

// SameMass reports whether the grants that q selects now are exactly the items
// of a plan, and how many they are.
func (tx *Tx) SameMass(m access.Mass, q GrantQuery) (same bool, now int, err error) {
	if now, err = tx.CountGrants(q); err != nil {
		return false, 0, err
	}
	chosen, err := tx.selectGrants(q)
	if err != nil {
		return false, 0, err
	}
	var both, items int64
	if err := tx.db.Model(&massItemRow{}).Where("mass = ?", m.ID).Count(&items).Error; err != nil {
		return false, 0, tx.fail("compare mass revocation", err)
	}
	err = tx.db.Model(&massItemRow{}).Where("mass = ? AND grant_id IN (?)", m.ID, chosen.Select("grants.id")).Count(&both).Error
	return int(both) == now && int(items) == now, now, tx.fail("compare mass revocation", err)
}

// SaveMass moves a mass revocation to m, which is the next version, with its
// event and jobs. Somebody else's change of it in between is access.ErrConflict.
func (tx *Tx) SaveMass(m access.Mass, told audit.Event, d *audit.Detail, todo ...jobs.Insert) error {
	if err := tx.may("save mass revocation"); err != nil {
		return err
	}
	if err := checkMove(m.ID, string(m.State), m.Version, told); err != nil {
		return err
	}
	row := rowOfMass(m)
	res := tx.db.Model(&massRow{}).Where("tenant = ? AND id = ? AND version = ? AND state = ?", row.Tenant, row.ID, m.Version-1, told.From).
		Select(massColumns).Updates(&row)
	if res.Error != nil {
		return tx.fail("save mass revocation", res.Error)
	}
	if res.RowsAffected != 1 {
		return tx.notMoved(&massRow{}, row.Tenant, row.ID, m.Version, told.From)
	}
	return tx.follow(m.Tenant, told, d, todo)
}

// Mass returns a mass revocation of the tenant, locked inside InTx, or
// access.ErrNotFound.
func (tx *Tx) Mass(tenant access.TenantID, id string) (access.Mass, error) {
	var r massRow
	if err := tx.locked().Where("tenant = ? AND id = ?", string(tenant), id).Take(&r).Error; err != nil {
		return access.Mass{}, tx.fail("mass revocation", err)
	}
	return r.mass()
}

// Masses returns up to limit mass revocations of the tenant in the given states,
// or in any, the one planned last first.
func (tx *Tx) Masses(tenant access.TenantID, limit int, states ...access.MassState) ([]access.Mass, error) {
	db := tx.db.Where("tenant = ?", string(tenant))
	if len(states) > 0 {
		db = db.Where("state IN ?", anyOf(states))
	}
	var rows []massRow
	if err := db.Order("planned_at DESC, id DESC").Limit(min(limit, MaxLimit)).Find(&rows).Error; err != nil {
		return nil, tx.fail("mass revocations", err)
	}
	return convert(rows, massRow.mass)
}

// PurgeMassPlans deletes plans that were made before the given time and never
// started. The audit log keeps that they were made.
func (tx *Tx) PurgeMassPlans(before time.Time) (int, error) {
	if err := tx.may("purge mass plans"); err != nil {
		return 0, err
	}
	var old []string
	err := tx.locked().Model(&massRow{}).Where("state = ? AND planned_at < ?", string(access.MassPlanned), stamp(before)).Limit(MaxLimit).Pluck("id", &old).Error
	if err != nil || len(old) == 0 {
		return 0, tx.fail("purge mass plans", err)
	}
	if err := tx.db.Where("mass IN ?", old).Delete(&massItemRow{}).Error; err != nil {
		return 0, tx.fail("purge mass plans", err)
	}
	res := tx.db.Where("id IN ? AND state = ?", old, string(access.MassPlanned)).Delete(&massRow{})
	return int(res.RowsAffected), tx.fail("purge mass plans", res.Error)
}

// LeaseMass gives the work on a running mass revocation to holder until the
// given time, or lengthens holder's lease. It is access.ErrConflict while
// somebody else works on one of the same tenant, and when the mass is not
// running.
func (tx *Tx) LeaseMass(tenant access.TenantID, id, holder string, now, until time.Time) error {
	if err := tx.may("lease mass revocation"); err != nil {
		return err
	}
	// Those who ask for different ones of a tenant wait for each other here.
	if err := tx.lockTenant(tenant); err != nil {
		return err
	}
	var others int64
	err := tx.db.Model(&massRow{}).Where("tenant = ? AND leased_until > ? AND leased_by <> ?", string(tenant), stamp(now), holder).Count(&others).Error
	if err != nil {
		return tx.fail("lease mass revocation", err)
	}
	if others > 0 {
		return lost("lease mass revocation " + id)
	}
	res := tx.db.Model(&massRow{}).Where("tenant = ? AND id = ? AND state = ?", string(tenant), id, string(access.MassRunning)).
		Updates(map[string]any{"leased_by": holder, "leased_until": stamp(until)})
	switch {
	case res.Error != nil:
		return tx.fail("lease mass revocation", res.Error)
	case res.RowsAffected != 1:
		return lost("lease mass revocation " + id)
	}
	return nil
}

// ReleaseMass ends holder's lease at now, if it has it. When that was stays
// known: see RunningMassOf.
func (tx *Tx) ReleaseMass(tenant access.TenantID, id, holder string, now time.Time) error {
	if err := tx.may("release mass revocation"); err != nil {
		return err
	}
	return tx.fail("release mass revocation", tx.db.Model(&massRow{}).Where("tenant = ? AND id = ? AND leased_by = ?", string(tenant), id, holder).
		Updates(map[string]any{"leased_by": "", "leased_until": stamp(now)}).Error)
}

// MassWork is one item with its grant.
type MassWork struct {
	Item  access.MassItem
	Grant access.Grant
}

// MassNext returns up to limit items in a state whose next try is not later
// than now, with their grants. Those of one owner stand together, and what was
// tried least comes first.
func (tx *Tx) MassNext(mass string, state access.MassItemState, now time.Time, limit int) ([]MassWork, error) {
	var rows []massItemRow
	err := tx.db.Raw(`SELECT i.* FROM mass_items i JOIN grants g ON g.id = i.grant_id
WHERE i.mass = ? AND i.state = ? AND (i.next_try IS NULL OR i.next_try <= ?)
ORDER BY i.tries, g.canvas_user, g.id LIMIT ?`, mass, string(state), stamp(now), min(limit, MaxLimit)).Scan(&rows).Error
	if err != nil {
		return nil, tx.fail("next of mass revocation", err)
	}
	return tx.withGrants(rows)
}

// MassItems returns up to limit items behind the given grant id, in the order of
// their grants' ids, with their grants.
func (tx *Tx) MassItems(mass, after string, limit int) ([]MassWork, error) {
	var rows []massItemRow
	if err := tx.db.Where("mass = ? AND grant_id > ?", mass, after).Order("grant_id").Limit(min(limit, MaxLimit)).Find(&rows).Error; err != nil {
		return nil, tx.fail("items of mass revocation", err)
	}
	return tx.withGrants(rows)
}

func (tx *Tx) withGrants(rows []massItemRow) ([]MassWork, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.GrantID
	}
	slices.Sort(ids) // locked in one order, so that two transactions never wait for each other
	var found []grantRow
	if err := tx.locked().Where("id IN ?", ids).Order("id").Find(&found).Error; err != nil {
		return nil, tx.fail("grants of mass revocation", err)
	}
	grants, err := tx.grants(found)
	if err != nil {
		return nil, err
	}
	by := make(map[string]access.Grant, len(grants))
	for _, g := range grants {
		by[g.ID] = g
	}
	out := make([]MassWork, len(rows))
	for i, r := range rows {
		g, ok := by[r.GrantID]
		if !ok {
			return nil, fmt.Errorf("mass revocation %s: its grant %s is missing", r.Mass, r.GrantID)
		}
		out[i] = MassWork{Item: r.item(), Grant: g}
	}
	return out, nil
}

// SaveMassItem writes where an item stands, if it is still in the given state;
// otherwise it is access.ErrConflict.
func (tx *Tx) SaveMassItem(i access.MassItem, from access.MassItemState) error {
	if err := tx.may("save mass item"); err != nil {
		return err
	}
	row := rowOfItem(i)
	res := tx.db.Model(&massItemRow{}).Where("mass = ? AND grant_id = ? AND state = ?", i.Mass, i.Grant, string(from)).
		Select("state", "trouble", "tries", "next_try", "proof", "ended_at").Updates(&row)
	switch {
	case res.Error != nil:
		return tx.fail("save mass item", res.Error)
	case res.RowsAffected != 1:
		return lost("save mass item " + i.Grant)
	}
	return nil
}

// MassCounts is how far a mass revocation has come.
type MassCounts struct {
	Waiting, Ending, Gone, EndedBefore int
	Retrying                           int       // of Ending: tried in vain so far
	Untried                            int       // of Waiting and Ending: not tried yet
	NextTry                            time.Time // when the first of Ending may be tried; zero: now, or none is left
}

// Left is how many tokens are not proven gone.
func (c MassCounts) Left() int { return c.Waiting + c.Ending }

// Total is how many items there are.
func (c MassCounts) Total() int { return c.Left() + c.Gone + c.EndedBefore }

// massCount counts the items of one state.
type massCount struct {
	Mass    string
	State   string
	Tried   bool
	N       int
	NextTry moment
}

// MassCounts counts the items of a mass revocation.
func (tx *Tx) MassCounts(mass string) (MassCounts, error) {
	counts, err := tx.MassCountsOf([]string{mass})
	return counts[mass], err
}

func countMass(rows []massCount) MassCounts {
	var c MassCounts
	for _, r := range rows {
		switch access.MassItemState(r.State) {
		case access.MassWaiting:
			c.Waiting += r.N
			c.Untried += r.N
		case access.MassEnding:
			c.Ending += r.N
			if r.Tried {
				c.Retrying += r.N
			} else {
				c.Untried += r.N
			}
			c.NextTry = r.NextTry.time()
		case access.MassGone:
			c.Gone += r.N
		case access.MassEndedBefore:
			c.EndedBefore += r.N
		}
	}
	if c.Untried > 0 {
		c.NextTry = time.Time{}
	}
	return c
}

// MassGroup is how many tokens of a plan fall under one word.
type MassGroup struct {
	Word   string
	Tokens int
}

// MassBy names what a plan's tokens are counted by.
type MassBy string

// The groupings. Vendors are written in lower case; tokens without the word
// count under "".
const (
	MassByRole   MassBy = "affiliation"
	MassByCourse MassBy = "course"
	MassByVendor MassBy = "vendor"
)

var errNoGrouping = errors.New("tokens are not counted by that")

// MassGroups counts the tokens of a plan by a word, the largest up to limit.
func (tx *Tx) MassGroups(mass string, by MassBy, limit int) ([]MassGroup, error) {
	column, ok := map[MassBy]string{MassByRole: "r.affiliation", MassByVendor: "r.vendor",
		MassByCourse: "CASE WHEN r.course_code = '' THEN r.course_name ELSE r.course_code END"}[by]
	if !ok {
		return nil, errNoGrouping
	}
	var out []MassGroup
	err := tx.db.Raw(`SELECT `+column+` AS word, COUNT(*) AS tokens FROM mass_items i
JOIN grants g ON g.id = i.grant_id JOIN requests r ON r.id = g.request_id
WHERE i.mass = ? GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?`, mass, limit).Scan(&out).Error
	return out, tx.fail("group mass items", err)
}

// MassPerson is somebody whose tokens, or those they stand for, a mass
// revocation ended.
type MassPerson struct {
	Person access.PersonID
	Gone   int
}

// MassOwners returns those whose tokens of this mass revocation are all proven
// gone, and MassSponsors those who stood for any that are, by id.
func (tx *Tx) MassOwners(mass string) ([]MassPerson, error) {
	return tx.massPeople(mass, `SELECT g.owner AS person, COUNT(CASE WHEN i.state = 'gone' THEN 1 END) AS gone
FROM mass_items i JOIN grants g ON g.id = i.grant_id WHERE i.mass = ?
GROUP BY g.owner HAVING COUNT(CASE WHEN i.state IN ('waiting', 'ending') THEN 1 END) = 0 AND COUNT(CASE WHEN i.state = 'gone' THEN 1 END) > 0
ORDER BY 1`)
}

// MassOf counts one owner's tokens of a mass revocation: proven gone, and not.
func (tx *Tx) MassOf(mass string, owner access.PersonID) (gone, left int, err error) {
	var n struct{ Gone, Unproven int }
	err = tx.db.Raw(`SELECT COUNT(CASE WHEN i.state = 'gone' THEN 1 END) AS gone, COUNT(CASE WHEN i.state IN ('waiting', 'ending') THEN 1 END) AS unproven
FROM mass_items i JOIN grants g ON g.id = i.grant_id
WHERE i.mass = ? AND g.owner = ? AND g.tenant = (SELECT tenant FROM mass_revocations WHERE id = i.mass)`, mass, string(owner)).Scan(&n).Error
	return n.Gone, n.Unproven, tx.fail("count one person's mass items", err)
}

// MassSponsors: see MassOwners.
func (tx *Tx) MassSponsors(mass string) ([]MassPerson, error) {
	return tx.massPeople(mass, `SELECT g.sponsor AS person, COUNT(*) AS gone
FROM mass_items i JOIN grants g ON g.id = i.grant_id
WHERE i.mass = ? AND i.state = 'gone' AND g.sponsor IS NOT NULL GROUP BY g.sponsor ORDER BY 1`)
}

func (tx *Tx) massPeople(mass, query string) ([]MassPerson, error) {
	var out []MassPerson
	return out, tx.fail("people of mass revocation", tx.db.Raw(query, mass).Scan(&out).Error)
}

// MassThatEnds returns the newest mass revocation that ended a grant, or is ending
// it, or access.ErrNotFound.
func (tx *Tx) MassThatEnds(tenant access.TenantID, grantID string) (access.Mass, error) {
	var r massRow
	err := tx.db.Where("tenant = ? AND id IN (?)", string(tenant), tx.db.Model(&massItemRow{}).Select("mass").
		Where("grant_id = ? AND state IN ?", grantID, []string{string(access.MassEnding), string(access.MassGone)})).Order("planned_at DESC").Take(&r).Error
	if err != nil {
		return access.Mass{}, tx.fail("mass revocation that ends a token", err)
	}
	return r.mass()
}

// RunningMassOf returns the running mass revocation that a grant is an item of
// and that somebody worked on after the given time, or access.ErrNotFound.
func (tx *Tx) RunningMassOf(tenant access.TenantID, grantID string, since time.Time) (access.Mass, error) {
	var r massRow
	err := tx.db.Where("tenant = ? AND state = ? AND leased_until > ? AND id IN (?)", string(tenant), string(access.MassRunning), stamp(since),
		tx.db.Model(&massItemRow{}).Select("mass").Where("grant_id = ?", grantID)).Order("planned_at DESC").Take(&r).Error
	if err != nil {
		return access.Mass{}, tx.fail("mass revocation of a token", err)
	}
	return r.mass()
}
