package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm/clause"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
)

type personRow struct {
	ID         string `gorm:"primaryKey"`
	Tenant     string
	CanvasUser string
	Name       string
	ShortName  string
	Search     string
	Locale     string
	TimeZone   string
	Email      string
	MergedInto ref
	SeenAt     moment
	CreatedAt  moment
}

func (personRow) TableName() string { return "people" }

func (r personRow) person() Person {
	return Person{ID: access.PersonID(r.ID), Tenant: access.TenantID(r.Tenant), CanvasUser: r.CanvasUser, Name: r.Name,
		ShortName: r.ShortName, Locale: r.Locale, TimeZone: r.TimeZone, Email: r.Email,
		MergedInto: access.PersonID(r.MergedInto), SeenAt: r.SeenAt.time(), CreatedAt: r.CreatedAt.time()}
}

type subRow struct {
	Tenant string `gorm:"primaryKey"`
	Sub    string `gorm:"primaryKey"`
	Person string
}

func (subRow) TableName() string { return "person_subs" }

// Person returns a person of the tenant, or access.ErrNotFound. One who was
// merged into another is returned as they are, with MergedInto set.
func (tx *Tx) Person(tenant access.TenantID, id access.PersonID) (Person, error) {
	return tx.onePerson("tenant = ? AND id = ?", string(tenant), string(id))
}

// PersonBySub returns the person that a launch's sub is linked to.
func (tx *Tx) PersonBySub(tenant access.TenantID, sub string) (Person, error) {
	return tx.onePerson("tenant = ? AND id = (SELECT person FROM person_subs WHERE tenant = ? AND sub = ?)",
		string(tenant), string(tenant), sub)
}

// PersonByCanvas returns the person with that Canvas user id, proven by API.
// People merged into others are not found.
func (tx *Tx) PersonByCanvas(tenant access.TenantID, canvasUser string) (Person, error) {
	if canvasUser == "" {
		return Person{}, missing("person without a Canvas user")
	}
	return tx.onePerson("tenant = ? AND canvas_user = ? AND canvas_user <> '' AND merged_into IS NULL", string(tenant), canvasUser)
}

func (tx *Tx) onePerson(where string, args ...any) (Person, error) {
	var r personRow
	if err := tx.db.Where(where, args...).Take(&r).Error; err != nil {
		return Person{}, tx.fail("person", err)
	}
	return r.person(), nil
}

// People returns those of the given people that the tenant has.
func (tx *Tx) People(tenant access.TenantID, ids []access.PersonID) (map[access.PersonID]Person, error) {
	out := make(map[access.PersonID]Person, len(ids))
	err := eachPart(ids, func(part []string) error {
		var rows []personRow
		if err := tx.db.Where("tenant = ? AND id IN ?", string(tenant), part).Find(&rows).Error; err != nil {
			return tx.fail("people", err)
		}
		for _, r := range rows {
			out[access.PersonID(r.ID)] = r.person()
		}
		return nil
	})
	return out, err
}

// concerned finds the people behind one that come next, of two lists that are in the
// order of people already: it reads no more of either than it returns. States are said
// by those that are left out, because by those that it may be PostgreSQL would lead
// through the index of each, and lose that order.
const concerned = `SELECT person FROM (
	SELECT * FROM (SELECT DISTINCT owner AS person FROM grants
		WHERE tenant = @tenant AND open AND state NOT IN @grantsLeftOut AND owner > @after ORDER BY owner LIMIT @limit) AS owners
	UNION SELECT * FROM (SELECT DISTINCT requester AS person FROM requests
		WHERE tenant = @tenant AND open AND state NOT IN @requestsLeftOut AND requester > @after ORDER BY requester LIMIT @limit) AS requesters
) AS live ORDER BY person LIMIT @limit`

// Concerned returns up to limit people of the tenant behind the given one, in the
// order of their ids, who own a grant or have a request in one of these states. They
// must be states in which its life goes on.
func (tx *Tx) Concerned(tenant access.TenantID, grants []access.GrantState, requests []access.RequestState, after access.PersonID, limit int) ([]access.PersonID, error) {
	if slices.ContainsFunc(grants, access.GrantState.Final) || slices.ContainsFunc(requests, func(s access.RequestState) bool { return !s.Open() }) {
		return nil, errors.New("people concerned by what has ended are not looked for")
	}
	var out []access.PersonID
	// With "", which is none, where none is left out.
	grantsLeftOut := anyOf(append(leftOut(grants, access.GrantStates, access.GrantState.Live), ""))
	requestsLeftOut := anyOf(append(leftOut(requests, access.RequestStates, access.RequestState.Open), ""))
	err := tx.db.Raw(concerned, map[string]any{"tenant": string(tenant), "grantsLeftOut": grantsLeftOut, "requestsLeftOut": requestsLeftOut,
		"after": string(after), "limit": min(limit, MaxLimit)}).Scan(&out).Error
	return out, tx.fail("people concerned", err)
}

// SavePerson adds the person or, if the id is known, writes every field but
// Tenant and CreatedAt. A Canvas user that another person of the tenant has is
// access.ErrConflict.
func (tx *Tx) SavePerson(p Person) error {
	if err := tx.may("save person"); err != nil {
		return err
	}
	if p.ID == "" || p.Tenant == "" || p.CreatedAt.IsZero() {
		return fmt.Errorf("save person %q: it needs an id, a tenant and its time", p.ID)
	}
	row := personRow{ID: string(p.ID), Tenant: string(p.Tenant), CanvasUser: p.CanvasUser, Name: p.Name, ShortName: p.ShortName,
		Search: strings.ToLower(p.Name), Locale: p.Locale, TimeZone: p.TimeZone, Email: p.Email, MergedInto: ref(p.MergedInto),
		SeenAt: stamp(p.SeenAt), CreatedAt: stamp(p.CreatedAt)}
	res := tx.db.Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "id"}},
		Where:   clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "people.tenant = excluded.tenant"}}},
		DoUpdates: clause.AssignmentColumns([]string{"canvas_user", "name", "short_name", "search", "locale", "time_zone",
			"email", "merged_into", "seen_at"}),
	}).Create(&row)
	if res.Error != nil {
		return tx.fail("save person", res.Error)
	}
	if res.RowsAffected != 1 {
		return lost("save person " + string(p.ID) + " of another tenant")
	}
	return nil
}

// LinkSub makes a launch's sub point at a person; it points at one person only.
func (tx *Tx) LinkSub(tenant access.TenantID, sub string, person access.PersonID, told audit.Event, d *audit.Detail) error {
	if err := tx.may("link sub"); err != nil {
		return err
	}
	if sub == "" {
		return fmt.Errorf("link sub: %s: no sub", person)
	}
	err := tx.db.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "tenant"}, {Name: "sub"}},
		DoUpdates: clause.AssignmentColumns([]string{"person"}),
	}).Create(&subRow{Tenant: string(tenant), Sub: sub, Person: string(person)}).Error
	if err != nil {
		return tx.fail("link sub", err)
	}
	return tx.tell(tenant, told, d)
}

// LockPerson makes transactions that concern one person wait for each other.
// Who counts a person's requests or tokens in order to add one takes it first:
// otherwise two of them could both find room.
func (tx *Tx) LockPerson(tenant access.TenantID, id access.PersonID) error {
	if err := tx.may("lock person"); err != nil {
		return err
	}
	var r personRow
	return tx.fail("lock person", tx.locked().Select("id").Where("tenant = ? AND id = ?", string(tenant), string(id)).Take(&r).Error)
}
