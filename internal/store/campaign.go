package store

import (
	"fmt"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
)

// Campaign is what the owners of some found tokens were told together, and by
// when they should answer.
type Campaign struct {
	ID        string // cam_…
	Tenant    access.TenantID
	Message   string // what its author added to the fixed words; may be empty
	StartedAt time.Time
	StartedBy access.PersonID
	DueAt     time.Time
	Tokens    int
	People    int
}

type campaignRow struct {
	ID        string `gorm:"primaryKey"`
	Tenant    string
	Message   string
	StartedAt moment
	StartedBy string
	DueAt     moment
	Tokens    int
	People    int
}

func (campaignRow) TableName() string { return "campaigns" }

func (r campaignRow) campaign() Campaign {
	return Campaign{ID: r.ID, Tenant: access.TenantID(r.Tenant), Message: r.Message, StartedAt: r.StartedAt.time(),
		StartedBy: access.PersonID(r.StartedBy), DueAt: r.DueAt.time(), Tokens: r.Tokens, People: r.People}
}

// CreateCampaign adds a campaign with its event.
func (tx *Tx) CreateCampaign(c Campaign, told audit.Event, d *audit.Detail) error {
	if err := tx.may("create campaign"); err != nil {
		return err
	}
	if c.ID == "" || c.Tenant == "" || c.StartedAt.IsZero() || told.Object != c.ID {
		return fmt.Errorf("create campaign %q: it needs an id, a tenant, its time and an event of its own", c.ID)
	}
	row := campaignRow{ID: c.ID, Tenant: string(c.Tenant), Message: c.Message, StartedAt: stamp(c.StartedAt), StartedBy: string(c.StartedBy),
		DueAt: stamp(c.DueAt), Tokens: c.Tokens, People: c.People}
	if err := tx.db.Create(&row).Error; err != nil {
		return tx.fail("create campaign", err)
	}
	return tx.tell(c.Tenant, told, d)
}

// Campaign returns a campaign of the tenant, or access.ErrNotFound.
func (tx *Tx) Campaign(tenant access.TenantID, id string) (Campaign, error) {
	var row campaignRow
	if err := tx.db.Where("tenant = ? AND id = ?", string(tenant), id).Take(&row).Error; err != nil {
		return Campaign{}, tx.fail("campaign", err)
	}
	return row.campaign(), nil
}

// Campaigns returns the tenant's campaigns, newest first, at most limit.
func (tx *Tx) Campaigns(tenant access.TenantID, limit int) ([]Campaign, error) {
	var rows []campaignRow
	if err := tx.db.Where("tenant = ?", string(tenant)).Order("started_at DESC, id DESC").Limit(min(max(limit, 1), MaxLimit)).Find(&rows).Error; err != nil {
		return nil, tx.fail("campaigns", err)
	}
	out := make([]Campaign, len(rows))
	for i, r := range rows {
		out[i] = r.campaign()
	}
	return out, nil
}

// CampaignProgress counts what became of a campaign's tokens.
type CampaignProgress struct {
	Told    int // of all tokens whose owners were told in it, and not again later
	Asked   int // an open request asks to keep it
	Adopted int
	Allowed int // on the allow-list, or on the way there
	Removed int // deleted here, or being deleted
	Gone    int // no longer in Canvas
	Silent  int // no answer so far
}

// Progress counts what became of a campaign's tokens.
func (tx *Tx) Progress(tenant access.TenantID, campaign string) (CampaignProgress, error) {
	var p CampaignProgress
	if campaign == "" {
		return p, nil
	}
	var rows []struct {
		State string
		N     int
	}
	q := FoundQuery{Tenant: tenant, Campaign: campaign}
	db, err := tx.selectFound(q)
	if err != nil {
		return p, err
	}
	if err := db.Select("state, COUNT(*) AS n").Group("state").Scan(&rows).Error; err != nil {
		return p, tx.fail("progress of a campaign", err)
	}
	for _, r := range rows {
		p.Told += r.N
		switch access.FoundState(r.State) {
		case access.FoundNew, access.FoundTold:
			p.Silent += r.N
		case access.FoundAdopted:
			p.Adopted += r.N
		case access.FoundAllowing, access.FoundAllowed:
			p.Allowed += r.N
		case access.FoundRemoving, access.FoundRemoved:
			p.Removed += r.N
		case access.FoundGone:
			p.Gone += r.N
		}
	}
	yes := true
	q.Asked, q.States = &yes, []access.FoundState{access.FoundNew, access.FoundTold}
	if p.Asked, err = tx.CountFound(q); err != nil {
		return p, err
	}
	p.Silent -= p.Asked
	return p, nil
}
