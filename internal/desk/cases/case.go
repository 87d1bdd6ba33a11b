package cases

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/store"
)

// verbs are the moves whose buttons a page may show.
var verbs = []access.Action{access.Submit, access.Discard, access.Withdraw, access.Endorse, access.Decline, access.ChooseSponsor,
	access.Claim, access.Release, access.Approve, access.Deny, access.Rescind, access.EndSponsor, access.Collect, access.Refile}

// ReadCase builds what who sees of a request, or ErrNotFound when it is none of
// theirs: not the requester, not the sponsor, not a reviewer. Drafts are their
// author's alone.
func (cs *Cases) ReadCase(tx *store.Tx, who access.Actor, r access.Request) (Case, error) {
	seen, err := cs.seeAll(tx, who, []access.Request{r})
	if err != nil {
		return Case{}, err
	}
	if len(seen) == 0 {
		return Case{}, access.ErrNotFound
	}
	return seen[0], nil
}

// seeAll is ReadCase for a list; requests that are none of theirs are left out.
// Whatever the number of rows, it says as many statements. The people of the other
// grants are named, too.
func (cs *Cases) seeAll(tx *store.Tx, who access.Actor, rs []access.Request, others ...access.Grant) ([]Case, error) {
	if len(rs) == 0 {
		return nil, nil
	}
	tenant := rs[0].Tenant
	var out []Case
	var ids, founds, grants []string
	lives := map[string]access.Grant{} // what a request stands for, where it is known already
	for _, g := range others {
		if g.State.Live() {
			lives[g.RequestID] = g
		}
	}
	for _, r := range rs {
		if _, known := lives[r.ID]; !known {
			ids = append(ids, r.ID)
		}
		founds = append(founds, r.Adopts)
	}
	made, err := tx.GrantsOfRequests(tenant, ids)
	if err != nil {
		return nil, err
	}
	maps.Copy(made, lives)
	kept, err := tx.FoundByID(tenant, founds)
	if err != nil {
		return nil, err
	}
	var people []access.PersonID
	for _, g := range others {
		people = append(people, peopleOf(g)...)
	}
	for _, r := range rs {
		c := Case{Request: r, Can: map[access.Action]bool{}}
		c.Own = r.Requester == who.Person
		c.Reviewer = who.Reviewer
		if r.State == access.Draft && !c.Own {
			continue
		}
		if g, ok := made[r.ID]; ok {
			c.Grant = &g
		}
		c.Sponsor = sponsorOf(r, c.Grant, who.Person)
		if !c.Own && !c.Sponsor && !c.Reviewer {
			continue
		}
		if g := c.Grant; g != nil {
			people, grants = append(people, peopleOf(*g)...), append(grants, g.ID)
		}
		if f, ok := kept[r.Adopts]; ok {
			c.Found = &f
		}
		people = append(append(people, r.Requester, r.Sponsor, r.EndedBy), r.Voters()...)
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, nil
	}
	if err := cs.judge(tx, out); err != nil {
		return nil, err
	}
	names, err := namesOf(tx, tenant, people)
	if err != nil {
		return nil, err
	}
	leaks, err := tx.IncidentsOfGrants(tenant, grants)
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Names = names
		if g := out[i].Grant; g != nil {
			if leak, ok := leaks[g.ID]; ok {
				out[i].Leak = &leak
			}
		}
		cs.SetButtons(&out[i], who)
	}
	return out, nil
}

// judge adds to cases of one school what each is judged by, and whether its token
// is being renewed.
func (cs *Cases) judge(tx *store.Tx, out []Case) error {
	rs := make([]access.Request, len(out))
	for i, c := range out {
		rs[i] = c.Request
	}
	judges, err := cs.desk.ShownPolicies(tx, rs)
	if err != nil {
		return err
	}
	for i := range out {
		out[i].Policy = judges(out[i].Request)
	}
	return cs.setRenewals(tx, out)
}

// peopleOf are the people that a page about a grant names.
func peopleOf(g access.Grant) []access.PersonID {
	return []access.PersonID{g.EndedBy, g.Sponsor, g.SponsorAsked, g.FrozenBy, g.FirstThaw().Person}
}

// namesOf are the names of those of the given people that the tenant has.
func namesOf(tx *store.Tx, tenant access.TenantID, ids []access.PersonID) (map[access.PersonID]string, error) {
	people, err := tx.People(tenant, notices.CompactIDs(ids...))
	if err != nil {
		return nil, err
	}
	names := make(map[access.PersonID]string, len(people))
	for id, p := range people {
		names[id] = p.Name
	}
	return names, nil
}

// SeeGrants are grants of one school with the requests behind them, as who sees
// them, in the given order, or access.ErrNotFound when one of them is none of
// theirs.
func (cs *Cases) SeeGrants(tx *store.Tx, who access.Actor, gs []access.Grant) ([]Case, error) {
	if len(gs) == 0 {
		return nil, nil
	}
	ids := make([]string, len(gs))
	for i, g := range gs {
		ids[i] = g.RequestID
	}
	behind, err := tx.RequestsByID(gs[0].Tenant, ids)
	if err != nil {
		return nil, err
	}
	rs := make([]access.Request, 0, len(gs))
	for _, id := range ids {
		if r, ok := behind[id]; ok {
			rs = append(rs, r)
		}
	}
	out, err := cs.seeAll(tx, who, rs, gs...)
	if err != nil {
		return nil, err
	}
	if len(out) != len(gs) {
		return nil, access.ErrNotFound
	}
	for i := range out {
		out[i].Grant = &gs[i]
		cs.SetButtons(&out[i], who)
	}
	return out, nil
}

// keeps is the found token that a request asks to keep; nil where it asks for a
// new one, or where the token is known no longer.
func keeps(tx *store.Tx, r access.Request) (*access.Found, error) {
	if r.Adopts == "" {
		return nil, nil
	}
	f, err := tx.Found(r.Tenant, r.Adopts)
	if errors.Is(err, access.ErrNotFound) {
		return nil, nil
	}
	return &f, err
}

// RequestTerms are the terms of a request as they stand in the transaction.
func RequestTerms(tx *store.Tx, r access.Request) (access.Terms, error) {
	f, err := keeps(tx, r)
	return access.RequestTerms(r, f), err
}

// sponsorOf reports whether p stands or stood for a request or its token, or was
// asked to.
func sponsorOf(r access.Request, g *access.Grant, p access.PersonID) bool {
	if p == "" {
		return false
	}
	return r.Sponsor == p || r.Endorsement().Person == p || (g != nil && (g.Sponsor == p || g.SponsorWas == p || g.SponsorAsked == p))
}

// grantVerbs are the moves of a grant whose buttons a page may show.
var grantVerbs = []access.Action{access.Revoke, access.Replace, access.ReportLeak, access.Freeze, access.Thaw, access.EndSponsor, access.NameNext,
	access.TakeOver, access.TurnDown}

// SetButtons fills Can and Why. A caller who may only look still sees the buttons;
// the answer to a press explains (docs/decisions.md 22).
func (cs *Cases) SetButtons(c *Case, who access.Actor) {
	r, g := c.Request, c.Grant
	for _, do := range verbs {
		if access.Can(r, do, who) {
			c.Can[do] = true
		}
	}
	if g != nil {
		for _, do := range grantVerbs {
			c.Can[do] = c.Can[do] || access.CanGrant(c.Policy, *g, do, who, cs.desk.Now())
		}
		c.Can[access.ReportLeak] = MayReport(*c, who) && c.OpenLeak() == nil
		if c.Own && (g.State == access.Recovering || g.State == access.Replacing || g.State == access.Minting) {
			c.Can[access.Collect] = true
		}
	}
	if who.Reviewer && r.State == access.InReview {
		holder := r.Claim().Person
		switch {
		case who.Person == r.Requester:
			c.Why = access.WhySelf
		case who.Person == r.Sponsor || who.Person == r.Endorsement().Person:
			c.Why = access.WhySponsorDecides
		case r.Decided(who.Person):
			c.Why = access.WhySecondPerson
		case holder != "" && holder != who.Person:
			c.Why = access.WhyOtherPerson
			delete(c.Can, access.Claim)
			delete(c.Can, access.Release)
			delete(c.Can, access.Approve)
			delete(c.Can, access.Deny)
		}
		if holder == "" {
			delete(c.Can, access.Release)
		}
		if holder == who.Person {
			delete(c.Can, access.Claim)
		}
	}
}

// Open shows one request to whoever has a part in it.
func (cs *Cases) Open(ctx context.Context, caller access.Caller, id string) (CasePage, error) {
	f, err := cs.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return CasePage{}, err
	}
	return cs.open(ctx, f, caller, cs.authority.Viewer(ctx, f, caller), id)
}

func (cs *Cases) open(ctx context.Context, f desk.Canvas, caller access.Caller, who access.Actor, id string) (CasePage, error) {
	var p CasePage
	var owner, asked store.Person
	err := cs.desk.Store.Read(ctx, func(tx *store.Tx) error {
		r, err := desk.FindRequest(tx, caller.Tenant, id)
		if err != nil {
			return err
		}
		if p.Case, err = cs.ReadCase(tx, who, r); err != nil {
			return err
		}
		if p.Story, err = cs.Story(tx, r.Tenant, r.ID, p.Case); err != nil {
			return err
		}
		if owner, err = tx.Person(r.Tenant, r.Requester); err != nil {
			return err
		}
		if r.Sponsor != "" {
			if asked, err = tx.Person(r.Tenant, r.Sponsor); err != nil {
				return err
			}
		}
		if p.Reviewer {
			gs, err := tx.Grants(store.GrantQuery{Tenant: r.Tenant, Owner: r.Requester, States: desk.LiveStates, Limit: 20})
			if err != nil {
				return err
			}
			for _, g := range gs {
				if g.RequestID != r.ID {
					p.Others = append(p.Others, g)
				}
			}
			if p.Leaks, err = lastLeaks(tx, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return CasePage{}, err
	}
	p.Latest = p.Request.End
	ctx, done := cs.desk.Asking(ctx, caller)
	defer done()
	if owner.CanvasUser != "" {
		st, err := cs.authority.ShownAffiliation(ctx, f, access.Caller{Tenant: caller.Tenant, CanvasUser: owner.CanvasUser})
		if err == nil {
			p.Reach = authority.ReachOf(st.Enrollments, st.At)
		}
	}
	if p.Request.Renews != "" && (p.Reviewer || p.Sponsor) && p.Request.State.Open() {
		if p.Evidence, err = cs.evidence(ctx, f, p.Request); err != nil {
			return CasePage{}, err
		}
	}
	if p.Own && p.Can[access.ChooseSponsor] {
		if p.Sponsors, err = cs.authority.Teachers(ctx, f, caller, p.Request.Course.ID); err != nil {
			cs.desk.Log.WarnContext(ctx, "teachers could not be listed", "err", err)
		}
		p.Sponsors = slices.DeleteFunc(p.Sponsors, func(t authority.Teacher) bool { return t.CanvasUser == asked.CanvasUser })
	}
	return p, nil
}
