package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
)

type headRow struct {
	Tenant string `gorm:"primaryKey"`
	Seq    int64
	Hash   []byte
}

func (headRow) TableName() string { return "audit_heads" }

type eventRow struct {
	Tenant    string `gorm:"primaryKey"`
	Seq       int64  `gorm:"primaryKey;autoIncrement:false"`
	ID        string
	At        moment
	Actor     string
	Action    string
	Object    string
	FromState string
	ToState   string
	Version   int
	Related   string
	DetailSum []byte
	Prev      []byte
	Hash      []byte
}

func (eventRow) TableName() string { return "audit_events" }

type detailRow struct {
	EventID string `gorm:"primaryKey"`
	Tenant  string
	Salt    []byte
	Data    string
}

func (detailRow) TableName() string { return "audit_details" }

// telling is an event that waits for the end of its transaction.
type telling struct {
	event  audit.Event
	detail *audit.Detail
}

// Audit records a fact that comes without a change of state, such as a refusal.
// Sequence, digest and hashes are the store's; ID and Tenant may not be empty
// but for ID, which is made then.
func (tx *Tx) Audit(told audit.Event, d *audit.Detail) error {
	if err := tx.may("audit"); err != nil {
		return err
	}
	return tx.tell(access.TenantID(told.Tenant), told, d)
}

const minSalt = 16

// tell checks an event and keeps it until the transaction ends.
func (tx *Tx) tell(tenant access.TenantID, e audit.Event, d *audit.Detail) error {
	wrong := func(what string) error { return fmt.Errorf("audit %s of %s: %s", e.Action, e.Object, what) }
	if e.Tenant == "" {
		e.Tenant = string(tenant)
	}
	if e.ID == "" {
		e.ID = NewID("aud")
	}
	switch {
	case e.Tenant == "" || e.Tenant != string(tenant):
		return wrong("it is told of another tenant than it happened in")
	case !e.Action.Known():
		return wrong("an unknown action")
	case e.Actor == "" || e.Object == "" || e.At.IsZero():
		return wrong("it needs an actor, an object and a time")
	case !clean(e.ID, e.Tenant, e.Actor, e.Object, e.From, e.To, e.Related):
		return wrong("text that is not valid UTF-8")
	case d != nil && len(d.Salt) < minSalt:
		return wrong("details without a salt")
	}
	if d != nil {
		for k, v := range d.Data {
			if !utf8.ValidString(k) || !utf8.ValidString(v) {
				return wrong("details that are not valid UTF-8")
			}
		}
	}
	tx.told = append(tx.told, telling{e, d})
	return nil
}

// clean reports whether both databases keep the texts as they are.
func clean(texts ...string) bool {
	return !slices.ContainsFunc(texts, func(s string) bool { return !utf8.ValidString(s) || strings.ContainsRune(s, 0) })
}

// writeAudit appends what was told to the chains of its tenants, in order, or
// reports why the transaction is broken, whoever dropped that error. The
// heads are locked in the order of the tenants' ids, so that two transactions
// never wait for each other.
func (tx *Tx) writeAudit() error {
	if tx.broken != nil || len(tx.told) == 0 {
		return tx.broken
	}
	by := map[string][]telling{}
	var tenants []string
	for _, t := range tx.told {
		if by[t.event.Tenant] == nil {
			tenants = append(tenants, t.event.Tenant)
		}
		by[t.event.Tenant] = append(by[t.event.Tenant], t)
	}
	slices.Sort(tenants)
	for _, tenant := range tenants {
		if err := tx.appendTo(tenant, by[tenant]); err != nil {
			return err
		}
	}
	tx.told = nil
	return nil
}

func (tx *Tx) appendTo(tenant string, told []telling) error {
	var head headRow
	if err := tx.locked().Where("tenant = ?", tenant).Take(&head).Error; err != nil {
		return tx.fail("audit head", err)
	}
	events := make([]eventRow, 0, len(told))
	var details []detailRow
	for _, t := range told {
		e := audit.Seal(t.event, head.Seq+1, head.Hash, t.detail)
		head.Seq, head.Hash = e.Seq, e.Hash
		events = append(events, eventRow{Tenant: tenant, Seq: e.Seq, ID: e.ID, At: stamp(e.At), Actor: e.Actor, Action: string(e.Action),
			Object: e.Object, FromState: e.From, ToState: e.To, Version: e.Version, Related: e.Related, DetailSum: e.DetailSum,
			Prev: e.Prev, Hash: e.Hash})
		if t.detail == nil {
			continue
		}
		data, err := json.Marshal(t.detail.Data)
		if err != nil {
			return fmt.Errorf("audit %s: %w", e.ID, err)
		}
		details = append(details, detailRow{EventID: e.ID, Tenant: tenant, Salt: t.detail.Salt, Data: string(data)})
	}
	if err := tx.db.Create(&events).Error; err != nil {
		return tx.fail("audit", err)
	}
	if len(details) > 0 {
		if err := tx.db.Create(&details).Error; err != nil {
			return tx.fail("audit details", err)
		}
	}
	res := tx.db.Model(&headRow{}).Where("tenant = ?", tenant).Updates(map[string]any{"seq": head.Seq, "hash": head.Hash})
	switch {
	case res.Error != nil:
		return tx.fail("audit head", res.Error)
	case res.RowsAffected != 1:
		return fmt.Errorf("audit head of %s: %d rows", tenant, res.RowsAffected)
	}
	return nil
}

// AuditOf returns what happened to an object, oldest first: the events that are
// about it and those that relate to it.
func (tx *Tx) AuditOf(tenant access.TenantID, object string) ([]AuditEntry, error) {
	return tx.entries(0, "tenant = ? AND (object = ? OR (related = ? AND related <> ''))", string(tenant), object, object)
}

// AuditAfter returns up to limit entries of the tenant's log behind the given
// sequence, in order.
func (tx *Tx) AuditAfter(tenant access.TenantID, seq int64, limit int) ([]AuditEntry, error) {
	if limit <= 0 {
		limit = DefaultLimit
	}
	return tx.entries(min(limit, MaxLimit), "tenant = ? AND seq > ?", string(tenant), seq)
}

func (tx *Tx) entries(limit int, where string, args ...any) ([]AuditEntry, error) {
	if err := tx.writeAudit(); err != nil {
		return nil, err
	}
	q := tx.db.Where(where, args...).Order("seq")
	if limit > 0 {
		q = q.Limit(limit)
	}
	var rows []eventRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, tx.fail("audit entries", err)
	}
	details := map[string]detailRow{}
	for part := range slices.Chunk(rows, MaxLimit) {
		ids := make([]string, len(part))
		for i, r := range part {
			ids[i] = r.ID
		}
		var found []detailRow
		if err := tx.db.Where("event_id IN ?", ids).Find(&found).Error; err != nil {
			return nil, tx.fail("audit details", err)
		}
		for _, d := range found {
			details[d.EventID] = d
		}
	}
	return convert(rows, func(r eventRow) (AuditEntry, error) { return r.entry(details) })
}

func (r eventRow) entry(details map[string]detailRow) (AuditEntry, error) {
	out := AuditEntry{Event: audit.Event{Seq: r.Seq, ID: r.ID, Tenant: r.Tenant, At: r.At.time(), Actor: r.Actor,
		Action: audit.Action(r.Action), Object: r.Object, From: r.FromState, To: r.ToState, Version: r.Version, Related: r.Related,
		DetailSum: r.DetailSum, Prev: r.Prev, Hash: r.Hash}}
	if d, ok := details[r.ID]; ok {
		out.Detail = &audit.Detail{Salt: d.Salt}
		if err := json.Unmarshal([]byte(d.Data), &out.Detail.Data); err != nil {
			return AuditEntry{}, fmt.Errorf("details of %s: %w", r.ID, err)
		}
	}
	return out, nil
}

// EraseDetails deletes the details of the given events for good, and with them the
// words that people wrote about the objects of these events; the events and
// their chain stay. Ids of other tenants, or without details, are passed over.
func (tx *Tx) EraseDetails(tenant access.TenantID, eventIDs []string) error {
	if err := tx.may("erase details"); err != nil {
		return err
	}
	if err := tx.writeAudit(); err != nil {
		return err
	}
	for part := range slices.Chunk(eventIDs, MaxLimit) {
		if err := tx.eraseQuotes(tenant, part); err != nil {
			return err
		}
		if err := tx.db.Where("tenant = ? AND event_id IN ?", string(tenant), part).Delete(&detailRow{}).Error; err != nil {
			return tx.fail("erase details", err)
		}
	}
	return nil
}

// checkMove holds what is told of a move against the move itself: whoever
// replays the log must arrive at the rows.
func checkMove(object, to string, version int, told audit.Event) error {
	switch {
	case told.Object != object:
		return fmt.Errorf("audit of %s names the object %q", object, told.Object)
	case told.To != to || told.Version != version:
		return fmt.Errorf("audit of %s tells of %q at version %d; it goes to %q at version %d", object, told.To, told.Version, to, version)
	}
	return nil
}

var errFromNothing = errors.New("what is created comes from no state, at version 1")
