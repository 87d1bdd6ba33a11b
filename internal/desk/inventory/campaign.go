package inventory

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// jobFoundNotice tells somebody of tokens that the tool did not make.
const jobFoundNotice = "notice.found"

// FoundRef is the data of a notice about found tokens. Everything else is read
// when it is sent. Without To, the reviewers are told.
type FoundRef struct {
	Kind     notify.Kind     `json:"kind"`
	Found    []string        `json:"found,omitempty"`
	Campaign string          `json:"campaign,omitempty"`
	To       access.PersonID `json:"to,omitempty"`
	By       access.PersonID `json:"by,omitempty"`
	Occasion string          `json:"occasion"`
}

func (iv *Inventory) foundNotice(tenant access.TenantID, ref FoundRef) jobs.Insert {
	data, _ := json.Marshal(ref) // always marshals
	return desk.NewJob(tenant, jobFoundNotice, fmt.Sprintf("%s:%s:%s", ref.Kind, ref.Occasion, ref.To), data, iv.desk.Now())
}

// TellOwners begins a campaign: the owners of these tokens are told, each once
// for all of theirs, and asked to answer by due. message is added to the fixed
// words in its author's name; it may be empty. A token whose owner was told
// before can be told again.
func (iv *Inventory) TellOwners(ctx context.Context, caller access.Caller, ids []string, due time.Time, message string) (CampaignView, error) {
	return desk.Verb(ctx, iv.desk, caller, desk.Guard{Do: access.TellOwner, Object: firstOf(ids)}, func(ctx context.Context) (CampaignView, error) {
		var c store.Campaign
		_, who, err := iv.deciding(ctx, caller)
		if err == nil {
			err = desk.WithoutTokens(desk.TypedText{Field: "message", Text: message})
		}
		if err == nil {
			err = iv.desk.Store.InTx(ctx, func(tx *store.Tx) error {
				c, err = iv.tellOwners(tx, caller, who, ids, due, message)
				return err
			})
		}
		return CampaignView{ID: c.ID, StartedAt: c.StartedAt, DueAt: c.DueAt, People: c.People, Told: c.Tokens}, err
	})
}

func (iv *Inventory) tellOwners(tx *store.Tx, caller access.Caller, who access.Actor, ids []string, due time.Time, message string) (store.Campaign, error) {
	fs, err := pickedForMove(tx, caller, ids)
	if err != nil {
		return store.Campaign{}, err
	}
	now := iv.desk.Now()
	c := store.Campaign{ID: store.NewID("cam"), Tenant: caller.Tenant, Message: message, StartedAt: now, StartedBy: caller.Person, DueAt: due, Tokens: len(fs)}
	told := map[access.PersonID][]string{}
	var order []access.PersonID
	for _, f := range fs {
		p, err := iv.authority.PersonOf(tx, f.Tenant, f.CanvasUser, f.OwnerName)
		if err != nil {
			return c, err
		}
		f.Owner = p.ID
		if _, err := iv.movedFound(tx, who, f, access.TellOwner, access.FoundMove{Campaign: c.ID, DueAt: due}, nil); err != nil {
			return c, err
		}
		if told[p.ID] == nil {
			order = append(order, p.ID)
		}
		told[p.ID] = append(told[p.ID], f.ID)
	}
	c.People = len(order)
	for _, p := range order {
		if news, err := iv.notices.IsNews(tx, caller, p, told[p], due); err != nil {
			return c, err
		} else if !news {
			continue
		}
		ref := FoundRef{Kind: notify.FoundTold, Found: told[p], Campaign: c.ID, To: p, By: caller.Person, Occasion: c.ID}
		if err := tx.InsertJob(iv.foundNotice(caller.Tenant, ref)); err != nil {
			return c, err
		}
	}
	e := iv.desk.Event(caller.Tenant, caller.ID(), audit.CampaignStart, c.ID)
	d := map[string]string{"tokens": strconv.Itoa(c.Tokens), "people": strconv.Itoa(c.People), "due": due.UTC().Format(time.RFC3339)}
	if message != "" {
		d["quote"] = message
	}
	return c, tx.CreateCampaign(c, e, audit.NewDetail(d))
}

// shownCampaigns is how many campaigns the page shows, and shownFor how long
// after their deadline.
const (
	shownCampaigns = 3
	shownFor       = 60 * 24 * time.Hour
)

func (iv *Inventory) campaigns(tx *store.Tx, tenant access.TenantID) ([]CampaignView, error) {
	cs, err := tx.Campaigns(tenant, shownCampaigns)
	if err != nil {
		return nil, err
	}
	var out []CampaignView
	for _, c := range cs {
		if iv.desk.Now().Sub(c.DueAt) > shownFor {
			continue
		}
		p, err := tx.Progress(tenant, c.ID)
		if err != nil {
			return nil, err
		}
		if p.Told == 0 {
			continue // all were told again in a later one
		}
		v := CampaignView{ID: c.ID, StartedAt: c.StartedAt, DueAt: c.DueAt, People: c.People, Told: p.Told, Asked: p.Asked,
			Adopted: p.Adopted, Allowed: p.Allowed, Removed: p.Removed, Gone: p.Gone, Silent: p.Silent}
		by, err := tx.People(tenant, notices.CompactIDs(c.StartedBy))
		if err != nil {
			return nil, err
		}
		v.StartedBy = by[c.StartedBy].Name
		out = append(out, v)
	}
	return out, nil
}

// overdueFor is how long after a deadline the reviewers are told of it: a
// program that was down that long tells no more.
const overdueFor = 7 * 24 * time.Hour

// overdue are the campaigns whose deadline has passed with owners who did not
// answer. Nothing is removed for it.
func (iv *Inventory) overdue(tx *store.Tx, tenant access.TenantID) ([]store.Campaign, error) {
	cs, err := tx.Campaigns(tenant, 50)
	if err != nil {
		return nil, err
	}
	var out []store.Campaign
	for _, c := range cs {
		if since := iv.desk.Now().Sub(c.DueAt); since < 0 || since > overdueFor {
			continue
		}
		p, err := tx.Progress(tenant, c.ID)
		if err != nil {
			return nil, err
		}
		if p.Silent > 0 {
			out = append(out, c)
		}
	}
	return out, nil
}

// foundNoticeHandler tells an owner, or the reviewers, about found tokens.
func (iv *Inventory) foundNoticeHandler(ctx context.Context, j jobs.Job) error {
	ref, err := jobs.Decode[FoundRef](j.Data)
	if err != nil {
		return err
	}
	f, err := iv.desk.CanvasOf(ctx, access.TenantID(j.Tenant), "")
	if err == nil {
		err = iv.notices.LettersRest(f)
	}
	if err != nil {
		return err
	}
	var to store.Person
	var facts notices.MessageFacts
	err = iv.desk.Store.Read(ctx, func(tx *store.Tx) error {
		facts, to, err = iv.FoundFacts(tx, f, ref)
		return err
	})
	switch {
	case errors.Is(err, access.ErrNotFound):
		return jobs.Permanent(err)
	case err != nil:
		return err
	case facts.Waiting == 0:
		return nil // it was settled in the meantime
	case ref.To == "":
		return iv.notices.SendReviewers(ctx, f, ref.Kind, facts, j.Claim > 1)
	}
	return iv.notices.Send(ctx, f, ref.Kind, facts, to, notify.AsRequester, j.Claim > 1)
}

// FoundFacts reads what a message about found tokens may say.
func (iv *Inventory) FoundFacts(tx *store.Tx, f desk.Canvas, ref FoundRef) (notices.MessageFacts, store.Person, error) {
	var to store.Person
	out := notices.MessageFacts{Object: cmp.Or(ref.Campaign, firstOf(ref.Found)), Requester: ref.To}
	sch := f.Tenant.School
	out.Facts = notify.Facts{Occasion: ref.Occasion, Team: sch.CanvasTeam, Contact: sch.Contact, SettingsLink: notices.SettingsLink(f),
		Link: iv.notices.ToolLink(f, "accounts/"+f.Root(), "account_navigation", "/unmanaged")}
	if ref.To != "" {
		var err error
		if to, err = tx.Person(f.Tenant.ID, ref.To); err != nil {
			return out, to, err
		}
		out.Link = iv.notices.ToolLink(f, "users/"+to.CanvasUser, "user_navigation", "/")
	}
	if ref.By != "" {
		by, err := tx.Person(f.Tenant.ID, ref.By)
		if err != nil {
			return out, to, err
		}
		out.By = by.Name
	}
	if ref.Campaign != "" {
		c, err := tx.Campaign(f.Tenant.ID, ref.Campaign)
		if err != nil {
			return out, to, err
		}
		out.AnswerBy, out.Reason = c.DueAt, c.Message
		if ref.Kind == notify.FoundOverdue {
			p, err := tx.Progress(f.Tenant.ID, c.ID)
			out.Waiting, out.Reason = p.Silent, ""
			return out, to, err
		}
	}
	for _, id := range ref.Found {
		t, err := tx.Found(f.Tenant.ID, id)
		if err != nil {
			return out, to, err
		}
		if ref.Kind == notify.FoundTold && t.State != access.FoundTold {
			continue
		}
		out.Waiting++
		out.Rows = append(out.Rows, notify.WaitingRow{Title: t.Purpose})
		out.At, out.Title = cmp.Or(t.EndedAt, t.UpdatedAt), t.Purpose
		if ref.Kind == notify.FoundRemoved {
			if out.Reason, err = tx.Quote(t.Tenant, t.ID, store.QuoteRemoval); err != nil {
				return out, to, err
			}
		}
	}
	return out, to, nil
}

// typedNumber reports whether somebody typed that number.
func typedNumber(typed string, n int) bool {
	got, err := strconv.Atoi(strings.TrimSpace(typed))
	return err == nil && got == n
}
